package dev.parley.provider;

import java.util.Map;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JsonGenerator;
import tools.jackson.core.io.SerializedString;
import tools.jackson.databind.JacksonSerializable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.SerializationContext;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.jsontype.TypeSerializer;
import tools.jackson.databind.node.ObjectNode;
import tools.jackson.databind.util.RawValue;

/** What request bodies of all providers have in common. */
final class RequestBody {
    private static final JsonMapper JSON = JsonMapper.shared();

    private RequestBody() {}

    /** A message with a long text. */
    static ObjectNode message(ObjectNode message, String role, String content) {
        return message.put("role", role).putPOJO("content", new Text(content));
    }

    /**
     * The bytes of a body, with further fields from configuration. Objects are merged field by field, so that an extra
     * {@code output_config.effort} leaves the format alone.
     *
     * @throws ModelException when the fields ask for a stream
     */
    static byte[] bytes(ObjectNode body, Map<String, Object> extra) {
        if (!extra.isEmpty()) {
            merge(body, JSON.valueToTree(extra));
            refuseStreaming(body);
        }
        return JSON.writeValueAsBytes(body);
    }

    private static void merge(ObjectNode into, JsonNode extra) {
        for (Map.Entry<String, JsonNode> field : extra.properties()) {
            if (into.get(field.getKey()) instanceof ObjectNode known
                    && field.getValue().isObject()) {
                merge(known, field.getValue());
            } else {
                into.set(field.getKey(), field.getValue());
            }
        }
    }

    private static void refuseStreaming(ObjectNode body) {
        if (body.path("stream").asBoolean(false)) {
            throw new ModelException(
                    FailureCode.INVALID_SETTINGS.because(
                            "the extra request field 'stream' must be left out: answers are read whole"),
                    null);
        }
    }

    /**
     * Texts of which most are the same string as the one before: items of one template are neighbours, and share its stable
     * prefix. Such a one is quoted once for them all. Thread-safe.
     */
    static final class RepeatedText {
        private volatile @Nullable Quoted last;

        private record Quoted(String text, RawValue json) {}

        /** The text as a JSON value. */
        RawValue quoted(String text) {
            Quoted quoted = last;
            if (quoted == null || !quoted.text().equals(text)) {
                quoted = new Quoted(text, new RawValue(new SerializedString(JSON.writeValueAsString(new Text(text)))));
                last = quoted;
            }
            return quoted.json();
        }
    }

    /**
     * A long text. Jackson writes a string by {@code charAt}, which took a fifth of all CPU time of a run (client compiler,
     * prompts with typographic characters), and an array without.
     */
    record Text(String text) implements JacksonSerializable {
        @Override
        public void serialize(JsonGenerator json, SerializationContext context) {
            char[] characters = text.toCharArray();
            json.writeString(characters, 0, characters.length);
        }

        @Override
        public void serializeWithType(JsonGenerator json, SerializationContext context, TypeSerializer types) {
            serialize(json, context);
        }
    }
}
