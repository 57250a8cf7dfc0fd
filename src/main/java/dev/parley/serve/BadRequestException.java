package dev.parley.serve;

/** What is asked is wrong; the message says what would be right. */
class BadRequestException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    BadRequestException(String message) {
        super(message);
    }
}
