package dev.parley.archive;

import org.jspecify.annotations.Nullable;

/** The object store did not do what was asked; the message names bucket, object and cause. */
public class StoreException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    public StoreException(String message, @Nullable Throwable cause) {
        super(message, cause);
    }
}
