package dev.parley.launch;

import java.io.PrintWriter;
import tools.jackson.core.StreamWriteFeature;
import tools.jackson.databind.MapperFeature;
import tools.jackson.databind.ObjectWriter;
import tools.jackson.databind.SerializationFeature;
import tools.jackson.databind.json.JsonMapper;

/** What {@code --json} answers with: fields in the order of their record, numbers as people write them. */
final class Json {
    private static final ObjectWriter LINE = JsonMapper.builder()
            .enable(StreamWriteFeature.WRITE_BIGDECIMAL_AS_PLAIN)
            .disable(MapperFeature.SORT_PROPERTIES_ALPHABETICALLY)
            .build()
            .writer();
    private static final ObjectWriter INDENTED = LINE.with(SerializationFeature.INDENT_OUTPUT);

    private Json() {}

    static void print(PrintWriter out, Object value) {
        out.println(INDENTED.writeValueAsString(value));
    }

    /** On one line, for those who read one after another. */
    static String line(Object value) {
        return LINE.writeValueAsString(value);
    }
}
