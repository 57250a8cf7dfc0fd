package dev.parley.launch;

import dev.parley.catalog.Suggestion;
import java.lang.reflect.RecordComponent;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.springframework.boot.context.properties.ConfigurationPropertiesBean;
import org.springframework.context.ApplicationContext;

/**
 * The names of our own settings, for the command line's: a misspelled one would otherwise count for nothing and nobody be told.
 * Only the command line is looked at; {@code PARLEY_…} variables may come from elsewhere, as Kubernetes makes them of services.
 */
final class KnownSettings {
    private static final String OURS = "parley.";

    private final Set<String> names = new TreeSet<>();
    /** Below these, any name is known. */
    private final List<String> maps = new ArrayList<>();

    private KnownSettings() {}

    static KnownSettings of(ApplicationContext application) {
        KnownSettings known = new KnownSettings();
        for (ConfigurationPropertiesBean bean :
                ConfigurationPropertiesBean.getAll(application).values()) {
            Class<?> type = bean.asBindTarget().getType().resolve();
            if (type != null && type.isRecord() && bean.getAnnotation() != null) {
                known.add(bean.getAnnotation().prefix(), type);
            }
        }
        return known;
    }

    private void add(String prefix, Class<?> type) {
        for (RecordComponent component : type.getRecordComponents()) {
            String name = prefix + "." + kebab(component.getName());
            if (component.getType().isRecord()) {
                add(name, component.getType());
            } else if (Map.class.isAssignableFrom(component.getType())) {
                maps.add(name + ".");
            } else {
                names.add(name);
            }
        }
    }

    /** @throws ConfigurationException naming each that nothing reads */
    void refuseUnknown(Collection<String> arguments) {
        List<String> unknown = new ArrayList<>();
        for (String argument : arguments) {
            String name = nameOf(argument);
            if (name.startsWith(OURS) && !isKnown(name)) {
                unknown.add("There is no setting " + name + "; " + Suggestion.among("settings", names, name));
            }
        }
        if (!unknown.isEmpty()) {
            throw new ConfigurationException(String.join("\n", unknown));
        }
    }

    private boolean isKnown(String name) {
        String uniform = uniform(name.replaceAll("\\[.*", ""));
        return names.stream().anyMatch(known -> uniform(known).equals(uniform))
                || maps.stream().anyMatch(map -> uniform.startsWith(uniform(map)));
    }

    /** {@code --parley.store gcs} would set it to nothing. */
    static void refuseWithoutValue(Collection<String> arguments) {
        for (String argument : arguments) {
            if (argument.indexOf('=') < 0) {
                throw new ConfigurationException("Setting " + argument + " has no value: write " + argument + "=VALUE");
            }
        }
    }

    private static String nameOf(String argument) {
        return argument.substring("--".length(), argument.indexOf('='));
    }

    /** {@code parley.maxAttempts} is {@code parley.max-attempts}. */
    private static String uniform(String name) {
        return name.replace("-", "").toLowerCase(Locale.ROOT);
    }

    static String kebab(String name) {
        return name.replaceAll("([a-z0-9])([A-Z])", "$1-$2").toLowerCase(Locale.ROOT);
    }
}
