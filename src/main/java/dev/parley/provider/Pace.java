package dev.parley.provider;

import io.github.bucket4j.BandwidthBuilder.BandwidthBuilderBuildStage;
import io.github.bucket4j.BandwidthBuilder.BandwidthBuilderCapacityStage;
import io.github.bucket4j.Bucket;
import io.github.bucket4j.BucketConfiguration;
import io.github.bucket4j.BucketExceptions.BucketExecutionException;
import io.github.bucket4j.TimeMeter;
import java.time.Duration;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One limit a minute, spent evenly: who takes from it is told when. Thread-safe.
 *
 * <p>Calls do not come as fast as a minute's worth allows: a bucket with a small capacity, filled continuously, hands out
 * points in time. It is filled at {@value #SHARE_OF_LIMIT} of the limit, so that what the network bunches together has room
 * in the provider's bucket, which may hold no more than a second's worth.
 *
 * <p>Shared between processes, there is a second bucket, in the database, and a transaction for each call would cost more
 * than all else that the database does for an item. So a process leases a quarter of a second's worth at a time, or what
 * sixteen calls need where that is more. The bucket goes into
 * debt for it, and the debt is a place in a queue: processes that want more than there is get slices of time one after the
 * other, and each spends its own at the full rate, evenly, from when it begins. The own bucket stays in force, so that a
 * process which spends its lease slowly cannot spend the rest of it all at once. A lease that is not used up in ten seconds
 * lapses, and the next one is as small as what was used of it; one that is, doubles the next. So a process that calls now and
 * then takes little from the others.
 *
 * <p>While the database does not answer, the process paces by its own bucket alone.
 */
final class Pace {
    private static final Logger LOG = LoggerFactory.getLogger(Pace.class);
    static final long TOO_EARLY = Long.MAX_VALUE;
    private static final double SHARE_OF_LIMIT = 0.99;
    private static final long MINUTE = Duration.ofMinutes(1).toNanos();
    private static final long CALLS_OF_A_LEASE = 16;
    private static final long LEASE_LASTS = Duration.ofSeconds(10).toNanos();

    private final long perMinute;
    private final double nanosPerToken;
    private final Ticker ticker;
    private final Bucket own;
    private final @Nullable Bucket shared;
    private final ReentrantLock lock = new ReentrantLock();
    /** When the last taker may begin. */
    private volatile long latest;
    // Of the lease; guarded by the lock.
    private long left;
    private long used;
    private long leaseSize = 1;
    private long lapses;
    /** When the next token of the lease is earned. */
    private long earned;

    private Pace(long perMinute, long burst, Ticker ticker, @Nullable Bucket shared) {
        this.perMinute = perMinute;
        this.nanosPerToken = MINUTE / SHARE_OF_LIMIT / perMinute;
        this.ticker = ticker;
        this.own = Bucket.builder()
                .addLimit(bandwidth(perMinute, burst))
                .withCustomTimePrecision(meter(ticker))
                .build();
        this.shared = shared;
        this.latest = ticker.nanos();
        this.earned = latest - MINUTE;
    }

    static Pace ofProcess(long perMinute, long burst, Ticker ticker) {
        return new Pace(perMinute, burst, ticker, null);
    }

    /**
     * Shared by all processes that ask with the same name, limit and burst.
     *
     * @param name of provider, model and what is limited
     */
    static Pace ofDatabase(SharedBuckets buckets, String name, long perMinute, long burst, Ticker ticker) {
        BucketConfiguration configuration = BucketConfiguration.builder()
                .addLimit(bandwidth(perMinute, burst))
                .build();
        return new Pace(
                perMinute, burst, ticker, buckets.bucket(name + " " + perMinute + "/min " + burst, configuration));
    }

    /** A quarter of a second's worth, see {@link LimitSettings#burst}. */
    static long smallBurst(long perMinute) {
        return Math.max(1, perMinute / 240);
    }

    private static Function<BandwidthBuilderCapacityStage, BandwidthBuilderBuildStage> bandwidth(
            long perMinute, long burst) {
        Duration refill = Duration.ofNanos((long) (MINUTE / SHARE_OF_LIMIT));
        return limit -> limit.capacity(burst).refillGreedy(perMinute, refill);
    }

    private static TimeMeter meter(Ticker ticker) {
        return new TimeMeter() {
            @Override
            public long currentTimeNanos() {
                return ticker.nanos();
            }

            @Override
            public boolean isWallClockBased() {
                return false;
            }
        };
    }

    long perMinute() {
        return perMinute;
    }

    /**
     * Takes so many tokens.
     *
     * @return when they may be spent, by the ticker; now or earlier for at once
     */
    long take(long tokens) throws InterruptedException {
        return takeUnlessAhead(tokens, Long.MAX_VALUE);
    }

    /** Takes one token, and returns when it may be spent. */
    void await() throws InterruptedException {
        ticker.sleep(take(1) - ticker.nanos());
    }

    /**
     * Takes so many tokens unless the last taker waits for more than so long; then it takes nothing.
     *
     * @return when they may be spent, or {@link #TOO_EARLY}
     */
    long takeUnlessAhead(long tokens, long mostNanos) throws InterruptedException {
        lock.lockInterruptibly();
        try {
            long now = ticker.nanos();
            if (latest - now > mostNanos) {
                return TOO_EARLY;
            }
            long begin = now + own.consumeIgnoringRateLimits(tokens);
            if (shared != null) {
                begin = Math.max(begin, fromLease(tokens, now, shared));
            }
            latest = begin;
            return begin;
        } finally {
            lock.unlock();
        }
    }

    /** Corrects what was taken: more for a positive number, less for a negative one. Waits for nothing. */
    void correct(long tokens) {
        if (tokens == 0) {
            return;
        }
        lock.lock();
        try {
            if (tokens > 0) {
                own.consumeIgnoringRateLimits(tokens);
            } else {
                own.addTokens(-tokens);
            }
            left -= tokens;
            earned += (long) (tokens * nanosPerToken);
        } finally {
            lock.unlock();
        }
    }

    /** How long from now the last taker waits; zero or less when nobody does. */
    long ahead() {
        return latest - ticker.nanos();
    }

    private long fromLease(long tokens, long now, Bucket bucket) throws InterruptedException {
        if (left > 0 && now - lapses > 0) {
            left = 0;
            leaseSize = Math.max(1, used);
        } else if (left < tokens) {
            leaseSize = Math.min(Math.max(perMinute / 240, CALLS_OF_A_LEASE * tokens), 2 * leaseSize);
        }
        if (left < tokens) {
            long lease = Math.max(leaseSize, tokens - left);
            long wait = lease(lease, bucket);
            left += lease;
            used = 0;
            lapses = now + wait + LEASE_LASTS;
            earned = Math.max(earned, now + wait - (long) (left * nanosPerToken));
        }
        left -= tokens;
        used += tokens;
        earned += (long) (tokens * nanosPerToken);
        return earned;
    }

    /** @return how long until the debt is paid off, in nanoseconds */
    private static long lease(long tokens, Bucket bucket) throws InterruptedException {
        try {
            return bucket.consumeIgnoringRateLimits(tokens);
        } catch (BucketExecutionException e) {
            if (Thread.interrupted()) {
                throw new InterruptedException("interrupted while waiting for the database");
            }
            LOG.warn("limits are not shared with other processes for now: {}", FailurePolicy.describe(e));
            return 0;
        }
    }
}
