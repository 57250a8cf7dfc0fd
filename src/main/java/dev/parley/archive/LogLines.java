package dev.parley.archive;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.time.Instant;
import java.time.format.DateTimeFormatter;
import java.time.format.DateTimeFormatterBuilder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;

/** The text of a job log: how a line is written, and how the lines of several processes become one file. Stateless. */
final class LogLines {
    /** Nine digits always, so that lines sort by time as text. */
    private static final DateTimeFormatter TIMESTAMP =
            new DateTimeFormatterBuilder().appendInstant(9).toFormatter(Locale.ROOT);

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
     * two are equal or one has no timestamp (another program wrote it); among the spools equal lines are one.
     *
     * @param log lines separated by {@code \n}, none after the last
     * @param spools lines each ended by {@code \n}; one that is cut off counts as a line
     * @return like {@code log}
     */
    static byte[] merge(byte[] log, List<byte[]> spools) {
        if (spools.size() == 1 && continues(spools.get(0), log)) {
            byte[] spool = spools.get(0);
            int end = spool.length > 0 && spool[spool.length - 1] == '\n' ? spool.length - 1 : spool.length;
            return Arrays.copyOf(spool, end); // one process, one run: the usual case
        }
        List<String> there = lines(log);
        Set<String> known = new HashSet<>(there);
        List<String> added = new ArrayList<>();
        for (byte[] spool : spools) {
            for (String line : lines(spool)) {
                if (known.add(line)) {
                    added.add(line);
                }
            }
        }
        added.sort(Comparator.comparing(LogLines::timestamp));
        return String.join("\n", merged(there, added)).getBytes(UTF_8);
    }

    private static boolean continues(byte[] spool, byte[] log) {
        int differs = Arrays.mismatch(spool, log);
        return differs == -1 || (differs == log.length && (log.length == 0 || spool[differs] == '\n'));
    }

    private static List<String> merged(List<String> there, List<String> added) {
        List<String> merged = new ArrayList<>(there.size() + added.size());
        int next = 0;
        for (String line : there) {
            String time = timestamp(line);
            while (!time.isEmpty()
                    && next < added.size()
                    && timestamp(added.get(next)).compareTo(time) < 0) {
                merged.add(added.get(next++));
            }
            merged.add(line);
        }
        merged.addAll(added.subList(next, added.size()));
        return merged;
    }

    private static List<String> lines(byte[] text) {
        return new String(text, UTF_8).lines().toList();
    }

    /** What stands between the brackets; empty when the line does not begin with one. */
    private static String timestamp(String line) {
        int end = line.indexOf(']');
        return line.startsWith("[") && end > 0 ? line.substring(1, end) : "";
    }
}
