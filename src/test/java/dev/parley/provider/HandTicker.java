package dev.parley.provider;

import java.time.Duration;
import java.util.concurrent.atomic.AtomicLong;

/** Time that a test moves; who sleeps moves it too. */
final class HandTicker implements Ticker {
    private final AtomicLong now = new AtomicLong(1_000_000_000_000L);

    @Override
    public long nanos() {
        return now.get();
    }

    @Override
    public void sleep(long nanos) {
        now.addAndGet(Math.max(0, nanos));
    }

    void pass(Duration time) {
        now.addAndGet(time.toNanos());
    }

    double seconds(Runnable work) {
        long begun = now.get();
        work.run();
        return (now.get() - begun) / 1e9;
    }
}
