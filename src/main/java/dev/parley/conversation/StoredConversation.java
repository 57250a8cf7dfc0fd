package dev.parley.conversation;

import java.math.BigDecimal;
import java.time.Instant;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * A row of {@code conversations} as people look at it.
 *
 * @param bucket of both files
 * @param rawPath of the model's answer, byte for byte; null when it was never stored
 * @param filePath of the final document; null when there is none
 * @param findings JSON: what was noticed about the document; null when nothing was looked at
 */
public record StoredConversation(
        ConversationPk pk,
        ConversationKey key,
        @Nullable String title,
        @Nullable UUID personaId,
        @Nullable UUID emotionalArcId,
        @Nullable UUID trainingTopicId,
        @Nullable UUID templateId,
        @Nullable String tier,
        int turnCount,
        String status,
        String processingStatus,
        String bucket,
        @Nullable String rawPath,
        @Nullable String filePath,
        @Nullable String parseError,
        boolean requiresManualReview,
        @Nullable String findings,
        @Nullable BigDecimal qualityScore,
        @Nullable String model,
        @Nullable BigDecimal costUsd,
        Instant createdAt) {}
