package dev.parley.generation;

import java.math.BigDecimal;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.time.OffsetDateTime;
import org.jspecify.annotations.Nullable;

/**
 * A row of {@code generation_logs}, the spend ledger, as people look at it.
 *
 * @param attempt the item's attempt that it was made for, 1..n
 * @param status success, failed, rate_limited or timeout
 * @param inputTokens of the prompt that were neither read from the provider's cache nor written to it
 * @param costUsd null when nobody knows
 * @param priceVersion the price row that it was charged by
 */
public record LoggedCall(
        int attempt,
        Instant at,
        String provider,
        @Nullable String model,
        @Nullable String requestId,
        String status,
        @Nullable String stopReason,
        @Nullable String errorCode,
        @Nullable String errorMessage,
        long inputTokens,
        long outputTokens,
        long cacheReadTokens,
        long cacheWriteTokens,
        @Nullable BigDecimal costUsd,
        @Nullable String priceVersion,
        @Nullable Duration duration) {

    static LoggedCall of(ResultSet row, int number) throws SQLException {
        Long millis = row.getObject("duration_ms", Long.class);
        return new LoggedCall(
                row.getInt("attempt"),
                row.getObject("created_at", OffsetDateTime.class).toInstant(),
                row.getString("provider"),
                row.getString("model"),
                row.getString("request_id"),
                row.getString("status"),
                row.getString("stop_reason"),
                row.getString("error_code"),
                row.getString("error_message"),
                row.getLong("input_tokens"),
                row.getLong("output_tokens"),
                row.getLong("cache_read_tokens"),
                row.getLong("cache_write_tokens"),
                row.getBigDecimal("cost_usd"),
                row.getString("price_version"),
                millis == null ? null : Duration.ofMillis(millis));
    }
}
