package dev.parley.launch;

import java.io.PrintWriter;
import java.util.Locale;

/** Lines for people, of at most {@link #WIDTH} columns where what they say can be broken or cut. */
final class Text {
    static final int WIDTH = 100;

    private static final int INDENT = 15;

    private Text() {}

    /** A name and its value, broken between words. */
    static void row(PrintWriter out, String name, String value) {
        StringBuilder line = new StringBuilder(String.format(Locale.ROOT, "  %-12s", name));
        boolean empty = true;
        for (String word : value.strip().split("\\s+")) {
            if (!empty && line.length() + 1 + word.length() > WIDTH) {
                out.println(line);
                line = new StringBuilder(" ".repeat(INDENT - 1));
            }
            line.append(' ').append(word);
            empty = false;
        }
        out.println(line);
    }

    /** On one line, cut with an ellipsis where it is longer than so many characters. */
    static String shortened(String text, int width) {
        String line = text.strip().replaceAll("\\s+", " ");
        return line.length() <= width ? line : line.substring(0, width - 1) + "…";
    }
}
