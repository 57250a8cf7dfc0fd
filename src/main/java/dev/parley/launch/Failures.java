package dev.parley.launch;

import dev.parley.catalog.InvalidFileException;
import java.io.PrintWriter;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.boot.context.properties.bind.BindException;
import org.springframework.boot.context.properties.bind.validation.BindValidationException;
import org.springframework.boot.context.properties.source.ConfigurationPropertyName;
import org.springframework.jdbc.CannotGetJdbcConnectionException;

/** Tells a person what went wrong, and the exit code that goes with it: what he can put right is said without a stack trace. */
final class Failures {
    private static final Logger log = LoggerFactory.getLogger(Failures.class);

    private Failures() {}

    static int report(Throwable failure, PrintWriter err) {
        String message = configuration(failure);
        if (message != null) {
            err.println(message);
            return ExitCode.CONFIGURATION;
        }
        log.error("Unexpected failure", failure);
        err.println("Unexpected: " + describe(failure));
        return ExitCode.UNEXPECTED;
    }

    private static @Nullable String configuration(Throwable failure) {
        List<Throwable> chain = chain(failure);
        for (Throwable one : chain) {
            if (one instanceof ConfigurationException || one instanceof InvalidFileException) {
                return one.getMessage();
            }
            if (one instanceof BindValidationException invalid) {
                StringBuilder text = new StringBuilder();
                invalid.getValidationErrors()
                        .getAllErrors()
                        .forEach(error -> text.append(text.isEmpty() ? "" : "\n")
                                .append("Setting ")
                                .append(invalid.getValidationErrors().getName())
                                .append(
                                        error instanceof org.springframework.validation.FieldError field
                                                ? "." + kebab(field.getField()) + " = " + field.getRejectedValue()
                                                : "")
                                .append(": ")
                                .append(error.getDefaultMessage()));
                return text.toString();
            }
        }
        for (Throwable one : chain) {
            if (one instanceof BindException bind) {
                ConfigurationPropertyName name = bind.getName();
                Object value = bind.getProperty() == null
                        ? ""
                        : " = " + bind.getProperty().getValue();
                return "Setting " + name + value + ": " + rootMessage(chain);
            }
        }
        for (Throwable one : chain) {
            if (one instanceof CannotGetJdbcConnectionException
                    || one instanceof SQLException sql
                            && sql.getSQLState() != null
                            && isConnection(sql.getSQLState())) {
                return "The database does not answer: " + rootMessage(chain)
                        + "\nCheck spring.datasource.url, .username and .password (SPRING_DATASOURCE_URL, …).";
            }
        }
        return null;
    }

    /** Class 08 is connection, 28 authorization, 3D an unknown database; 90020 is H2's file held by another process. */
    private static boolean isConnection(String state) {
        return state.startsWith("08") || state.startsWith("28") || state.startsWith("3D") || state.equals("90020");
    }

    private static String kebab(String field) {
        return field.replaceAll("([a-z0-9])([A-Z])", "$1-$2").toLowerCase(java.util.Locale.ROOT);
    }

    private static String rootMessage(List<Throwable> chain) {
        return describe(chain.get(chain.size() - 1));
    }

    private static String describe(Throwable failure) {
        return failure.getMessage() == null || failure.getMessage().isBlank()
                ? failure.getClass().getName()
                : failure.getMessage().strip();
    }

    private static List<Throwable> chain(Throwable failure) {
        List<Throwable> chain = new ArrayList<>();
        for (Throwable one = failure; one != null && !chain.contains(one); one = one.getCause()) {
            chain.add(one);
        }
        return chain;
    }
}
