package dev.parley.tracking;

import dev.parley.tracking.IntakeQueue.Tracked;
import dev.parley.tracking.TrackingSettings.Durability;
import dev.parley.tracking.TrackingSettings.WhenFull;
import java.io.IOException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.atomic.LongAdder;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Takes everything from the queue to the journal: one thread, which ends when the queue is closed and empty.
 *
 * <p>It is not signalled but looks every millisecond: a signal a message would cost its sender more than all the rest. Only
 * after a while without any does it sleep, and the next sender wakes it.
 */
final class JournalWriter implements Runnable {
    private static final Logger log = LoggerFactory.getLogger(JournalWriter.class);
    /** Small, for all of a batch is lost together with the process until it is written; a write costs microseconds. */
    private static final int MOST = 128;

    private static final int WARM = 1_000;
    private static final long LINGER_NANOS = 1_000_000;
    private static final long DOZE_NANOS = 50 * LINGER_NANOS;
    private static final int LOOKS_BEFORE_DOZING = 200;
    private static final Duration PAUSE_AFTER_FAILURE = Duration.ofMillis(100);

    private final IntakeQueue queue;
    private final Journal journal;
    private final TrackingSettings settings;
    private final Executor acknowledgements;
    private final LongAdder dropped;
    private final LongAdder journalled = new LongAdder();
    private final Lines.Buffer buffer = new Lines.Buffer(256 * 1024);
    private volatile @Nullable Thread dozing;
    private volatile @Nullable String failure;
    private volatile boolean givenUp;

    /**
     * @param acknowledgements runs what senders hang on their futures
     * @param dropped counts what had to give way
     */
    JournalWriter(
            IntakeQueue queue,
            Journal journal,
            TrackingSettings settings,
            Executor acknowledgements,
            LongAdder dropped) {
        this.queue = queue;
        this.journal = journal;
        this.settings = settings;
        this.acknowledgements = acknowledgements;
        this.dropped = dropped;
        warmUp();
    }

    /** While nothing waits: interpreted, the writer of lines is slower than live conversations may come. */
    private void warmUp() {
        UUID id = new UUID(0, 0);
        Entry entry = new Entry.Message(id, id, id, MessageRole.USER, "warm", null, null, 0, Instant.EPOCH);
        for (int i = 0; i < WARM; i++) {
            buffer.reset();
            Lines.append(entry, buffer);
        }
    }

    @Override
    public void run() {
        List<Tracked> taken = new ArrayList<>();
        int looks = 0;
        while (!queue.isDone() && !givenUp) {
            taken.clear();
            if (queue.drainTo(taken, MOST) > 0) {
                looks = 0;
                write(taken);
            } else if (++looks > LOOKS_BEFORE_DOZING) {
                doze();
            }
            if (taken.size() < MOST) {
                LockSupport.parkNanos(LINGER_NANOS);
            }
        }
    }

    private void doze() {
        dozing = Thread.currentThread();
        if (queue.size() == 0) { // looked at after the sender can see who to wake
            LockSupport.parkNanos(DOZE_NANOS);
        }
        dozing = null;
    }

    /** Called by senders, after the queue has what they sent. */
    void wake() {
        Thread sleeper = dozing;
        if (sleeper != null) {
            dozing = null;
            LockSupport.unpark(sleeper);
        }
    }

    private void write(List<Tracked> taken) {
        buffer.reset();
        taken.removeIf(tracked -> !encode(tracked));
        while (!append()) {
            if (givenUp) {
                log.error("{} messages could not be journalled before the end and are lost", taken.size());
                return;
            }
            LockSupport.parkNanos(PAUSE_AFTER_FAILURE.toNanos());
        }
        journalled.add(taken.size());
        acknowledge(taken);
    }

    private boolean encode(Tracked tracked) {
        int begin = buffer.size();
        try {
            Lines.append(tracked.entry(), buffer);
            return true;
        } catch (RuntimeException e) { // a fault of ours; the others must not suffer
            buffer.truncate(begin);
            log.error("A message cannot be journalled", e);
            CompletableFuture<TrackResult> waiting = tracked.acknowledgement();
            if (waiting != null) {
                acknowledgements.execute(() -> waiting.complete(
                        new TrackResult.Refused(TrackResult.Reason.INVALID, "it cannot be written as JSON: " + e)));
            }
            return false;
        }
    }

    private boolean append() {
        try {
            journal.append(buffer.bytes(), buffer.size());
            while (settings.whenFull() == WhenFull.DROP_OLDEST && journal.isFull()) {
                long lines = journal.dropOldest();
                if (lines == 0) {
                    break;
                }
                dropped.add(lines);
                log.error(
                        "The journal is full: {} of its oldest messages are given up (parley.tracking.when-full)",
                        lines);
            }
            if (settings.durability() == Durability.DISK) {
                journal.force();
            }
            if (failure != null) {
                log.info("The message journal can be written again");
                failure = null;
            }
            return true;
        } catch (IOException e) {
            if (failure == null) {
                log.error(
                        "The message journal cannot be written, trying again every {} ms",
                        PAUSE_AFTER_FAILURE.toMillis(),
                        e);
            }
            failure = "the journal cannot be written: " + e;
            return false;
        }
    }

    private void acknowledge(List<Tracked> taken) {
        if (settings.durability().compareTo(Durability.PROCESS) < 0) {
            return; // was acknowledged when it was accepted
        }
        List<Tracked> waiting = taken.stream()
                .filter(tracked -> tracked.acknowledgement() != null)
                .toList();
        if (!waiting.isEmpty()) {
            acknowledgements.execute(() -> waiting.forEach(JournalWriter::complete));
        }
    }

    private static void complete(Tracked tracked) {
        CompletableFuture<TrackResult> waiting = tracked.acknowledgement();
        if (waiting != null) {
            waiting.complete(ConversationTracker.accepted(tracked.entry()));
        }
    }

    /** Ends the thread with what it has, should the disk not take it. */
    void giveUp() {
        givenUp = true;
    }

    /** Why nothing can be written; null when it can. */
    @Nullable
    String failure() {
        return failure;
    }

    long journalled() {
        return journalled.sum();
    }
}
