package dev.parley.archive;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.time.Instant;
import java.time.format.DateTimeFormatter;
import java.time.format.DateTimeFormatterBuilder;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.PriorityQueue;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** The text of a job log: how a line is written, and how the lines of several processes become one file. Stateless. */
final class LogLines {
    /** Nine digits always, so that lines sort by time as text. */
    private static final DateTimeFormatter TIMESTAMP =
            new DateTimeFormatterBuilder().appendInstant(9).toFormatter(Locale.ROOT);

    private static final int TIMESTAMP_LENGTH = "2026-11-21T10:00:00.000000000Z".length();
    private static final int BUFFER = 1 << 16;

    private LogLines() {}

    /** One line, without its end. What would end it, or steer a terminal, is escaped: a message cannot forge a line. */
    static String line(Instant time, String message) {
        StringBuilder line = new StringBuilder(message.length() + 34);
        line.append('[');
        TIMESTAMP.formatTo(time, line);
        line.append("] ");
        for (int i = 0; i < message.length(); i++) {
            char c = message.charAt(i);
            switch (c) {
                case '\n' -> line.append("\\n");
                case '\r' -> line.append("\\r");
                case '\t' -> line.append(c);
                default -> {
                    if (Character.isISOControl(c) || c == '\u2028' || c == '\u2029') {
                        line.append(String.format(Locale.ROOT, "\\u%04x", (int) c));
                    } else {
                        line.append(c);
                    }
                }
            }
        }
        return line.toString();
    }

    /**
     * Adds to a log the lines that it does not hold yet, by time. Lines that it holds stay, in their order, even where
     * two are equal or one has no timestamp (another program wrote it); among the spools equal lines are one. Bytes are
     * taken as they are, whatever they mean, and only a line of each is in memory.
     *
     * @param log lines by time, separated by {@code \n}, none after the last
     * @param spools each of lines by time, ended by {@code \n}; one that is cut off counts as a line
     * @param merged gets what is like {@code log}
     */
    static void merge(InputStream log, List<InputStream> spools, OutputStream merged) throws IOException {
        Merged to = new Merged(merged);
        PriorityQueue<Lines> added = new PriorityQueue<>(Comparator.comparing(lines -> lines.time));
        for (InputStream spool : spools) {
            addIfAny(added, new Lines(spool));
        }
        for (Lines there = new Lines(log); there.line != null; there.advance()) {
            while (!added.isEmpty() && added.peek().time.compareTo(there.time) < 0) {
                to.addOnce(added, added.remove());
            }
            to.add(there);
        }
        while (!added.isEmpty()) {
            to.addOnce(added, added.remove());
        }
    }

    private static void addIfAny(PriorityQueue<Lines> added, Lines lines) {
        if (lines.line != null) {
            added.add(lines);
        }
    }

    /** Where the merged lines go; it knows those of the last time, since a line is known by its time. */
    private static final class Merged {
        private final OutputStream out;
        private final Set<String> atThisTime = new HashSet<>();
        private String time = "";
        private boolean begun;

        Merged(OutputStream out) {
            this.out = out;
        }

        void add(Lines from) throws IOException {
            write(Objects.requireNonNull(from.line), from.time);
        }

        /** Writes the line unless it is there, and lets its spool come up with the next. */
        void addOnce(PriorityQueue<Lines> added, Lines from) throws IOException {
            String line = Objects.requireNonNull(from.line);
            if (!from.time.equals(time) || !atThisTime.contains(line)) {
                write(line, from.time);
            }
            from.advance();
            addIfAny(added, from);
        }

        private void write(String line, String at) throws IOException {
            if (begun) {
                out.write('\n');
            }
            begun = true;
            out.write(line.getBytes(ISO_8859_1));
            if (at.compareTo(time) > 0) {
                time = at;
                atThisTime.clear();
            }
            if (at.equals(time)) {
                atThisTime.add(line);
            }
        }
    }

    /** A stream at one of its lines. */
    private static final class Lines {
        private final BufferedReader reader;
        private @Nullable String line;

        /** What stands between the line's brackets; a line without belongs to the one before. */
        private String time = "";

        Lines(InputStream bytes) throws IOException {
            reader = new BufferedReader(new InputStreamReader(bytes, ISO_8859_1), BUFFER);
            advance();
        }

        void advance() throws IOException {
            line = reader.readLine();
            if (line != null && line.startsWith("[2") && line.indexOf(']') == TIMESTAMP_LENGTH + 1) {
                time = line.substring(1, TIMESTAMP_LENGTH + 1);
            }
        }
    }
}
