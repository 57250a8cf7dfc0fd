package dev.parley.conversation;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A generated conversation as it is asked for, stored and exported; the JSON names are the wire's.
 *
 * @param metadata what the conversation is about
 * @param turns oldest first
 * @param inputParameters what it was made from; null until Parley fills it in for the final document
 */
@JsonInclude(JsonInclude.Include.NON_NULL)
public record ConversationDocument(
        @JsonProperty("conversation_metadata") Metadata metadata,
        @JsonProperty("turns") List<Turn> turns,
        @JsonProperty("input_parameters") @Nullable InputParameters inputParameters) {

    @JsonInclude(JsonInclude.Include.NON_NULL)
    public record Metadata(
            @JsonProperty("client_persona") String clientPersona,
            @JsonProperty("session_context") String sessionContext,
            @JsonProperty("conversation_phase") String conversationPhase,
            @JsonProperty("expected_outcome") @Nullable String expectedOutcome) {}

    /** One contribution. Roles are {@code user} and {@code assistant}. */
    public record Turn(
            @JsonProperty("turn_number") int turnNumber,
            @JsonProperty("role") String role,
            @JsonProperty("content") String content,
            @JsonProperty("emotional_context") EmotionalContext emotionalContext) {}

    /** How the speaker feels; intensity is 0..1. */
    @JsonInclude(JsonInclude.Include.NON_NULL)
    public record EmotionalContext(
            @JsonProperty("primary_emotion") String primaryEmotion,
            @JsonProperty("secondary_emotion") @Nullable String secondaryEmotion,
            @JsonProperty("intensity") double intensity) {}

    public record InputParameters(
            @JsonProperty("persona") Ingredient persona,
            @JsonProperty("emotional_arc") Ingredient emotionalArc,
            @JsonProperty("training_topic") Ingredient trainingTopic) {}

    /** A row of the catalog, as far as a reader of the document needs it. */
    public record Ingredient(
            @JsonProperty("id") java.util.UUID id,
            @JsonProperty("key") String key,
            @JsonProperty("name") String name) {}
}
