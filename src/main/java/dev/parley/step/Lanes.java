package dev.parley.step;

import dev.parley.step.ConcurrentChunkStep.Settings;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.ReentrantLock;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.batch.core.scope.context.StepSynchronizationManager;
import org.springframework.batch.core.step.StepExecution;
import org.springframework.core.task.SimpleAsyncTaskExecutor;

/**
 * The threads that read, process and hand over, and the queue between them and the step's thread.
 *
 * <p>Hazards and their rules:
 *
 * <ul>
 *   <li>A stop has to wake a lane that waits in {@code read} and must not touch one that processes. So a lane states what it
 *       is about to do ({@link Lane#enter}) before it looks at the stop, a stop is raised before it looks at the lanes,
 *       and it interrupts under the lane's monitor, only a lane that is still at it. {@link Lane#leave} takes back an
 *       interrupt that came too late, so that listeners and the queue never see one.
 *   <li>The step's thread has to know when the last result is in. So each lane's last act is an {@link Ended}, put however
 *       often the thread is interrupted; nothing else ends the step.
 *   <li>Lanes do not touch the {@link StepExecution}, whose fields are the step's thread's; they count for themselves.
 * </ul>
 */
final class Lanes<I, O> {
    private static final Logger log = LoggerFactory.getLogger(Lanes.class);
    private static final int MOST_SUPPRESSED = 10;

    private final String stepName;
    private final Settings<I, O> settings;
    private final List<Lane> lanes;
    private final BlockingQueue<Event<I, O>> events;
    private final ReentrantLock readLock = new ReentrantLock();
    private final AtomicInteger inHand = new AtomicInteger(); // items read whose results are not handed over
    private final AtomicLong reads = new AtomicLong();
    private final AtomicLong filtered = new AtomicLong();
    private final AtomicLong abandoned = new AtomicLong();

    private volatile boolean exhausted; // the reader has returned null
    private volatile boolean draining; // no more reads: stopped, or failed
    private volatile boolean cut; // no more processing either: lanes are interrupted
    private boolean stopRequested; // guarded by this, as are the next three
    private boolean stoppedInTime; // the stop came before the reader's end
    private long stopRequestedAt;
    private @Nullable Throwable failure;

    private int alive; // lanes whose Ended has not been seen; the step's thread only

    Lanes(String stepName, Settings<I, O> settings) {
        this.stepName = stepName;
        this.settings = settings;
        this.lanes = Stream.generate(Lane::new).limit(settings.concurrency()).toList();
        this.events = new ArrayBlockingQueue<>(Math.max(2 * settings.chunkSize(), settings.concurrency()));
    }

    /** What a lane tells the step's thread. */
    private sealed interface Event<I, O> {}

    /** @param at {@link System#nanoTime} of the result */
    record Completed<I, O>(I item, O result, long at) implements Event<I, O> {}

    private record Ended<I, O>() implements Event<I, O> {}

    /** There is something to look at besides results. */
    private record Wake<I, O>() implements Event<I, O> {}

    void start(StepExecution stepExecution) {
        if (draining) {
            return;
        }
        SimpleAsyncTaskExecutor threads = new SimpleAsyncTaskExecutor(stepName + "-");
        threads.setVirtualThreads(Runtime.version().feature() >= 21);
        threads.setDaemon(true);
        try {
            for (Lane lane : lanes) {
                threads.execute(() -> lane.run(stepExecution));
                alive++;
            }
        } catch (RuntimeException | OutOfMemoryError e) { // "unable to create native thread"
            fail(e);
        }
    }

    /** Whether results may still come. The step's thread only, as all below up to {@link #awaitEnd}. */
    boolean running() {
        return alive > 0;
    }

    /** Whether every item that was read has been handed over, or is about to be: what comes next must still be read. */
    boolean idle() {
        return inHand.get() == 0 && events.isEmpty();
    }

    /** Items whose results are not handed over. Any thread. */
    int inHand() {
        return inHand.get();
    }

    /** Waits for a first result, adds it and those that are there already. */
    void collect(List<Completed<I, O>> into, int most, long waitNanos) throws InterruptedException {
        Event<I, O> first = events.poll(waitNanos, TimeUnit.NANOSECONDS);
        if (first == null) {
            return;
        }
        List<Event<I, O>> arrived = new ArrayList<>();
        arrived.add(first);
        events.drainTo(arrived, most - 1);
        for (Event<I, O> event : arrived) {
            if (event instanceof Completed<I, O> completed) {
                into.add(completed);
            } else if (event instanceof Ended) {
                alive--;
            }
        }
    }

    /** Returns when every lane's thread has died. Results that nobody collected are dropped. Tells of an interrupt. */
    boolean awaitEnd() {
        boolean interrupted = false;
        while (running()) {
            try {
                collect(new ArrayList<>(), Integer.MAX_VALUE, TimeUnit.SECONDS.toNanos(1));
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        for (Lane lane : lanes) {
            interrupted |= lane.join();
        }
        return interrupted;
    }

    /** Nothing more is read; what is in flight goes on. Any thread. */
    void requestStop() {
        synchronized (this) {
            if (stopRequested) {
                return;
            }
            stopRequested = true;
            stoppedInTime = !exhausted;
            stopRequestedAt = System.nanoTime();
        }
        drain();
        events.offer(new Wake<>()); // a full queue keeps the step's thread awake by itself
    }

    /** What is in flight is interrupted as well. Any thread. */
    void stopNow() {
        requestStop();
        cut = true;
        lanes.forEach(lane -> lane.interruptIf(Doing.PROCESSING));
    }

    /** Nothing more is read, because of this. Any thread. */
    void fail(Throwable cause) {
        synchronized (this) {
            if (failure == null) {
                failure = cause;
            } else if (failure != cause && failure.getSuppressed().length < MOST_SUPPRESSED) {
                failure.addSuppressed(cause);
            }
        }
        drain();
    }

    private void drain() {
        draining = true;
        lanes.forEach(lane -> lane.interruptIf(Doing.READING));
    }

    /** Interrupts again who swallowed the first one, for as long as the step has to wait for them. */
    void insist() {
        if (draining) {
            drain();
        }
        if (cut) {
            stopNow();
        }
    }

    synchronized @Nullable Throwable failure() {
        return failure;
    }

    /** Whether a stop has left work undone. */
    synchronized boolean stopped() {
        return stopRequested && (stoppedInTime || abandoned.get() > 0);
    }

    /** How much of the grace is left; {@link Long#MAX_VALUE} when no stop was requested or it is over already. */
    synchronized long graceLeftNanos() {
        return stopRequested && !cut
                ? settings.grace().toNanos() - (System.nanoTime() - stopRequestedAt)
                : Long.MAX_VALUE;
    }

    long reads() {
        return reads.get();
    }

    long filtered() {
        return filtered.get();
    }

    /** Items that were read and whose processing a stop has cut off. */
    long abandoned() {
        return abandoned.get();
    }

    private enum Doing {
        /** Waiting for the reader, or in it. */
        READING,
        PROCESSING,
        /** Handing over, telling listeners, ending: not to be interrupted. */
        OTHER
    }

    private final class Lane {
        private @Nullable Thread thread; // guarded by this, as are the next two
        private Doing doing = Doing.OTHER;
        private boolean interruptedByUs;
        private final Ended<I, O> ended = new Ended<>(); // made early: the last act must not run out of memory

        void run(StepExecution stepExecution) {
            synchronized (this) {
                thread = Thread.currentThread();
            }
            try {
                StepSynchronizationManager.register(stepExecution);
                try {
                    for (I item = next(); item != null; item = next()) {
                        process(item);
                    }
                } finally {
                    StepSynchronizationManager.close(); // release() would destroy the beans under the other lanes
                }
            } catch (Throwable e) {
                fail(e);
            } finally {
                put(ended);
            }
        }

        private @Nullable I next() throws Exception {
            if (!enter(Doing.READING)) {
                return null;
            }
            try {
                readLock.lockInterruptibly();
                try {
                    return exhausted || draining ? null : read();
                } catch (Throwable e) {
                    fail(e); // before the next lane has the lock: a reader that threw is not called again
                    throw e;
                } finally {
                    readLock.unlock();
                }
            } catch (InterruptedException e) {
                if (leave()) {
                    return null;
                }
                throw e;
            } finally {
                leave();
            }
        }

        private @Nullable I read() throws Exception {
            I item;
            try {
                settings.listeners().read().beforeRead();
                item = settings.reader().read();
            } catch (Exception e) {
                if (leave()) {
                    log.debug("{}: a read was interrupted because the step ends", stepName, e);
                    return null;
                }
                settings.listeners().readFailed(e);
                throw e;
            }
            leave();
            if (item == null) {
                exhausted = true;
                return null;
            }
            reads.incrementAndGet();
            inHand.incrementAndGet();
            try {
                settings.listeners().read().afterRead(item);
            } catch (Exception e) {
                inHand.decrementAndGet();
                settings.listeners().readFailed(e);
                throw e;
            }
            return item;
        }

        private void process(I item) throws Exception {
            O result;
            try {
                result = resultOf(item);
            } finally {
                inHand.decrementAndGet(); // before the result is handed over: whoever takes it sees that nothing
                // follows
            }
            if (result != null) {
                put(new Completed<>(item, result, System.nanoTime()));
            }
        }

        /** @return null when there is none: filtered, or cut off by a stop */
        private @Nullable O resultOf(I item) throws Exception {
            boolean cutOff = false;
            O result;
            try {
                if (!enter(Doing.PROCESSING)) {
                    cutOff = true;
                    throw new InterruptedException("the step was stopped before the item was processed");
                }
                try {
                    settings.listeners().process().beforeProcess(item);
                    result = settings.processor().process(item);
                } catch (Exception e) {
                    cutOff = leave();
                    throw e;
                } finally {
                    leave();
                }
                settings.listeners().process().afterProcess(item, result);
            } catch (Exception e) {
                settings.listeners().processFailed(item, e);
                if (!cutOff) {
                    throw e;
                }
                // Whatever an interrupted call makes of it, being stopped is not a failure.
                abandoned.incrementAndGet();
                log.debug("{}: an item was interrupted because the step was stopped", stepName, e);
                return null;
            }
            if (result == null) {
                filtered.incrementAndGet();
            }
            return result;
        }

        /** @return false when this must not begin any more */
        private synchronized boolean enter(Doing next) {
            doing = next;
            if (next == Doing.READING ? draining : cut) {
                doing = Doing.OTHER;
            }
            return doing == next;
        }

        /** @return whether we had interrupted it; the flag is cleared, whoever set it */
        private synchronized boolean leave() {
            boolean ours = interruptedByUs;
            interruptedByUs = false;
            doing = Doing.OTHER;
            Thread.interrupted();
            return ours;
        }

        synchronized void interruptIf(Doing what) {
            if (doing == what && thread != null) {
                interruptedByUs = true;
                thread.interrupt();
            }
        }

        private void put(Event<I, O> event) {
            while (true) {
                try {
                    events.put(event);
                    return;
                } catch (InterruptedException e) {
                    log.debug("{}: an interrupt that was not ours, while a result is handed over", stepName);
                }
            }
        }

        boolean join() {
            Thread mine;
            synchronized (this) {
                mine = thread;
            }
            boolean interrupted = false;
            while (mine != null && mine.isAlive()) {
                try {
                    mine.join();
                } catch (InterruptedException e) {
                    interrupted = true;
                }
            }
            return interrupted;
        }
    }
}
