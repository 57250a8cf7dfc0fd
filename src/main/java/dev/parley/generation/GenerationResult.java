package dev.parley.generation;

import dev.parley.conversation.ConversationRecord;
import dev.parley.provider.ModelFailure;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** What became of a {@link GenerationRequest}: an expected failure is a result, not an exception. */
public sealed interface GenerationResult {
    /** The calls made for it, to be entered in the ledger whatever became of it; empty when a stored answer was used. */
    List<ProviderCall> calls();

    /** Raw and final files are stored; the row is to be written. */
    record Generated(ConversationRecord conversation, List<ProviderCall> calls) implements GenerationResult {}

    /**
     * No conversation.
     *
     * @param type how {@code failed_generations.failure_type} files it; null when no call was made
     * @param stopReason the provider's word for why the model stopped; null when there was no answer
     * @param conversation the row of a raw answer that is kept for a later parse; null when none is stored
     */
    record NotGenerated(
            ModelFailure failure,
            @Nullable FailureType type,
            @Nullable String stopReason,
            @Nullable ConversationRecord conversation,
            List<ProviderCall> calls)
            implements GenerationResult {}

    /** How {@code failed_generations.failure_type} spells it is the lower-case name. */
    enum FailureType {
        TRUNCATION,
        PARSE_ERROR,
        API_ERROR,
        VALIDATION_ERROR,
        REFUSAL
    }
}
