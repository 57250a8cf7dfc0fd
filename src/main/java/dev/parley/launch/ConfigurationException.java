package dev.parley.launch;

/** Something the user can put right; the message says what, where, and what would be right. */
public class ConfigurationException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    ConfigurationException(String message) {
        super(message);
    }

    /** What is asked for is not there. */
    public static final class NotFound extends ConfigurationException {
        private static final long serialVersionUID = 1L;

        NotFound(String message) {
            super(message);
        }
    }

    /** What is there is not in a state for it. */
    public static final class Conflict extends ConfigurationException {
        private static final long serialVersionUID = 1L;

        Conflict(String message) {
            super(message);
        }
    }
}
