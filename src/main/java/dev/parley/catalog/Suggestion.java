package dev.parley.catalog;

import java.util.Collection;
import java.util.Comparator;
import java.util.Optional;
import java.util.stream.Collectors;

/** What a person may have meant by a name that nothing answers to. */
public final class Suggestion {
    /** A catalog may have hundreds of names, and a message is for reading. */
    private static final int SHOWN = 20;

    private Suggestion() {}

    /** The end of a message about an unknown name, such as {@code did you mean 'tier'? Known keys: name, tier}. */
    public static String among(String what, Collection<String> known, String given) {
        return nearest(given, known)
                        .map(name -> "did you mean '" + name + "'? ")
                        .orElse("")
                + (known.isEmpty() ? "There are no " + what : "Known " + what + ": " + shown(known));
    }

    private static String shown(Collection<String> known) {
        String first = known.stream().limit(SHOWN).collect(Collectors.joining(", "));
        return known.size() <= SHOWN ? first : first + " and " + (known.size() - SHOWN) + " more";
    }

    /** The known name that fewest keystrokes part from the given one, if few enough for a slip. */
    static Optional<String> nearest(String given, Collection<String> known) {
        int slips = Math.max(2, given.length() / 3);
        return known.stream()
                .filter(name -> distance(given, name) <= slips)
                .min(Comparator.comparingInt(name -> distance(given, name)));
    }

    /** Levenshtein's distance, blind to case. */
    private static int distance(String a, String b) {
        int[] row = new int[b.length() + 1];
        for (int j = 0; j < row.length; j++) {
            row[j] = j;
        }
        for (int i = 1; i <= a.length(); i++) {
            int diagonal = row[0];
            row[0] = i;
            for (int j = 1; j < row.length; j++) {
                boolean same = Character.toLowerCase(a.charAt(i - 1)) == Character.toLowerCase(b.charAt(j - 1));
                int replaced = diagonal + (same ? 0 : 1);
                diagonal = row[j];
                row[j] = Math.min(replaced, 1 + Math.min(row[j], row[j - 1]));
            }
        }
        return row[b.length()];
    }
}
