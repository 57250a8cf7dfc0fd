package dev.parley.conversation;

import java.math.BigDecimal;
import java.time.Instant;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * A row of {@code conversations} as it is to be written. It has no primary key: the database makes that.
 *
 * <p>{@code persona}, {@code emotionalArc}, {@code trainingTopic}, {@code scaffoldingSnapshot} and {@code findings} are JSON
 * texts; sizes are bytes.
 *
 * @param parseMethod direct, repair or manual; null when it could not be parsed
 */
public record ConversationRecord(
        ConversationKey key,
        String name,
        String title,
        @Nullable String description,
        UUID personaId,
        UUID emotionalArcId,
        UUID trainingTopicId,
        @Nullable UUID templateId,
        String persona,
        String emotionalArc,
        String trainingTopic,
        String scaffoldingSnapshot,
        String tier,
        int turnCount,
        Status status,
        ProcessingStatus processingStatus,
        String bucket,
        String rawPath,
        long rawSize,
        Instant rawStoredAt,
        @Nullable String filePath,
        @Nullable Long fileSize,
        int parseAttempts,
        @Nullable Instant lastParseAttemptAt,
        @Nullable String parseMethod,
        @Nullable String parseError,
        boolean requiresManualReview,
        @Nullable String findings,
        @Nullable BigDecimal qualityScore,
        @Nullable String model,
        long inputTokens,
        long outputTokens,
        long cacheReadTokens,
        long cacheWriteTokens,
        BigDecimal costUsd,
        @Nullable UUID createdBy) {

    /** Where the conversation stands with its reviewers; {@link #key()} is how the table spells it. */
    public enum Status {
        DRAFT,
        GENERATED,
        PENDING_REVIEW,
        NEEDS_REVISION;

        public String key() {
            return name().toLowerCase(java.util.Locale.ROOT);
        }
    }

    /** How far its making has come; {@link #key()} is how the table spells it. */
    public enum ProcessingStatus {
        RAW_STORED,
        COMPLETED,
        FAILED,
        PARSE_FAILED;

        public String key() {
            return name().toLowerCase(java.util.Locale.ROOT);
        }
    }
}
