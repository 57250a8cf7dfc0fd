package dev.parley.provider;

import org.jspecify.annotations.Nullable;

/**
 * What an answer says, read from its envelope.
 *
 * @param messageId the provider's id of the answer; null where it has none
 * @param model the model that answered
 * @param text all text blocks joined, thinking left out; may be empty
 * @param stopReason why the model stopped
 * @param stopDetail the provider's own word for it, and its category where it gives one ({@code refusal: bio})
 * @param usage what is billed
 * @param batched whether it is billed at the price of a batch
 */
public record Completion(
        @Nullable String messageId,
        String model,
        String text,
        StopReason stopReason,
        String stopDetail,
        TokenUsage usage,
        boolean batched) {

    public Completion(
            @Nullable String messageId,
            String model,
            String text,
            StopReason stopReason,
            String stopDetail,
            TokenUsage usage) {
        this(messageId, model, text, stopReason, stopDetail, usage, false);
    }

    /** Why a model stopped, independent of the provider's spelling. */
    public enum StopReason {
        /** The model was done. Only this one promises a complete document. */
        END_TURN,
        /** The output limit cut the answer. */
        MAX_TOKENS,
        /** The context window cut the answer. */
        CONTEXT_WINDOW,
        /** The model declined; billed all the same. */
        REFUSAL,
        /** Anything this version does not know. */
        OTHER
    }
}
