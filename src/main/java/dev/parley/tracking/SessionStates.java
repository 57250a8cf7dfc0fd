package dev.parley.tracking;

import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * What is known of the sessions of this process, by session id. A session that has ended is known for a grace of 60 seconds,
 * for its late messages. Thread-safe.
 */
final class SessionStates {
    /** How long late messages still find their user. */
    static final Duration GRACE = Duration.ofSeconds(60);

    private final Map<UUID, State> states = new ConcurrentHashMap<>();
    private final AtomicInteger active = new AtomicInteger();

    /** Numbers that grow with each call, and with the clock: also from one process to the next. Thread-safe. */
    static final class Sequence {
        private final AtomicLong last = new AtomicLong();

        long next(Instant at) {
            long micros = Lines.micros(at);
            while (true) {
                long before = last.get();
                long next = Math.max(before + 1, micros);
                if (last.compareAndSet(before, next)) {
                    return next;
                }
            }
        }
    }

    static final class State {
        private final UUID userId;
        private final Instant startedAt;
        private final Sequence sequence = new Sequence();
        private final AtomicLong tracked = new AtomicLong();
        private final AtomicLong saved = new AtomicLong();
        private Instant lastAt; // seen by whoever then looks at what is tracked: written before, read after
        private volatile @Nullable Instant endedAt;

        private State(UUID userId, Instant startedAt) {
            this.userId = userId;
            this.startedAt = startedAt;
            this.lastAt = startedAt;
        }

        UUID userId() {
            return userId;
        }

        Instant startedAt() {
            return startedAt;
        }

        boolean isActive() {
            return endedAt == null;
        }

        /** How many messages are in the database. */
        long messageCount() {
            return saved.get();
        }

        long tracked() {
            return tracked.get();
        }

        Sequence sequence() {
            return sequence;
        }

        /** When its last message was tracked, or when it was started. */
        Instant lastAt() {
            return tracked.get() == 0 ? startedAt : lastAt;
        }

        void tracked(Instant at) {
            lastAt = at;
            tracked.incrementAndGet();
        }

        void saved() {
            saved.incrementAndGet();
        }
    }

    /** @return false when it is known already: started before */
    boolean start(UUID sessionId, UUID userId, Instant at) {
        State state = new State(userId, at);
        boolean started = states.merge(sessionId, state, (known, fresh) -> isOver(known, at) ? fresh : known) == state;
        if (started) {
            active.incrementAndGet();
        }
        return started;
    }

    /** Forgets a session that could not be started, or is another user's. */
    void forget(UUID sessionId, @Nullable UUID userId) {
        State state = states.get(sessionId);
        if (state != null && state.userId.equals(userId) && states.remove(sessionId, state) && state.isActive()) {
            active.decrementAndGet();
        }
    }

    /** Null when it is not known: never started here, or ended longer ago than the grace. */
    @Nullable
    State find(UUID sessionId, Instant now) {
        State state = states.get(sessionId);
        return state == null || isOver(state, now) ? null : state;
    }

    /** @return false when it had ended before */
    boolean end(State state, Instant at) {
        synchronized (state) {
            if (state.endedAt != null) {
                return false;
            }
            state.endedAt = at;
        }
        active.decrementAndGet();
        return true;
    }

    /** Takes back an end that could not be accepted. */
    void endRefused(State state) {
        state.endedAt = null;
        active.incrementAndGet();
    }

    /** Sessions that are active and were sent nothing since then. */
    List<UUID> idleSince(Instant time) {
        List<UUID> idle = new ArrayList<>();
        states.forEach((id, state) -> {
            if (state.isActive() && state.lastAt().isBefore(time)) {
                idle.add(id);
            }
        });
        return idle;
    }

    /** Forgets those whose grace is over. */
    void forget(Instant now) {
        states.values().removeIf(state -> isOver(state, now));
    }

    private static boolean isOver(State state, Instant now) {
        Instant endedAt = state.endedAt;
        return endedAt != null && now.isAfter(endedAt.plus(GRACE));
    }

    int active() {
        return active.get();
    }

    int size() {
        return states.size();
    }
}
