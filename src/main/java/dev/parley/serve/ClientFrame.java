package dev.parley.serve;

import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.annotation.JsonSubTypes;
import com.fasterxml.jackson.annotation.JsonTypeInfo;
import dev.parley.tracking.MessageRole;
import dev.parley.tracking.TrackedMessage;
import java.util.Map;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** What a client sends: a text frame of {@code convtrack.v1}, or a line of a request. */
@JsonTypeInfo(use = JsonTypeInfo.Id.NAME, property = "type")
@JsonSubTypes({
    @JsonSubTypes.Type(value = ClientFrame.SessionStart.class, name = "session.start"),
    @JsonSubTypes.Type(value = ClientFrame.Message.class, name = "message"),
    @JsonSubTypes.Type(value = ClientFrame.SessionEnd.class, name = "session.end"),
    @JsonSubTypes.Type(value = ClientFrame.Ping.class, name = "ping")
})
sealed interface ClientFrame {
    /**
     * Starts a session, or resumes it after its connection was lost.
     *
     * @param userId whose it is; may be left out by a user, whose it is then
     */
    record SessionStart(
            UUID sessionId, @Nullable UUID userId, @Nullable Map<String, @Nullable Object> metadata)
            implements ClientFrame {
        public SessionStart {
            require("session_id", sessionId);
        }
    }

    /**
     * Something that was said.
     *
     * @param messageId by which it is recorded once, however often it is sent
     * @param isFinal false for a transcript that is still being spoken, which is not recorded; absent is true
     */
    record Message(
            UUID messageId,
            UUID sessionId,
            String role,
            String content,
            @Nullable String audioUrl,
            @Nullable Map<String, @Nullable Object> metadata,
            @JsonProperty("final") @Nullable Boolean isFinal)
            implements ClientFrame {
        public Message {
            require("message_id", messageId);
            require("session_id", sessionId);
            require("role", role);
            require("content", content);
            MessageRole.parse(role);
        }

        boolean isToBeRecorded() {
            return isFinal == null || isFinal;
        }

        TrackedMessage tracked() {
            return new TrackedMessage(messageId, sessionId, MessageRole.parse(role), content, audioUrl, metadata);
        }
    }

    /** Ends a session; its late messages are still taken. */
    record SessionEnd(UUID sessionId) implements ClientFrame {
        public SessionEnd {
            require("session_id", sessionId);
        }
    }

    /** Asks for a pong. */
    record Ping() implements ClientFrame {}

    private static void require(String name, @Nullable Object value) {
        if (value == null) {
            throw new IllegalArgumentException(name + " is missing");
        }
    }
}
