package dev.parley.export;

/** An export that cannot be made as asked for; the message says why, and what would be right. Nothing is written. */
public class RefusedException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    RefusedException(String message) {
        super(message);
    }
}
