package dev.parley.serve;

/** There are too many already; later there may be fewer. */
class BusyException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    BusyException(String message) {
        super(message);
    }
}
