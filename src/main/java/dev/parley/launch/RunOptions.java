package dev.parley.launch;

import dev.parley.work.Delivery;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;
import picocli.CommandLine.TypeConversionException;

/** What all commands understand that work jobs off. */
class RunOptions {
    @Option(names = "--concurrency", paramLabel = "N", description = "Calls in flight at most.")
    private @Nullable Integer concurrency;

    @Option(
            names = "--provider",
            paramLabel = "P",
            description = "anthropic, openai or offline, whatever the job says.")
    private @Nullable String provider;

    @Option(names = "--delivery", paramLabel = "D", description = "live, batch or batch-then-live; changes the jobs.")
    private @Nullable Delivery delivery;

    @Option(names = "--yes", description = "Answer yes to every question.")
    private boolean yes;

    void check() {
        if (concurrency != null) {
            ConfigurationException.unlessWithin("--concurrency", concurrency, 1, 10_000);
        }
    }

    /** For picocli, in the spelling of job files. */
    static Delivery delivery(String key) {
        try {
            return Delivery.of(key);
        } catch (IllegalArgumentException e) {
            throw new TypeConversionException(String.valueOf(e.getMessage()));
        }
    }

    /** @param again makes new jobs of files that were enqueued before */
    Launcher.Options with(boolean again) {
        return new Launcher.Options(concurrency, provider, delivery, again, yes);
    }
}
