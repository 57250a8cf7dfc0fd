package dev.parley.export;

import java.math.BigDecimal;
import java.time.Instant;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * A conversation and the item it was made for, as the tables know them.
 *
 * @param id primary key
 * @param key business key, by which exports are ordered
 * @param target what the arc wanted; null where no snapshot was kept
 * @param findings kinds of findings, numbers within replaced by {@code n}
 * @param bucket of the final document
 * @param path of the final document
 */
record ConversationRow(
        UUID id,
        UUID key,
        @Nullable UUID jobId,
        @Nullable UUID itemId,
        @Nullable Integer position,
        @Nullable Integer attempts,
        Ingredient persona,
        Ingredient arc,
        Ingredient topic,
        @Nullable UUID templateId,
        @Nullable String templateName,
        @Nullable Integer templateVersion,
        @Nullable String tier,
        String status,
        int turnCount,
        @Nullable BigDecimal score,
        @Nullable String model,
        @Nullable Long inputTokens,
        @Nullable Long outputTokens,
        @Nullable Long cacheReadTokens,
        @Nullable Long cacheWriteTokens,
        @Nullable BigDecimal costUsd,
        boolean requiresManualReview,
        List<String> findings,
        @Nullable Target target,
        Instant createdAt,
        String bucket,
        String path) {

    /** A row of the catalog. */
    record Ingredient(
            @Nullable UUID id,
            @Nullable String key,
            @Nullable String name) {}

    /** How the client should feel at the end; intensities are 0..1. */
    record Target(
            String emotion,
            @Nullable Double minIntensity,
            @Nullable Double maxIntensity) {}
}
