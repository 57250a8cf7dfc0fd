package dev.parley.batch;

import dev.parley.provider.MessageBatches;
import dev.parley.work.BatchItem;
import org.jspecify.annotations.Nullable;

/**
 * An item as the reader hands it out.
 *
 * @param mayCall whether its provider may be called for it
 * @param answer what a batch says of it; null when it was not in one
 */
record PendingItem(
        BatchItem item, boolean mayCall, @Nullable Answered answer) {
    /** @param number of the request that it answers */
    record Answered(int number, MessageBatches.Result result) {}

    /** To be called for. */
    static PendingItem live(BatchItem item) {
        return new PendingItem(item, true, null);
    }

    /** Nothing is to be asked: its answer is stored, or its parameters are at fault. */
    static PendingItem stored(BatchItem item) {
        return new PendingItem(item, false, null);
    }

    static PendingItem answered(BatchItem item, int number, MessageBatches.Result result) {
        return new PendingItem(item, false, new Answered(number, result));
    }
}
