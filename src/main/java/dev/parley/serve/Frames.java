package dev.parley.serve;

import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.DatabindException;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.EnumNamingStrategies;
import tools.jackson.databind.MapperFeature;
import tools.jackson.databind.PropertyNamingStrategies;
import tools.jackson.databind.cfg.CoercionAction;
import tools.jackson.databind.cfg.CoercionInputShape;
import tools.jackson.databind.exc.InvalidFormatException;
import tools.jackson.databind.exc.InvalidTypeIdException;
import tools.jackson.databind.exc.MismatchedInputException;
import tools.jackson.databind.exc.UnrecognizedPropertyException;
import tools.jackson.databind.exc.ValueInstantiationException;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.type.LogicalType;

/** Frames as JSON: names in snake_case, nothing guessed, nothing ignored. Stateless. */
final class Frames {
    private static final JsonMapper JSON = JsonMapper.builder()
            .propertyNamingStrategy(PropertyNamingStrategies.SNAKE_CASE)
            .enumNamingStrategy(EnumNamingStrategies.SNAKE_CASE)
            .disable(MapperFeature.SORT_PROPERTIES_ALPHABETICALLY)
            .disable(MapperFeature.ALLOW_COERCION_OF_SCALARS)
            .enable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
            .enable(DeserializationFeature.USE_BIG_DECIMAL_FOR_FLOATS)
            .withCoercionConfig(LogicalType.Textual, config -> {
                config.setCoercion(CoercionInputShape.Integer, CoercionAction.Fail);
                config.setCoercion(CoercionInputShape.Float, CoercionAction.Fail);
                config.setCoercion(CoercionInputShape.Boolean, CoercionAction.Fail);
            })
            .build();

    private Frames() {}

    /** @throws IllegalArgumentException saying what is wrong with it, and what would be right */
    static ClientFrame read(String text) {
        ClientFrame frame;
        try {
            frame = JSON.readValue(text, ClientFrame.class);
        } catch (JacksonException e) {
            throw new IllegalArgumentException(whatIsWrong(e), e);
        }
        if (frame == null) {
            throw new IllegalArgumentException("it is null; should be an object with a type");
        }
        // only an escape can make half a character, which no journal and no database takes
        if (text.contains("\\u") && !StandardCharsets.UTF_8.newEncoder().canEncode(frame.toString())) {
            throw new IllegalArgumentException(
                    "it has half a character: an escape \\uD800 to \\uDFFF without its pair");
        }
        return frame;
    }

    static String write(Object frame) {
        return JSON.writeValueAsString(frame);
    }

    private static String whatIsWrong(JacksonException e) {
        String field = e instanceof DatabindException ? field(e) : "";
        if (e instanceof InvalidTypeIdException type) {
            return "type is " + (type.getTypeId() == null ? "missing" : "'" + type.getTypeId() + "'")
                    + "; should be session.start, message, session.end or ping";
        }
        if (e instanceof UnrecognizedPropertyException unknown) {
            return "there is no field " + unknown.getPropertyName() + "; known are " + unknown.getKnownPropertyIds();
        }
        if (e instanceof ValueInstantiationException refused && refused.getCause() != null) {
            return String.valueOf(refused.getCause().getMessage());
        }
        if (e instanceof InvalidFormatException format) {
            return field + " is '" + format.getValue() + "', which is not " + kind(format.getTargetType());
        }
        if (e instanceof MismatchedInputException mismatch) {
            return field.isEmpty()
                    ? "it is not one JSON object with a type"
                    : field + " is not " + kind(mismatch.getTargetType());
        }
        return "not JSON: " + e.getOriginalMessage();
    }

    private static String field(JacksonException e) {
        return e.getPath().isEmpty() ? "" : String.valueOf(e.getPath().get(0).getPropertyName());
    }

    private static String kind(@Nullable Class<?> type) {
        return switch (type == null ? "" : type.getSimpleName()) {
            case "UUID" -> "a UUID";
            case "Boolean" -> "true or false";
            case "String" -> "a text";
            default -> "a JSON object";
        };
    }
}
