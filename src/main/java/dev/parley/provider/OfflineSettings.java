package dev.parley.provider;

import jakarta.validation.Valid;
import jakarta.validation.constraints.DecimalMax;
import jakarta.validation.constraints.DecimalMin;
import java.time.Duration;
import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.bind.DefaultValue;
import org.springframework.validation.annotation.Validated;

/** Settings under {@code parley.offline.*}: how the offline provider plays a real one's slowness and moods. */
@Validated
@ConfigurationProperties("parley.offline")
record OfflineSettings(
        @DefaultValue Latency latency, @DefaultValue @Valid Failures failures) {

    /** Answers at once, never fails. */
    static OfflineSettings plain() {
        return new OfflineSettings(
                new Latency(Duration.ZERO, 0, Duration.ofMinutes(1)), new Failures(0, 0, 0, 0, 0, 0, 0));
    }

    /**
     * Log-normal, as model providers' latencies are.
     *
     * @param median zero answers at once
     * @param sigma of the logarithm; 0 makes each answer take the median, 1 spreads like a busy provider
     * @param max what is longer is cut to this
     */
    record Latency(
            @DefaultValue("0s") Duration median,
            @DefaultValue("0") double sigma,
            @DefaultValue("1m") Duration max) {
        Latency {
            if (median.isNegative() || sigma < 0 || max.compareTo(median) < 0) {
                throw new IllegalArgumentException("parley.offline.latency: median " + median + " and sigma " + sigma
                        + " must not be negative, max " + max + " not shorter than median");
            }
        }
    }

    /** Shares of the calls, 0 to 1, that end in each way; which ones is settled by key and attempt. */
    record Failures(
            @DefaultValue("0") @DecimalMin("0") @DecimalMax("1")
            double rateLimited,

            @DefaultValue("0") @DecimalMin("0") @DecimalMax("1")
            double overloaded,

            @DefaultValue("0") @DecimalMin("0") @DecimalMax("1")
            double unavailable,

            @DefaultValue("0") @DecimalMin("0") @DecimalMax("1")
            double timedOut,

            @DefaultValue("0") @DecimalMin("0") @DecimalMax("1")
            double refused,

            @DefaultValue("0") @DecimalMin("0") @DecimalMax("1")
            double truncated,

            @DefaultValue("0") @DecimalMin("0") @DecimalMax("1")
            double malformed) {
        Failures {
            double sum = rateLimited + overloaded + unavailable + timedOut + refused + truncated + malformed;
            if (sum > 1) {
                throw new IllegalArgumentException(
                        "parley.offline.failures add up to " + sum + ", which is more than 1");
            }
        }

        boolean none() {
            return rateLimited + overloaded + unavailable + timedOut + refused + truncated + malformed == 0;
        }
    }
}
