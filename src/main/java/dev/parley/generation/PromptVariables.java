package dev.parley.generation;

import java.math.BigDecimal;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** The names a template may use between {@code {{} and {@code }}}, the union of what templates have used so far. */
final class PromptVariables {
    /** A value of one item; null or blank where the row has none. */
    @FunctionalInterface
    interface Variable {
        @Nullable
        String of(Ingredients ingredients);
    }

    /** Which prefixes of plain names a group of dotted names stands for: {@code arc.name} is {@code emotional_arc_name}. */
    private static final Map<String, List<String>> GROUPS = Map.of(
            "persona", List.of("persona_"),
            "arc", List.of("emotional_arc_", "arc_", ""),
            "emotional_arc", List.of("emotional_arc_", "arc_", ""),
            "topic", List.of("topic_", ""),
            "training_topic", List.of("topic_", ""),
            "item", List.of(""));

    private static final Map<String, Variable> BY_NAME = byName();

    private PromptVariables() {}

    /** The variable of a plain or dotted name; null when there is none. */
    static @Nullable Variable named(String name) {
        Variable plain = BY_NAME.get(name);
        int dot = name.indexOf('.');
        if (plain != null || dot < 0) {
            return plain;
        }
        String rest = name.substring(dot + 1).replace('.', '_');
        for (String prefix : GROUPS.getOrDefault(name.substring(0, dot), List.of())) {
            Variable found = BY_NAME.get(prefix + rest);
            if (found != null) {
                return found;
            }
        }
        return null;
    }

    private static Map<String, Variable> byName() {
        Map<String, Variable> all = new HashMap<>();
        all.put("persona_name", of -> of.persona().name());
        all.put("persona_type", of -> of.persona().key());
        all.put("persona_key", of -> of.persona().key());
        all.put("persona_archetype", of -> of.persona().archetype());
        all.put("persona_age", of -> of.persona().ageRange());
        all.put("persona_career", of -> of.persona().occupation());
        all.put("persona_income", of -> of.persona().incomeRange());
        all.put("persona_demographics", of -> of.persona().demographics());
        all.put("persona_financial_background", of -> of.persona().financialBackground());
        all.put("persona_financial_situation", of -> of.persona().financialSituation());
        all.put("persona_communication_style", of -> of.persona().communicationStyle());
        all.put("persona_emotional_baseline", of -> of.persona().emotionalBaseline());
        all.put("persona_traits", of -> joined(of.persona().personalityTraits()));
        all.put("persona_typical_questions", of -> joined(of.persona().typicalQuestions()));
        all.put("persona_common_concerns", of -> joined(of.persona().commonConcerns()));
        all.put("persona_language_patterns", of -> joined(of.persona().languagePatterns()));

        all.put("emotional_arc_name", of -> of.arc().name());
        all.put("emotional_arc_type", of -> of.arc().key());
        all.put("emotional_arc_key", of -> of.arc().key());
        all.put("starting_emotion", of -> of.arc().startingEmotion());
        all.put("midpoint_emotion", of -> of.arc().midpointEmotion());
        all.put("ending_emotion", of -> of.arc().endingEmotion());
        all.put("starting_intensity_min", of -> number(of.arc().startingIntensityMin()));
        all.put("starting_intensity_max", of -> number(of.arc().startingIntensityMax()));
        all.put("ending_intensity_min", of -> number(of.arc().endingIntensityMin()));
        all.put("ending_intensity_max", of -> number(of.arc().endingIntensityMax()));
        all.put("arc_strategy", of -> of.arc().strategy());
        all.put("arc_phases", of -> joined(of.arc().phases()));
        all.put("arc_key_principles", of -> joined(of.arc().keyPrinciples()));
        all.put("key_principles", of -> joined(of.arc().keyPrinciples()));
        all.put("characteristic_phrases", of -> joined(of.arc().characteristicPhrases()));
        all.put("response_techniques", of -> joined(of.arc().responseTechniques()));
        all.put("avoid_tactics", of -> joined(of.arc().avoidTactics()));
        all.put("typical_turn_count_min", of -> Integer.toString(of.minTurns()));
        all.put("typical_turn_count_max", of -> Integer.toString(of.maxTurns()));

        all.put("topic_name", of -> of.topic().name());
        all.put("topic_key", of -> of.topic().key());
        all.put("topic_description", of -> of.topic().description());
        all.put("topic_category", of -> of.topic().category());
        all.put("topic_complexity", of -> of.topic().complexity().name().toLowerCase(Locale.ROOT));
        all.put("topic_example_questions", of -> joined(of.topic().typicalQuestionExamples()));
        all.put("topic_key_concepts", of -> joined(of.topic().keyConcepts()));
        all.put("typical_questions", of -> joined(of.topic().typicalQuestionExamples()));

        all.put("tier", of -> of.tier().key());
        all.put("target_turns", of -> Integer.toString(of.targetTurns()));
        all.put("target_turn_count", of -> Integer.toString(of.targetTurns()));
        all.put(
                "style_notes",
                of -> of.template() == null ? null : of.template().styleNotes());
        return Map.copyOf(all);
    }

    /** Semicolons, because the entries are phrases and questions with commas of their own. */
    private static String joined(List<String> entries) {
        return String.join("; ", entries);
    }

    private static @Nullable String number(@Nullable Double value) {
        return value == null
                ? null
                : BigDecimal.valueOf(value).stripTrailingZeros().toPlainString();
    }
}
