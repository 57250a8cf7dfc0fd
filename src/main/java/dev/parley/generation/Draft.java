package dev.parley.generation;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonProperty;
import dev.parley.catalog.EmotionalArc;
import dev.parley.catalog.Persona;
import dev.parley.catalog.TrainingTopic;
import dev.parley.conversation.ConversationDocument;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * A conversation document as a model wrote it: anything may be missing. {@link Findings} says whether it is a document.
 * What an older one says about its own input is not read; the final document says it anew.
 */
@JsonIgnoreProperties("input_parameters")
record Draft(
        @JsonProperty("conversation_metadata") @Nullable Metadata metadata,
        @JsonProperty("turns") @Nullable List<@Nullable Turn> turns) {

    record Metadata(
            @JsonProperty("client_persona") @Nullable String clientPersona,
            @JsonProperty("session_context") @Nullable String sessionContext,
            @JsonProperty("conversation_phase") @Nullable String conversationPhase,
            @JsonProperty("expected_outcome") @Nullable String expectedOutcome) {}

    record Turn(
            @JsonProperty("turn_number") @Nullable Integer turnNumber,
            @JsonProperty("role") @Nullable String role,
            @JsonProperty("content") @Nullable String content,
            @JsonProperty("emotional_context") @Nullable EmotionalContext emotionalContext) {

        /** Structured outputs do not promise the case of an enum's words. */
        @Nullable
        String normalRole() {
            return role == null ? null : role.strip().toLowerCase(Locale.ROOT);
        }
    }

    record EmotionalContext(
            @JsonProperty("primary_emotion") @Nullable String primaryEmotion,
            @JsonProperty("secondary_emotion") @Nullable String secondaryEmotion,
            @JsonProperty("intensity") @Nullable Double intensity) {}

    /** The final document; only for a draft without blockers. */
    ConversationDocument finished(Ingredients from) {
        Metadata about = Objects.requireNonNull(metadata);
        return new ConversationDocument(
                new ConversationDocument.Metadata(
                        from.clientPersona(), // models sometimes invent another person
                        Objects.requireNonNull(about.sessionContext()),
                        Objects.requireNonNull(about.conversationPhase()),
                        about.expectedOutcome()),
                Objects.requireNonNull(turns).stream().map(Draft::finished).toList(),
                new ConversationDocument.InputParameters(
                        ingredient(from.persona()), ingredient(from.arc()), ingredient(from.topic())));
    }

    private static ConversationDocument.Turn finished(@Nullable Turn draft) {
        Turn turn = Objects.requireNonNull(draft);
        EmotionalContext feeling = Objects.requireNonNull(turn.emotionalContext());
        return new ConversationDocument.Turn(
                Objects.requireNonNull(turn.turnNumber()),
                Objects.requireNonNull(turn.normalRole()),
                Objects.requireNonNull(turn.content()),
                new ConversationDocument.EmotionalContext(
                        Objects.requireNonNull(feeling.primaryEmotion()),
                        feeling.secondaryEmotion(),
                        Objects.requireNonNull(feeling.intensity())));
    }

    private static ConversationDocument.Ingredient ingredient(Persona persona) {
        return new ConversationDocument.Ingredient(persona.id(), persona.key(), persona.name());
    }

    private static ConversationDocument.Ingredient ingredient(EmotionalArc arc) {
        return new ConversationDocument.Ingredient(arc.id(), arc.key(), arc.name());
    }

    private static ConversationDocument.Ingredient ingredient(TrainingTopic topic) {
        return new ConversationDocument.Ingredient(topic.id(), topic.key(), topic.name());
    }
}
