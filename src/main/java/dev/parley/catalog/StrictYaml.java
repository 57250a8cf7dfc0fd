package dev.parley.catalog;

import dev.parley.catalog.InvalidFileException.Problem;
import jakarta.validation.Validation;
import jakarta.validation.Validator;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CoderResult;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Locale;
import org.hibernate.validator.HibernateValidator;
import org.snakeyaml.engine.v2.api.LoadSettings;
import org.snakeyaml.engine.v2.api.lowlevel.Compose;
import org.snakeyaml.engine.v2.exceptions.Mark;
import org.snakeyaml.engine.v2.exceptions.MarkedYamlEngineException;
import org.snakeyaml.engine.v2.exceptions.ReaderException;
import org.snakeyaml.engine.v2.exceptions.YamlEngineException;
import org.snakeyaml.engine.v2.nodes.Node;
import org.snakeyaml.engine.v2.schema.CoreSchema;
import org.springframework.stereotype.Component;

/**
 * Reads YAML files that people write into records, and tells them everything that is wrong, each with its line and key
 * path. Thread-safe.
 *
 * <p>The record is the format. A component {@code startingEmotion} is the key {@code starting_emotion}, unless
 * {@code @JsonProperty} names another; {@code @JsonAlias} allows more spellings. A component must be given unless it is
 * {@code @Nullable}, a list or a map (absent means empty) or has a {@code @DefaultValue}. A list that Jackson's
 * {@code ACCEPT_SINGLE_VALUE_AS_ARRAY} stands on may be written as its only element. Jakarta's constraints hold for
 * components and list elements, and a compact constructor may throw {@code IllegalArgumentException} with a message for the
 * writer of the file. Components are text, numbers, booleans, enums (spelled in lower case, or as their
 * {@code @JsonProperty}), UUIDs, durations such as {@code 30s}, dates, instants, time zones, records, lists, maps, and
 * classes with a static {@code @JsonCreator} method that takes a {@code String}.
 *
 * <p>It is stricter than a data binder on purpose, which stops at the first problem, knows no line for what validation
 * finds, and takes {@code 45} for text.
 */
@Component
public final class StrictYaml {
    private static final int MAX_BYTES = 16 * 1024 * 1024;
    private static final int MAX_ALIASES = 50;

    private final Validator validator = Validation.byProvider(HibernateValidator.class)
            .configure()
            .defaultLocale(Locale.ENGLISH)
            .localeResolver(context -> Locale.ENGLISH)
            .buildValidatorFactory()
            .getValidator();

    /**
     * Reads a file of at most 16 MiB, in UTF-8.
     *
     * @throws InvalidFileException with every problem of the file, also when there is no such file
     */
    public <T extends Record> Parsed<T> read(Path file, Class<T> type) {
        String name = file.toString().replace('\\', '/');
        return parse(name, decode(name, bytes(name, file)), type);
    }

    /**
     * As {@link #read}, for text that is no file.
     *
     * @param name how problems call it
     */
    public <T extends Record> Parsed<T> parse(String name, String text, Class<T> type) {
        Node root = compose(name, text);
        YamlBinder binder = new YamlBinder(name, validator);
        T value = binder.bind(root, type);
        return new Parsed<>(value, name, text, binder.lines());
    }

    private static byte[] bytes(String name, Path file) {
        try {
            if (Files.size(file) > MAX_BYTES) {
                throw whole(name, "is larger than %d MiB; split it".formatted(MAX_BYTES >> 20));
            }
            return Files.readAllBytes(file);
        } catch (NoSuchFileException e) {
            throw whole(name, "there is no such file");
        } catch (AccessDeniedException e) {
            throw whole(name, "may not be read by this user");
        } catch (IOException e) {
            throw whole(name, "cannot be read: " + e);
        }
    }

    private static String decode(String name, byte[] bytes) {
        ByteBuffer in = ByteBuffer.wrap(bytes);
        CharBuffer out = CharBuffer.allocate(bytes.length);
        CoderResult result = StandardCharsets.UTF_8
                .newDecoder()
                .onMalformedInput(CodingErrorAction.REPORT)
                .onUnmappableCharacter(CodingErrorAction.REPORT)
                .decode(in, out, true);
        String text = out.flip().toString();
        if (result.isError()) {
            throw at(name, lineAt(text, text.length()), "is not UTF-8: save the file in that encoding");
        }
        return text.startsWith("\uFEFF") ? text.substring(1) : text; // the mark some editors put first
    }

    private static Node compose(String name, String text) {
        LoadSettings settings = LoadSettings.builder()
                .setSchema(new CoreSchema())
                .setMaxAliasesForCollections(MAX_ALIASES)
                .setCodePointLimit(MAX_BYTES)
                .setAllowNonScalarKeys(true) // the binder refuses them, with their line
                .build();
        try {
            return new Compose(settings).composeString(text).orElseThrow(() -> whole(name, "is empty"));
        } catch (MarkedYamlEngineException e) {
            throw syntaxError(name, text, e);
        } catch (ReaderException e) {
            throw at(
                    name,
                    lineAt(
                            text,
                            text.offsetByCodePoints(
                                    0, Math.min(e.getPosition(), text.codePointCount(0, text.length())))),
                    "the character U+%04X is not allowed; leave it out".formatted(e.getCodePoint()));
        } catch (YamlEngineException e) {
            throw whole(name, "is not valid YAML: " + oneLine(String.valueOf(e.getMessage())));
        } catch (StackOverflowError e) {
            throw whole(name, "is nested too deeply");
        }
    }

    private static InvalidFileException syntaxError(String name, String text, MarkedYamlEngineException e) {
        int line = e.getProblemMark().or(e::getContextMark).map(Mark::getLine).orElse(-1);
        String[] lines = text.split("\\R", -1);
        String atFault = line >= 0 && line < lines.length ? lines[line] : "";
        String message = atFault.strip().isEmpty()
                        || !atFault.substring(0, indent(atFault)).contains("\t")
                ? "is not valid YAML: " + oneLine(context(e) + e.getProblem())
                : "is not valid YAML: the line is indented with a tab; use spaces";
        return at(name, line + 1, message);
    }

    private static String context(MarkedYamlEngineException e) {
        if (e.getContext() == null || e.getContext().isEmpty()) {
            return "";
        }
        return e.getContext()
                + e.getContextMark()
                        .map(mark -> " from line " + (mark.getLine() + 1))
                        .orElse("")
                + ", ";
    }

    private static int indent(String line) {
        return line.length() - line.stripLeading().length();
    }

    private static String oneLine(String message) {
        return message.strip().replaceAll("\\s*\\R\\s*", " ");
    }

    private static int lineAt(String text, int offset) {
        return 1
                + (int) text.substring(0, offset).chars().filter(c -> c == '\n').count();
    }

    private static InvalidFileException whole(String name, String message) {
        return at(name, 0, message);
    }

    private static InvalidFileException at(String name, int line, String message) {
        return new InvalidFileException(new Problem(name, line, "", message));
    }
}
