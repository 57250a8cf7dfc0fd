package dev.parley.provider;

import org.jspecify.annotations.Nullable;

/** Carries a {@link ModelFailure} out of a {@link ModelProvider}. */
public class ModelException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final transient ModelFailure failure;

    public ModelException(ModelFailure failure, @Nullable Throwable cause) {
        super(failure.code() + ": " + failure.detail(), cause);
        this.failure = failure;
    }

    public ModelFailure failure() {
        return failure;
    }
}
