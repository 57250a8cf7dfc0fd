package dev.parley.provider;

import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/**
 * How many calls may be in flight: as many as there are lanes, until the provider says that it is too much. Then seven in ten
 * of those that are, at most once a round trip, and one more for every round of good answers. Never less than one.
 *
 * <p>Thread-safe. While nothing was ever too much, a call costs an increment and a decrement.
 */
final class InFlight {
    private static final int UNBOUNDED = Integer.MAX_VALUE;
    private static final double KEPT = 0.7;

    private final AtomicInteger calls = new AtomicInteger();
    private final ReentrantLock lock = new ReentrantLock();
    private final Condition changed = lock.newCondition();
    private volatile int allowed = UNBOUNDED;
    // Guarded by the lock.
    private boolean everCut;
    private long cutAt;
    private int most;
    private int goodAnswers;

    /** Waits until one more call may be in flight, and counts it. */
    void enter() throws InterruptedException {
        if (allowed == UNBOUNDED) {
            calls.incrementAndGet();
            return;
        }
        lock.lockInterruptibly();
        try {
            while (calls.get() >= allowed) {
                changed.await();
            }
            calls.incrementAndGet();
        } finally {
            lock.unlock();
        }
    }

    void leave() {
        calls.decrementAndGet();
        if (allowed != UNBOUNDED) {
            lock.lock();
            try {
                changed.signal();
            } finally {
                lock.unlock();
            }
        }
    }

    /**
     * An answer said that it is too much; its call is still counted.
     *
     * @param begun when it was made, by the ticker: what began before the last cut says nothing about what came after
     */
    void tooMany(long begun, long now) {
        lock.lock();
        try {
            if (everCut && begun - cutAt < 0) {
                return;
            }
            everCut = true;
            cutAt = now;
            most = Math.max(most, calls.get());
            allowed = Math.max(1, (int) (Math.min(allowed, calls.get()) * KEPT));
            goodAnswers = 0;
        } finally {
            lock.unlock();
        }
    }

    void good() {
        if (allowed == UNBOUNDED) {
            return;
        }
        lock.lock();
        try {
            if (++goodAnswers < allowed) {
                return;
            }
            goodAnswers = 0;
            allowed = allowed + 1 > 2L * most ? UNBOUNDED : allowed + 1;
            changed.signalAll();
        } finally {
            lock.unlock();
        }
    }

    int calls() {
        return calls.get();
    }

    /** {@link Integer#MAX_VALUE} when there is no bound. */
    int allowed() {
        return allowed;
    }
}
