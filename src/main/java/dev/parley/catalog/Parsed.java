package dev.parley.catalog;

import dev.parley.catalog.InvalidFileException.Problem;
import java.util.Map;

/**
 * What a file says, and where it says it. Immutable when the value is.
 *
 * @param file as the reader was told to open it, with forward slashes
 * @param text the file as it stood when it was read, for whoever keeps a hash of it
 * @param lines the line, 1..n, of every key path such as {@code personas[1].name}
 */
public record Parsed<T>(T value, String file, String text, Map<String, Integer> lines) {
    public Parsed {
        lines = Map.copyOf(lines);
    }

    /**
     * A problem that only the caller can see, such as a name that nothing answers to; to be thrown in an
     * {@link InvalidFileException}.
     *
     * @param key the path; where the file does not spell it out, the line is that of the nearest key around it
     * @param message what is wrong and what would be right, in one line
     */
    public Problem problem(String key, String message) {
        return new Problem(file, lineOf(key, lines), key, message);
    }

    /** The line of the key, or of the nearest one around it that the file spells out. */
    static int lineOf(String key, Map<String, Integer> lines) {
        String path = key;
        while (!path.isEmpty() && !lines.containsKey(path)) {
            path = path.substring(0, Math.max(0, Math.max(path.lastIndexOf('.'), path.lastIndexOf('['))));
        }
        return lines.getOrDefault(path, 0);
    }
}
