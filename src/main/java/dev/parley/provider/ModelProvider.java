package dev.parley.provider;

import java.util.OptionalLong;

/** Port to one model provider. Implementations are thread-safe; nothing is retried here. */
public interface ModelProvider {
    /** Stable name, as in job files, settings and the ledger: {@code offline}, {@code anthropic}, {@code openai}. */
    String name();

    /**
     * Sends one request and waits for the whole answer, read once, as bytes.
     *
     * @return the body of a successful answer, byte for byte; nothing has looked inside yet
     * @throws ModelException when there is no such body, with the {@link ModelFailure} that says why and what happens next
     * @throws CallInterruptedException when the thread was interrupted before or during the call; the flag stays set
     */
    RawReply call(ModelRequest request) throws ModelException;

    /**
     * Reads a stored answer of this or an earlier process.
     *
     * @param body what {@link #call} returned
     * @return text, stop reason and usage; the text may be empty or truncated, see {@link Completion#stopReason()}
     * @throws ModelException when the envelope is not what the provider documents
     */
    Completion read(byte[] body) throws ModelException;

    /**
     * How many tokens the prompt of a request has, by the provider's own tokenizer and without a charge.
     *
     * @return empty where a provider cannot tell
     * @throws ModelException when it could not be asked
     */
    default OptionalLong countTokens(ModelRequest request) throws ModelException {
        return OptionalLong.empty();
    }
}
