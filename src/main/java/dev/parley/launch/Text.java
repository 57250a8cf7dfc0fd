package dev.parley.launch;

import java.io.PrintWriter;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/** Lines for people, of at most {@link #WIDTH} columns where what they say can be broken or cut. */
final class Text {
    static final int WIDTH = 100;

    private static final int INDENT = 15;

    private Text() {}

    /** A name and its value, broken between words. */
    static void row(PrintWriter out, String name, String value) {
        broken(out, String.format(Locale.ROOT, "  %-12s", name), " ".repeat(INDENT - 1), value, WIDTH);
    }

    /** What someone said, indented, broken between words; its own lines stay lines. */
    static void paragraph(PrintWriter out, String text, int width) {
        text.strip().lines().forEach(line -> broken(out, "  ", "  ", line, Math.min(width, WIDTH)));
    }

    private static void broken(PrintWriter out, String first, String others, String value, int width) {
        StringBuilder line = new StringBuilder(first);
        boolean empty = true;
        for (String word : value.strip().split("\\s+")) {
            if (!empty && line.length() + 1 + word.length() > width) {
                out.println(line);
                line = new StringBuilder(others);
            }
            line.append(' ').append(word);
            empty = false;
        }
        out.println(line.toString().stripTrailing());
    }

    /** In UTC, to the second. */
    static String time(@Nullable Instant time) {
        return time == null ? "not yet" : time.truncatedTo(ChronoUnit.SECONDS).toString();
    }

    /** On one line, cut with an ellipsis where it is longer than so many characters. */
    static String shortened(String text, int width) {
        String line = text.strip().replaceAll("\\s+", " ");
        return line.length() <= width ? line : line.substring(0, Math.max(0, width - 1)) + "…";
    }
}
