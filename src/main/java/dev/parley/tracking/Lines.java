package dev.parley.tracking;

import dev.parley.tracking.Entry.End;
import dev.parley.tracking.Entry.Message;
import dev.parley.tracking.Entry.Start;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Objects;
import java.util.UUID;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonGenerator;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.core.ObjectReadContext;
import tools.jackson.core.ObjectWriteContext;
import tools.jackson.core.json.JsonFactory;

/**
 * Entries as lines of JSON. In the journal each ends with {@code ,"crc":"…"}: the CRC32C of what is before it, by which damage
 * is told from data. Stateless.
 */
final class Lines {
    private static final JsonFactory JSON = new JsonFactory();
    private static final byte[] CRC_BEGINS = ",\"crc\":\"".getBytes(StandardCharsets.US_ASCII);
    private static final byte[] CRC_ENDS = "\"}\n".getBytes(StandardCharsets.US_ASCII);
    private static final int CRC_DIGITS = 8;

    private Lines() {}

    /** A line that is not as it was written. */
    static final class DamagedLineException extends Exception {
        DamagedLineException(String message) {
            super(message);
        }
    }

    /** Gives access to the bytes without a copy. */
    static final class Buffer extends ByteArrayOutputStream {
        Buffer(int size) {
            super(size);
        }

        byte[] bytes() {
            return buf;
        }

        void truncate(int size) {
            count = size;
        }
    }

    /** Appends the line of an entry, with check sum and line feed. */
    static void append(Entry entry, Buffer to) {
        int begin = to.size();
        write(entry, to);
        int end = to.size() - 1; // before the closing brace
        to.truncate(end);
        CRC32C crc = new CRC32C();
        crc.update(to.bytes(), begin, end - begin);
        to.writeBytes(CRC_BEGINS);
        for (int shift = 28; shift >= 0; shift -= 4) {
            to.write(hexDigit(crc, shift));
        }
        to.writeBytes(CRC_ENDS);
    }

    private static byte hexDigit(CRC32C crc, int shift) {
        return (byte) Character.forDigit((int) (crc.getValue() >>> shift) & 0xF, 16);
    }

    /** The same for people and for dead letters: no check sum, no line feed. */
    static String text(Entry entry) {
        Buffer buffer = new Buffer(256);
        write(entry, buffer);
        return buffer.toString(StandardCharsets.UTF_8);
    }

    private static void write(Entry entry, Buffer to) {
        try (JsonGenerator json = JSON.createGenerator(ObjectWriteContext.empty(), to)) {
            json.writeStartObject();
            if (entry instanceof Message message) {
                json.writeStringProperty("type", "message");
                json.writeStringProperty("id", message.id().toString());
                json.writeStringProperty("session_id", message.sessionId().toString());
                if (message.userId() != null) {
                    json.writeStringProperty("user_id", message.userId().toString());
                }
                json.writeStringProperty("role", message.role().key());
                json.writeStringProperty("content", message.content());
                optional(json, "audio_url", message.audioUrl());
                optional(json, "metadata", message.metadata());
                json.writeNumberProperty("seq", message.seq());
            } else if (entry instanceof Start start) {
                json.writeStringProperty("type", "start");
                json.writeStringProperty("session_id", start.sessionId().toString());
                json.writeStringProperty("user_id", start.userId().toString());
                json.writeStringProperty("metadata", start.metadata());
            } else if (entry instanceof End end) {
                json.writeStringProperty("type", "end");
                json.writeStringProperty("session_id", end.sessionId().toString());
                if (end.userId() != null) {
                    json.writeStringProperty("user_id", end.userId().toString());
                }
                json.writeNumberProperty("messages", end.messages());
            }
            json.writeNumberProperty("at", micros(entry.at()));
            json.writeEndObject();
        }
    }

    private static void optional(JsonGenerator json, String name, @Nullable String value) {
        if (value != null) {
            json.writeStringProperty(name, value);
        }
    }

    /** Microseconds since 1970: what the database keeps. */
    static long micros(Instant at) {
        return Math.addExact(Math.multiplyExact(at.getEpochSecond(), 1_000_000), at.getNano() / 1_000);
    }

    /**
     * Reads a line of the journal.
     *
     * @param length without the line feed
     * @throws DamagedLineException when it is not what was written
     */
    static Entry parse(byte[] bytes, int begin, int length) throws DamagedLineException {
        int content = length - CRC_BEGINS.length - CRC_DIGITS - 2;
        if (content <= 0) {
            throw new DamagedLineException("too short for a line of the journal");
        }
        CRC32C crc = new CRC32C();
        crc.update(bytes, begin, content);
        int at = begin + content + CRC_BEGINS.length;
        for (int shift = 28; shift >= 0; shift -= 4, at++) {
            if (bytes[at] != hexDigit(crc, shift)) {
                throw new DamagedLineException("its check sum does not fit");
            }
        }
        return parseJson(bytes, begin, length);
    }

    /**
     * Reads the payload of a dead letter.
     *
     * @throws DamagedLineException when it is none
     */
    static Entry parse(String json) throws DamagedLineException {
        byte[] bytes = json.getBytes(StandardCharsets.UTF_8);
        return parseJson(bytes, 0, bytes.length);
    }

    private static Entry parseJson(byte[] bytes, int begin, int length) throws DamagedLineException {
        try (JsonParser json = JSON.createParser(ObjectReadContext.empty(), bytes, begin, length)) {
            Fields fields = new Fields();
            json.nextToken();
            while (json.nextToken() == JsonToken.PROPERTY_NAME) {
                String name = json.currentName();
                json.nextToken();
                fields.set(name, json);
            }
            return fields.entry();
        } catch (JacksonException | IllegalArgumentException | NullPointerException | ArithmeticException e) {
            throw new DamagedLineException("not an entry of the journal: " + e.getMessage());
        }
    }

    private static final class Fields {
        private @Nullable String type;
        private @Nullable String id;
        private @Nullable String sessionId;
        private @Nullable String userId;
        private @Nullable String role;
        private @Nullable String content;
        private @Nullable String audioUrl;
        private @Nullable String metadata;
        private long seq;
        private long messages;
        private long at;

        void set(String name, JsonParser json) {
            switch (name) {
                case "type" -> type = json.getString();
                case "id" -> id = json.getString();
                case "session_id" -> sessionId = json.getString();
                case "user_id" -> userId = json.getString();
                case "role" -> role = json.getString();
                case "content" -> content = json.getString();
                case "audio_url" -> audioUrl = json.getString();
                case "metadata" -> metadata = json.getString();
                case "seq" -> seq = json.getLongValue();
                case "messages" -> messages = json.getLongValue();
                case "at" -> at = json.getLongValue();
                default -> json.skipChildren(); // the check sum, or of another version
            }
        }

        Entry entry() {
            UUID session = uuid(sessionId);
            Instant time = Instant.EPOCH.plus(at, ChronoUnit.MICROS);
            return switch (Objects.requireNonNull(type, "type")) {
                case "start" -> new Start(session, uuid(userId), time, Objects.requireNonNull(metadata, "metadata"));
                case "end" -> new End(session, userId == null ? null : uuid(userId), time, messages);
                case "message" ->
                    new Message(
                            uuid(id),
                            session,
                            userId == null ? null : uuid(userId),
                            MessageRole.parse(Objects.requireNonNull(role, "role")),
                            Objects.requireNonNull(content, "content"),
                            audioUrl,
                            metadata,
                            seq,
                            time);
                default -> throw new IllegalArgumentException("type " + type);
            };
        }

        private static UUID uuid(@Nullable String text) {
            return UUID.fromString(Objects.requireNonNull(text, "id"));
        }
    }
}
