package dev.parley.generation;

import dev.parley.conversation.ConversationDocument;
import dev.parley.conversation.ConversationRecord;
import dev.parley.provider.ModelFailure;
import dev.parley.provider.ModelRequest;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** What became of a {@link GenerationRequest}: an expected failure is a result, not an exception. */
public sealed interface GenerationResult {
    /**
     * What belongs in the ledger, whatever became of the conversation: the call of this attempt, and those whose stored
     * answers it read. The latter are there as a rule; an id that the ledger has already is to be passed over.
     */
    List<ProviderCall> calls();

    /**
     * Raw and final files are stored; the row is to be written.
     *
     * @param question what this attempt asked the model; null when it read a stored answer
     */
    record Generated(
            ConversationRecord conversation,
            List<ProviderCall> calls,
            ConversationDocument document,
            @Nullable ModelRequest question)
            implements GenerationResult {}

    /**
     * No conversation.
     *
     * @param type how {@code failed_generations.failure_type} files it; null when no model is to blame: bad parameters, a bad
     *     template, the object store
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
