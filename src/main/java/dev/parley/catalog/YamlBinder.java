package dev.parley.catalog;

import dev.parley.catalog.InvalidFileException.Problem;
import jakarta.validation.ConstraintViolation;
import jakarta.validation.Validator;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.Type;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.snakeyaml.engine.v2.common.FlowStyle;
import org.snakeyaml.engine.v2.common.ScalarStyle;
import org.snakeyaml.engine.v2.nodes.MappingNode;
import org.snakeyaml.engine.v2.nodes.Node;
import org.snakeyaml.engine.v2.nodes.NodeTuple;
import org.snakeyaml.engine.v2.nodes.ScalarNode;
import org.snakeyaml.engine.v2.nodes.SequenceNode;
import org.snakeyaml.engine.v2.nodes.Tag;
import org.snakeyaml.engine.v2.schema.CoreSchema;

/** Turns the nodes of one file into a record and collects whatever is wrong on the way. Used once, by one thread. */
final class YamlBinder {
    /** Aliases let a small file unfold into a huge one. */
    private static final int MAX_VALUES = 1_000_000;

    private static final int MAX_DEPTH = 50;
    private static final Set<Tag> TAGS = Set.of(Tag.STR, Tag.INT, Tag.FLOAT, Tag.BOOL, Tag.NULL, Tag.SEQ, Tag.MAP);

    /** Stands for a value that has a problem already. */
    private static final Object BROKEN = new Object();

    private final String file;
    private final Validator validator;
    private final Set<Problem> problems = new LinkedHashSet<>();
    private final Map<String, Integer> lines = new HashMap<>();
    private final Map<Class<?>, RecordFormat> formats = new HashMap<>();
    private int values;

    YamlBinder(String file, Validator validator) {
        this.file = file;
        this.validator = validator;
    }

    /** @throws InvalidFileException with all that is wrong */
    <T extends Record> T bind(Node root, Class<T> type) {
        lines.put("", line(root));
        Object value = value(root, type, "", 0);
        if (!problems.isEmpty()) {
            throw invalid();
        }
        return type.cast(value);
    }

    /** The line of every key path seen so far. */
    Map<String, Integer> lines() {
        return lines;
    }

    private Object value(Node node, Type type, String path, int depth) {
        if (++values > MAX_VALUES || depth > MAX_DEPTH) {
            report(path, depth > MAX_DEPTH ? "is nested too deeply" : "the file unfolds to too many values");
            throw invalid();
        }
        if (!TAGS.contains(node.getTag())) {
            return broken(path, "has the tag " + node.getTag() + ", which means nothing here; leave it out");
        }
        Class<?> raw = (Class<?>) (type instanceof ParameterizedType generic ? generic.getRawType() : type);
        if (raw == List.class) {
            return list(node, argument(type, 0), path, depth);
        } else if (raw == Map.class) {
            return map(node, argument(type, 1), path, depth);
        } else if (raw.isRecord()
                && !(node instanceof ScalarNode && YamlScalars.creator(raw).isPresent())) {
            return record(node, raw, path, depth);
        } else {
            return scalar(node, raw, path);
        }
    }

    private Object scalar(Node node, Class<?> type, String path) {
        if (!(node instanceof ScalarNode scalar)) {
            String hint =
                    node instanceof MappingNode && YamlScalars.expected(type).equals("text")
                            ? "; text that begins with { or holds ': ' needs quotes"
                            : "";
            return broken(path, "should be " + YamlScalars.expected(type) + ", but is " + describe(node) + hint);
        }
        if (scalar.getTag().equals(Tag.NULL)) {
            return broken(path, "is empty; should be " + YamlScalars.expected(type));
        }
        try {
            return YamlScalars.convert(scalar, type);
        } catch (YamlScalars.Mismatch e) {
            return broken(path, String.valueOf(e.getMessage()));
        }
    }

    private Object list(Node node, Type elementType, String path, int depth) {
        if (!(node instanceof SequenceNode sequence)) {
            return broken(path, wrongShape("a list", node, "begin each element's line with '- '"));
        }
        List<Object> elements = new ArrayList<>();
        for (Node element : sequence.getValue()) {
            String elementPath = path + "[" + elements.size() + "]";
            lines.put(elementPath, line(element));
            elements.add(value(element, elementType, elementPath, depth + 1));
        }
        return elements.contains(BROKEN) ? BROKEN : List.copyOf(elements);
    }

    private Object map(Node node, Type valueType, String path, int depth) {
        if (!(node instanceof MappingNode mapping)) {
            return broken(path, wrongShape("a mapping", node, "write it as 'key: value' lines"));
        }
        Map<String, Object> entries = new LinkedHashMap<>();
        entries(mapping, path)
                .forEach((key, entry) -> entries.put(key, value(entry, valueType, child(path, key), depth + 1)));
        return entries.containsValue(BROKEN) ? BROKEN : Collections.unmodifiableMap(entries);
    }

    private Object record(Node node, Class<?> type, String path, int depth) {
        RecordFormat format = formats.computeIfAbsent(type, RecordFormat::of);
        if (!(node instanceof MappingNode mapping)) {
            return broken(path, wrongShape("a mapping", node, "its keys are " + String.join(", ", format.names())));
        }
        Map<RecordFormat.Key, Node> given = new HashMap<>();
        entries(mapping, path).forEach((name, entry) -> {
            RecordFormat.Key key = format.byKey().get(name);
            if (key == null) {
                report(child(path, name), "is not a known key; " + Suggestion.among("keys", format.names(), name));
            } else if (given.putIfAbsent(key, entry) != null) {
                report(child(path, name), "is '" + key.name() + "' once more; keep one of them");
            } else {
                lines.putIfAbsent(child(path, key.name()), lines.getOrDefault(child(path, name), 0)); // an alias
            }
        });
        List<@Nullable Object> arguments = new ArrayList<>();
        boolean valid = true;
        for (RecordFormat.Key key : format.keys()) {
            Object argument = component(given.get(key), key, path, depth);
            arguments.add(argument);
            valid &= argument != BROKEN && satisfies(type, key, argument, path);
        }
        return valid ? create(format, arguments, path) : BROKEN;
    }

    private @Nullable Object component(@Nullable Node given, RecordFormat.Key key, String parent, int depth) {
        String path = child(parent, key.name());
        if (given != null) {
            boolean nothing = given.getTag().equals(Tag.NULL);
            if (nothing && key.nullable()) {
                return null;
            }
            Node node = key.singleAsList() && !nothing && !(given instanceof SequenceNode) ? listOf(given) : given;
            return value(node, key.type(), path, depth + 1);
        }
        if (key.defaultText() != null) {
            Tag tag = new CoreSchema().getScalarResolver().resolve(key.defaultText(), true);
            return value(new ScalarNode(tag, key.defaultText(), ScalarStyle.PLAIN), key.type(), path, depth + 1);
        }
        if (key.nullable()) {
            return null;
        }
        if (key.type() instanceof ParameterizedType generic) {
            return generic.getRawType() == Map.class ? Map.of() : List.of();
        }
        Class<?> type = (Class<?>) key.type();
        return broken(path, "is missing; should be " + (type.isRecord() ? "a mapping" : YamlScalars.expected(type)));
    }

    private <T> boolean satisfies(Class<T> type, RecordFormat.Key key, @Nullable Object value, String parent) {
        var violations = validator.validateValue(type, key.component(), value);
        violations.stream()
                .sorted(Comparator.comparing(violation -> violation.getPropertyPath() + violation.getMessage()))
                .forEach(violation -> report(child(parent, key.name()) + elementIndex(violation), sentence(violation)));
        return violations.isEmpty();
    }

    private Object create(RecordFormat format, List<@Nullable Object> arguments, String path) {
        Object created;
        try {
            created = format.create(arguments);
        } catch (IllegalArgumentException e) {
            return broken(path, String.valueOf(e.getMessage()));
        }
        // What is left are the constraints on the record as a whole: those of its components have been checked.
        var violations = validator.validate(created);
        violations.forEach(violation -> report(path, violation.getMessage()));
        return violations.isEmpty() ? created : BROKEN;
    }

    /** The entries by key, in order; of a key given twice the first. */
    private Map<String, Node> entries(MappingNode mapping, String path) {
        Map<String, Node> entries = new LinkedHashMap<>();
        for (NodeTuple tuple : mapping.getValue()) {
            if (!(tuple.getKeyNode() instanceof ScalarNode keyNode)) {
                problems.add(new Problem(file, line(tuple.getKeyNode()), path, "has a key that is not text"));
                continue;
            }
            String key = keyNode.getValue();
            String keyPath = child(path, key);
            if (entries.putIfAbsent(key, tuple.getValueNode()) == null) {
                lines.put(keyPath, line(keyNode));
            } else {
                String message = "is given twice, first in line " + lines.get(keyPath) + "; keep one of them";
                problems.add(new Problem(file, line(keyNode), keyPath, message));
            }
        }
        return entries;
    }

    private static String elementIndex(ConstraintViolation<?> violation) {
        StringBuilder index = new StringBuilder();
        violation.getPropertyPath().forEach(node -> {
            if (node.getIndex() != null) {
                index.append('[').append(node.getIndex()).append(']');
            } else if (node.getKey() != null) {
                index.append('.').append(node.getKey());
            }
        });
        return index.toString();
    }

    private static String sentence(ConstraintViolation<?> violation) {
        Object value = violation.getInvalidValue();
        if (value instanceof Number) {
            return violation.getMessage() + ", but is " + value;
        } else if (value instanceof String text && !text.isBlank()) {
            return violation.getMessage() + ", but is '" + YamlScalars.abbreviate(text) + "'";
        } else {
            return violation.getMessage();
        }
    }

    private static String wrongShape(String expected, Node node, String remedy) {
        return node.getTag().equals(Tag.NULL)
                ? "is empty; should be " + expected
                : "should be " + expected + ", but is " + describe(node) + "; " + remedy;
    }

    private static String describe(Node node) {
        if (node instanceof ScalarNode scalar) {
            return YamlScalars.describe(scalar);
        }
        return node instanceof SequenceNode ? "a list" : "a mapping";
    }

    private static Node listOf(Node single) {
        return new SequenceNode(
                Tag.SEQ, true, List.of(single), FlowStyle.FLOW, single.getStartMark(), single.getEndMark());
    }

    private static Type argument(Type type, int index) {
        if (type instanceof ParameterizedType generic) {
            return generic.getActualTypeArguments()[index];
        }
        throw new IllegalStateException(type + " needs type arguments");
    }

    private static String child(String parent, String key) {
        return parent.isEmpty() ? key : parent + "." + key;
    }

    private static int line(Node node) {
        return node.getStartMark().map(mark -> mark.getLine() + 1).orElse(0);
    }

    private Object broken(String path, String message) {
        report(path, message);
        return BROKEN;
    }

    private void report(String path, String message) {
        problems.add(new Problem(file, Parsed.lineOf(path, lines), path, message));
    }

    private InvalidFileException invalid() {
        return new InvalidFileException(
                problems.stream().sorted(Comparator.comparingInt(Problem::line)).toList());
    }
}
