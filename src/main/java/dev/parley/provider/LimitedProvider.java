package dev.parley.provider;

import dev.parley.provider.ModelFailure.Next;
import java.time.Duration;
import java.util.Map;
import java.util.OptionalLong;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.Nullable;

/**
 * Calls a provider as fast as it allows, and not at all while it is down. Shared by all lanes of the process. Thread-safe.
 *
 * <p>This is the one place where a lane waits for capacity, in {@link #call}: for its turn under the limits a minute, for
 * the end of a pause that the provider asked for, and while too many calls are in flight. An interrupt ends the wait. What
 * would wait in vain, or longer than {@value #LONGEST_WAIT_SECONDS} s for the end of a pause, is refused with
 * {@link Next#WAIT} and without a call.
 *
 * <p>So that few lanes wait here with an item in their hands, the reader asks {@link #pause} before it hands one out.
 */
final class LimitedProvider implements ModelProvider {
    private static final int LONGEST_WAIT_SECONDS = 10;
    private static final long LONGEST_WAIT =
            Duration.ofSeconds(LONGEST_WAIT_SECONDS).toNanos();
    private static final long LOOK_AGAIN = Duration.ofMillis(50).toNanos();
    /** Lanes that wait here at once have work for so long; more would have nothing to gain. */
    private static final long ENOUGH_AHEAD = Duration.ofSeconds(2).toNanos();

    private final ModelProvider provider;
    private final LimitSettings settings;
    private final ModelLimits.PaceSource paces;
    private final Ticker ticker;
    private final Circuit circuit;
    private final InFlight inFlight = new InFlight();
    private final Map<String, ModelLimits> limits = new ConcurrentHashMap<>();
    private final LongAdder turns = new LongAdder();
    private final LongAdder waitedNanos = new LongAdder();

    /** @param buckets where limits are shared; null when they are not */
    LimitedProvider(ModelProvider provider, LimitSettings settings, @Nullable SharedBuckets buckets, Ticker ticker) {
        this.provider = provider;
        this.settings = settings;
        this.ticker = ticker;
        this.circuit = new Circuit(provider.name(), settings.downAfter(), ticker);
        this.paces = buckets == null
                ? (name, perMinute, burst) -> Pace.ofProcess(perMinute, burst, ticker)
                : (name, perMinute, burst) ->
                        Pace.ofDatabase(buckets, provider.name() + " " + name, perMinute, burst, ticker);
    }

    @Override
    public String name() {
        return provider.name();
    }

    /** Counting is free and has a limit of its own. */
    @Override
    public OptionalLong countTokens(ModelRequest request) {
        return provider.countTokens(request);
    }

    @Override
    public Completion read(byte[] body) {
        return provider.read(body);
    }

    @Override
    public RawReply call(ModelRequest request) {
        ModelLimits limit = limitsOf(request);
        boolean probe = circuit.enter();
        try {
            long asked = ticker.nanos();
            ModelLimits.Reserved reserved = awaitTurn(limit, request, probe);
            inFlight.enter();
            try {
                turns.increment();
                waitedNanos.add(ticker.nanos() - asked);
                return call(request, limit, reserved, probe);
            } finally {
                inFlight.leave();
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new CallInterruptedException();
        } finally {
            circuit.ended(probe);
        }
    }

    private ModelLimits limitsOf(ModelRequest request) {
        String model = request.model() == null ? "" : request.model();
        ModelLimits known = limits.get(model);
        return known != null
                ? known
                : limits.computeIfAbsent(
                        model,
                        name -> new ModelLimits(name.isEmpty() ? "default model" : name, settings, paces, ticker));
    }

    private ModelLimits.Reserved awaitTurn(ModelLimits limit, ModelRequest request, boolean probe)
            throws InterruptedException {
        awaitEndOfHold(limit);
        while (true) {
            ModelLimits.Reserved reserved = limit.reserve(request);
            if (reserved == null) {
                ticker.sleep(LOOK_AGAIN);
                circuit.refuseIfOpen(probe);
                continue;
            }
            boolean valid = awaitTurn(limit, reserved);
            circuit.refuseIfOpen(probe);
            if (valid && limit.held() <= 0) {
                return reserved;
            }
            // Nothing may begin now, or another limit holds: those who had their turn must not begin all at once
            // afterwards.
            limit.settle(reserved, TokenUsage.NONE);
            awaitEndOfHold(limit);
        }
    }

    private void awaitEndOfHold(ModelLimits limit) throws InterruptedException {
        long held = limit.held();
        if (held > LONGEST_WAIT) {
            throw ModelException.notCalled(new ModelFailure(
                    "rate_limited",
                    provider.name() + " asked to wait for another "
                            + Duration.ofNanos(held).toSeconds() + " s",
                    Next.WAIT,
                    Duration.ofNanos(held),
                    null));
        }
        while (held > 0) {
            ticker.sleep(held + ThreadLocalRandom.current().nextLong(held / 4 + 1));
            held = limit.held();
        }
    }

    /** Says whether the turn has come; if not, limits have been learned meanwhile, and it is to be asked for again. */
    private boolean awaitTurn(ModelLimits limit, ModelLimits.Reserved reserved) throws InterruptedException {
        for (long wait = reserved.begin() - ticker.nanos(); wait > 0; wait = reserved.begin() - ticker.nanos()) {
            ticker.sleep(Math.min(wait, LOOK_AGAIN));
            if (!limit.isCurrent(reserved)) {
                return false;
            }
        }
        return true;
    }

    private RawReply call(ModelRequest request, ModelLimits limit, ModelLimits.Reserved reserved, boolean probe) {
        long begun = ticker.nanos();
        try {
            RawReply reply = provider.call(request);
            circuit.answered();
            inFlight.good();
            limit.learn(reply.rateLimits(), false);
            if (limit.countsTokens()) {
                settle(limit, reserved, reply);
            }
            return reply;
        } catch (ModelException e) {
            throw judged(e, limit, reserved, begun, probe);
        }
    }

    private void settle(ModelLimits limit, ModelLimits.Reserved reserved, RawReply reply) {
        TokenUsage usage;
        try {
            usage = provider.read(reply.body()).usage();
        } catch (ModelException unreadable) {
            return; // the estimate stands
        }
        limit.settle(reserved, usage);
    }

    private ModelException judged(
            ModelException e, ModelLimits limit, ModelLimits.Reserved reserved, long begun, boolean probe) {
        ModelFailure failure = e.failure();
        boolean rateLimited = isRateLimit(failure);
        RateLimitHeaders headers = e.rateLimits();
        if (headers != null) {
            limit.learn(headers, rateLimited);
        }
        if (rateLimited || isOverload(failure)) {
            inFlight.tooMany(begun, ticker.nanos());
        }
        if (rateLimited) {
            limit.hold(
                    failure.retryAfter() != null
                            ? failure.retryAfter()
                            : headers == null ? Duration.ZERO : headers.untilNext());
        }
        if (isOutage(failure)) {
            boolean everybodys = circuit.failed(probe);
            return everybodys && failure.next() == Next.RETRY ? e.with(Next.WAIT) : e;
        }
        circuit.answered();
        limit.settle(reserved, TokenUsage.NONE); // refused: nothing was used
        return e;
    }

    private static boolean isRateLimit(ModelFailure failure) {
        return failure.next() == Next.WAIT && !isOverload(failure);
    }

    private static boolean isOverload(ModelFailure failure) {
        return failure.code().equals("overloaded");
    }

    /** 5xx, timeouts, and connections that failed. */
    private static boolean isOutage(ModelFailure failure) {
        return isOverload(failure)
                || (failure.next() == Next.RETRY && !failure.code().equals("conflict"));
    }

    /** How it is at this moment. */
    ProviderState state() {
        return new ProviderState(
                name(),
                circuit.isOpen(),
                inFlight.calls(),
                inFlight.allowed(),
                turns.sum(),
                Duration.ofNanos(waitedNanos.sum()));
    }

    /** How long no new call should begin; zero for not at all. Cheap: to be asked before each item. */
    Duration pause() {
        long longest = circuit.pause().toNanos();
        for (ModelLimits limit : limits.values()) {
            longest = Math.max(longest, Math.max(limit.held(), limit.ahead() - ENOUGH_AHEAD));
        }
        return Duration.ofNanos(Math.max(0, longest));
    }
}
