package dev.parley.catalog;

import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** Who speaks: a row of {@code personas}. */
public record Persona(
        UUID id,
        String key,
        String name,
        String archetype,
        @Nullable String ageRange,
        @Nullable String occupation,
        @Nullable String incomeRange,
        @Nullable String demographics,
        @Nullable String financialBackground,
        @Nullable String financialSituation,
        @Nullable String communicationStyle,
        @Nullable String emotionalBaseline,
        List<String> personalityTraits,
        List<String> typicalQuestions,
        List<String> commonConcerns,
        List<String> languagePatterns,
        boolean active) {}
