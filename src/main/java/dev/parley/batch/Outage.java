package dev.parley.batch;

import dev.parley.step.ConcurrentChunkStep.WriteRetry.Next;
import java.sql.SQLException;
import java.sql.SQLNonTransientConnectionException;
import java.sql.SQLRecoverableException;
import java.sql.SQLTransientException;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.core.NestedExceptionUtils;
import org.springframework.dao.RecoverableDataAccessException;
import org.springframework.dao.TransientDataAccessException;
import org.springframework.transaction.TransactionSystemException;

/**
 * A database that is away for a moment: restarted, failed over, or its connections cut. What failed of that is tried again,
 * with pauses that grow to two seconds, for half a minute. Stateless.
 */
final class Outage {
    private static final Logger log = LoggerFactory.getLogger(Outage.class);

    /** No attempt begins later than this after the first one. */
    private static final Duration LONGEST = Duration.ofSeconds(30);

    private static final Duration SHORTEST_PAUSE = Duration.ofMillis(50);
    private static final Duration LONGEST_PAUSE = Duration.ofSeconds(2);
    private static final int MOST_CAUSES = 20; // chains may be circular

    /** SQLSTATE classes: connection, transaction rollback (deadlock), operator intervention, too many connections. */
    private static final List<String> STATES = List.of("08", "40", "57P", "53300");

    private Outage() {}

    /** Does something that can be done twice, and again while the database is away. */
    static <T> T rideOut(Supplier<T> work) throws InterruptedException {
        long begunAt = System.nanoTime();
        while (true) {
            try {
                return work.get();
            } catch (RuntimeException e) {
                Duration since = Duration.ofNanos(System.nanoTime() - begunAt);
                if (!isWorthAnotherTry(e, since)) {
                    throw e;
                }
                TimeUnit.NANOSECONDS.sleep(pause(e, since).toNanos());
            }
        }
    }

    /**
     * Says whether a write is tried again, and waits before that, even if interrupted: the results are paid for. The interrupt
     * is restored. When an outage lasts, the rest is left to the next run, for the answers are stored.
     */
    static Next afterFailedWrite(Exception cause, Duration since) {
        if (!isOne(cause, MOST_CAUSES)) {
            return Next.ISOLATE;
        }
        if (since.compareTo(LONGEST) >= 0) {
            return Next.GIVE_UP;
        }
        boolean interrupted = false;
        long until = System.nanoTime() + pause(cause, since).toNanos();
        for (long left = until - System.nanoTime(); left > 0; left = until - System.nanoTime()) {
            try {
                TimeUnit.NANOSECONDS.sleep(left);
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
        return Next.AGAIN;
    }

    static boolean isOne(Exception failure) {
        return isOne(failure, MOST_CAUSES);
    }

    private static boolean isWorthAnotherTry(Exception failure, Duration since) {
        return since.compareTo(LONGEST) < 0 && isOne(failure, MOST_CAUSES);
    }

    private static Duration pause(Exception cause, Duration since) {
        Duration pause = since.dividedBy(2);
        pause = pause.compareTo(SHORTEST_PAUSE) < 0 ? SHORTEST_PAUSE : pause;
        pause = pause.compareTo(LONGEST_PAUSE) > 0 ? LONGEST_PAUSE : pause;
        log.warn("The database is away, trying again in {} ms: {}", pause.toMillis(), why(cause));
        return pause;
    }

    /** A rollback that failed as well says nothing of what it was to undo. */
    private static String why(Exception cause) {
        Throwable told =
                cause instanceof TransactionSystemException rollback && rollback.getApplicationException() != null
                        ? rollback.getApplicationException()
                        : cause;
        return String.valueOf(NestedExceptionUtils.getMostSpecificCause(told).getMessage());
    }

    private static boolean isOne(@Nullable Throwable failure, int depth) {
        if (failure == null || depth == 0) {
            return false;
        }
        return failure instanceof TransientDataAccessException
                || failure instanceof RecoverableDataAccessException
                || failure instanceof SQLException e && isOne(e)
                || failure instanceof TransactionSystemException rollback
                        && isOne(rollback.getApplicationException(), depth - 1) // why it was to be rolled back
                || isOne(failure.getCause(), depth - 1);
    }

    private static boolean isOne(SQLException e) {
        String state = e.getSQLState();
        return e instanceof SQLTransientException
                || e instanceof SQLRecoverableException
                || e instanceof SQLNonTransientConnectionException
                || state != null && STATES.stream().anyMatch(state::startsWith)
                || state == null && "Connection is closed".equals(e.getMessage()); // the pool's, of one that broke
    }
}
