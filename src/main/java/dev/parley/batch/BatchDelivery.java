package dev.parley.batch;

import dev.parley.archive.StoreException;
import dev.parley.provider.CallInterruptedException;
import dev.parley.provider.ModelException;
import dev.parley.provider.ModelFailure;
import dev.parley.provider.ModelFailure.Next;
import dev.parley.work.BatchJobs;
import dev.parley.work.ClaimOwner;
import dev.parley.work.ProviderBatch;
import dev.parley.work.ProviderBatches;
import dev.parley.work.ProviderBatches.TakenOverException;
import java.time.Duration;
import java.util.Collection;
import java.util.UUID;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Sends items to a provider in batches, and hands their results to the step's lanes like any other item.
 *
 * <p>One thread of its own drives the batches of a run, in turns: a turn takes a batch that is due and nobody's, does the one
 * thing that comes next for it, and gives it back. All of its state is in the table: a process that dies in the middle of a
 * turn is followed by another that goes on from there.
 *
 * <pre>
 * preparing ─ intent committed ─► submitting ─ answer ─► in_progress ─► ended ─ all recorded ─► done
 *     ▲                               │ no answer: looked for in the provider's list, as long as it may turn up
 *     └────────── surely absent ──────┘
 * </pre>
 *
 * <p>The left half is {@link BatchSubmission}, the right one {@link BatchResults}. A second thread renews the turn.
 * {@link #poll} is for the reader.
 */
final class BatchDelivery implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(BatchDelivery.class);

    private static final Duration LOOK_AGAIN = Duration.ofMillis(500);

    private final ProviderBatches batches;
    private final BatchJobs jobs;
    private final BatchSubmission submission;
    private final BatchResults results;
    private final Handover lanes;
    private final BatchSettings settings;
    private final Collection<UUID> jobIds;
    private final Supplier<ClaimOwner> owner;
    private final Runnable onNews;
    private final Thread driver = new Thread(this::drive, "parley-batches");
    private final ScheduledExecutorService renewal = Executors.newSingleThreadScheduledExecutor(task -> {
        Thread thread = new Thread(task, "parley-batches-renewal");
        thread.setDaemon(true);
        return thread;
    });

    private volatile @Nullable ProviderBatch current;
    private volatile long renewedAt;
    private volatile @Nullable RuntimeException failure;
    private volatile boolean closed;

    /**
     * @param jobIds the jobs to serve; empty means all
     * @param onNews called when {@link #poll} or {@link #underWay} may have something else to say
     */
    BatchDelivery(
            ProviderBatches batches,
            BatchJobs jobs,
            BatchSubmission submission,
            BatchResults results,
            Handover lanes,
            BatchSettings settings,
            Collection<UUID> jobIds,
            Supplier<ClaimOwner> owner,
            Runnable onNews) {
        this.batches = batches;
        this.jobs = jobs;
        this.submission = submission;
        this.results = results;
        this.lanes = lanes;
        this.settings = settings;
        this.jobIds = jobIds;
        this.owner = owner;
        this.onNews = onNews;
    }

    void start() {
        long third = owner.get().lease().toMillis() / 3;
        renewal.scheduleWithFixedDelay(this::renew, third, third, TimeUnit.MILLISECONDS);
        driver.setDaemon(true);
        driver.start();
    }

    /** An item that waits for nobody; null when there is none now. Any thread. */
    @Nullable
    PendingItem poll() {
        RuntimeException broken = failure;
        if (broken != null) {
            throw broken;
        }
        return lanes.poll();
    }

    /** Whether there is something left to do for a batch of the run's jobs, also of those that are closed. */
    boolean underWay() {
        return !batches.underWay(jobIds).isEmpty();
    }

    /** Ends the turn where it is; another process, or the next run, goes on from there. */
    @Override
    public void close() {
        closed = true;
        driver.interrupt();
        renewal.shutdownNow();
        try {
            driver.join(Duration.ofSeconds(30).toMillis());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** A turn that is another's by now, or may be, must not go on: it could be sending what the other looks for in vain. */
    private void renew() {
        ProviderBatch held = current;
        if (held == null) {
            return;
        }
        try {
            if (batches.renew(held, owner.get())) {
                renewedAt = System.nanoTime();
            } else if (held.equals(current)) {
                log.warn("Batch {} is driven by another process", held.id());
                driver.interrupt();
            }
        } catch (RuntimeException e) {
            log.warn("The turn of batch {} could not be renewed: {}", held.id(), e.getMessage());
            if (System.nanoTime() - renewedAt >= owner.get().lease().toNanos() && held.equals(current)) {
                driver.interrupt();
            }
        }
    }

    private void drive() {
        while (!closed) {
            boolean worked = false;
            try {
                worked = turn();
            } catch (InterruptedException | CallInterruptedException e) {
                log.debug("A turn was interrupted", e);
                endTurn();
            } catch (TakenOverException e) {
                log.warn("A turn ends: {}", e.getMessage());
            } catch (RuntimeException e) {
                if (!closed && !Outage.isOne(e)) {
                    failure = e;
                    onNews.run();
                    return;
                }
                log.warn("Batches wait for the database: {}", e.getMessage());
                endTurn();
            } finally {
                current = null;
                lanes.forget();
            }
            boolean interrupted = Thread.interrupted(); // of this turn, not of the next
            if (worked) {
                onNews.run();
            } else if (!closed && !interrupted) {
                try {
                    TimeUnit.NANOSECONDS.sleep(Math.min(settings.pollMin().toNanos(), LOOK_AGAIN.toNanos()));
                } catch (InterruptedException e) {
                    log.debug("Woken", e);
                }
            }
        }
    }

    /** Or the next one would have to wait until the lease has ended. */
    private void endTurn() {
        boolean interrupted = Thread.interrupted();
        ProviderBatch batch = current;
        try {
            if (batch != null) {
                batches.giveBack(batch, Duration.ZERO, null);
            }
        } catch (RuntimeException e) {
            log.warn("Batch {} waits until the lease of this turn has ended: {}", batch, e.getMessage());
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    /** Says whether there was something to do. */
    private boolean turn() throws InterruptedException {
        renewedAt = System.nanoTime();
        ProviderBatch batch = batches.take(jobIds, owner.get()).orElse(null);
        if (batch == null) {
            batch = submission.gather(jobIds, owner).orElse(null);
        }
        if (batch == null) {
            return false;
        }
        current = batch;
        try {
            switch (batch.status()) {
                case PREPARING -> submission.send(batch);
                case SUBMITTING -> submission.find(batch);
                case IN_PROGRESS, CANCELING -> results.look(batch);
                default -> results.collect(batch, batch.items());
            }
        } catch (ModelException e) {
            stumbled(batch, e.failure());
        } catch (StoreException e) {
            log.warn("Batch {} waits for the object store: {}", batch.id(), e.getMessage());
            batches.giveBack(batch, settings.pollMin(), e.getMessage());
        }
        return true;
    }

    /** The provider could not be asked about a batch that it may have: the batch is none the worse for it. */
    private void stumbled(ProviderBatch batch, ModelFailure why) {
        log.warn("Batch {} ({}) cannot be looked at: {}", batch.id(), batch.providerId(), why.detail());
        if (why.next() == Next.PAUSE_JOB) {
            jobs.pause(batch.jobId(), why.detail());
        }
        Duration wait = why.retryAfter() == null ? results.backOff(batch) : why.retryAfter();
        batches.giveBack(batch, wait, why.detail());
    }
}
