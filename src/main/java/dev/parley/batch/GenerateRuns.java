package dev.parley.batch;

import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** Starts runs of the job {@code generate} in this process, and waits for them. */
public class GenerateRuns {
    /**
     * Works off the items of some jobs, together with any other process that does the same; returns when nothing is left,
     * or when it was told to stop.
     *
     * @param jobIds the jobs, or an empty list for all that are open
     * @param overrides what the command line says in place of job file and settings
     */
    public Outcome run(List<UUID> jobIds, Overrides overrides) {
        throw new UnsupportedOperationException();
    }

    /**
     * @param concurrency calls in flight at most; null leaves it to the job
     * @param provider name of the model provider; null leaves it to the job
     */
    public record Overrides(
            @Nullable Integer concurrency, @Nullable String provider) {
        public static final Overrides NONE = new Overrides(null, null);
    }

    /**
     * @param executionId Spring Batch's id of the execution
     * @param stopped whether it ended because it was told to, with work left
     * @param lostClaims results that were discarded because another process had taken the item over
     * @param failure why the run itself broke; null when it did not
     */
    public record Outcome(
            long executionId,
            boolean stopped,
            long lostClaims,
            @Nullable Throwable failure) {}
}
