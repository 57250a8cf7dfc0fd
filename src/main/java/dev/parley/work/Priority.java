package dev.parley.work;

import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.Locale;

/** Which job's items are claimed first; {@link #key()} is how files and tables spell it. In order of rank. */
public enum Priority {
    @JsonProperty("low")
    LOW("low"),
    @JsonProperty("normal")
    NORMAL("normal"),
    @JsonProperty("high")
    HIGH("high");

    private final String key;

    Priority(String key) {
        this.key = key;
    }

    public String key() {
        return key;
    }

    /** @throws IllegalArgumentException when there is none */
    public static Priority of(String key) {
        return valueOf(key.toUpperCase(Locale.ROOT));
    }
}
