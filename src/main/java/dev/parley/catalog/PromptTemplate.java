package dev.parley.catalog;

import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * The text a prompt is made from: a row of {@code prompt_templates}.
 *
 * @param arcKey the arc that auto-selection matches it with; null fits none by itself
 * @param text with {@code {{name}}} placeholders
 * @param qualityThreshold the score, 0..10, from which a conversation goes to review rather than to revision
 * @param rating how well it has done so far, for auto-selection
 */
public record PromptTemplate(
        UUID id,
        String name,
        Tier tier,
        @Nullable String arcKey,
        String text,
        @Nullable String styleNotes,
        double qualityThreshold,
        double rating,
        List<String> suitablePersonas,
        List<String> suitableTopics,
        int version,
        boolean active) {}
