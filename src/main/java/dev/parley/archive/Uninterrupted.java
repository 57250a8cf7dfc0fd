package dev.parley.archive;

import java.nio.channels.ClosedByInterruptException;
import java.time.Duration;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Runs a store operation to its end on a thread that is being interrupted.
 *
 * <p>A stopped step interrupts its lanes, and one of them may hold an answer that has just been paid for. A file channel,
 * a socket of a virtual thread and a back-off all fail on an interrupted thread, so the flag is put aside meanwhile and
 * an operation that an interrupt broke is run again. Operations given to it must be repeatable.
 */
final class Uninterrupted {
    private static final int REPEATS = 3;

    private Uninterrupted() {}

    static <T> T call(Supplier<T> operation) {
        boolean interrupted = Thread.interrupted();
        try {
            for (int repeats = 0; ; repeats++) {
                try {
                    return operation.get();
                } catch (StoreException e) {
                    boolean broken = Thread.interrupted() || causedByInterrupt(e);
                    interrupted |= broken;
                    if (!broken || repeats == REPEATS) {
                        throw e;
                    }
                }
            }
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }

    /** Waits; an interrupt ends the wait and stays set. */
    static void pause(Duration duration) {
        try {
            Thread.sleep(duration.toMillis());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private static boolean causedByInterrupt(Throwable failure) {
        for (@Nullable Throwable cause = failure; cause != null; cause = cause.getCause()) {
            if (cause instanceof InterruptedException || cause instanceof ClosedByInterruptException) {
                return true;
            }
        }
        return false;
    }
}
