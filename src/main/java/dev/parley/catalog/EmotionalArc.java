package dev.parley.catalog;

import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * How feelings move from the first turn to the last: a row of {@code emotional_arcs}. Intensities are 0..1.
 *
 * @param suitablePersonas keys of personas that it fits; empty means all
 * @param suitableTopics keys of topics that it fits; empty means all
 */
public record EmotionalArc(
        UUID id,
        String key,
        String name,
        String startingEmotion,
        @Nullable Double startingIntensityMin,
        @Nullable Double startingIntensityMax,
        @Nullable String midpointEmotion,
        String endingEmotion,
        @Nullable Double endingIntensityMin,
        @Nullable Double endingIntensityMax,
        @Nullable String strategy,
        List<String> phases,
        List<String> keyPrinciples,
        List<String> characteristicPhrases,
        List<String> responseTechniques,
        List<String> avoidTactics,
        @Nullable Integer typicalTurnCountMin,
        @Nullable Integer typicalTurnCountMax,
        @Nullable Integer complexityBaseline,
        Tier tier,
        Category category,
        List<String> suitablePersonas,
        List<String> suitableTopics,
        boolean active) {

    /** Whether the arc is one of the everyday ones or a hard case. */
    public enum Category {
        @com.fasterxml.jackson.annotation.JsonProperty("core")
        CORE,
        @com.fasterxml.jackson.annotation.JsonProperty("edge")
        EDGE
    }
}
