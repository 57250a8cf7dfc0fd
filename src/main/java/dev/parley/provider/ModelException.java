package dev.parley.provider;

import org.jspecify.annotations.Nullable;

/** Carries a {@link ModelFailure} out of a {@link ModelProvider}. */
public class ModelException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final transient ModelFailure failure;
    private final transient @Nullable RateLimitHeaders rateLimits;
    private final boolean called;

    public ModelException(ModelFailure failure, @Nullable Throwable cause) {
        this(failure, cause, null, true);
    }

    private ModelException(
            ModelFailure failure, @Nullable Throwable cause, @Nullable RateLimitHeaders rateLimits, boolean called) {
        super(failure.code() + ": " + failure.detail(), cause);
        this.failure = failure;
        this.rateLimits = rateLimits;
        this.called = called;
    }

    /** An answer that is an error, with what came with it about the provider's limits. */
    static ModelException answered(ModelFailure failure, RateLimitHeaders rateLimits) {
        return new ModelException(failure, null, rateLimits, true);
    }

    /** The provider was not called, for it would have been in vain. */
    static ModelException notCalled(ModelFailure failure) {
        return new ModelException(failure, null, null, false);
    }

    /** The same with another decision. */
    ModelException with(ModelFailure.Next next) {
        ModelFailure changed =
                new ModelFailure(failure.code(), failure.detail(), next, failure.retryAfter(), failure.requestId());
        return new ModelException(changed, this, rateLimits, called);
    }

    public ModelFailure failure() {
        return failure;
    }

    /** Whether anything was sent: only then there is something to enter in a ledger. */
    public boolean called() {
        return called;
    }

    /** Null when there was no answer at all. */
    @Nullable
    RateLimitHeaders rateLimits() {
        return rateLimits;
    }
}
