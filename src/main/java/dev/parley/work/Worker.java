package dev.parley.work;

import dev.parley.database.Dialect;
import java.lang.management.ManagementFactory;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.core.NestedExceptionUtils;

/**
 * This process as an owner of claims: it renews their lease, proves that it lives, and rescues the items of those that no
 * longer do.
 *
 * <p>On PostgreSQL it holds a session-level advisory lock on a connection of its own, outside the pool: the server frees it
 * the moment the process dies, so its items are someone else's within a second or two. Where such a lock cannot be kept (H2,
 * a transaction-pooling proxy) its owner id is negative and only the lease counts. When the connection is lost while the
 * process lives, it becomes a new owner and re-stamps what it still holds; what others have taken is theirs, fenced off by
 * the claim token.
 *
 * <p>An owner without its lock may just be on its way to become a new one, so it is taken for dead only when it has been
 * without for some time.
 *
 * <p>One thread of its own does all of this; {@link #owner()} may be read by any.
 */
public final class Worker implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(Worker.class);

    /** How often the lock's connection is pinged and the dead are looked for. */
    private static final Duration BEAT = Duration.ofMillis(500);

    /** How long an owner has to be without its lock: three beats, in which one that lives becomes a new owner. */
    private static final Duration PATIENCE = Duration.ofMillis(1_450);

    private static final int BEATS_A_LEASE = 3;

    /** Opens a connection that is nobody else's. */
    public interface ConnectionSource {
        Connection open() throws SQLException;
    }

    private final BatchItems items;
    private final Workers workers;
    private final @Nullable ConnectionSource connections;
    private final Duration lease;
    private final ScheduledExecutorService beat = Executors.newSingleThreadScheduledExecutor(task -> {
        Thread thread = new Thread(task, "parley-worker");
        thread.setDaemon(true);
        return thread;
    });

    private volatile ClaimOwner owner;
    private volatile @Nullable Connection lock;
    private final Set<Integer> formers = ConcurrentHashMap.newKeySet(1); // our own ids, of locks that were lost
    private final Map<Integer, Long> suspects = new HashMap<>(); // by when they were first seen without a lock
    private boolean lockLost;
    private long renewedAt;
    private long lookedAt;

    private Worker(BatchItems items, Workers workers, @Nullable ConnectionSource connections, Duration lease) {
        this.items = items;
        this.workers = workers;
        this.connections = connections;
        this.lease = lease;
        this.owner = enroll();
        this.renewedAt = System.nanoTime();
        this.lookedAt = renewedAt - lease.toNanos(); // look at once: someone may have died long ago
    }

    /**
     * Enrolls this process and starts its beat.
     *
     * @param connections on PostgreSQL, for the lock; null relies on the lease alone
     * @param lease whole seconds, at least three; renewed at a third of it
     */
    public static Worker start(
            BatchItems items,
            Workers workers,
            Dialect dialect,
            @Nullable ConnectionSource connections,
            Duration lease) {
        Worker worker = new Worker(items, workers, dialect == Dialect.POSTGRESQL ? connections : null, lease);
        worker.beat.scheduleWithFixedDelay(worker::beat, 0, BEAT.toMillis(), TimeUnit.MILLISECONDS);
        return worker;
    }

    /** Whom to claim for. It changes when the lock was lost. */
    public ClaimOwner owner() {
        return owner;
    }

    private ClaimOwner enroll() {
        int id = workers.enroll(ManagementFactory.getRuntimeMXBean().getName());
        return new ClaimOwner(takeLock(id) ? id : -id, lease);
    }

    /** Takes the lock before the first claim; false where it does not stay with the session. */
    private boolean takeLock(int id) {
        if (connections == null) {
            return false;
        }
        Connection connection = null;
        try {
            connection = connections.open();
            connection.setAutoCommit(true); // an open transaction would hold back vacuum
            connection.setNetworkTimeout(Runnable::run, 5_000);
            try (Statement statement = connection.createStatement()) {
                // a half-open link must not keep a dead machine's lock for two hours
                statement.execute("SET tcp_keepalives_idle = 10");
                statement.execute("SET tcp_keepalives_interval = 5");
                statement.execute("SET tcp_keepalives_count = 3");
                statement.execute("SET tcp_user_timeout = 20000");
                statement.execute("SET application_name = 'parley-worker-" + id + "'");
            }
            if (query(connection, "SELECT pg_try_advisory_lock(?, ?)", id) && stays(connection, id)) {
                lock = connection;
                return true;
            }
            log.warn("No advisory lock for worker {}: its items are rescued when their lease of {} ends", id, lease);
        } catch (SQLException e) {
            log.warn("No advisory lock for worker {}, only the lease of {} counts: {}", id, lease, e.getMessage());
        }
        if (connection != null) {
            close(connection);
        }
        return false;
    }

    /** Behind a transaction-pooling proxy the next statement may run in another session. */
    private static boolean stays(Connection connection, int id) throws SQLException {
        return query(connection, """
                SELECT EXISTS (SELECT 1
                                 FROM pg_locks
                                WHERE locktype = 'advisory' AND pid = pg_backend_pid() AND granted
                                  AND classid = ?::oid AND objid = ?::oid AND objsubid = 2)
                """, id);
    }

    private static boolean query(Connection connection, String sql, int id) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(sql)) {
            statement.setInt(1, BatchItems.LOCK_CLASS);
            statement.setInt(2, id);
            try (ResultSet result = statement.executeQuery()) {
                return result.next() && result.getBoolean(1);
            }
        }
    }

    private void beat() {
        try {
            Connection held = lock;
            if (held != null && !stillOurs(held)) {
                log.warn("Worker {} lost its lock's connection; becoming a new owner", owner.id());
                lockLost = true;
                lock = null;
                close(held);
            }
            if (lockLost) {
                becomeSomeoneNew();
            }
            if (!formers.isEmpty()) {
                items.restamp(formers, owner); // again and again: a claim that had begun for a former one may end late
            }
            long now = System.nanoTime();
            if (now - renewedAt >= lease.toNanos() / BEATS_A_LEASE) {
                items.renew(owner);
                renewedAt = now;
            }
            rescue(now);
        } catch (RuntimeException e) { // thrown on, it would end the beat without a word
            log.warn(
                    "The worker's beat failed, trying again in {} ms: {}",
                    BEAT.toMillis(),
                    NestedExceptionUtils.getMostSpecificCause(e).getMessage());
        }
    }

    private void rescue(long now) {
        int rescued = 0;
        if (now - lookedAt >= lease.toNanos() / (BEATS_A_LEASE * BEATS_A_LEASE)) {
            rescued = items.rescueExpired();
            lookedAt = now;
        }
        if (connections != null) {
            Set<Integer> withoutLock = items.ownersWithoutLock();
            suspects.keySet().retainAll(withoutLock);
            withoutLock.stream().filter(id -> !formers.contains(id)).forEach(id -> suspects.putIfAbsent(id, now));
            List<Integer> dead = suspects.entrySet().stream()
                    .filter(suspect -> now - suspect.getValue() >= PATIENCE.toNanos())
                    .map(Map.Entry::getKey)
                    .toList();
            if (!dead.isEmpty()) {
                rescued += items.rescueDead(dead);
            }
        }
        if (rescued > 0) {
            log.warn("{} items of a process that is gone are back in the queue", rescued);
        }
    }

    private boolean stillOurs(Connection held) {
        try {
            return stays(held, owner.id());
        } catch (SQLException e) {
            return false;
        }
    }

    /** If the database is away as well it throws, and the next beat tries again. */
    private void becomeSomeoneNew() {
        ClaimOwner former = owner;
        ClaimOwner renewed = enroll();
        formers.add(former.id());
        owner = renewed; // before the re-stamp, so that hardly a claim comes after it
        lockLost = false;
        log.warn("Worker {} is now {} and holds {} items", former.id(), renewed.id(), items.restamp(formers, renewed));
    }

    /**
     * Ends the beat, gives back what is still claimed, and frees the lock. Never fails: where the database is away, the items
     * are someone else's once the lock is free or the lease has ended.
     */
    @Override
    public void close() {
        beat.shutdown();
        try {
            if (!beat.awaitTermination(10, TimeUnit.SECONDS)) {
                log.warn("The beat of worker {} does not end", owner.id());
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        try {
            List<Integer> ids = new ArrayList<>(formers);
            ids.add(owner.id());
            int released = items.releaseAll(ids);
            if (released > 0) {
                log.info("{} items that were not finished are back in the queue", released);
            }
        } catch (RuntimeException e) {
            log.warn(
                    "The items of worker {} could not be given back, others will take them: {}",
                    owner.id(),
                    e.getMessage());
        } finally {
            Connection held = lock;
            if (held != null) {
                close(held);
            }
        }
    }

    private static void close(Connection connection) {
        try {
            connection.close();
        } catch (SQLException e) {
            log.debug("Closing the lock's connection: {}", e.getMessage());
        }
    }
}
