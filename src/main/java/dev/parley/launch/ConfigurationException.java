package dev.parley.launch;

/** Something the user can put right; the message says what, where, and what would be right. */
class ConfigurationException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    ConfigurationException(String message) {
        super(message);
    }
}
