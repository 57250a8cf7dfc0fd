package dev.parley.catalog;

import java.util.List;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Lists of text in JSON columns, which hand in and out strings on H2 and PostgreSQL alike. */
final class JsonColumn {
    private static final JsonMapper JSON = JsonMapper.shared();

    private JsonColumn() {}

    static String write(List<String> elements) {
        return JSON.writeValueAsString(elements);
    }

    /**
     * Takes whatever an older installation may have stored: no value, one string, objects instead of strings. An object is
     * its {@code key: value} pairs in a line.
     */
    static List<String> read(@Nullable String stored) {
        if (stored == null || stored.isBlank()) {
            return List.of();
        }
        try {
            JsonNode json = JSON.readTree(stored);
            return json.isArray()
                    ? json.valueStream()
                            .filter(node -> !node.isNull())
                            .map(JsonColumn::line)
                            .toList()
                    : json.isNull() ? List.of() : List.of(line(json));
        } catch (JacksonException e) {
            return List.of(stored);
        }
    }

    private static String line(JsonNode node) {
        if (node.isObject()) {
            return node.properties().stream()
                    .map(entry -> entry.getKey() + ": " + line(entry.getValue()))
                    .collect(Collectors.joining("; "));
        } else if (node.isArray()) {
            return node.valueStream().map(JsonColumn::line).collect(Collectors.joining(", "));
        } else {
            return node.asString();
        }
    }
}
