package dev.parley.work;

import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.Locale;

/** What a failed item means for its job; {@link #key()} is how files and tables spell it. */
public enum ErrorHandling {
    /** The others go on. */
    @JsonProperty("continue")
    CONTINUE("continue"),
    /** The job is paused. */
    @JsonProperty("stop")
    STOP("stop");

    private final String key;

    ErrorHandling(String key) {
        this.key = key;
    }

    public String key() {
        return key;
    }

    static ErrorHandling of(String key) {
        return valueOf(key.toUpperCase(Locale.ROOT));
    }
}
