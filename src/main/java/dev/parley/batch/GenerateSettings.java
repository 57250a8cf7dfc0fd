package dev.parley.batch;

import jakarta.validation.Valid;
import jakarta.validation.constraints.Max;
import jakarta.validation.constraints.Min;
import jakarta.validation.constraints.NotNull;
import jakarta.validation.constraints.Positive;
import java.time.Duration;
import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.bind.DefaultValue;
import org.springframework.validation.annotation.Validated;

/**
 * Settings under {@code parley.generate.*}.
 *
 * @param concurrency calls in flight at most, where neither the command line nor the job says otherwise
 * @param chunkSize results written in one transaction at most
 * @param linger how long a result waits for others of its chunk
 * @param grace how long calls in flight may go on after a stop
 * @param lease how long a claim holds unless it is renewed; whole seconds
 * @param maxAttempts calls for one item at most, the first one included; waiting as told does not count
 */
@Validated
@ConfigurationProperties("parley.generate")
record GenerateSettings(
        @DefaultValue("8") @Min(1) @Max(10_000) int concurrency,
        @DefaultValue("100") @Min(1) @Max(1_000) int chunkSize,
        @DefaultValue("250ms") @NotNull Duration linger,
        @DefaultValue("5m") @NotNull Duration grace,
        @DefaultValue("30s") @NotNull Duration lease,
        @DefaultValue("5") @Positive int maxAttempts,
        @DefaultValue @Valid Retry retry) {

    GenerateSettings {
        if (lease.compareTo(Duration.ofSeconds(3)) < 0) {
            throw new IllegalArgumentException("parley.generate.lease " + lease + " is shorter than 3s");
        }
    }

    /**
     * How long a postponed item waits: a random time (full jitter) up to a bound that doubles with each attempt.
     *
     * @param delay the bound of the first attempt
     * @param maxDelay the bound it never exceeds
     */
    record Retry(
            @DefaultValue("2s") Duration delay,
            @DefaultValue("1m") Duration maxDelay) {
        Retry {
            if (delay.isNegative() || delay.isZero()) {
                throw new IllegalArgumentException("parley.generate.retry.delay " + delay + " is not positive");
            }
            if (maxDelay.compareTo(delay) < 0) {
                throw new IllegalArgumentException("parley.generate.retry.max-delay " + maxDelay
                        + " is shorter than parley.generate.retry.delay " + delay);
            }
        }
    }
}
