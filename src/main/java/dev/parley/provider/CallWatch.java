package dev.parley.provider;

import java.time.Duration;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.concurrent.locks.LockSupport;
import org.apache.hc.core5.concurrent.Cancellable;

/**
 * Ends calls that would not end by themselves: a read from a socket does not notice {@link Thread#interrupt()}, and a
 * socket's read timeout starts anew with every byte that drips in.
 *
 * <p>One daemon thread looks at all calls in flight every {@value #LOOK_EVERY_MILLIS} ms and sleeps while there are none.
 * A thread makes one call at a time, so a call is known by its thread. Cancelling a call that has just ended does
 * nothing: its connection is no longer its own.
 */
final class CallWatch implements AutoCloseable {
    private static final long LOOK_EVERY_MILLIS = 20;

    private final ConcurrentMap<Thread, Call> calls = new ConcurrentHashMap<>();
    private final long callTimeoutNanos;
    private final Thread watcher;
    private volatile boolean idle;
    private volatile boolean closed;

    CallWatch(Duration callTimeout) {
        this.callTimeoutNanos = callTimeout.toNanos();
        this.watcher = new Thread(this::watch, "parley-call-watch");
        watcher.setDaemon(true);
        watcher.start();
    }

    /** From now on the request is cancelled when the current thread is interrupted or the time is up. */
    void begin(Cancellable request) {
        calls.put(Thread.currentThread(), new Call(request, System.nanoTime()));
        if (idle) {
            LockSupport.unpark(watcher);
        }
    }

    /** Ends the watch over the current thread's call, if there is one; says whether it was cancelled for its time. */
    boolean endedLate() {
        Call call = calls.remove(Thread.currentThread());
        return call != null && call.late;
    }

    /** Cancels the current thread's call, whose answer has been seen far enough. */
    void cancel() {
        Call call = calls.get(Thread.currentThread());
        if (call != null) {
            call.request.cancel();
        }
    }

    private void watch() {
        while (!closed) {
            // In this order: begin() adds its call first and looks at idle second, so one of the two sees the other.
            idle = true;
            if (calls.isEmpty()) {
                LockSupport.park(this);
            }
            idle = false;
            long now = System.nanoTime();
            calls.forEach((thread, call) -> {
                if (now - call.begun >= callTimeoutNanos) {
                    call.late = true;
                    call.request.cancel();
                } else if (thread.isInterrupted()) {
                    call.request.cancel();
                }
            });
            LockSupport.parkNanos(this, LOOK_EVERY_MILLIS * 1_000_000);
        }
    }

    @Override
    public void close() {
        closed = true;
        LockSupport.unpark(watcher);
    }

    private static final class Call {
        final Cancellable request;
        final long begun;
        volatile boolean late;

        Call(Cancellable request, long begun) {
            this.request = request;
            this.begun = begun;
        }
    }
}
