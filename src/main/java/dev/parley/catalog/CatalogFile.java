package dev.parley.catalog;

import dev.parley.catalog.EmotionalArc.Category;
import dev.parley.catalog.TrainingTopic.Complexity;
import jakarta.validation.constraints.DecimalMax;
import jakarta.validation.constraints.DecimalMin;
import jakarta.validation.constraints.Digits;
import jakarta.validation.constraints.Max;
import jakarta.validation.constraints.Min;
import jakarta.validation.constraints.NotBlank;
import jakarta.validation.constraints.Pattern;
import jakarta.validation.constraints.Size;
import java.math.BigDecimal;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.springframework.boot.context.properties.bind.DefaultValue;

/** One YAML file of the catalog, which may hold any of the four lists; {@link StrictYaml} says how it is spelled. */
record CatalogFile(
        List<PersonaEntry> personas,
        List<ArcEntry> emotionalArcs,
        List<TopicEntry> trainingTopics,
        List<TemplateEntry> promptTemplates) {
    private static final String KEY = "[a-z][a-z0-9_]*";
    private static final String KEY_RULE = "must be lower-case letters, digits and _, beginning with a letter";

    CatalogFile {
        if (personas.isEmpty() && emotionalArcs.isEmpty() && trainingTopics.isEmpty() && promptTemplates.isEmpty()) {
            throw new IllegalArgumentException(
                    "holds nothing: give at least one of personas, emotional_arcs, training_topics, prompt_templates");
        }
    }

    /** What a file says about one row. */
    sealed interface Entry<T> {
        /** Null keeps the id of the row that has the key, or makes a new one. */
        @Nullable
        UUID id();

        /** What the row is found by. */
        String key();

        /** The row as it is to be; what the file leaves to the table is taken from the row that is there. */
        T row(UUID id, @Nullable T before);
    }

    /** @param active null leaves it as it is; new ones are active */
    record PersonaEntry(
            @Nullable UUID id,
            @Pattern(regexp = KEY, message = KEY_RULE) String key,
            @NotBlank String name,
            @NotBlank String archetype,
            @Nullable String ageRange,
            @Nullable String occupation,
            @Nullable String incomeRange,
            @Nullable String demographics,
            @Nullable String financialBackground,
            @Nullable String financialSituation,
            @Nullable String communicationStyle,
            @Nullable String emotionalBaseline,
            List<@NotBlank String> personalityTraits,
            List<@NotBlank String> typicalQuestions,
            List<@NotBlank String> commonConcerns,
            List<@NotBlank String> languagePatterns,
            @Nullable Boolean active)
            implements Entry<Persona> {
        @Override
        public Persona row(UUID rowId, @Nullable Persona before) {
            return new Persona(
                    rowId,
                    key,
                    name,
                    archetype,
                    ageRange,
                    occupation,
                    incomeRange,
                    demographics,
                    financialBackground,
                    financialSituation,
                    communicationStyle,
                    emotionalBaseline,
                    personalityTraits,
                    typicalQuestions,
                    commonConcerns,
                    languagePatterns,
                    active != null ? active : before == null || before.active());
        }
    }

    /** How strong a feeling is, 0..1 in steps of a hundredth, as the table keeps it. */
    record Intensity(
            @DecimalMin("0") @DecimalMax("1") @Digits(integer = 1, fraction = 2)
            BigDecimal min,

            @DecimalMin("0") @DecimalMax("1") @Digits(integer = 1, fraction = 2)
            BigDecimal max) {
        Intensity {
            if (min.compareTo(max) > 0) {
                throw new IllegalArgumentException("min " + min + " is above max " + max);
            }
        }
    }

    /** How many turns a conversation has. */
    record Turns(
            @Min(2) @Max(200) int min, @Min(2) @Max(200) int max) {
        Turns {
            if (min > max) {
                throw new IllegalArgumentException("min " + min + " is above max " + max);
            }
        }
    }

    /** @param active null leaves it as it is; new ones are active */
    record ArcEntry(
            @Nullable UUID id,
            @Pattern(regexp = KEY, message = KEY_RULE) String key,
            @NotBlank String name,
            @NotBlank String startingEmotion,
            @Nullable Intensity startingIntensity,
            @Nullable @Size(min = 1) String midpointEmotion,
            @NotBlank String endingEmotion,
            @Nullable Intensity endingIntensity,
            @Nullable String strategy,
            List<@NotBlank String> phases,
            List<@NotBlank String> keyPrinciples,
            List<@NotBlank String> characteristicPhrases,
            List<@NotBlank String> responseTechniques,
            List<@NotBlank String> avoidTactics,
            @Nullable Turns typicalTurns,
            @Nullable @Min(1) @Max(10) Integer complexityBaseline,
            @DefaultValue("template") Tier tier,
            @DefaultValue("core") Category category,
            List<@NotBlank String> suitablePersonas,
            List<@NotBlank String> suitableTopics,
            @Nullable Boolean active)
            implements Entry<EmotionalArc> {
        @Override
        public EmotionalArc row(UUID rowId, @Nullable EmotionalArc before) {
            return new EmotionalArc(
                    rowId,
                    key,
                    name,
                    startingEmotion,
                    startingIntensity == null ? null : startingIntensity.min().doubleValue(),
                    startingIntensity == null ? null : startingIntensity.max().doubleValue(),
                    midpointEmotion,
                    endingEmotion,
                    endingIntensity == null ? null : endingIntensity.min().doubleValue(),
                    endingIntensity == null ? null : endingIntensity.max().doubleValue(),
                    strategy,
                    phases,
                    keyPrinciples,
                    characteristicPhrases,
                    responseTechniques,
                    avoidTactics,
                    typicalTurns == null ? null : typicalTurns.min(),
                    typicalTurns == null ? null : typicalTurns.max(),
                    complexityBaseline,
                    tier,
                    category,
                    suitablePersonas,
                    suitableTopics,
                    active != null ? active : before == null || before.active());
        }
    }

    /** @param active null leaves it as it is; new ones are active */
    record TopicEntry(
            @Nullable UUID id,
            @Pattern(regexp = KEY, message = KEY_RULE) String key,
            @NotBlank String name,
            @Nullable String category,
            @Nullable String description,
            @DefaultValue("intermediate") Complexity complexity,
            List<@NotBlank String> typicalQuestions,
            List<@NotBlank String> keyConcepts,
            List<@NotBlank String> suitablePersonas,
            List<@NotBlank String> suitableEmotionalArcs,
            @DefaultValue("false") boolean requiresSpecialist,
            @Nullable Boolean active)
            implements Entry<TrainingTopic> {
        @Override
        public TrainingTopic row(UUID rowId, @Nullable TrainingTopic before) {
            return new TrainingTopic(
                    rowId,
                    key,
                    name,
                    category,
                    description,
                    complexity,
                    typicalQuestions,
                    keyConcepts,
                    suitablePersonas,
                    suitableEmotionalArcs,
                    requiresSpecialist,
                    active != null ? active : before == null || before.active());
        }
    }

    /**
     * @param emotionalArc key of the arc it is selected for; null is selected for none
     * @param rating null leaves it as it is, for it is what the template has earned; new ones begin with 0
     * @param active null leaves it as it is; new ones are active
     */
    record TemplateEntry(
            @Nullable UUID id,
            @NotBlank String name,
            @DefaultValue("template") Tier tier,
            @Nullable String emotionalArc,
            @NotBlank String text,
            @Nullable String styleNotes,

            @DefaultValue("6") @DecimalMin("0") @DecimalMax("10") @Digits(integer = 2, fraction = 2)
            BigDecimal qualityThreshold,

            @Nullable @DecimalMin("0") @DecimalMax("5") @Digits(integer = 1, fraction = 2)
            BigDecimal rating,

            List<@NotBlank String> suitablePersonas,
            List<@NotBlank String> suitableTopics,
            @Nullable Boolean active)
            implements Entry<PromptTemplate> {
        @Override
        public String key() {
            return name;
        }

        @Override
        public PromptTemplate row(UUID rowId, @Nullable PromptTemplate before) {
            return new PromptTemplate(
                    rowId,
                    name,
                    tier,
                    emotionalArc,
                    text,
                    styleNotes,
                    qualityThreshold.doubleValue(),
                    rating != null ? rating.doubleValue() : before == null ? 0 : before.rating(),
                    suitablePersonas,
                    suitableTopics,
                    version(before),
                    active != null ? active : before == null || before.active());
        }

        /** A conversation names the version it was made from, so a new text is a new version. */
        private int version(@Nullable PromptTemplate before) {
            if (before == null) {
                return 1;
            }
            return before.text().equals(text) ? before.version() : before.version() + 1;
        }
    }
}
