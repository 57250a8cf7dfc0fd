package dev.parley.tracking;

import java.time.Instant;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** What is to be recorded, as it waits in the queue, stands in the journal and goes to the database. */
sealed interface Entry {
    UUID sessionId();

    /** Whose the session is held to be; null when that is not known. */
    @Nullable
    UUID userId();

    /** When it was tracked. Journal and database keep microseconds of it. */
    Instant at();

    /** @param metadata a JSON object */
    record Start(UUID sessionId, UUID userId, Instant at, String metadata) implements Entry {}

    /**
     * @param userId null for a session that was not known when it was tracked
     * @param seq grows within a session, also over restarts
     * @param metadata a JSON text
     */
    record Message(
            UUID id,
            UUID sessionId,
            @Nullable UUID userId,
            MessageRole role,
            String content,
            @Nullable String audioUrl,
            @Nullable String metadata,
            long seq,
            Instant at)
            implements Entry {
        Message of(UUID user) {
            return new Message(id, sessionId, user, role, content, audioUrl, metadata, seq, at);
        }
    }

    /**
     * @param userId whose the session is; null for whoever's it is
     * @param messages how many the session had been sent by then
     */
    record End(UUID sessionId, @Nullable UUID userId, Instant at, long messages) implements Entry {}
}
