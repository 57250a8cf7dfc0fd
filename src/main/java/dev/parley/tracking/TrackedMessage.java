package dev.parley.tracking;

import java.util.Map;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * A message as it is handed to the tracker. Whatever is wrong with it is said in the answer, not thrown.
 *
 * @param messageId the sender's own id of it, which makes it safe to send twice; null lets the tracker make one
 * @param content may be empty, as for a voice message without a transcript; never null
 * @param audioUrl where the recording is; null for text
 * @param metadata anything that can be JSON; null for none
 */
public record TrackedMessage(
        @Nullable UUID messageId,
        UUID sessionId,
        MessageRole role,
        String content,
        @Nullable String audioUrl,
        @Nullable Map<String, ?> metadata) {

    /** A text message without an id of its own. */
    public static TrackedMessage of(UUID sessionId, MessageRole role, String content) {
        return new TrackedMessage(null, sessionId, role, content, null, null);
    }
}
