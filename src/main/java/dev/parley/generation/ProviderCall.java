package dev.parley.generation;

import dev.parley.provider.TokenUsage;
import java.math.BigDecimal;
import java.time.Duration;
import java.time.Instant;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * One call to a provider, for the spend ledger ({@code generation_logs}).
 *
 * @param id the same for the same answer however often it is recorded, so that a rerun adds no second row
 * @param stopReason the provider's word for why the model stopped; null when there was no answer
 * @param errorCode null when the call itself gave an answer
 * @param costUsd by the price row named in {@code priceVersion}; zero when nothing was billed; null when nobody knows: the
 *     provider may have billed an answer that did not arrive whole, or the model has no price
 * @param made by this attempt; false for an answer that was found in the store
 */
public record ProviderCall(
        UUID id,
        String provider,
        @Nullable String model,
        @Nullable String requestId,
        Status status,
        @Nullable String stopReason,
        @Nullable String errorCode,
        @Nullable String errorMessage,
        TokenUsage usage,
        @Nullable BigDecimal costUsd,
        @Nullable String priceVersion,
        @Nullable Duration duration,
        Instant at,
        boolean made) {

    /** How {@code generation_logs.status} spells it is the lower-case name. */
    public enum Status {
        SUCCESS,
        FAILED,
        RATE_LIMITED,
        TIMEOUT
    }
}
