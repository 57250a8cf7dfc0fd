package dev.parley.generation;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.databind.DeserializationContext;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.ObjectReader;
import tools.jackson.databind.ValueDeserializer;
import tools.jackson.databind.deser.DeserializationProblemHandler;
import tools.jackson.databind.json.JsonMapper;

/** Reads a model's text as a conversation document: as it stands, else repaired. Thread-safe. */
final class DocumentReader {
    private final JsonMapper json;
    private final ObjectReader drafts;

    DocumentReader(JsonMapper json) {
        this.json = json;
        drafts = json.readerFor(Draft.class)
                .with(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
                .with(StreamReadFeature.STRICT_DUPLICATE_DETECTION) // of two contents, one would be lost
                .withHandler(new UnknownFields());
    }

    /** @param unknownFields the names of fields that a document must not have */
    record Parsed(Draft draft, Method method, List<String> unknownFields) {}

    /** How a document was read; {@link #key} is how {@code conversations.parse_method_used} spells it. */
    enum Method {
        DIRECT("direct"),
        REPAIR("repair");

        final String key;

        Method(String key) {
            this.key = key;
        }
    }

    /** @throws Unreadable when it is no JSON even after a repair, or JSON of another shape */
    Parsed read(String text) throws Unreadable {
        try {
            return read(text, Method.DIRECT);
        } catch (JacksonException direct) {
            return repaired(text, direct);
        }
    }

    /** Whether the bytes hold a bare conversation document, as the raw files of older systems do. */
    boolean isDocument(byte[] body) {
        try {
            Draft draft = read(new String(body, StandardCharsets.UTF_8)).draft();
            return draft.metadata() != null && draft.turns() != null;
        } catch (Unreadable e) {
            return false;
        }
    }

    private Parsed repaired(String text, JacksonException direct) throws Unreadable {
        List<Parsed> documents = new ArrayList<>();
        String why = "none of its objects is a conversation";
        try {
            for (String object : JsonRepair.objects(text)) {
                try {
                    Parsed parsed = read(object, Method.REPAIR);
                    if (parsed.draft().turns() == null) {
                        continue;
                    }
                    if (!parsed.unknownFields().isEmpty()) { // perhaps a text that was taken apart in the wrong place
                        why = "it has fields that do not belong there: " + String.join(", ", parsed.unknownFields());
                        continue;
                    }
                    documents.add(parsed);
                } catch (JacksonException e) {
                    why = oneLine(e);
                }
            }
        } catch (JsonRepair.Hopeless e) {
            why = Objects.requireNonNull(e.getMessage());
        }
        if (documents.size() == 1) {
            return documents.get(0);
        }
        if (documents.size() > 1) {
            why = "it holds " + documents.size() + " conversations";
        }
        boolean wrongShape = isJson(text);
        throw new Unreadable(
                wrongShape
                        ? "it is JSON, but not a conversation document: " + oneLine(direct)
                        : "it is not JSON: " + oneLine(direct) + "; no repair: " + why,
                wrongShape,
                direct);
    }

    private Parsed read(String text, Method method) {
        List<String> unknown = new ArrayList<>(0);
        Draft draft = drafts.withAttribute(UnknownFields.class, unknown).readValue(text);
        return new Parsed(draft == null ? new Draft(null, null) : draft, method, List.copyOf(unknown));
    }

    private boolean isJson(String text) {
        try {
            json.reader().with(StreamReadFeature.STRICT_DUPLICATE_DETECTION).readTree(text);
            return true;
        } catch (JacksonException e) {
            return false;
        }
    }

    private static String oneLine(JacksonException e) {
        String message =
                Objects.requireNonNullElse(e.getOriginalMessage(), e.getClass().getSimpleName());
        String where = e.getLocation() == null || e.getLocation().getLineNr() < 0
                ? ""
                : " (line " + e.getLocation().getLineNr() + ", column "
                        + e.getLocation().getColumnNr() + ")";
        return message.replaceAll("\\s+", " ").strip() + where;
    }

    /** Notes a field that nobody asked for, and passes over it. */
    private static final class UnknownFields extends DeserializationProblemHandler {
        @Override
        @SuppressWarnings("unchecked") // the attribute is ours, set above
        public boolean handleUnknownProperty(
                DeserializationContext context,
                JsonParser parser,
                @Nullable ValueDeserializer<?> deserializer,
                Object beanOrClass,
                String name) {
            List<String> unknown = (List<String>) context.getAttribute(UnknownFields.class);
            if (!unknown.contains(name)) {
                unknown.add(name);
            }
            parser.skipChildren();
            return true;
        }
    }

    /** The text holds no document. */
    static final class Unreadable extends Exception {
        private static final long serialVersionUID = 1L;

        private final boolean wrongShape;

        Unreadable(String message, boolean wrongShape, Throwable cause) {
            super(message, cause);
            this.wrongShape = wrongShape;
        }

        String why() {
            return Objects.requireNonNull(getMessage());
        }

        /** Whether it is flawless JSON that says something else. */
        boolean wrongShape() {
            return wrongShape;
        }
    }
}
