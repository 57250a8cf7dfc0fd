package dev.parley.batch;

import dev.parley.generation.ProviderCall;
import dev.parley.provider.TokenUsage;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Timer;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.stereotype.Component;

/** Measures the calls of this process, where somebody looks at measurements; nothing otherwise. Thread-safe. */
@Component
class CallMeters {
    /** Answers take from a tenth of a second to minutes. */
    private static final Duration[] BUCKETS = {
        Duration.ofMillis(100),
        Duration.ofMillis(250),
        Duration.ofMillis(500),
        Duration.ofSeconds(1),
        Duration.ofMillis(2500),
        Duration.ofSeconds(5),
        Duration.ofSeconds(10),
        Duration.ofSeconds(20),
        Duration.ofSeconds(40),
        Duration.ofSeconds(80),
        Duration.ofSeconds(160),
        Duration.ofSeconds(300)
    };

    private final @Nullable MeterRegistry meters;

    CallMeters(ObjectProvider<MeterRegistry> meters) {
        this.meters = meters.getIfAvailable();
    }

    /** @param calls of an attempt; those of earlier ones, whose answers it read, are not counted again */
    void count(List<ProviderCall> calls) {
        if (meters == null) {
            return;
        }
        for (ProviderCall call : calls) {
            if (call.made()) {
                count(meters, call);
            }
        }
    }

    private static void count(MeterRegistry meters, ProviderCall call) {
        Timer.Builder timer = Timer.builder("parley.calls")
                .description("Calls to a provider, by what came of them")
                .serviceLevelObjectives(BUCKETS)
                .tags("provider", call.provider(), "outcome", outcome(call));
        timer.register(meters).record(call.duration() == null ? Duration.ZERO : call.duration());
        TokenUsage usage = call.usage();
        tokens(meters, call, "input", usage.input());
        tokens(meters, call, "output", usage.output());
        tokens(meters, call, "cache_read", usage.cacheRead());
        tokens(meters, call, "cache_write", usage.cacheWrite());
        Counter.builder("parley.cost.usd")
                .description("What calls have cost, in US dollars")
                .tags("provider", call.provider())
                .register(meters)
                .increment(call.costUsd() == null ? 0 : call.costUsd().doubleValue());
        Counter.builder("parley.calls.of.unknown.cost")
                .description("Calls that nobody knows the cost of")
                .tags("provider", call.provider())
                .register(meters)
                .increment(call.costUsd() == null ? 1 : 0);
    }

    /** A code of ours, of which there are few. */
    private static String outcome(ProviderCall call) {
        return call.errorCode() != null
                ? call.errorCode()
                : call.status().name().toLowerCase(Locale.ROOT);
    }

    private static void tokens(MeterRegistry meters, ProviderCall call, String kind, long tokens) {
        Counter.builder("parley.tokens")
                .description("Tokens of calls, as the provider counted them")
                .tags("provider", call.provider(), "kind", kind)
                .register(meters)
                .increment(tokens);
    }
}
