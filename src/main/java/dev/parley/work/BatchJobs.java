package dev.parley.work;

import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** The table {@code batch_jobs}. */
public class BatchJobs {
    /**
     * Adds a job and its items, unless one of the same source is there.
     *
     * @param again adds it even so, as a job of its own
     */
    public Enqueued enqueue(NewJob job, boolean again) {
        throw new UnsupportedOperationException();
    }

    /** @param created false when a job of the same source was already there */
    public record Enqueued(UUID jobId, boolean created) {}

    public Optional<BatchJob> find(UUID id) {
        throw new UnsupportedOperationException();
    }

    public List<BatchJob> newestFirst(int limit) {
        throw new UnsupportedOperationException();
    }

    /** Jobs whose items a run may claim, by priority, then age. */
    public List<BatchJob> open() {
        throw new UnsupportedOperationException();
    }

    /** The failed items of a job, grouped by cause, the most frequent first. */
    public List<Cause> failuresByCause(UUID jobId) {
        throw new UnsupportedOperationException();
    }

    /** @param example the message of one of the items */
    public record Cause(String code, boolean retryable, long items, String example) {}

    /** The message of the item that failed last; null when none has. */
    public @Nullable String lastItemError(UUID jobId) {
        throw new UnsupportedOperationException();
    }
}
