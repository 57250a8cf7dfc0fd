package dev.parley.catalog;

import com.fasterxml.jackson.annotation.JsonAlias;
import com.fasterxml.jackson.annotation.JsonFormat;
import com.fasterxml.jackson.annotation.JsonProperty;
import java.lang.reflect.Constructor;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Parameter;
import java.lang.reflect.RecordComponent;
import java.lang.reflect.Type;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.springframework.boot.context.properties.bind.DefaultValue;

/**
 * The keys that a record's mapping may have, in the order of its components; {@link StrictYaml} has the rules.
 *
 * @param byKey every spelling, aliases included
 */
record RecordFormat(Constructor<?> constructor, List<Key> keys, Map<String, Key> byKey) {
    /**
     * One component.
     *
     * @param component its name in Java
     * @param name its name in the file
     * @param singleAsList a value that is no list stands for a list of that one
     * @param defaultText what an absent key stands for, as a file would spell it
     */
    record Key(
            String component,
            String name,
            Type type,
            boolean nullable,
            boolean singleAsList,
            @Nullable String defaultText) {}

    static RecordFormat of(Class<?> type) {
        RecordComponent[] components = type.getRecordComponents();
        Class<?>[] types =
                Arrays.stream(components).map(RecordComponent::getType).toArray(Class<?>[]::new);
        Constructor<?> constructor;
        try {
            constructor = type.getDeclaredConstructor(types);
        } catch (NoSuchMethodException e) {
            throw new IllegalStateException(e);
        }
        constructor.setAccessible(true);
        Map<String, Key> byKey = new LinkedHashMap<>();
        Key[] keys = new Key[components.length];
        for (int i = 0; i < components.length; i++) {
            // Annotations that know nothing of records end up on the constructor's parameters.
            Parameter parameter = constructor.getParameters()[i];
            keys[i] = key(components[i], parameter);
            byKey.put(keys[i].name(), keys[i]);
            JsonAlias alias = parameter.getAnnotation(JsonAlias.class);
            for (String spelling : alias == null ? new String[0] : alias.value()) {
                byKey.put(spelling, keys[i]);
            }
        }
        return new RecordFormat(constructor, List.of(keys), byKey);
    }

    List<String> names() {
        return keys.stream().map(Key::name).toList();
    }

    /** @throws IllegalArgumentException as the record's own constructor does */
    Object create(List<@Nullable Object> values) {
        try {
            return constructor.newInstance(values.toArray());
        } catch (InvocationTargetException e) {
            if (e.getCause() instanceof RuntimeException cause) {
                throw cause;
            }
            throw new IllegalStateException(e.getCause());
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException(e);
        }
    }

    private static Key key(RecordComponent component, Parameter parameter) {
        JsonProperty named = parameter.getAnnotation(JsonProperty.class);
        DefaultValue defaultValue = parameter.getAnnotation(DefaultValue.class);
        JsonFormat format = parameter.getAnnotation(JsonFormat.class);
        return new Key(
                component.getName(),
                named == null || named.value().isEmpty() ? snakeCase(component.getName()) : named.value(),
                component.getGenericType(),
                component.getAnnotatedType().isAnnotationPresent(Nullable.class),
                format != null && List.of(format.with()).contains(JsonFormat.Feature.ACCEPT_SINGLE_VALUE_AS_ARRAY),
                defaultValue == null ? null : String.join(",", defaultValue.value()));
    }

    private static String snakeCase(String name) {
        return name.replaceAll("(?<=[a-z0-9])(?=[A-Z])", "_").toLowerCase(Locale.ROOT);
    }
}
