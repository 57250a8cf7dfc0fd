package dev.parley.provider;

import jakarta.validation.constraints.NotNull;
import jakarta.validation.constraints.Positive;
import jakarta.validation.constraints.PositiveOrZero;
import java.time.Duration;
import org.jspecify.annotations.Nullable;
import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.bind.DefaultValue;
import org.springframework.validation.annotation.Validated;

/**
 * Settings under {@code parley.limits.*}, for the providers that are paid. Each limit holds for each model by itself, as the
 * provider's do. Not set, it is learned from the provider's headers; 0 means that there is none, whatever the headers say.
 *
 * @param requestsPerMinute calls that may begin in a minute
 * @param inputTokensPerMinute prompt tokens a minute; what comes from the provider's cache does not count
 * @param outputTokensPerMinute tokens produced a minute; what was asked for and not produced does not count
 * @param burst calls that may begin at once after a pause; null is a quarter of a second's worth, at least 1: the provider
 *     may enforce a limit a minute by the second, and a fuller burst leaves nothing for calls that arrive bunched
 * @param batchRequestsPerMinute calls about batches that may begin in a minute, of all models together; 0 is no limit
 * @param share with whom the limits are shared
 * @param downAfter how long every call must have failed before the provider counts as down and is only tried now and then
 */
@Validated
@ConfigurationProperties("parley.limits")
record LimitSettings(
        @Nullable @PositiveOrZero Long requestsPerMinute,
        @Nullable @PositiveOrZero Long inputTokensPerMinute,
        @Nullable @PositiveOrZero Long outputTokensPerMinute,
        @Nullable @Positive Integer burst,
        @DefaultValue("1000") @PositiveOrZero long batchRequestsPerMinute,
        @DefaultValue("auto") @NotNull Share share,
        @DefaultValue("30s") @NotNull Duration downAfter) {

    /** With whom limits are shared. */
    enum Share {
        /** As {@link #DATABASE} on PostgreSQL, as {@link #PROCESS} on H2. */
        AUTO,
        /** With all processes on the same PostgreSQL database. */
        DATABASE,
        /** With nobody: each process has the whole limit for itself. */
        PROCESS
    }

    LimitSettings {
        if (downAfter.isNegative() || downAfter.isZero()) {
            throw new IllegalArgumentException("parley.limits.down-after must be longer than zero, not " + downAfter);
        }
    }
}
