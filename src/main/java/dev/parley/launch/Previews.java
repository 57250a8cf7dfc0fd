package dev.parley.launch;

import dev.parley.batch.Estimate;
import dev.parley.batch.Estimates;
import dev.parley.work.BatchJob;
import dev.parley.work.BatchJobs;
import dev.parley.work.FailedItems;
import java.math.BigDecimal;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.springframework.stereotype.Component;

/** What would happen to a job, and what it may cost, for whoever is to confirm it. Changes nothing. Thread-safe. */
@Component
public class Previews {
    private final BatchJobs jobs;
    private final Estimates estimates;

    Previews(BatchJobs jobs, Estimates estimates) {
        this.jobs = jobs;
        this.estimates = estimates;
    }

    /** What is to be done with the job. */
    public enum Deed {
        PAUSE,
        RESUME,
        CANCEL,
        RETRY
    }

    /**
     * @param items that it is about
     * @param lowUsd what their calls cost at the least; null, like {@code highUsd}, when the model has no price
     * @param says a sentence or two for a person
     */
    public record Preview(
            long items,
            @Nullable BigDecimal lowUsd,
            @Nullable BigDecimal highUsd,
            String says) {}

    /**
     * @param which of the failed items; only for a retry
     * @throws ConfigurationException.NotFound when there is no such job
     */
    public Preview of(UUID id, Deed deed, FailedItems which) {
        BatchJob job = JobId.find(jobs, id);
        int held = jobs.held(List.of(id)).getOrDefault(id, 0);
        long queued = Math.max(0, job.remainingItems() - held);
        return switch (deed) {
            case PAUSE -> free(queued, held, "Nothing new is begun: " + items(queued) + " wait until it is resumed.");
            case CANCEL -> free(queued, held, items(queued) + " fail with the code 'cancelled'; what succeeded stays.");
            case RESUME -> paid(estimates.of(job.settings(), jobs.queuedParameters(id, queued)), " to go on with.", 0);
            case RETRY -> {
                Map<String, Long> failed = jobs.failedParameters(id, which);
                Estimate estimate = estimates.of(job.settings(), failed);
                long all = failed.values().stream().mapToLong(Long::longValue).sum();
                yield paid(estimate, " go back to the queue.", all - estimate.items());
            }
        };
    }

    private static Preview free(long items, int held, String what) {
        String rest = held == 0 ? "" : " " + items(held) + " in hand are finished, and paid for.";
        return new Preview(items, BigDecimal.ZERO, BigDecimal.ZERO, what + rest);
    }

    /** @param unreadable items that fail again without a call */
    private static Preview paid(Estimate estimate, String what, long unreadable) {
        long items = estimate.items() + unreadable;
        if (!estimate.priced()) {
            return new Preview(
                    items,
                    null,
                    null,
                    items(items) + what + " The model '" + estimate.model()
                            + "' has no price, so that nobody knows what this costs.");
        }
        return new Preview(
                items,
                BigDecimal.ZERO,
                estimate.highUsd(),
                items(items)
                        + what
                        + (estimate.free()
                                ? " This costs nothing."
                                : " New calls may cost up to $" + Money.roughly(estimate.highUsd())
                                        + "; an answer that is stored is used again and costs nothing."));
    }

    private static String items(long items) {
        return items == 1 ? "1 item" : String.format(Locale.ROOT, "%,d items", items);
    }
}
