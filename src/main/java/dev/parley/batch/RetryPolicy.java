package dev.parley.batch;

import dev.parley.provider.ModelFailure;
import dev.parley.work.BatchItem;
import dev.parley.work.Outcome;
import java.time.Duration;
import java.util.function.DoubleSupplier;

/** Turns a failure into what is recorded on its item. Stateless but for the dice. */
class RetryPolicy {
    private final GenerateSettings settings;
    private final DoubleSupplier dice;

    /** @param dice uniform in [0, 1) */
    RetryPolicy(GenerateSettings settings, DoubleSupplier dice) {
        this.settings = settings;
        this.dice = dice;
    }

    Outcome decide(BatchItem item, ModelFailure failure) {
        return switch (failure.next()) {
            case FAIL, FAIL_FOR_NOW ->
                new Outcome.Failed(
                        item, failure.code(), failure.detail(), failure.next().retryable());
            case PAUSE_JOB -> postponed(item, failure, Duration.ZERO, false);
            case WAIT -> postponed(item, failure, wait(item, failure), false);
            case RETRY, RETRY_CHANGED ->
                item.attemptsOfThisRound() < settings.maxAttempts()
                        ? postponed(item, failure, wait(item, failure), true)
                        : new Outcome.Failed(
                                item,
                                failure.code(),
                                failure.detail() + " (attempt " + item.attemptsOfThisRound() + " of "
                                        + settings.maxAttempts() + ")",
                                true);
        };
    }

    private static Outcome postponed(BatchItem item, ModelFailure failure, Duration delay, boolean counted) {
        return new Outcome.Postponed(item, failure.code(), failure.detail(), delay, counted);
    }

    /** Full jitter, on top of what the provider asked for: all that were told the same second must not come back in it. */
    private Duration wait(BatchItem item, ModelFailure failure) {
        Duration bound = settings.retry().delay();
        for (int attempt = 1;
                attempt < item.attemptsOfThisRound()
                        && bound.compareTo(settings.retry().maxDelay()) < 0;
                attempt++) {
            bound = bound.multipliedBy(2);
        }
        if (bound.compareTo(settings.retry().maxDelay()) > 0) {
            bound = settings.retry().maxDelay();
        }
        Duration jitter = Duration.ofNanos((long) (dice.getAsDouble() * bound.toNanos()));
        return failure.retryAfter() == null ? jitter : failure.retryAfter().plus(jitter);
    }
}
