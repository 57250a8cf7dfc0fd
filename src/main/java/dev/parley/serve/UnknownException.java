package dev.parley.serve;

/** What is asked for is not there. */
class UnknownException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    UnknownException(String message) {
        super(message);
    }
}
