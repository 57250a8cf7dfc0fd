package dev.parley.tracking;

import dev.parley.tracking.IntakeQueue.Tracked;
import dev.parley.tracking.SessionStates.State;
import dev.parley.tracking.TrackResult.Accepted;
import dev.parley.tracking.TrackResult.Reason;
import dev.parley.tracking.TrackResult.Refused;
import dev.parley.tracking.TrackerHealth.Status;
import dev.parley.tracking.TrackingSettings.Durability;
import dev.parley.tracking.TrackingSettings.WhenFull;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.EnumMap;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.LongAdder;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.transaction.support.TransactionOperations;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.json.JsonMapper;

/**
 * Records live conversations. {@link #start}, {@link #track} and {@link #end} return at once, whatever the database does, and
 * never throw. Thread-safe; messages of a session are kept in the order in which they were tracked.
 *
 * <p>What is accepted goes through a bounded queue to a journal on disk and from there to the database, which may be away for
 * any time. An id makes it safe to send something twice: it is recorded once.
 */
public final class ConversationTracker implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(ConversationTracker.class);

    private static final Duration BETWEEN_FORCES = Duration.ofMillis(50);
    private static final Duration BETWEEN_SWEEPS = Duration.ofSeconds(1);
    private static final Duration BETWEEN_WARNINGS = Duration.ofSeconds(10);
    private static final Duration LAST_STATEMENT = Duration.ofSeconds(1);
    private static final double NEARLY = 0.8;
    private static final int SHORT = 8;

    private final TrackingSettings settings;
    private final long maxContent;
    private final Clock clock;
    private final IntakeQueue queue;
    private final SessionStates states = new SessionStates();
    private final SessionStates.Sequence strays = new SessionStates.Sequence();
    private final MessageIds ids = new MessageIds();
    private final LongAdder late = new LongAdder();
    private final LongAdder dropped = new LongAdder();
    private final LongAdder damaged = new LongAdder();
    private final Map<Reason, LongAdder> refused = new EnumMap<>(Reason.class);
    private final AtomicLong warnAgainAt = new AtomicLong(System.nanoTime());
    private final @Nullable Journal journal;
    private final @Nullable JournalWriter writer;
    private final Flusher flusher;
    private final @Nullable Thread writerThread;
    private final Thread flusherThread;
    private final ScheduledExecutorService timer;
    private final ExecutorService acknowledgements;
    private final ExecutorService reader;
    private volatile boolean closed;

    private ConversationTracker(
            TrackingSettings settings,
            ConversationSessions sessions,
            DeadLetters deadLetters,
            TransactionOperations transaction,
            Clock clock)
            throws IOException {
        this.settings = settings;
        this.maxContent = settings.maxContent().toBytes();
        this.clock = clock;
        this.queue = new IntakeQueue(settings.queueCapacity());
        for (Reason reason : Reason.values()) {
            refused.put(reason, new LongAdder());
        }
        this.acknowledgements = Executors.newSingleThreadExecutor(named("parley-tracker-acknowledge"));
        this.reader = Executors.newSingleThreadExecutor(named("parley-tracker-read"));
        this.timer = Executors.newSingleThreadScheduledExecutor(named("parley-tracker-timer"));
        boolean journalled = settings.durability() != Durability.MEMORY;
        this.journal = journalled
                ? new Journal(
                        JournalFolder.open(settings.folder()), settings.quota().toBytes())
                : null;
        this.writer = journal == null ? null : new JournalWriter(queue, journal, settings, acknowledgements, dropped);
        Backlog backlog = journal == null
                ? new QueueBacklog(queue)
                : new ReadAhead(new JournalBacklog(journal, this::isAllJournalled, damaged), reader);
        this.flusher = new Flusher(
                backlog,
                journal == null ? new Journal.Position(0, 0) : journal.checkpoint(),
                new EntryStore(sessions, transaction),
                sessions,
                deadLetters,
                states,
                clock,
                settings);
        this.writerThread =
                writer == null ? null : named("parley-tracker-journal").newThread(writer);
        this.flusherThread = named("parley-tracker-flush").newThread(flusher);
    }

    /**
     * Starts to record, beginning with what a former process left in its journal.
     *
     * @throws UncheckedIOException when the journal's folder cannot be written to; the database may be away
     */
    public static ConversationTracker start(
            TrackingSettings settings,
            ConversationSessions sessions,
            DeadLetters deadLetters,
            TransactionOperations transaction,
            Clock clock) {
        ConversationTracker tracker;
        try {
            tracker = new ConversationTracker(settings, sessions, deadLetters, transaction, clock);
        } catch (IOException e) {
            throw new UncheckedIOException(
                    "parley.tracking.folder " + settings.folder() + " cannot take the journal: " + e.getMessage(), e);
        }
        tracker.begin();
        return tracker;
    }

    private void begin() {
        if (journal != null && journal.waiting() > 0) {
            log.info("{} bytes of messages wait in the journal from a former run", journal.waiting());
        }
        if (writerThread != null) {
            writerThread.start();
            timer.scheduleWithFixedDelay(
                    this::force, BETWEEN_FORCES.toMillis(), BETWEEN_FORCES.toMillis(), TimeUnit.MILLISECONDS);
        }
        flusherThread.start();
        timer.scheduleWithFixedDelay(
                this::sweep, BETWEEN_SWEEPS.toMillis(), BETWEEN_SWEEPS.toMillis(), TimeUnit.MILLISECONDS);
    }

    private static ThreadFactory named(String name) {
        return task -> {
            Thread thread = new Thread(task, name);
            thread.setDaemon(true);
            return thread;
        };
    }

    private boolean isAllJournalled() {
        return writerThread != null && closed && !writerThread.isAlive();
    }

    /**
     * Starts a session. A second start of the same one changes nothing and is accepted.
     *
     * @param metadata anything that can be JSON; null for none
     */
    public TrackResult start(UUID sessionId, UUID userId, @Nullable Map<String, ?> metadata) {
        return start(sessionId, userId, metadata, null);
    }

    /** The same, with an answer that comes as that of {@link #trackDurable}. */
    public CompletableFuture<TrackResult> startDurable(UUID sessionId, UUID userId, @Nullable Map<String, ?> metadata) {
        return durably(answer -> start(sessionId, userId, metadata, answer));
    }

    private TrackResult start(
            UUID sessionId,
            UUID userId,
            @Nullable Map<String, ?> metadata,
            @Nullable CompletableFuture<TrackResult> answer) {
        try {
            if (isMissing(sessionId) || isMissing(userId)) {
                return refuse(Reason.INVALID, "a session needs an id and a user");
            }
            String json = json(metadata);
            Instant at = now();
            if (!states.start(sessionId, userId, at)) {
                log.debug("The session {}... was already started", shortId(sessionId));
                return nothingToDo(sessionId, answer);
            }
            TrackResult result = offer(new Entry.Start(sessionId, userId, at, json == null ? "{}" : json), answer);
            if (!result.accepted()) {
                states.forget(sessionId, userId);
            }
            return result;
        } catch (RuntimeException e) {
            return invalid("session start", e);
        }
    }

    /** Records a message. A session that is not known here is no reason to refuse it. */
    public TrackResult track(TrackedMessage message) {
        return track(message, null);
    }

    /**
     * The same, with an answer that comes when the message is as safe as {@code parley.tracking.durability} promises: at once
     * for {@code memory} and {@code journal}, after the write to the journal for {@code process}, and after it was forced to
     * disk for {@code disk}. What is hung on the future does not hold up the tracker.
     */
    public CompletableFuture<TrackResult> trackDurable(TrackedMessage message) {
        return durably(answer -> track(message, answer));
    }

    /** @param call takes what is to be completed once its entry is safe; null when that is not waited for */
    private CompletableFuture<TrackResult> durably(
            Function<@Nullable CompletableFuture<TrackResult>, TrackResult> call) {
        if (settings.durability().compareTo(Durability.PROCESS) < 0) {
            return CompletableFuture.completedFuture(call.apply(null));
        }
        CompletableFuture<TrackResult> answer = new CompletableFuture<>();
        TrackResult result = call.apply(answer);
        if (!result.accepted()) {
            answer.complete(result);
        }
        return answer;
    }

    private static TrackResult nothingToDo(UUID sessionId, @Nullable CompletableFuture<TrackResult> answer) {
        TrackResult result = new Accepted(sessionId);
        if (answer != null) {
            answer.complete(result);
        }
        return result;
    }

    private TrackResult track(TrackedMessage message, @Nullable CompletableFuture<TrackResult> answer) {
        try {
            String wrong = whatIsWrong(message);
            if (wrong != null) {
                return refuse(Reason.INVALID, wrong);
            }
            Instant at = clock.instant(); // is cut to microseconds when it is journalled or stored
            UUID id = message.messageId() == null ? ids.next(at) : message.messageId();
            State state = states.find(message.sessionId(), at);
            TrackResult result = offer(
                    new Entry.Message(
                            id,
                            message.sessionId(),
                            state == null ? null : state.userId(),
                            message.role(),
                            message.content(),
                            message.audioUrl(),
                            json(message.metadata()),
                            (state == null ? strays : state.sequence()).next(at),
                            at),
                    answer);
            if (result.accepted()) {
                if (state != null) {
                    state.tracked(at);
                }
                if (state == null || !state.isActive()) {
                    late.increment();
                }
            }
            return result;
        } catch (RuntimeException e) {
            return invalid("message", e);
        }
    }

    private @Nullable String whatIsWrong(TrackedMessage message) {
        if (isMissing(message)) {
            return "there is no message";
        }
        if (isMissing(message.sessionId()) || isMissing(message.role()) || isMissing(message.content())) {
            return "a message needs a session, a role and a content, which may be empty";
        }
        return message.content().length() > maxContent
                ? "its content has " + message.content().length() + " characters; at most " + maxContent
                        + " are taken (parley.tracking.max-content)"
                : null;
    }

    /** The types say it cannot be; a caller may not have had them checked. */
    private static boolean isMissing(@Nullable Object value) {
        return value == null;
    }

    private static @Nullable String json(@Nullable Map<String, ?> metadata) {
        return metadata == null ? null : JsonMapper.shared().writeValueAsString(metadata);
    }

    /** Ends a session. Messages that come within the next 60 seconds are still recorded with its user. */
    public TrackResult end(UUID sessionId) {
        return end(sessionId, now(), null);
    }

    /** Ends a session as of a moment that has passed, such as that of its last connection's end. */
    public TrackResult end(UUID sessionId, Instant at) {
        return end(sessionId, at.truncatedTo(ChronoUnit.MICROS), null);
    }

    /** Ends a session now, with an answer that comes as that of {@link #trackDurable}. */
    public CompletableFuture<TrackResult> endDurable(UUID sessionId) {
        return durably(answer -> end(sessionId, now(), answer));
    }

    private TrackResult end(UUID sessionId, Instant at, @Nullable CompletableFuture<TrackResult> answer) {
        try {
            if (isMissing(sessionId)) {
                return refuse(Reason.INVALID, "there is no session id");
            }
            State state = states.find(sessionId, now());
            if (state == null) {
                log.warn("Session {}... not found in state", shortId(sessionId));
                refused(Reason.UNKNOWN_SESSION);
                return new Refused(Reason.UNKNOWN_SESSION, "session " + sessionId + " was not started here");
            }
            return end(sessionId, state, at, answer);
        } catch (RuntimeException e) {
            return invalid("session end", e);
        }
    }

    private TrackResult end(UUID sessionId, State state, Instant at, @Nullable CompletableFuture<TrackResult> answer) {
        if (!states.end(state, at)) {
            return nothingToDo(sessionId, answer); // it had ended
        }
        TrackResult result = offer(new Entry.End(sessionId, state.userId(), at, state.tracked()), answer);
        if (!result.accepted()) {
            states.endRefused(state);
        }
        return result;
    }

    private TrackResult offer(Entry entry, @Nullable CompletableFuture<TrackResult> answer) {
        Journal file = journal;
        if (file != null && file.isFull() && settings.whenFull() == WhenFull.REFUSE) {
            return refuse(Reason.JOURNAL_FULL, "the journal has used up parley.tracking.quota " + settings.quota());
        }
        switch (queue.offer(new Tracked(entry, answer))) {
            case FULL:
                return refuse(
                        Reason.QUEUE_FULL,
                        queue.capacity() + " messages wait, which is parley.tracking.queue-capacity");
            case CLOSED:
                return refuse(Reason.CLOSED, "the tracker has been closed");
            case TAKEN:
                break;
        }
        if (writer != null) {
            writer.wake();
        }
        return accepted(entry);
    }

    static Accepted accepted(Entry entry) {
        return new Accepted(entry instanceof Entry.Message message ? message.id() : entry.sessionId());
    }

    private TrackResult invalid(String what, RuntimeException e) {
        log.debug("A {} is not valid", what, e);
        return refuse(
                Reason.INVALID,
                e instanceof JacksonException ? "its metadata cannot be JSON: " + e.getMessage() : e.toString());
    }

    /** Told at most every ten seconds: whoever sends too much must not be given a log to fill as well. */
    private Refused refuse(Reason reason, String detail) {
        long count = refused(reason);
        long now = System.nanoTime();
        long next = warnAgainAt.get();
        if (now - next >= 0 && warnAgainAt.compareAndSet(next, now + BETWEEN_WARNINGS.toNanos())) {
            log.warn("A session's message is refused, {} so far for {}: {}", count, reason, detail);
        }
        return new Refused(reason, detail);
    }

    private long refused(Reason reason) {
        LongAdder count = refused.get(reason);
        if (count == null) {
            return 0;
        }
        count.increment();
        return count.sum();
    }

    /** The database keeps microseconds. */
    private Instant now() {
        Instant now = clock.instant();
        return Instant.ofEpochSecond(now.getEpochSecond(), now.getNano() / 1_000 * 1_000L);
    }

    /** The first eight characters of an id, as in log lines. */
    static String shortId(@Nullable Object id) {
        String text = String.valueOf(id);
        return text.length() <= SHORT ? text : text.substring(0, SHORT);
    }

    private void force() {
        try {
            if (journal != null) {
                journal.force();
            }
        } catch (IOException | RuntimeException e) { // thrown on, it would end the timer without a word
            log.warn("The message journal cannot be forced to disk: {}", e.toString());
        }
    }

    /** Forgets sessions whose grace is over, and ends those that were sent nothing for too long. */
    void sweep() {
        try {
            Instant now = now();
            states.forget(now);
            for (UUID idle : states.idleSince(now.minus(settings.idleTimeout()))) {
                State state = states.find(idle, now);
                if (state != null && end(idle, state.lastAt()).accepted()) {
                    log.info(
                            "Session {}... was sent nothing for {} and is ended",
                            shortId(idle),
                            settings.idleTimeout());
                }
            }
        } catch (RuntimeException e) {
            log.warn("Sessions could not be swept: {}", e.toString());
        }
    }

    /** Whose a session is that was started here, until a minute after its end; null when it is not known. */
    public @Nullable UUID userOf(UUID sessionId) {
        State state = state(sessionId);
        return state == null ? null : state.userId();
    }

    /** How much of the queue is taken, from 0 to 1: a sender that has a choice sends less as it fills. */
    public double load() {
        return (double) queue.size() / queue.capacity();
    }

    /** What is known of a session; null when nothing is. */
    @Nullable
    State state(UUID sessionId) {
        return states.find(sessionId, now());
    }

    /** How it is at this moment. */
    public TrackerHealth health() {
        Flusher.Away away = flusher.away();
        String down = whyDown(away);
        String degraded = whyDegraded(away);
        Map<Reason, Long> counts = new EnumMap<>(Reason.class);
        refused.forEach((reason, count) -> counts.put(reason, count.sum()));
        Instant oldest = flusher.oldest();
        return new TrackerHealth(
                down != null ? Status.DOWN : degraded != null ? Status.DEGRADED : Status.UP,
                down != null ? down : degraded,
                queue.size(),
                queue.capacity(),
                queue.taken(),
                counts,
                writer == null ? 0 : writer.journalled(),
                journal == null ? 0 : journal.used(),
                journal == null ? 0 : journal.quota(),
                journal == null ? 0 : journal.waiting(),
                oldest == null ? Duration.ZERO : Duration.between(oldest, clock.instant()),
                flusher.stored(),
                flusher.duplicates(),
                flusher.deadLetters(),
                dropped.sum(),
                damaged.sum(),
                states.active(),
                late.sum());
    }

    private @Nullable String whyDown(Flusher.@Nullable Away away) {
        if (closed) {
            return "the tracker has been closed";
        }
        if (writer != null && writer.failure() != null) {
            return writer.failure();
        }
        if (journal != null && journal.isFull()) {
            return "the journal is full"
                    + (settings.whenFull() == WhenFull.REFUSE ? ", messages are refused" : ", the oldest are given up")
                    + (away == null ? "" : "; " + away.reason());
        }
        return journal == null && away != null && queue.size() >= queue.capacity()
                ? "the queue is full, messages are refused; " + away.reason()
                : null;
    }

    private @Nullable String whyDegraded(Flusher.@Nullable Away away) {
        if (away != null) {
            return away.reason() + " (since " + away.since().truncatedTo(ChronoUnit.SECONDS) + ")";
        }
        return journal != null && journal.used() >= NEARLY * journal.quota()
                ? "the journal is " + 100 * journal.used() / journal.quota() + " % full"
                : null;
    }

    /**
     * Stops to accept, writes everything to the journal, and then to the database until the time for it is up. What is left is
     * recorded by the next start.
     */
    @Override
    public void close() {
        if (closed) {
            return;
        }
        long until = System.nanoTime() + settings.shutdownTimeout().toNanos();
        closed = true;
        queue.close();
        flusher.stop(until);
        LockSupport.unpark(flusherThread); // should it wait for the database
        try {
            if (writerThread != null && writer != null) {
                join(writerThread, until);
                writer.giveUp();
                writerThread.join();
            }
            join(flusherThread, until + LAST_STATEMENT.toNanos());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        timer.shutdown(); // no interrupt: it would close the segment that is being forced
        acknowledgements.shutdown();
        reader.shutdown();
        report();
    }

    private static void join(Thread thread, long until) throws InterruptedException {
        thread.join(Math.max(1, TimeUnit.NANOSECONDS.toMillis(until - System.nanoTime())));
    }

    private void report() {
        if (journal == null) {
            int lost = queue.size();
            if (lost > 0) {
                log.error(
                        "The tracker is closed: {} rows were saved; {} messages are lost, for without a journal nothing"
                                + " outlives the process (parley.tracking.durability)",
                        flusher.stored(),
                        lost);
            } else {
                log.info("The message tracker is closed: {} rows were saved, none wait", flusher.stored());
            }
            return;
        }
        long waiting = journal.waiting();
        if (waiting > 0) {
            log.warn(
                    "The message tracker is closed: {} rows were saved; {} bytes of messages wait in {} for the next start",
                    flusher.stored(),
                    waiting,
                    settings.folder());
        } else {
            log.info("The message tracker is closed: {} rows were saved, none wait", flusher.stored());
        }
        if (!flusherThread.isAlive()) {
            journal.close(); // else the flusher still reads; the lock goes with the process
        }
    }
}
