package dev.parley.launch;

import dev.parley.work.ProviderBatch.Status;
import dev.parley.work.ProviderBatches.Overview;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** What a person is told of a job's batches, such as {@code in_progress 81,200 of 100,000, oldest 42 min, expires in 23 h}. */
final class BatchesText {
    private BatchesText() {}

    /** A line for each status. */
    static List<String> lines(List<Overview> batches, Instant now) {
        return batches.stream().map(some -> line(some, now)).toList();
    }

    private static String line(Overview some, Instant now) {
        List<String> parts = new ArrayList<>();
        boolean done = some.status() == Status.DONE || some.status() == Status.ENDED;
        parts.add(
                done
                        ? String.format(Locale.ROOT, "%s %,d", some.status().key(), some.items())
                        : String.format(
                                Locale.ROOT, "%s %,d of %,d", some.status().key(), some.processing(), some.items()));
        if (some.batches() > 1) {
            parts.add("in " + some.batches() + " batches");
        }
        if (done) {
            add(parts, some.succeeded(), "succeeded");
            add(parts, some.errored(), "errored");
            add(parts, some.expired(), "expired");
            add(parts, some.canceled(), "cancelled");
        } else {
            parts.add("oldest " + rough(Duration.between(some.oldest(), now)));
            if (some.expires() != null) {
                parts.add("expires in " + rough(Duration.between(now, some.expires())));
            }
        }
        if (some.error() != null) {
            parts.add(some.error());
        }
        return String.join(", ", parts);
    }

    private static void add(List<String> parts, long count, String what) {
        if (count > 0) {
            parts.add(String.format(Locale.ROOT, "%,d %s", count, what));
        }
    }

    private static String rough(Duration time) {
        if (time.toHours() >= 2) {
            return time.toHours() + " h";
        }
        return time.toMinutes() >= 1 ? time.toMinutes() + " min" : Math.max(0, time.toSeconds()) + " s";
    }
}
