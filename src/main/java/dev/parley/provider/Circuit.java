package dev.parley.provider;

import dev.parley.provider.ModelFailure.Next;
import java.time.Duration;
import java.util.concurrent.locks.ReentrantLock;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Stops calling a provider that is down. When every call has failed for a while, calls are answered at once, and one at a
 * time is let through to see whether it works again, after pauses of 5 s to a minute.
 *
 * <p>A failure that every call meets is not the item's: after ten in a row, over three seconds at least, failures are told to
 * wait, so that the attempts of all items are not used up before the circuit opens.
 *
 * <p>Thread-safe. While all is well, a call costs two volatile reads.
 */
final class Circuit {
    private static final Logger LOG = LoggerFactory.getLogger(Circuit.class);
    private static final Duration FIRST_PAUSE = Duration.ofSeconds(5);
    private static final Duration LONGEST_PAUSE = Duration.ofMinutes(1);
    private static final int SEVERAL = 10;
    private static final long NOT_THE_ITEMS = Duration.ofSeconds(3).toNanos();
    /** How long to wait for a probe that is under way before looking again. */
    private static final long LOOK_AGAIN = Duration.ofSeconds(1).toNanos();

    private final String provider;
    private final Duration downAfter;
    private final Ticker ticker;
    private final ReentrantLock lock = new ReentrantLock();
    private volatile boolean open;
    private volatile int failures;
    // Guarded by the lock.
    private long failingSince;
    private Duration pause = FIRST_PAUSE;
    private long nextProbe;
    private boolean probing;

    Circuit(String provider, Duration downAfter, Ticker ticker) {
        this.provider = provider;
        this.downAfter = downAfter;
        this.ticker = ticker;
    }

    /**
     * To be asked before a call.
     *
     * @return whether the call is the one that tries; {@link #ended} is to be told when it is over
     * @throws ModelException when the provider is down
     */
    boolean enter() {
        if (!open) {
            return false;
        }
        lock.lock();
        try {
            if (!open) {
                return false;
            }
            long wait = waitForProbe();
            if (wait <= 0) {
                probing = true;
                return true;
            }
            throw down(wait);
        } finally {
            lock.unlock();
        }
    }

    /** For a call that has waited since; the one that tries is let through. */
    void refuseIfOpen(boolean probe) {
        if (open && !probe) {
            throw down(Math.max(0, pause().toNanos()));
        }
    }

    private ModelException down(long waitNanos) {
        return ModelException.notCalled(new ModelFailure(
                "provider_down",
                provider + " answers no calls; it is tried again from time to time",
                Next.WAIT,
                Duration.ofNanos(waitNanos),
                null));
    }

    boolean isOpen() {
        return open;
    }

    /** How long no call should be made; zero for none at all. */
    Duration pause() {
        if (!open) {
            return Duration.ZERO;
        }
        lock.lock();
        try {
            return open ? Duration.ofNanos(Math.max(0, waitForProbe())) : Duration.ZERO;
        } finally {
            lock.unlock();
        }
    }

    private long waitForProbe() {
        return probing ? LOOK_AGAIN : nextProbe - ticker.nanos();
    }

    /** There was an answer, whatever it said. */
    void answered() {
        if (failures == 0) {
            return;
        }
        lock.lock();
        try {
            if (open) {
                LOG.info("{} answers again after {} s", provider, secondsSince(failingSince));
            }
            open = false;
            failures = 0;
            pause = FIRST_PAUSE;
        } finally {
            lock.unlock();
        }
    }

    /**
     * A call got no answer, or one that says that the provider does not work.
     *
     * @return whether it is so for everybody, and not the item's fault
     */
    boolean failed(boolean probe) {
        lock.lock();
        try {
            long now = ticker.nanos();
            if (failures == 0) {
                failingSince = now;
            }
            int inARow = failures + 1;
            failures = inARow;
            if (probe) {
                pause = Duration.ofNanos(Math.min(2 * pause.toNanos(), LONGEST_PAUSE.toNanos()));
                nextProbe = now + pause.toNanos();
            } else if (!open && inARow >= SEVERAL && now - failingSince >= downAfter.toNanos()) {
                open = true;
                nextProbe = now + pause.toNanos();
                LOG.warn(
                        "{} has answered none of {} calls for {} s: waiting for it",
                        provider,
                        inARow,
                        secondsSince(failingSince));
            }
            return open || (inARow >= SEVERAL && now - failingSince >= NOT_THE_ITEMS);
        } finally {
            lock.unlock();
        }
    }

    /** A call that {@link #enter} let through is over, one way or the other. */
    void ended(boolean probe) {
        if (probe) {
            lock.lock();
            try {
                probing = false;
            } finally {
                lock.unlock();
            }
        }
    }

    private long secondsSince(long since) {
        return Duration.ofNanos(ticker.nanos() - since).toSeconds();
    }
}
