package dev.parley.work;

import java.math.BigDecimal;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * A job to be enqueued.
 *
 * @param source where it came from, with a hash of its text; enqueueing the same source twice makes one job. Null is never
 *     the same as another
 * @param tier the tier of the job as a whole; each item carries its own
 * @param concurrency calls in flight at most; null takes the run's setting
 * @param budgetUsd what the job may cost at most; null is no limit
 * @param createdBy whose folder the raw files go to; null is the NIL UUID's
 * @param items in the order of their positions
 */
public record NewJob(
        String name,
        @Nullable String description,
        @Nullable String source,
        dev.parley.catalog.Tier tier,
        Priority priority,
        ErrorHandling errorHandling,
        JobSettings settings,
        @Nullable Integer concurrency,
        @Nullable BigDecimal budgetUsd,
        @Nullable UUID createdBy,
        List<Item> items) {

    /** @param topic the topic's name, for people who read the table */
    public record Item(ItemParameters parameters, @Nullable String topic) {}
}
