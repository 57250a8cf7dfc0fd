package dev.parley.launch;

import dev.parley.archive.StoreException;
import dev.parley.catalog.InvalidFileException;
import dev.parley.database.MigrationRefusedException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Function;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import liquibase.exception.LiquibaseException;
import org.jspecify.annotations.Nullable;
import org.springframework.boot.context.config.ConfigDataException;
import org.springframework.boot.context.properties.bind.BindException;
import org.springframework.boot.context.properties.bind.validation.BindValidationException;
import org.springframework.boot.context.properties.source.ConfigurationProperty;
import org.springframework.boot.context.properties.source.InvalidConfigurationPropertyValueException;
import org.springframework.boot.origin.Origin;
import org.springframework.boot.web.server.PortInUseException;
import org.springframework.boot.web.server.WebServerException;
import org.springframework.core.convert.ConversionFailedException;
import org.springframework.jdbc.CannotGetJdbcConnectionException;
import org.springframework.util.PlaceholderResolutionException;
import org.springframework.validation.FieldError;
import org.yaml.snakeyaml.error.YAMLException;

/**
 * Tells a person what went wrong, and the exit code that goes with it. What he can put right is said without a stack trace. No
 * secret is shown, whoever put it into a message.
 */
final class Failures {
    private static final String DATABASE_SETTINGS =
            "\nCheck spring.datasource.url, .username and .password (or SPRING_DATASOURCE_URL, …, or DATABASE_URL).";

    /** How drivers and URLs spell secrets; what follows the first group is hidden. */
    private static final List<Pattern> SECRETS = List.of(
            Pattern.compile("(?i)((?:password|passwd|pwd|api[-_.]?key|secret|token)\\s*[=:]\\s*)[^\\s&;,'\")]+"),
            Pattern.compile("(://[^\\s/:@]*:)[^\\s/]+(?=@)"),
            Pattern.compile("(sk-)[\\w-]{6,}"));

    private static final Pattern SECRET_NAME =
            Pattern.compile("(?i).*(password|api-?key|secret|token|datasource\\.url).*");

    private Failures() {}

    static int report(Throwable failure, PrintWriter err) {
        Optional<String> message = failure instanceof RunBrokenException ? Optional.empty() : configuration(failure);
        if (message.isPresent()) {
            err.println(redacted(message.get()));
            return ExitCode.CONFIGURATION;
        }
        StringWriter trace = new StringWriter();
        failure.printStackTrace(new PrintWriter(trace));
        err.println(redacted(trace.toString().strip()));
        err.println();
        String cause = failure.getCause() == null ? "" : ": " + describe(root(failure));
        err.println(redacted(
                failure instanceof RunBrokenException
                        ? describe(failure) + cause
                        : "Unexpected: " + describe(root(failure))
                                + "\nThe lines above tell where; this is a fault of the program"
                                + " or of something that it rests on."));
        return ExitCode.UNEXPECTED;
    }

    private static Optional<String> configuration(Throwable failure) {
        List<Throwable> chain = chain(failure);
        return first(chain, ConfigurationException.class, Throwable::getMessage)
                .or(() -> first(chain, InvalidFileException.class, Throwable::getMessage))
                .or(() -> first(chain, MigrationRefusedException.class, Throwable::getMessage))
                .or(() -> first(
                        chain,
                        StoreException.class,
                        e -> e.getMessage()
                                + "\nCheck parley.store and parley.data, or for parley.store=gcs the credentials, parley.gcs.* and"
                                + " parley.buckets.*."))
                .or(() -> first(chain, BindValidationException.class, Failures::invalidSettings))
                .or(() -> first(chain, BindException.class, bind -> wrongSetting(bind, chain)))
                .or(() -> first(
                        chain,
                        InvalidConfigurationPropertyValueException.class,
                        e -> "Setting " + e.getName() + ": " + e.getReason()))
                .or(() -> first(
                        chain,
                        PlaceholderResolutionException.class,
                        e -> "A setting refers to another: " + describe(e)))
                .or(() -> first(chain, ConfigDataException.class, e -> "Settings cannot be read: " + describe(e)))
                .or(() ->
                        first(chain, YAMLException.class, e -> "A file of settings is not valid YAML: " + describe(e)))
                .or(() -> webServer(chain))
                .or(() -> database(chain))
                .or(() -> first(
                        chain,
                        LiquibaseException.class,
                        e -> "The database could not be migrated: " + describe(root(e))
                                + "\nEach step is done as a whole or not at all; the next start goes on from here."));
    }

    private static Optional<String> webServer(List<Throwable> chain) {
        return first(
                        chain,
                        PortInUseException.class,
                        e -> "Port " + e.getPort()
                                + " is in use, perhaps by another parley serve; take another one, such as"
                                + " --server.port=" + (e.getPort() + 1))
                .or(() -> first(
                        chain,
                        WebServerException.class,
                        e -> "Nothing can listen at server.address and server.port: " + describe(root(e))));
    }

    private static String invalidSettings(BindValidationException invalid) {
        String prefix = String.valueOf(invalid.getValidationErrors().getName());
        return invalid.getValidationErrors().getAllErrors().stream()
                .map(error -> error instanceof FieldError field
                        ? setting(prefix + "." + KnownSettings.kebab(field.getField()), field.getRejectedValue()) + ": "
                                + field.getDefaultMessage()
                        : "Setting " + prefix + ": " + error.getDefaultMessage())
                .sorted()
                .collect(Collectors.joining("\n"));
    }

    private static String wrongSetting(BindException bind, List<Throwable> chain) {
        ConfigurationProperty property = bind.getProperty();
        String what = property == null
                ? "Setting " + bind.getName()
                : setting(bind.getName().toString(), property.getValue()) + from(property);
        Throwable root = chain.get(chain.size() - 1);
        if (property == null && root instanceof IllegalArgumentException) {
            return describe(root); // thrown by the record itself: it names the settings
        }
        return what
                + ": "
                + first(chain, ConversionFailedException.class, Failures::expected)
                        .orElseGet(() -> describe(root));
    }

    private static String expected(ConversionFailedException failed) {
        Class<?> type = failed.getTargetType().getType();
        if (type.isEnum()) {
            return "should be one of "
                    + Arrays.stream(type.getEnumConstants())
                            .map(constant -> constant.toString().toLowerCase(Locale.ROOT))
                            .collect(Collectors.joining(", "));
        }
        return "should be " + kind(type);
    }

    private static String kind(Class<?> type) {
        return switch (type.getSimpleName()) {
            case "int", "Integer", "long", "Long" -> "a whole number";
            case "double", "Double", "BigDecimal" -> "a number";
            case "boolean", "Boolean" -> "true or false";
            case "Duration" -> "a duration such as 500ms, 30s or 5m";
            case "DataSize" -> "a size such as 64KB or 10MB";
            case "UUID" -> "a UUID";
            case "InetAddress" -> "a name or an address of this machine, such as 127.0.0.1 or 0.0.0.0";
            case "LocalDate" -> "a date such as 2026-01-31";
            default -> "a " + type.getSimpleName();
        };
    }

    private static String setting(String name, @Nullable Object value) {
        return "Setting " + name + (SECRET_NAME.matcher(name).matches() ? "" : " = " + value);
    }

    /** Where it was set, unless it was on the command line, which the person has before him. */
    private static String from(ConfigurationProperty property) {
        Origin origin = property.getOrigin();
        String place = Objects.toString(origin, "");
        return place.isEmpty() || place.contains("commandLineArgs") ? "" : " (" + place + ")";
    }

    private static Optional<String> database(List<Throwable> chain) {
        for (Throwable one : chain) {
            String message = Objects.requireNonNullElse(one.getMessage(), "");
            if (message.contains("claims to not accept jdbcUrl")
                    || message.contains("Failed to determine suitable jdbc url")
                    || message.contains("Failed to determine a suitable driver class")) {
                return Optional.of(
                        "spring.datasource.url is no address of a database that Parley knows; it should look like"
                                + " jdbc:postgresql://host:5432/database or jdbc:h2:file:/folder/name\n(user and password go into"
                                + " .username and .password; or set DATABASE_URL=postgres://user:password@host:5432/database).");
            }
        }
        for (Throwable one : chain) {
            if (one instanceof SQLException sql && sql.getSQLState() != null) {
                String said = said(sql, chain);
                if (sql.getSQLState().equals("42501")) {
                    return Optional.of("The database refuses what Parley needs: " + said
                            + "\nGrant the role of spring.datasource.username what is missing, or take another role.");
                }
                if (isConnection(sql.getSQLState())) {
                    return Optional.of("The database cannot be used: " + said
                            + (isFile(sql.getSQLState())
                                    ? "\nCheck parley.data (a folder that this user may write to, and that no other machine"
                                            + " or user has in use) and spring.datasource.url."
                                    : DATABASE_SETTINGS));
                }
            }
        }
        return first(
                chain,
                CannotGetJdbcConnectionException.class,
                e -> "The database cannot be used: " + describe(root(e)) + DATABASE_SETTINGS);
    }

    /** The driver's words, with the cause it does not repeat: {@code The connection attempt failed} tells no host. */
    private static String said(SQLException sql, List<Throwable> chain) {
        String said = describe(sql).lines().findFirst().orElse("").strip();
        Throwable root = chain.get(chain.size() - 1);
        boolean more = root != sql && !(root instanceof SQLException) && !said.contains(describe(root));
        return more && !(root instanceof java.net.ConnectException)
                ? said + " " + root.getClass().getSimpleName() + ": " + describe(root)
                : said;
    }

    /** Connection, authorization, unknown database, too many connections, shut down or starting; and H2's trouble with its file. */
    private static boolean isConnection(String state) {
        return state.startsWith("08")
                || state.startsWith("28")
                || state.startsWith("3D")
                || state.startsWith("53")
                || state.startsWith("57P")
                || isFile(state);
    }

    private static boolean isFile(String state) {
        return state.startsWith("900") || state.equals("90135");
    }

    /** Hides whatever looks like a secret. */
    static String redacted(String text) {
        String safe = text;
        for (Pattern secret : SECRETS) {
            safe = secret.matcher(safe).replaceAll("$1***");
        }
        return safe;
    }

    private static <T extends Throwable> Optional<String> first(
            List<Throwable> chain, Class<T> type, Function<T, @Nullable String> message) {
        return chain.stream()
                .filter(type::isInstance)
                .map(type::cast)
                .findFirst()
                .map(e -> Objects.requireNonNullElseGet(message.apply(e), () -> describe(e)));
    }

    private static String describe(Throwable failure) {
        return failure.getMessage() == null || failure.getMessage().isBlank()
                ? failure.getClass().getName()
                : failure.getMessage().strip();
    }

    private static Throwable root(Throwable failure) {
        List<Throwable> chain = chain(failure);
        return chain.get(chain.size() - 1);
    }

    private static List<Throwable> chain(Throwable failure) {
        List<Throwable> chain = new ArrayList<>();
        for (Throwable one = failure; one != null && !chain.contains(one); one = one.getCause()) {
            chain.add(one);
        }
        return chain;
    }
}
