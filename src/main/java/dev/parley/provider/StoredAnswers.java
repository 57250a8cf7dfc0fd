package dev.parley.provider;

import dev.parley.provider.ModelFailure.Next;

/** A provider that reads stored answers and never calls: for work on what is paid for already. Thread-safe. */
public final class StoredAnswers implements ModelProvider {
    /** The code of the failure where only a call would help. */
    public static final String CALL_NEEDED = "call_needed";

    private final ModelProvider provider;

    /** @param provider whose answers they are */
    public StoredAnswers(ModelProvider provider) {
        this.provider = provider;
    }

    @Override
    public String name() {
        return provider.name();
    }

    @Override
    public RawReply call(ModelRequest request) {
        throw ModelException.notCalled(new ModelFailure(
                CALL_NEEDED, "the stored answer was cut off; a retry asks again", Next.FAIL, null, null));
    }

    @Override
    public Completion read(byte[] body) throws ModelException {
        return provider.read(body);
    }
}
