package dev.parley.generation;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonProperty;
import dev.parley.catalog.EmotionalArc;
import dev.parley.catalog.Persona;
import dev.parley.catalog.PromptTemplate;
import dev.parley.catalog.TrainingTopic;
import java.math.BigDecimal;
import java.time.Instant;
import java.util.Locale;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * What a conversation was made from, as {@code conversations.scaffolding_snapshot} keeps it: enough to understand the
 * conversation when the catalog has moved on, and small, because there is one in every row.
 */
@JsonInclude(JsonInclude.Include.NON_NULL)
record Snapshot(
        @JsonProperty("persona") PersonaPart persona,
        @JsonProperty("emotional_arc") ArcPart arc,
        @JsonProperty("training_topic") TopicPart topic,
        @JsonProperty("template") @Nullable TemplatePart template,
        @JsonProperty("tier") String tier,
        @JsonProperty("target_turns") int targetTurns,
        @JsonProperty("generated_at") Instant at,
        @JsonProperty("compatibility_score") BigDecimal compatibility) {

    @JsonInclude(JsonInclude.Include.NON_NULL)
    record PersonaPart(
            @JsonProperty("id") UUID id,
            @JsonProperty("key") String key,
            @JsonProperty("name") String name,
            @JsonProperty("archetype") String archetype,
            @JsonProperty("emotional_baseline") @Nullable String emotionalBaseline) {

        static PersonaPart of(Persona persona) {
            return new PersonaPart(
                    persona.id(), persona.key(), persona.name(), persona.archetype(), persona.emotionalBaseline());
        }
    }

    @JsonInclude(JsonInclude.Include.NON_NULL)
    record ArcPart(
            @JsonProperty("id") UUID id,
            @JsonProperty("key") String key,
            @JsonProperty("name") String name,
            @JsonProperty("starting_emotion") String startingEmotion,

            @JsonProperty("starting_intensity_min") @Nullable
            Double startingIntensityMin,

            @JsonProperty("starting_intensity_max") @Nullable
            Double startingIntensityMax,

            @JsonProperty("midpoint_emotion") @Nullable String midpointEmotion,
            @JsonProperty("ending_emotion") String endingEmotion,
            @JsonProperty("ending_intensity_min") @Nullable Double endingIntensityMin,
            @JsonProperty("ending_intensity_max") @Nullable Double endingIntensityMax) {

        static ArcPart of(EmotionalArc arc) {
            return new ArcPart(
                    arc.id(),
                    arc.key(),
                    arc.name(),
                    arc.startingEmotion(),
                    arc.startingIntensityMin(),
                    arc.startingIntensityMax(),
                    arc.midpointEmotion(),
                    arc.endingEmotion(),
                    arc.endingIntensityMin(),
                    arc.endingIntensityMax());
        }
    }

    @JsonInclude(JsonInclude.Include.NON_NULL)
    record TopicPart(
            @JsonProperty("id") UUID id,
            @JsonProperty("key") String key,
            @JsonProperty("name") String name,
            @JsonProperty("category") @Nullable String category,
            @JsonProperty("complexity_level") String complexity) {

        static TopicPart of(TrainingTopic topic) {
            return new TopicPart(
                    topic.id(),
                    topic.key(),
                    topic.name(),
                    topic.category(),
                    topic.complexity().name().toLowerCase(Locale.ROOT));
        }
    }

    record TemplatePart(
            @JsonProperty("id") UUID id,
            @JsonProperty("name") String name,
            @JsonProperty("version") int version) {

        static @Nullable TemplatePart of(@Nullable PromptTemplate template) {
            return template == null ? null : new TemplatePart(template.id(), template.name(), template.version());
        }
    }

    static Snapshot of(Ingredients from, Instant at) {
        return new Snapshot(
                PersonaPart.of(from.persona()),
                ArcPart.of(from.arc()),
                TopicPart.of(from.topic()),
                TemplatePart.of(from.template()),
                from.tier().key(),
                from.targetTurns(),
                at,
                from.compatibility());
    }
}
