package dev.parley.tracking;

import com.fasterxml.jackson.annotation.JsonValue;
import java.util.Locale;

/** Who speaks. */
public enum MessageRole {
    USER,
    ASSISTANT,
    SYSTEM;

    private final String key = name().toLowerCase(Locale.ROOT);

    /** As the column has it. */
    @JsonValue
    public String key() {
        return key;
    }

    /**
     * Reads a role; {@code agent} is an older word for the assistant.
     *
     * @throws IllegalArgumentException naming what it should be
     */
    public static MessageRole parse(String text) {
        return switch (text) {
            case "user" -> USER;
            case "assistant", "agent" -> ASSISTANT;
            case "system" -> SYSTEM;
            default ->
                throw new IllegalArgumentException(
                        "role is '" + text + "'; should be user, assistant (or agent) or system");
        };
    }
}
