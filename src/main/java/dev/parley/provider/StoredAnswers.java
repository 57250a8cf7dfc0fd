package dev.parley.provider;

import java.util.function.Function;

/**
 * Reads stored answers as a provider does, and calls nobody: it needs no key, and cannot spend.
 *
 * @param name the provider's
 */
record StoredAnswers(String name, Function<byte[], Completion> envelope) implements ModelProvider {
    @Override
    public RawReply call(ModelRequest request) {
        throw ModelException.notCalled(FailureCode.NO_STORED_ANSWER.because(
                "no whole answer is stored that could be parsed, and none was to be asked for"));
    }

    @Override
    public Completion read(byte[] body) {
        return envelope.apply(body);
    }
}
