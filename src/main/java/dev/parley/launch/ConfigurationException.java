package dev.parley.launch;

/** Something the user can put right; the message says what, where, and what would be right. */
class ConfigurationException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    ConfigurationException(String message) {
        super(message);
    }

    /** @throws ConfigurationException when an option's value is not within its bounds, which both are allowed */
    static void unlessWithin(String option, int value, int least, int most) {
        if (value < least || value > most) {
            throw new ConfigurationException(option + " is " + value + "; should be "
                    + (most == Integer.MAX_VALUE ? least + " or more" : "from " + least + " to " + most));
        }
    }
}
