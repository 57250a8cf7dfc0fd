package dev.parley.work;

import java.math.BigDecimal;
import java.time.Instant;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * A row of {@code batch_jobs}.
 *
 * @param statusReason why it is paused, failed or cancelled; null otherwise
 * @param completedItems successful and failed together
 * @param estimatedCost USD that the whole job was expected to cost at the most; null when it was not estimated
 * @param actualCost USD spent so far, as far as it is known
 * @param unknownCostCalls calls that may have been billed, nobody knows with how much
 */
public record BatchJob(
        UUID id,
        String name,
        @Nullable String description,
        JobStatus status,
        @Nullable String statusReason,
        Priority priority,
        int totalItems,
        int completedItems,
        int successfulItems,
        int failedItems,
        JobSettings settings,
        @Nullable Integer concurrency,
        ErrorHandling errorHandling,
        @Nullable BigDecimal budgetUsd,
        @Nullable BigDecimal estimatedCost,
        BigDecimal actualCost,
        long unknownCostCalls,
        @Nullable String source,
        @Nullable UUID createdBy,
        @Nullable Instant startedAt,
        @Nullable Instant completedAt,
        Instant createdAt) {

    /** How far the job is, 0..100, one decimal; a job without items is done. */
    public double percentage() {
        return totalItems == 0 ? 100 : Math.floor(1000.0 * completedItems / totalItems) / 10;
    }

    /** How many of the items that are through succeeded, 0..100, one decimal; 100 while none is through. */
    public double successRate() {
        return completedItems == 0 ? 100 : Math.round(1000.0 * successfulItems / completedItems) / 10.0;
    }

    public int remainingItems() {
        return totalItems - completedItems;
    }
}
