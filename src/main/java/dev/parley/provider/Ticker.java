package dev.parley.provider;

import java.util.concurrent.TimeUnit;

/** Time that only passes, and waiting for it to. A test moves it by hand. */
interface Ticker {
    /** As {@link System#nanoTime()}. */
    long nanos();

    /** Returns at once when there is nothing to wait for. */
    void sleep(long nanos) throws InterruptedException;

    Ticker SYSTEM = new Ticker() {
        @Override
        public long nanos() {
            return System.nanoTime();
        }

        @Override
        public void sleep(long nanos) throws InterruptedException {
            TimeUnit.NANOSECONDS.sleep(nanos);
        }
    };
}
