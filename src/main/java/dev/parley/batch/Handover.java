package dev.parley.batch;

import dev.parley.work.BatchItem;
import dev.parley.work.BatchItems;
import dev.parley.work.ProviderBatch;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * How items of batches get to the step's lanes, no faster than these take them, and are known to be recorded. {@link #poll} is
 * for any thread, the rest for the one that drives the batches.
 */
final class Handover {
    static final Duration LOOK_AGAIN = Duration.ofMillis(20);

    private static final int AHEAD = 200;

    /** More than the lanes and the writer can have in hand: what was handed out earlier is recorded. */
    private static final int MOST_WITH_LANES = 12_000;

    private final BatchItems items;
    private final Runnable onNews;
    private final BlockingQueue<PendingItem> waiting = new ArrayBlockingQueue<>(AHEAD);

    /** What may still be with the lanes or the writer. */
    private final ArrayDeque<UUID> handed = new ArrayDeque<>();

    /** @param onNews called when there is something to {@link #poll} */
    Handover(BatchItems items, Runnable onNews) {
        this.items = items;
        this.onNews = onNews;
    }

    /** An item that waits for nobody; null when there is none now. */
    @Nullable
    PendingItem poll() {
        return waiting.poll();
    }

    void hand(PendingItem item) throws InterruptedException {
        waiting.put(item);
        handed.add(item.item().id());
        if (handed.size() > MOST_WITH_LANES) {
            handed.remove();
        }
        onNews.run();
    }

    /** Waits until what was handed out is no longer in the batch. */
    void awaitRecorded(ProviderBatch batch) throws InterruptedException {
        while (!handed.isEmpty()) {
            List<UUID> left = items.inBatch(batch.id(), handed).stream()
                    .map(BatchItem::id)
                    .toList();
            forget();
            handed.addAll(left);
            if (!left.isEmpty()) {
                TimeUnit.NANOSECONDS.sleep(LOOK_AGAIN.toNanos());
            }
        }
    }

    /** Waits for nothing that was handed out before. */
    void forget() {
        handed.clear();
    }
}
