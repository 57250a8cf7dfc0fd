package dev.parley.catalog;

import com.fasterxml.jackson.annotation.JsonCreator;
import com.fasterxml.jackson.annotation.JsonProperty;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.math.BigDecimal;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.ZoneId;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.UUID;
import java.util.function.Function;
import java.util.regex.Pattern;
import org.snakeyaml.engine.v2.nodes.ScalarNode;
import org.snakeyaml.engine.v2.nodes.Tag;
import org.springframework.boot.convert.DurationStyle;

/** What a single value in a file means for each type that a component may have. Stateless. */
final class YamlScalars {
    private static final Pattern UUID_FORM = Pattern.compile("[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}");
    private static final Pattern DECIMAL_INTEGER = Pattern.compile("[-+]?[0-9]{1,30}");

    private YamlScalars() {}

    /** The value is not what the type needs; the message says what it is and what would be right. */
    static final class Mismatch extends Exception {
        private static final long serialVersionUID = 1L;

        Mismatch(String message) {
            super(message);
        }
    }

    /** What a person should write for the type, as in "should be …". */
    static String expected(Class<?> type) {
        if (isNumber(type)) {
            return isWhole(type) ? "a whole number" : "a number";
        } else if (type == boolean.class || type == Boolean.class) {
            return "true or false";
        } else if (type.isEnum()) {
            return "one of " + String.join(", ", spellings(type));
        } else if (type == UUID.class) {
            return "a UUID such as 53583301-5758-4781-99df-57b9c5fc1949";
        } else if (type == Duration.class) {
            return "a duration such as 30s, 5m or 2h";
        } else if (type == LocalDate.class) {
            return "a date such as 2026-01-31";
        } else if (type == Instant.class) {
            return "a time in UTC such as 2026-01-31T18:00:00Z";
        } else if (type == ZoneId.class) {
            return "a time zone such as Europe/Berlin";
        } else {
            return "text";
        }
    }

    /** The value, null never: an empty one is the caller's to judge. */
    static Object convert(ScalarNode node, Class<?> type) throws Mismatch {
        String text = node.getValue();
        if (isNumber(type)) {
            return number(node, type);
        } else if (type == boolean.class || type == Boolean.class) {
            if (!node.getTag().equals(Tag.BOOL)) {
                throw wrong(node, type);
            }
            return Boolean.valueOf(text);
        } else if (type.isEnum()) {
            return constant(text, type);
        } else if (type == UUID.class) {
            if (!UUID_FORM.matcher(text).matches()) {
                throw wrong(node, type);
            }
            return UUID.fromString(text);
        } else if (type == Duration.class) {
            return parsed(node, type, DurationStyle::detectAndParse);
        } else if (type == LocalDate.class) {
            return parsed(node, type, LocalDate::parse);
        } else if (type == Instant.class) {
            return parsed(node, type, Instant::parse);
        } else if (type == ZoneId.class) {
            return parsed(node, type, ZoneId::of);
        } else if (type == String.class) {
            return text(node);
        } else {
            return created(text(node), type);
        }
    }

    /** What stands there, in words: {@code the text 'abc'}, {@code the number 45}. */
    static String describe(ScalarNode node) {
        Tag tag = node.getTag();
        String text = abbreviate(node.getValue());
        if (tag.equals(Tag.NULL)) {
            return "nothing";
        } else if (tag.equals(Tag.INT) || tag.equals(Tag.FLOAT)) {
            return "the number " + text;
        } else if (tag.equals(Tag.STR)) {
            return "the text '" + text + "'";
        } else {
            return text;
        }
    }

    static String abbreviate(String text) {
        String line = text.replaceAll("\\s+", " ").strip();
        return line.length() <= 60 ? line : line.substring(0, 57) + "...";
    }

    private static String text(ScalarNode node) throws Mismatch {
        if (!node.getTag().equals(Tag.STR)) {
            throw new Mismatch("should be text, but is " + describe(node) + "; put it in quotes");
        }
        if (node.getValue().indexOf('\0') >= 0) {
            throw new Mismatch("holds the character U+0000, which no table can keep");
        }
        return node.getValue();
    }

    private static Object number(ScalarNode node, Class<?> type) throws Mismatch {
        boolean whole = node.getTag().equals(Tag.INT);
        if (!whole && (isWhole(type) || !node.getTag().equals(Tag.FLOAT))) {
            throw wrong(node, type);
        }
        BigDecimal value;
        try {
            value = whole ? new BigDecimal(decimal(node, type)) : new BigDecimal(node.getValue());
            if (type == int.class || type == Integer.class) {
                return value.intValueExact();
            } else if (type == long.class || type == Long.class) {
                return value.longValueExact();
            }
        } catch (NumberFormatException e) { // .nan and .inf
            throw wrong(node, type);
        } catch (ArithmeticException e) {
            throw new Mismatch("is too large a number: " + node.getValue());
        }
        return type == BigDecimal.class ? value : (Object) value.doubleValue();
    }

    /** Octal and hexadecimal are YAML, but in these files they are a slip. */
    private static String decimal(ScalarNode node, Class<?> type) throws Mismatch {
        if (!DECIMAL_INTEGER.matcher(node.getValue()).matches()) {
            throw wrong(node, type);
        }
        return node.getValue();
    }

    private static Object parsed(ScalarNode node, Class<?> type, Function<String, Object> parser) throws Mismatch {
        try {
            return parser.apply(node.getValue());
        } catch (DateTimeException | IllegalArgumentException | ArithmeticException e) {
            throw wrong(node, type);
        }
    }

    private static Object constant(String text, Class<?> type) throws Mismatch {
        for (Object constant : type.getEnumConstants()) {
            if (spelling((Enum<?>) constant).equals(text)) {
                return constant;
            }
        }
        List<String> known = spellings(type);
        throw new Mismatch("'" + abbreviate(text) + "' is not one of " + String.join(", ", known)
                + Suggestion.nearest(text, known)
                        .map(name -> "; did you mean '" + name + "'?")
                        .orElse(""));
    }

    private static List<String> spellings(Class<?> type) {
        return Arrays.stream(type.getEnumConstants())
                .map(constant -> spelling((Enum<?>) constant))
                .toList();
    }

    private static String spelling(Enum<?> constant) {
        try {
            JsonProperty named =
                    constant.getDeclaringClass().getField(constant.name()).getAnnotation(JsonProperty.class);
            return named == null ? constant.name().toLowerCase(Locale.ROOT) : named.value();
        } catch (NoSuchFieldException e) {
            throw new IllegalStateException(e);
        }
    }

    private static Object created(String text, Class<?> type) throws Mismatch {
        Method creator = creator(type).orElseThrow(() -> new IllegalStateException("No file can hold a " + type));
        try {
            return creator.invoke(null, text);
        } catch (InvocationTargetException e) {
            if (e.getCause() instanceof IllegalArgumentException refusal) {
                throw new Mismatch(String.valueOf(refusal.getMessage()));
            }
            throw new IllegalStateException(e.getCause());
        } catch (IllegalAccessException e) {
            throw new IllegalStateException(e);
        }
    }

    /** The static method that makes one from text. */
    static Optional<Method> creator(Class<?> type) {
        return Arrays.stream(type.getDeclaredMethods())
                .filter(method -> Modifier.isStatic(method.getModifiers())
                        && method.isAnnotationPresent(JsonCreator.class)
                        && Arrays.equals(method.getParameterTypes(), new Class<?>[] {String.class}))
                .findFirst()
                .map(method -> {
                    method.setAccessible(true);
                    return method;
                });
    }

    private static boolean isNumber(Class<?> type) {
        return isWhole(type) || type == double.class || type == Double.class || type == BigDecimal.class;
    }

    private static boolean isWhole(Class<?> type) {
        return type == int.class || type == Integer.class || type == long.class || type == Long.class;
    }

    private static Mismatch wrong(ScalarNode node, Class<?> type) {
        return new Mismatch("should be " + expected(type) + ", but is " + describe(node));
    }
}
