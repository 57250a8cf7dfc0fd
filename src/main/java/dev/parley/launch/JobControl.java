package dev.parley.launch;

import dev.parley.batch.BatchCancellation;
import dev.parley.work.BatchJob;
import dev.parley.work.BatchJobs;
import dev.parley.work.Priority;
import java.math.BigDecimal;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.springframework.stereotype.Component;

/**
 * Changes the state of a job, in whatever processes work on it. Each change throws {@link ConfigurationException.NotFound}
 * where there is no such job, {@link ConfigurationException.Conflict} where its state does not allow it. Thread-safe.
 */
@Component
public class JobControl {
    private static final String OPEN = "only a queued job or one in processing can";
    private static final String UNFINISHED = "only a job that is queued, in processing or paused can";

    private final BatchJobs jobs;
    private final BatchCancellation batches;

    JobControl(BatchJobs jobs, BatchCancellation batches) {
        this.jobs = jobs;
        this.batches = batches;
    }

    /**
     * What was changed, in words.
     *
     * @param endedBatches how many batches the provider was told to end
     */
    public record Changed(BatchJob before, String verb, int endedBatches) {
        @Override
        public String toString() {
            String ended = endedBatches == 0
                    ? ""
                    : "\n" + endedBatches + (endedBatches == 1 ? " batch was" : " batches were")
                            + " cancelled at the provider; a run takes what was answered: parley run --job "
                            + before.id();
            return "Job " + before.id() + " \"" + before.name() + "\" is " + verb + "." + ended;
        }

        private Changed ended(int batches) {
            return new Changed(before, verb, batches);
        }
    }

    /** A change that a job's state allows or not. */
    private interface Change {
        boolean apply();
    }

    public Changed pause(UUID id, String reason) {
        return change(id, "paused", OPEN, () -> jobs.pause(id, reason)).ended(batches.cancel(id));
    }

    /** @param budgetUsd what the whole job may cost from now on; null leaves it */
    public Changed resume(UUID id, @Nullable BigDecimal budgetUsd) {
        return change(
                id,
                "resumed",
                "only a paused job can",
                () -> (budgetUsd == null || jobs.setBudget(id, budgetUsd)) && jobs.resume(id));
    }

    public Changed prioritize(UUID id, Priority priority) {
        return change(id, "of " + priority.key() + " priority", UNFINISHED, () -> jobs.prioritize(id, priority));
    }

    public Changed cancel(UUID id, String reason) {
        return change(id, "cancelled", UNFINISHED, () -> jobs.cancel(id, reason))
                .ended(batches.cancel(id));
    }

    /** @param verb as in "is paused" */
    private Changed change(UUID id, String verb, String possible, Change change) {
        BatchJob before = JobId.find(jobs, id);
        if (!change.apply()) {
            throw new ConfigurationException.Conflict(
                    "Job " + id + " is " + before.status().key() + " and cannot be " + verb + "; " + possible + ".");
        }
        return new Changed(before, verb, 0);
    }
}
