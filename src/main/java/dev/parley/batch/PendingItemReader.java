package dev.parley.batch;

import dev.parley.work.BatchItem;
import dev.parley.work.BatchItems;
import dev.parley.work.BatchJobs;
import dev.parley.work.ClaimOwner;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.springframework.batch.infrastructure.item.ItemReader;

/**
 * Hands out claimed items, and claims the next ones when it has none. The step reads from one lane at a time; apart from
 * {@link #lookNow}, {@link #recorded} and {@link #isWaiting} it is not thread-safe.
 *
 * <p>While something is postponed, or held by any process, or no call should begin, it waits in {@link #read()}; it ends when the jobs have nothing
 * left. What it has claimed and not handed out goes back when its job is paused or cancelled meanwhile.
 */
class PendingItemReader implements ItemReader<PendingItem> {
    /** How often the jobs of claimed items are looked up again, in nanoseconds. */
    private static final long LOOK_AGAIN = Duration.ofSeconds(1).toNanos();

    /** Others may claim what was due a moment ago; so often in a row they do not. */
    private static final int MOST_FRUITLESS_CLAIMS = 50;

    /** A look is cheap, and another process may put something back at any time. */
    private static final Duration LONGEST_WAIT = Duration.ofSeconds(1);

    private static final Duration SHORTEST_WAIT = Duration.ofMillis(5);

    /** A claim is a transaction, during which no lane gets an item; what lasts no longer than this was too small a one. */
    private static final long SOON_GONE = Duration.ofMillis(250).toNanos();

    /** More would leave too many unstarted items behind when a process dies. */
    private static final int LARGEST_PAGE = 128;

    private final BatchItems items;
    private final BatchJobs jobs;
    private final Collection<UUID> jobIds;
    private final int lanes;
    private final Supplier<ClaimOwner> owner;
    private final Supplier<Duration> providerPause;
    private final ItemTraces traces;
    private final LongSupplier nanoTime;
    private @Nullable BatchDelivery batches;
    private final ArrayDeque<BatchItem> claimed = new ArrayDeque<>();
    private final Semaphore news = new Semaphore(0);
    private int pageSize;
    private long handedOut;
    private long claimedAt;
    private long lookedAt;
    private volatile boolean lookNow;
    private volatile boolean waiting;

    /**
     * @param jobIds the jobs to claim from; empty means all that are open
     * @param lanes that read; half as many items are claimed at once to begin with, so that a small job is shared among
     *     processes, and more where calls turn out to be quick
     * @param providerPause how long the next call should wait; zero for not at all
     */
    PendingItemReader(
            BatchItems items,
            BatchJobs jobs,
            Collection<UUID> jobIds,
            int lanes,
            Supplier<ClaimOwner> owner,
            Supplier<Duration> providerPause,
            ItemTraces traces,
            LongSupplier nanoTime) {
        this.items = items;
        this.jobs = jobs;
        this.jobIds = jobIds;
        this.lanes = lanes;
        this.pageSize = smallestPage();
        this.owner = owner;
        this.providerPause = providerPause;
        this.traces = traces;
        this.nanoTime = nanoTime;
    }

    /** Has it hand out what comes back from batches, too. Before it is read from. */
    void alsoFrom(BatchDelivery delivery) {
        this.batches = delivery;
    }

    @Override
    public @Nullable PendingItem read() throws InterruptedException {
        for (int fruitless = 1; ; fruitless++) {
            news.drainPermits();
            PendingItem answered = batches == null ? null : batches.poll(); // waits for no provider
            if (answered != null) {
                return answered;
            }
            Duration hold = providerPause.get();
            releaseClosedJobs();
            if (hold.isZero()) {
                if (claimed.isEmpty()) {
                    claim();
                }
                BatchItem item = claimed.poll();
                if (item != null) {
                    handedOut++;
                    return PendingItem.live(item);
                }
            }
            Optional<Duration> due =
                    claimed.isEmpty() ? Outage.rideOut(() -> items.nextDue(jobIds)) : Optional.of(hold);
            if (due.isEmpty() && !(batches != null && Outage.rideOut(batches::underWay))) {
                return null;
            }
            if (hold.isZero() && due.isPresent() && due.get().isZero() && fruitless % MOST_FRUITLESS_CLAIMS == 0) {
                items.requireClaimable(jobIds);
            }
            pause(hold.isZero() ? due.orElse(LONGEST_WAIT) : hold); // a lane that waits here can be stopped at once
        }
    }

    private void claim() throws InterruptedException {
        long lasted = nanoTime.getAsLong() - claimedAt;
        if (handedOut < 2L * lanes || lasted > 4 * SOON_GONE) { // at first items go as fast as there are lanes to fill
            pageSize = smallestPage();
        } else if (lasted < SOON_GONE) {
            pageSize = Math.min(LARGEST_PAGE, 2 * pageSize);
        }
        Instant begun = traces.now();
        List<BatchItem> page = Outage.rideOut(() -> items.claim(jobIds, pageSize, owner.get()));
        claimed.addAll(page);
        traces.claimed(page, begun);
        claimedAt = nanoTime.getAsLong();
        lookedAt = claimedAt;
    }

    private int smallestPage() {
        return Math.min(LARGEST_PAGE, Math.max(16, lanes / 2));
    }

    /** Tells it that outcomes were recorded, after which there may be nothing left to wait for. Any thread. */
    void recorded() {
        news.release();
    }

    /** Tells it that a job was closed by this very process, so that not one more of its items is handed out. Any thread. */
    void lookNow() {
        lookNow = true;
    }

    /** Whether it has nothing to hand out before an item comes back, is due, or is recorded. Any thread. */
    boolean isWaiting() {
        return waiting;
    }

    private void releaseClosedJobs() throws InterruptedException {
        if (claimed.isEmpty() || !lookNow && nanoTime.getAsLong() - lookedAt < LOOK_AGAIN) {
            return;
        }
        lookNow = false;
        lookedAt = nanoTime.getAsLong();
        List<UUID> served = claimed.stream().map(BatchItem::jobId).distinct().toList();
        Set<UUID> closed = Outage.rideOut(() -> jobs.notOpen(served));
        if (!closed.isEmpty()) {
            List<BatchItem> back = new ArrayList<>(claimed);
            back.removeIf(item -> !closed.contains(item.jobId()));
            claimed.removeAll(back);
            Outage.rideOut(() -> {
                items.release(back);
                return back;
            });
        }
    }

    private void pause(Duration due) throws InterruptedException {
        Duration wait = due.compareTo(LONGEST_WAIT) < 0 ? due : LONGEST_WAIT;
        waiting = true;
        try {
            if (news.tryAcquire(Math.max(wait.toNanos(), SHORTEST_WAIT.toNanos()), TimeUnit.NANOSECONDS)) {
                news.drainPermits();
            }
        } finally {
            waiting = false;
        }
    }
}
