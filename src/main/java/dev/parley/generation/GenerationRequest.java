package dev.parley.generation;

import dev.parley.catalog.Tier;
import dev.parley.conversation.ConversationKey;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * One conversation to make.
 *
 * @param key the business key it will have; files and calls carry it
 * @param attempt how often this was tried, this time included
 * @param userId whose folder the files go to; null is the NIL UUID's
 * @param templateId null, or the NIL UUID, selects a template by arc and tier
 * @param model the provider's model id; null is the provider's configured one
 * @param maxOutputTokens the most the answer may hold; null is the configured default
 */
public record GenerationRequest(
        ConversationKey key,
        int attempt,
        @Nullable UUID userId,
        UUID personaId,
        UUID emotionalArcId,
        UUID trainingTopicId,
        Tier tier,
        @Nullable UUID templateId,
        @Nullable String model,
        @Nullable Integer maxOutputTokens) {}
