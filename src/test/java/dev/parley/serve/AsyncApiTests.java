package dev.parley.serve;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.annotation.JsonSubTypes;
import java.io.InputStream;
import java.lang.reflect.RecordComponent;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.snakeyaml.engine.v2.api.Load;
import org.snakeyaml.engine.v2.api.LoadSettings;

/** The AsyncAPI document says what the code does. */
class AsyncApiTests {
    private static final Map<String, Object> DOCUMENT = load();

    private static Map<String, Object> load() {
        try (InputStream in = AsyncApiTests.class.getResourceAsStream("/static/asyncapi.yaml")) {
            return cast(new Load(LoadSettings.builder().build()).loadFromInputStream(in));
        } catch (java.io.IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }

    static Stream<JsonSubTypes.Type> frames() {
        return Stream.of(ClientFrame.class, ServerFrame.class)
                .flatMap(frames ->
                        Arrays.stream(frames.getAnnotation(JsonSubTypes.class).value()));
    }

    @ParameterizedTest
    @MethodSource("frames")
    void everyFieldIsInTheDocumentAndNoOther(JsonSubTypes.Type frame) {
        Map<String, Object> payload = in(DOCUMENT, "components", "messages", frame.name(), "payload");
        List<String> fields = new ArrayList<>(List.of("type"));
        List<String> required = new ArrayList<>(List.of("type"));
        for (RecordComponent component : frame.value().getRecordComponents()) {
            fields.add(name(component));
            if (!component.getAnnotatedType().isAnnotationPresent(Nullable.class)) {
                required.add(name(component));
            }
        }

        Map<String, Object> properties = in(payload, "properties");

        assertThat(properties.keySet()).containsExactlyInAnyOrderElementsOf(fields);
        assertThat((List<?>) payload.get("required")).isEqualTo(required);
        assertThat(DocumentedTypes.of(properties)).containsExactlyInAnyOrderEntriesOf(DocumentedTypes.of(frame));
    }

    @Test
    void everyFrameIsInTheDocumentAndNoOther() {
        List<String> names = frames().map(JsonSubTypes.Type::name).toList();

        assertThat(in(DOCUMENT, "components", "messages").keySet()).containsExactlyInAnyOrderElementsOf(names);
        assertThat(in(DOCUMENT, "channels", "track", "messages").keySet()).containsExactlyInAnyOrderElementsOf(names);
        assertThat(references("takeFromClient")).containsExactlyElementsOf(names(ClientFrame.class));
        assertThat(references("tellClient")).containsExactlyElementsOf(names(ServerFrame.class));
        assertThat(DOCUMENT).containsEntry("asyncapi", "3.0.0");
        assertThat(in(DOCUMENT, "channels", "track")).containsEntry("address", TrackApi.PATH);
        assertThat(in(DOCUMENT, "info")).containsEntry("version", TrackSocket.PROTOCOL);
    }

    @Test
    void everyReasonIsInTheDocumentAndNoOther() {
        assertThat(in(DOCUMENT, "components", "schemas", "reason").get("enum"))
                .isEqualTo(Arrays.stream(Refusal.Reason.values())
                        .map(Refusal.Reason::key)
                        .toList());
    }

    /** What kind of JSON each field is. */
    private static final class DocumentedTypes {
        static Map<String, String> of(Map<String, Object> properties) {
            Map<String, String> types = new java.util.TreeMap<>();
            properties.forEach((name, schema) -> types.put(
                    name,
                    cast(schema).containsKey("const") || cast(schema).containsKey("$ref")
                            ? "string"
                            : cast(schema).get("type").toString()));
            return types;
        }

        static Map<String, String> of(JsonSubTypes.Type frame) {
            Map<String, String> types = new java.util.TreeMap<>(Map.of("type", "string"));
            for (RecordComponent component : frame.value().getRecordComponents()) {
                Class<?> type = component.getType();
                types.put(
                        name(component),
                        type == Map.class
                                ? "object"
                                : type == Boolean.class || type == boolean.class
                                        ? "boolean"
                                        : type.isPrimitive() || Number.class.isAssignableFrom(type)
                                                ? "integer"
                                                : "string");
            }
            return types;
        }
    }

    private static String name(RecordComponent component) {
        JsonProperty property = component.getAccessor().getAnnotation(JsonProperty.class);
        return property != null
                ? property.value()
                : component.getName().replaceAll("([A-Z])", "_$1").toLowerCase(java.util.Locale.ROOT);
    }

    private static List<String> names(Class<?> frames) {
        return Arrays.stream(frames.getAnnotation(JsonSubTypes.class).value())
                .map(JsonSubTypes.Type::name)
                .toList();
    }

    private static List<String> references(String operation) {
        return ((List<?>) in(DOCUMENT, "operations", operation).get("messages"))
                .stream()
                        .map(reference -> cast(reference).get("$ref").toString())
                        .map(reference -> reference.substring(reference.lastIndexOf('/') + 1))
                        .toList();
    }

    private static Map<String, Object> in(Map<String, Object> document, String... path) {
        Map<String, Object> at = document;
        for (String step : path) {
            assertThat(at).containsKey(step);
            at = cast(at.get(step));
        }
        return at;
    }

    @SuppressWarnings("unchecked")
    private static Map<String, Object> cast(Object value) {
        return (Map<String, Object>) value;
    }
}
