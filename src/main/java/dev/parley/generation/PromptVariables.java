package dev.parley.generation;

import java.math.BigDecimal;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** The names that a template may put between double braces: the union of what templates have used so far. */
final class PromptVariables {
    /** What one item has to say: one text, or the entries of a list; empty where the row has no value. */
    @FunctionalInterface
    interface Variable {
        List<String> of(Ingredients ingredients);
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
        all.put("persona_name", of -> one(of.persona().name()));
        all.put("persona_type", of -> one(of.persona().key()));
        all.put("persona_key", of -> one(of.persona().key()));
        all.put("persona_archetype", of -> one(of.persona().archetype()));
        all.put("persona_age", of -> one(of.persona().ageRange()));
        all.put("persona_career", of -> one(of.persona().occupation()));
        all.put("persona_income", of -> one(of.persona().incomeRange()));
        all.put("persona_demographics", of -> one(of.persona().demographics()));
        all.put("persona_financial_background", of -> one(of.persona().financialBackground()));
        all.put("persona_financial_situation", of -> one(of.persona().financialSituation()));
        all.put("persona_communication_style", of -> one(of.persona().communicationStyle()));
        all.put("persona_emotional_baseline", of -> one(of.persona().emotionalBaseline()));
        all.put("persona_traits", of -> of.persona().personalityTraits());
        all.put("persona_typical_questions", of -> of.persona().typicalQuestions());
        all.put("persona_common_concerns", of -> of.persona().commonConcerns());
        all.put("persona_language_patterns", of -> of.persona().languagePatterns());

        all.put("emotional_arc_name", of -> one(of.arc().name()));
        all.put("emotional_arc_type", of -> one(of.arc().key()));
        all.put("emotional_arc_key", of -> one(of.arc().key()));
        all.put("starting_emotion", of -> one(of.arc().startingEmotion()));
        all.put("midpoint_emotion", of -> one(of.arc().midpointEmotion()));
        all.put("ending_emotion", of -> one(of.arc().endingEmotion()));
        all.put("starting_intensity_min", of -> number(of.arc().startingIntensityMin()));
        all.put("starting_intensity_max", of -> number(of.arc().startingIntensityMax()));
        all.put("ending_intensity_min", of -> number(of.arc().endingIntensityMin()));
        all.put("ending_intensity_max", of -> number(of.arc().endingIntensityMax()));
        all.put("arc_strategy", of -> one(of.arc().strategy()));
        all.put("arc_phases", of -> of.arc().phases());
        all.put("arc_key_principles", of -> of.arc().keyPrinciples());
        all.put("key_principles", of -> of.arc().keyPrinciples());
        all.put("characteristic_phrases", of -> of.arc().characteristicPhrases());
        all.put("response_techniques", of -> of.arc().responseTechniques());
        all.put("avoid_tactics", of -> of.arc().avoidTactics());
        all.put("typical_turn_count_min", of -> one(Integer.toString(of.minTurns())));
        all.put("typical_turn_count_max", of -> one(Integer.toString(of.maxTurns())));

        all.put("topic_name", of -> one(of.topic().name()));
        all.put("topic_key", of -> one(of.topic().key()));
        all.put("topic_description", of -> one(of.topic().description()));
        all.put("topic_category", of -> one(of.topic().category()));
        all.put("topic_complexity", of -> one(of.topic().complexity().name().toLowerCase(Locale.ROOT)));
        all.put("topic_example_questions", of -> of.topic().typicalQuestionExamples());
        all.put("topic_key_concepts", of -> of.topic().keyConcepts());
        all.put("typical_questions", of -> of.topic().typicalQuestionExamples());

        all.put("tier", of -> one(of.tier().key()));
        all.put("target_turns", of -> one(Integer.toString(of.targetTurns())));
        all.put("target_turn_count", of -> one(Integer.toString(of.targetTurns())));
        all.put(
                "style_notes",
                of -> one(of.template() == null ? null : of.template().styleNotes()));
        return Map.copyOf(all);
    }

    private static List<String> one(@Nullable String value) {
        return value == null || value.isBlank() ? List.of() : List.of(value);
    }

    private static List<String> number(@Nullable Double value) {
        return value == null
                ? List.of()
                : List.of(BigDecimal.valueOf(value).stripTrailingZeros().toPlainString());
    }
}
