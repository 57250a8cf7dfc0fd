package dev.parley.tracking;

import dev.parley.tracking.Entry.End;
import dev.parley.tracking.Entry.Message;
import dev.parley.tracking.Entry.Start;
import java.nio.charset.StandardCharsets;
import java.time.DateTimeException;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.UUID;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/**
 * A line of a file of transcripts, which is a message, or a session if it has no role:
 *
 * <pre>{@code
 * {"session_id": "…", "user_id": "…", "started_at": "2026-01-31T10:00:00Z", "ended_at": "…", "metadata": {…}}
 * {"session_id": "…", "user_id": "…", "role": "user", "content": "…", "created_at": "2026-01-31T10:00:05Z",
 *  "message_id": "…", "audio_url": "…", "metadata": {…}}
 * }</pre>
 *
 * Session and time are needed, and for a message role and content. A message without an id of its own is known by session, time,
 * role and content, so that a file may be imported again.
 */
public final class TranscriptLine {
    private static final UUID NOBODY = new UUID(0, 0);

    /** {@code UUID.fromString} takes 1-2-3-4-5 as well. */
    private static final Pattern UUID_FORM = Pattern.compile("[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}");

    private final List<Entry> entries;

    private TranscriptLine(List<Entry> entries) {
        this.entries = entries;
    }

    /**
     * @param number of the line in its file, from 1; messages of a session are kept in this order
     * @throws IllegalArgumentException saying what is wrong with the line, and what would be right
     */
    public static TranscriptLine parse(String line, int number) {
        JsonNode json;
        try {
            json = JsonMapper.shared().readTree(line);
        } catch (JacksonException e) {
            throw new IllegalArgumentException("not JSON: " + e.getOriginalMessage(), e);
        }
        if (!(json instanceof ObjectNode object)) {
            throw new IllegalArgumentException("not a JSON object");
        }
        UUID session = uuid(object, "session_id");
        if (session == null) {
            throw new IllegalArgumentException("session_id is missing");
        }
        UUID user = uuid(object, "user_id");
        return new TranscriptLine(
                object.has("role") || object.has("content")
                        ? message(object, session, user, number)
                        : session(object, session, user));
    }

    private static List<Entry> session(ObjectNode json, UUID session, @Nullable UUID user) {
        JsonNode metadata = json.get("metadata");
        if (metadata != null && !metadata.isNull() && !metadata.isObject()) {
            throw new IllegalArgumentException("metadata is not a JSON object");
        }
        Start start = new Start(
                session,
                user == null ? NOBODY : user,
                time(json, "started_at"),
                metadata == null || metadata.isNull() ? "{}" : metadata.toString());
        if (text(json, "ended_at") == null) {
            return List.of(start);
        }
        Instant endedAt = time(json, "ended_at");
        if (endedAt.isBefore(start.at())) {
            throw new IllegalArgumentException("ended_at is before started_at");
        }
        return List.of(start, new End(session, null, endedAt, 0));
    }

    private static List<Entry> message(ObjectNode json, UUID session, @Nullable UUID user, int number) {
        String role = text(json, "role");
        String content = text(json, "content");
        if (role == null || content == null) {
            throw new IllegalArgumentException((role == null ? "role" : "content") + " is missing");
        }
        Instant at = time(json, "created_at");
        UUID id = uuid(json, "message_id");
        if (id == null) {
            id = UUID.nameUUIDFromBytes(
                    (session + "\n" + at + "\n" + role + "\n" + content).getBytes(StandardCharsets.UTF_8));
        }
        JsonNode metadata = json.get("metadata");
        return List.of(
                new Start(session, user == null ? NOBODY : user, at, "{}"),
                new Message(
                        id,
                        session,
                        user,
                        MessageRole.parse(role),
                        content,
                        text(json, "audio_url"),
                        metadata == null || metadata.isNull() ? null : metadata.toString(),
                        number,
                        at),
                new End(session, null, at, 0));
    }

    private static @Nullable String text(ObjectNode json, String name) {
        JsonNode value = json.get(name);
        if (value == null || value.isNull()) {
            return null;
        }
        if (!value.isString()) {
            throw new IllegalArgumentException(name + " is not a text");
        }
        return value.stringValue();
    }

    private static @Nullable UUID uuid(ObjectNode json, String name) {
        String text = text(json, name);
        if (text != null && !UUID_FORM.matcher(text).matches()) {
            throw new IllegalArgumentException(name + " is '" + text + "', which is not a UUID");
        }
        return text == null ? null : UUID.fromString(text);
    }

    private static Instant time(ObjectNode json, String name) {
        String text = text(json, name);
        if (text == null) {
            throw new IllegalArgumentException(name + " is missing");
        }
        try {
            return OffsetDateTime.parse(text).toInstant().truncatedTo(ChronoUnit.MICROS);
        } catch (DateTimeException e) {
            throw new IllegalArgumentException(
                    name + " is '" + text + "'; should be a time with its zone, such as 2026-01-31T10:00:00Z", e);
        }
    }

    List<Entry> entries() {
        return entries;
    }
}
