package dev.parley.provider;

import dev.parley.provider.RateLimitHeaders.Limit;
import java.time.Duration;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The limits of one model: requests, input tokens, output tokens, and tokens of both kinds a minute. Tokens are taken by estimate before a call and
 * settled by what it really used; prompt tokens from the provider's cache and output that was allowed and not produced do not
 * count.
 *
 * <p>A limit that is not configured is learned from the provider's headers, and kept from when less than half of it remains
 * or a call was refused: one that is nowhere near needs no pace. Until the first answer, calls begin as the smallest tier
 * allows, shared like any other limit, because a burst of hundreds is refused before its first answer can tell the limit.
 *
 * <p>Without a limit, a call costs a few volatile reads.
 */
final class ModelLimits {
    private static final Logger LOG = LoggerFactory.getLogger(ModelLimits.class);

    /** Requests a minute of the smallest tier, and a second's worth of it. */
    private static final long SMALLEST_TIER = 1000;

    private static final long SMALLEST_TIER_BURST = SMALLEST_TIER / 60;
    private static final long SLOW_DOWN_EVERY = Duration.ofSeconds(1).toNanos();
    /** Of the newest observation in a moving average. */
    private static final double WEIGHT = 0.1;

    private final String model;
    private final PaceSource source;
    private final Ticker ticker;
    private final ReentrantLock lock = new ReentrantLock();
    private final Limited requests;
    private final Limited input;
    private final Limited output;
    /** Of input and output together; never configured. */
    private final Limited tokens;

    private final @Nullable Pace beginners;
    private volatile boolean answered;
    /** No call before this, by the ticker. */
    private volatile long notBefore;

    // Written under the lock, read without.
    private volatile double tokensPerCharacter = 0.33;
    private volatile double outputTokens = 2000;
    private volatile boolean measured;

    /** Makes paces, shared or not. */
    @FunctionalInterface
    interface PaceSource {
        Pace pace(String name, long perMinute, long burst);
    }

    /** What was taken for a call. */
    record Reserved(
            long inputTokens,
            long outputTokens,
            int characters,
            long begin,
            @Nullable Pace requestPace) {}

    ModelLimits(String model, LimitSettings settings, PaceSource source, Ticker ticker) {
        this.model = model;
        this.source = source;
        this.ticker = ticker;
        this.notBefore = ticker.nanos();
        this.requests = new Limited("requests", settings.requestsPerMinute(), settings.burst());
        this.input = new Limited("input tokens", settings.inputTokensPerMinute(), null);
        this.output = new Limited("output tokens", settings.outputTokensPerMinute(), null);
        this.tokens = new Limited("tokens", null, null);
        this.answered = settings.requestsPerMinute() != null;
        this.beginners =
                answered ? null : source.pace(model + " before the first answer", SMALLEST_TIER, SMALLEST_TIER_BURST);
        if (beginners != null) {
            requests.pace = beginners;
        }
    }

    /**
     * Takes what the call needs; it may begin at {@link Reserved#begin()}.
     *
     * @return null when it is too early to ask: before the first answer lanes do not queue up, for what they would wait for
     *     is not the limit that holds
     */
    @Nullable
    Reserved reserve(ModelRequest request) throws InterruptedException {
        int characters = request.stablePrefix().length() + request.prompt().length();
        boolean together = tokens.pace != null;
        long in = input.pace == null && !together ? 0 : Math.max(1, Math.round(characters * tokensPerCharacter));
        long out = output.pace == null && !together
                ? 0
                : Math.max(1, Math.round(Math.min(request.maxOutputTokens(), outputTokens)));
        Pace current = requests.pace;
        long now = ticker.nanos();
        long turn = current == null ? now : current.takeUnlessAhead(1, current == beginners ? 0 : Long.MAX_VALUE);
        if (turn == Pace.TOO_EARLY) {
            return null;
        }
        long begin = Math.max(
                turn, Math.max(input.take(in, now), Math.max(output.take(out, now), tokens.take(in + out, now))));
        return new Reserved(in, out, characters, begin, current);
    }

    /** Whether the limit of requests is still the one it was taken from. */
    boolean isCurrent(Reserved reserved) {
        return requests.pace == reserved.requestPace();
    }

    boolean countsTokens() {
        return input.pace != null || output.pace != null || tokens.pace != null;
    }

    /** @param usage what the call used, nothing when it was refused */
    void settle(Reserved reserved, TokenUsage usage) {
        long in = usage.input() + usage.cacheWrite();
        input.correct(in - reserved.inputTokens());
        output.correct(usage.output() - reserved.outputTokens());
        tokens.correct(usage.prompt() + usage.output() - reserved.inputTokens() - reserved.outputTokens());
        if (usage.output() > 0) {
            lock.lock();
            try {
                double weight = measured ? WEIGHT : 1;
                measured = true;
                outputTokens = average(outputTokens, usage.output(), weight);
                tokensPerCharacter =
                        average(tokensPerCharacter, (double) in / Math.max(1, reserved.characters()), weight);
            } finally {
                lock.unlock();
            }
        }
    }

    private static double average(double before, double observed, double weight) {
        return before + weight * (observed - before);
    }

    /** @param refused whether it came with an answer that said that a limit was exceeded */
    void learn(RateLimitHeaders headers, boolean refused) {
        requests.learn(headers.requests(), refused);
        input.learn(headers.input(), refused);
        output.learn(headers.output(), refused);
        tokens.learn(headers.tokens(), refused);
        if (!answered) {
            answered = true;
            requests.beginnersPaceEnds();
        }
    }

    /** Nothing may begin for so long. */
    void hold(Duration time) {
        long until = ticker.nanos() + time.toNanos();
        lock.lock();
        try {
            if (until - notBefore > 0) {
                notBefore = until;
            }
        } finally {
            lock.unlock();
        }
    }

    /** How long nothing may begin because the provider said so; zero or less for not at all. */
    long held() {
        return notBefore - ticker.nanos();
    }

    /** How long from now the last of those waits that have asked. */
    long ahead() {
        return Math.max(Math.max(requests.ahead(), tokens.ahead()), Math.max(input.ahead(), output.ahead()));
    }

    private final class Limited {
        private final String what;
        private final @Nullable Long configured;
        private final @Nullable Integer burst;
        private volatile @Nullable Pace pace;
        private volatile long slowedDownAt;

        Limited(String what, @Nullable Long configured, @Nullable Integer burst) {
            this.what = what;
            this.configured = configured;
            this.burst = burst;
            this.slowedDownAt = ticker.nanos() - SLOW_DOWN_EVERY;
            this.pace = configured == null || configured == 0 ? null : paceOf(configured);
        }

        private Pace paceOf(long perMinute) {
            return source.pace(model + " " + what, perMinute, burst == null ? Pace.smallBurst(perMinute) : burst);
        }

        long take(long tokens, long now) throws InterruptedException {
            Pace current = pace;
            return current == null || tokens == 0 ? now : current.take(tokens);
        }

        void correct(long tokens) {
            Pace current = pace;
            if (current != null) {
                current.correct(tokens);
            }
        }

        long ahead() {
            Pace current = pace;
            return current == null ? 0 : current.ahead();
        }

        void learn(@Nullable Limit limit, boolean refused) {
            if (limit == null || limit.perMinute() <= 0 || (configured != null && configured == 0)) {
                return;
            }
            if (limit.isNear() || (refused && this == requests)) {
                keepTo(limit.perMinute());
            }
            slowDownIfAlmostEmpty(limit);
        }

        private void keepTo(long perMinute) {
            long wanted = configured == null ? perMinute : Math.min(configured, perMinute);
            Pace current = pace;
            if (isFor(current, wanted)) {
                return;
            }
            lock.lock();
            try {
                if (!isFor(pace, wanted)) {
                    pace = paceOf(wanted);
                    LOG.info("{}: keeping to {} {} a minute", model, wanted, what);
                }
            } finally {
                lock.unlock();
            }
        }

        private boolean isFor(@Nullable Pace candidate, long perMinute) {
            return candidate != null && candidate != beginners && candidate.perMinute() == perMinute;
        }

        /** Someone else spends from the same limit: leave a quarter of a second's worth. */
        private void slowDownIfAlmostEmpty(Limit limit) {
            Pace current = pace;
            long reserve = limit.perMinute() / 240;
            long now = ticker.nanos();
            if (current != null && limit.remaining() < reserve && now - slowedDownAt >= SLOW_DOWN_EVERY) {
                slowedDownAt = now;
                current.correct(reserve - limit.remaining());
            }
        }

        void beginnersPaceEnds() {
            lock.lock();
            try {
                if (pace == beginners) {
                    pace = null;
                }
            } finally {
                lock.unlock();
            }
        }
    }
}
