package dev.parley.tracking;

import dev.parley.tracking.Backlog.Batch;
import dev.parley.tracking.Entry.End;
import dev.parley.tracking.Entry.Message;
import dev.parley.tracking.Entry.Start;
import dev.parley.tracking.EntryStore.Refused;
import dev.parley.tracking.EntryStore.Stored;
import dev.parley.tracking.Journal.Position;
import dev.parley.tracking.SessionStates.State;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.sql.SQLException;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.LongAdder;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.event.Level;
import org.springframework.core.NestedExceptionUtils;

/**
 * Takes everything from the backlog to the database, in order: one thread.
 *
 * <p>A database that is away, or without the columns that are needed, is waited for. A row that it refuses is put aside and
 * tried three times in all, while the others go on; then it becomes a dead letter. The checkpoint does not pass a row that is
 * put aside, so that it is there again should the process die.
 */
final class Flusher implements Runnable {
    private static final Logger log = LoggerFactory.getLogger(Flusher.class);

    /** How long a few rows wait for more of them. */
    private static final Duration LINGER = Duration.ofMillis(25);

    static final int TRIES = 3;
    private static final List<Duration> PAUSES = List.of(Duration.ofSeconds(1), Duration.ofSeconds(2));

    /** More are not put aside: the flusher waits for them. */
    private static final int MOST_ASIDE = 1_000;

    private static final Duration SHORTEST_PAUSE = Duration.ofMillis(100);
    private static final Duration LONGEST_PAUSE = Duration.ofSeconds(5);
    private static final Duration BETWEEN_WARNINGS = Duration.ofMinutes(1);
    private static final Duration BETWEEN_SWEEPS = Duration.ofMinutes(10);
    private static final int SWEPT_AT_ONCE = 500;

    /** More in one batch are told at DEBUG. */
    private static final int FEW = 10;

    /** SQLSTATE of an unknown table or column, of PostgreSQL and of H2. */
    private static final Set<String> SCHEMA_MISMATCH = Set.of("42P01", "42703", "42S02", "42S03", "42S04", "42S22");

    private final Backlog backlog;
    private final EntryStore store;
    private final ConversationSessions sessions;
    private final DeadLetters deadLetters;
    private final SessionStates states;
    private final Clock clock;
    private final TrackingSettings settings;
    private final LongAdder stored = new LongAdder();
    private final LongAdder duplicates = new LongAdder();
    private final LongAdder dead = new LongAdder();
    private final List<Aside> aside = new ArrayList<>();
    private @Nullable Batch current;
    private Position cursor;
    private @Nullable Position settled;
    private @Nullable Instant sweptAt;
    private @Nullable Instant warnedAt;
    private volatile @Nullable Away away;
    private volatile @Nullable Instant oldest;
    private volatile long stopAt = Long.MAX_VALUE;
    private volatile boolean stopping;

    /** @param before where the batch began that it was in */
    private record Aside(Refused refused, int tries, Instant due, Position before) {}

    /** @param reason for a person, with the remedy if there is one */
    record Away(Instant since, String reason) {}

    Flusher(
            Backlog backlog,
            Position begin,
            EntryStore store,
            ConversationSessions sessions,
            DeadLetters deadLetters,
            SessionStates states,
            Clock clock,
            TrackingSettings settings) {
        this.backlog = backlog;
        this.cursor = begin;
        this.store = store;
        this.sessions = sessions;
        this.deadLetters = deadLetters;
        this.states = states;
        this.clock = clock;
        this.settings = settings;
    }

    @Override
    public void run() {
        int failures = 0;
        while (!isOver()) {
            try {
                boolean more = flush();
                failures = 0;
                if (!more) {
                    LockSupport.parkNanos(LINGER.toNanos() / (stopping ? 10 : 1));
                }
            } catch (IOException | RuntimeException e) {
                failed(e);
                LockSupport.parkNanos(
                        Math.min(pause(failures++), stopping ? stopAt - System.nanoTime() : Long.MAX_VALUE));
            }
        }
        if (settings.durability() == TrackingSettings.Durability.MEMORY) {
            buryAside();
        }
    }

    private boolean isOver() {
        return stopping && (System.nanoTime() - stopAt >= 0 || current == null && aside.isEmpty() && backlog.isDone());
    }

    /** Full jitter: a random time up to a bound that doubles. */
    private static long pause(int failures) {
        long bound = Math.min(LONGEST_PAUSE.toNanos(), SHORTEST_PAUSE.toNanos() << Math.min(failures, 20));
        return ThreadLocalRandom.current().nextLong(bound) + 1;
    }

    /** @return whether more is likely to wait already */
    private boolean flush() throws IOException {
        retryAside();
        if (aside.size() >= MOST_ASIDE) {
            return false;
        }
        Batch batch = current == null ? backlog.next(settings.batchSize()) : current;
        current = batch; // until it is in the database, whatever is thrown
        if (!batch.entries().isEmpty()) {
            oldest = batch.entries().get(0).at();
            write(batch);
        }
        current = null;
        cursor = batch.mark();
        settle();
        boolean more = batch.entries().size() == settings.batchSize();
        if (!more) {
            oldest = aside.isEmpty() ? null : aside.get(0).refused().entry().at();
            sweep();
        }
        return more;
    }

    private void write(Batch batch) {
        List<Entry> entries = new ArrayList<>(batch.entries().size());
        batch.entries().forEach(entry -> entries.add(withUser(entry)));
        Instant now = clock.instant();
        Stored result = store.store(entries);
        recovered();
        for (Refused refused : result.refused()) {
            if (giveUpIfOfOthers(refused)) {
                continue;
            }
            tellRefused(refused, 1);
            aside.add(new Aside(refused, 1, now.plus(PAUSES.get(0)), cursor));
        }
        count(entries, result);
    }

    /** What is another user's will not be stored the next time either, and no more of it is to come. */
    private boolean giveUpIfOfOthers(Refused refused) {
        if (!refused.isOfOthers()) {
            return false;
        }
        states.forget(refused.entry().sessionId(), refused.entry().userId());
        tellRefused(refused, TRIES);
        bury(refused, 1);
        return true;
    }

    /** A message may have been tracked a moment before its session was started. */
    private Entry withUser(Entry entry) {
        if (entry instanceof Message message && message.userId() == null) {
            State state = states.find(message.sessionId(), clock.instant());
            return state == null ? message : message.of(state.userId());
        }
        return entry;
    }

    private void retryAside() {
        Instant now = clock.instant();
        List<Aside> due = aside.stream().filter(one -> !one.due().isAfter(now)).toList();
        if (due.isEmpty()) {
            return;
        }
        List<Entry> entries =
                due.stream().map(one -> withUser(one.refused().entry())).toList();
        Stored result = store.store(entries);
        recovered();
        List<Aside> again = new ArrayList<>();
        for (int i = 0; i < due.size(); i++) {
            Entry entry = entries.get(i);
            Refused refused = result.refused().stream()
                    .filter(one -> one.entry() == entry)
                    .findFirst()
                    .orElse(null);
            int tries = due.get(i).tries() + 1;
            if (refused != null) {
                if (giveUpIfOfOthers(refused)) {
                    continue;
                }
                tellRefused(refused, tries);
                if (tries >= TRIES) {
                    bury(refused, tries);
                } else {
                    again.add(new Aside(
                            refused,
                            tries,
                            now.plus(PAUSES.get(tries - 1)),
                            due.get(i).before()));
                }
            }
        }
        aside.removeAll(due);
        aside.addAll(again);
        count(entries, result);
        if (current == null) {
            settleQuietly();
        }
    }

    private static void tellRefused(Refused refused, int tries) {
        String what = refused.entry() instanceof Message
                ? "message"
                : refused.entry() instanceof Start ? "session start" : "session end";
        String why = refused.why().message();
        if (tries < TRIES) {
            log.warn("Failed to save {}, try {} of {}: {}", what, tries, TRIES, why);
        } else {
            log.error(
                    "Failed to save {}: {} (kept in tracking_dead_letters, session {})",
                    what,
                    why,
                    refused.entry().sessionId());
        }
    }

    private void bury(Refused refused, int tries) {
        String payload = Lines.text(refused.entry());
        UUID id = refused.entry() instanceof Message message
                ? message.id()
                : UUID.nameUUIDFromBytes(payload.getBytes(StandardCharsets.UTF_8));
        deadLetters.add(id, payload, refused.why().code(), refused.why().message(), tries);
        dead.increment();
    }

    /** Without a journal there is no next start. */
    private void buryAside() {
        try {
            aside.forEach(one -> bury(one.refused(), one.tries()));
            aside.clear();
        } catch (RuntimeException e) {
            log.error(
                    "{} refused messages are lost, for the database is away at the end: {}",
                    aside.size(),
                    e.getMessage());
        }
    }

    /** The checkpoint: the end of the last batch, or the begin of the oldest that a row which is aside was in. */
    private void settle() throws IOException {
        Position to = cursor;
        for (Aside one : aside) {
            to = one.before().compareTo(to) < 0 ? one.before() : to;
        }
        if (!to.equals(settled)) {
            backlog.settled(to);
            settled = to;
        }
    }

    private void settleQuietly() {
        try {
            settle();
        } catch (IOException e) {
            log.debug("The checkpoint stays where it is for now", e);
        }
    }

    private void count(List<Entry> entries, Stored result) {
        Set<Entry> refused = new HashSet<>();
        result.refused().forEach(one -> refused.add(one.entry()));
        int rows = 0;
        int told = 0;
        for (Entry entry : entries) {
            rows += entry instanceof End || refused.contains(entry) ? 0 : 1;
            told += entry instanceof Message ? 0 : 1;
        }
        stored.add(result.inserted());
        duplicates.add(rows - result.inserted());
        Level level = told <= FEW ? Level.INFO : Level.DEBUG;
        Instant now = clock.instant();
        for (Entry entry : entries) {
            if (!refused.contains(entry)) {
                saved(entry, level, now);
            }
        }
    }

    private void saved(Entry entry, Level level, Instant now) {
        State state = states.find(entry.sessionId(), now);
        if (entry instanceof Message message) {
            if (state != null) {
                state.saved();
            }
            if (log.isDebugEnabled()) {
                String session = ConversationTracker.shortId(entry.sessionId());
                log.debug("Saved {} message for session {}...", message.role().key(), session);
            }
            return;
        }
        String session = ConversationTracker.shortId(entry.sessionId());
        if (entry instanceof Start start) {
            log.atLevel(level)
                    .log("Started session {}... for user {}...", session, ConversationTracker.shortId(start.userId()));
        } else if (entry instanceof End end && log.isEnabledForLevel(level)) {
            log.atLevel(level)
                    .log(
                            "Ended session {}... ({}messages: {})",
                            session,
                            duration(state, end),
                            state == null ? end.messages() : state.messageCount());
        }
    }

    /** Not known of a session of a former process. */
    private static String duration(@Nullable State state, End end) {
        return state == null
                ? ""
                : String.format(
                        Locale.ROOT,
                        "duration: %.1fs, ",
                        Math.max(
                                        0,
                                        Duration.between(state.startedAt(), end.at())
                                                .toMillis())
                                / 1e3);
    }

    /** Ends sessions of processes that died with them; those of this process are ended by the tracker. */
    private void sweep() {
        Instant now = clock.instant();
        if (sweptAt != null && now.isBefore(sweptAt.plus(BETWEEN_SWEEPS))) {
            return;
        }
        Set<String> missing = sweptAt == null ? sessions.missingColumns() : Set.of();
        if (!missing.isEmpty()) {
            throw new MissingColumnsException(missing);
        }
        List<End> abandoned = sessions.abandoned(now.minus(settings.idleTimeout()), SWEPT_AT_ONCE).stream()
                .filter(end -> {
                    State state = states.find(end.sessionId(), now);
                    return state == null || !state.isActive();
                })
                .toList();
        if (!abandoned.isEmpty()) {
            sessions.end(abandoned);
            log.info("Ended {} sessions that nobody had ended, at their last message", abandoned.size());
        }
        recovered();
        if (abandoned.size() < SWEPT_AT_ONCE) {
            sweptAt = now;
        }
    }

    private static final class MissingColumnsException extends RuntimeException {
        MissingColumnsException(Set<String> missing) {
            super("the database has no column " + String.join(", ", missing) + "; bring its schema up to date:"
                    + " start Parley once with a role that may change it (its change log adds them)");
        }
    }

    private void failed(Exception e) {
        String reason = e instanceof IOException ? "the journal cannot be read: " + e : reason((RuntimeException) e);
        Away before = away;
        Instant now = clock.instant();
        away = new Away(before == null ? now : before.since(), reason);
        if (before == null
                || !before.reason().equals(reason)
                || warnedAt == null
                || now.isAfter(warnedAt.plus(BETWEEN_WARNINGS))) {
            warnedAt = now;
            log.error("Failed to save messages, which wait until it is mended: {}", reason);
        }
    }

    private String reason(RuntimeException e) {
        Throwable cause = NestedExceptionUtils.getMostSpecificCause(e);
        if (cause instanceof SQLException sql && SCHEMA_MISMATCH.contains(String.valueOf(sql.getSQLState()))) {
            try {
                Set<String> missing = sessions.missingColumns();
                if (!missing.isEmpty()) {
                    return String.valueOf(new MissingColumnsException(missing).getMessage());
                }
            } catch (RuntimeException unknown) {
                log.debug("What is missing cannot be told", unknown);
            }
        }
        boolean tellsItself = e instanceof MissingColumnsException
                || e instanceof ConversationSessions.DatabaseNotInitializedException;
        return tellsItself ? String.valueOf(e.getMessage()) : "the database cannot be used: " + cause.getMessage();
    }

    private void recovered() {
        Away before = away;
        if (before != null) {
            away = null;
            log.info(
                    "Messages are saved again after {} s",
                    Duration.between(before.since(), clock.instant()).toSeconds());
        }
    }

    /** Ends the thread when nothing waits any more, or at that time of {@link System#nanoTime()}. */
    void stop(long at) {
        stopAt = at;
        stopping = true;
    }

    /** Null while the database can be used. */
    @Nullable
    Away away() {
        return away;
    }

    /** When the oldest was tracked that is not in the database; null when nothing waits. */
    @Nullable
    Instant oldest() {
        return oldest;
    }

    long stored() {
        return stored.sum();
    }

    long duplicates() {
        return duplicates.sum();
    }

    long deadLetters() {
        return dead.sum();
    }
}
