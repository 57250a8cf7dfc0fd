package dev.parley.launch;

import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** What all commands understand that work jobs off. */
class RunOptions {
    @Option(names = "--concurrency", paramLabel = "N", description = "Calls in flight at most.")
    private @Nullable Integer concurrency;

    @Option(
            names = "--provider",
            paramLabel = "P",
            description = "anthropic, openai or offline, whatever the job says.")
    private @Nullable String provider;

    @Option(names = "--yes", description = "Answer yes to every question.")
    private boolean yes;

    void check() {
        if (concurrency != null) {
            ConfigurationException.unlessWithin("--concurrency", concurrency, 1, 10_000);
        }
    }

    /** @param again makes new jobs of files that were enqueued before */
    Launcher.Options with(boolean again) {
        return new Launcher.Options(concurrency, provider, again, yes);
    }
}
