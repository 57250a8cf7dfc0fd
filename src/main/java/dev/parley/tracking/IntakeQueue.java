package dev.parley.tracking;

import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReferenceArray;
import org.jspecify.annotations.Nullable;

/**
 * A bounded queue of many producers and one consumer, first in, first out. Nobody waits in it, and nobody is signalled.
 *
 * <p>A producer takes a place by moving {@code tail} and then fills it; the consumer empties places in order and then moves
 * {@code head}. So a place is taken only when the consumer has emptied it, and the consumer stops at one that is taken and not
 * filled yet. Closing sets a bit of {@code tail}: whoever had taken a place by then is still served, nobody takes one after.
 */
final class IntakeQueue {
    private static final long CLOSED = Long.MIN_VALUE;

    /** @param acknowledgement completed when the entry is as safe as was promised; null when nobody waits for that */
    record Tracked(Entry entry, @Nullable CompletableFuture<TrackResult> acknowledgement) {}

    enum Offer {
        TAKEN,
        FULL,
        CLOSED
    }

    private final int capacity;
    private final AtomicReferenceArray<@Nullable Tracked> places; // a power of two: a division takes long
    private final AtomicLong tail = new AtomicLong();
    private volatile long head;

    IntakeQueue(int capacity) {
        this.capacity = capacity;
        this.places = new AtomicReferenceArray<>(Integer.highestOneBit(2 * capacity - 1));
    }

    Offer offer(Tracked tracked) {
        long place;
        do {
            place = tail.get();
            if (place < 0) {
                return Offer.CLOSED;
            }
            if (place - head >= capacity) {
                return Offer.FULL;
            }
        } while (!tail.compareAndSet(place, place + 1));
        places.lazySet(index(place), tracked); // the consumer may see it late, and then looks again
        return Offer.TAKEN;
    }

    /** Moves up to so many into a list; for the one consumer only. */
    int drainTo(List<Tracked> into, int most) {
        long next = head;
        int taken = 0;
        while (taken < most) {
            int place = index(next);
            Tracked tracked = places.get(place);
            if (tracked == null) {
                break;
            }
            into.add(tracked);
            places.lazySet(place, null);
            next++;
            taken++;
        }
        head = next;
        return taken;
    }

    private int index(long place) {
        return (int) place & places.length() - 1;
    }

    /** How many it has ever taken. */
    long taken() {
        return tail.get() & ~CLOSED;
    }

    /** Lets nobody in any more. */
    void close() {
        tail.getAndUpdate(place -> place | CLOSED);
    }

    /** Closed, and all that had a place are out. */
    boolean isDone() {
        long place = tail.get();
        return place < 0 && (place & ~CLOSED) == head;
    }

    int size() {
        return (int) Math.max(0, taken() - head);
    }

    int capacity() {
        return capacity;
    }
}
