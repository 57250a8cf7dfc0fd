package dev.parley.catalog;

import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** What is talked about: a row of {@code training_topics}. */
public record TrainingTopic(
        UUID id,
        String key,
        String name,
        @Nullable String category,
        @Nullable String description,
        Complexity complexity,
        List<String> typicalQuestionExamples,
        List<String> keyConcepts,
        List<String> suitablePersonas,
        List<String> suitableEmotionalArcs,
        boolean requiresSpecialist,
        boolean active) {

    public enum Complexity {
        @com.fasterxml.jackson.annotation.JsonProperty("beginner")
        BEGINNER,
        @com.fasterxml.jackson.annotation.JsonProperty("intermediate")
        INTERMEDIATE,
        @com.fasterxml.jackson.annotation.JsonProperty("advanced")
        ADVANCED
    }
}
