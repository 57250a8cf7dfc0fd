package dev.parley.generation;

import dev.parley.conversation.ConversationDocument.Turn;
import java.math.BigDecimal;
import java.math.RoundingMode;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * How good a conversation looks from outside, 0..10 with two decimals; the same document always scores the same.
 *
 * <pre>
 * score = 0.30 × turns + 0.25 × length + 0.30 × structure + 0.15 × coherence        (each 0..10)
 *
 * turns      10 for 8..16 turns; below in proportion (n / 8), above in inverse proportion (16 / n)
 * length     10 for a mean of 100..500 characters a turn; below mean / 100, above 500 / mean
 * structure  7 × share of neighbours with different roles + 3 × share of turns that are not empty
 * coherence  10 × share of turns that are neither a stub (under 10 characters) nor a repetition of an earlier turn,
 *            whatever the case and the spacing
 * </pre>
 */
final class QualityScore {
    private static final int STUB = 10; // characters

    private QualityScore() {}

    /** @param turns at least 2 */
    static BigDecimal of(List<Turn> turns) {
        int alternations = 0;
        int filled = 0;
        int sound = 0;
        long characters = 0;
        Set<String> said = new HashSet<>();
        for (int i = 0; i < turns.size(); i++) {
            String content = turns.get(i).content().strip();
            characters += content.length();
            filled += content.isEmpty() ? 0 : 1;
            if (i > 0 && !turns.get(i).role().equals(turns.get(i - 1).role())) {
                alternations++;
            }
            boolean isNew = said.add(normal(content));
            if (isNew && content.length() >= STUB) {
                sound++;
            }
        }
        double n = turns.size();
        double structure = 7 * alternations / (n - 1) + 3 * filled / n;
        double score = 0.30 * within(n, 8, 16)
                + 0.25 * within(characters / n, 100, 500)
                + 0.30 * structure
                + 0.15 * (10 * sound / n);
        return BigDecimal.valueOf(score).setScale(2, RoundingMode.HALF_UP);
    }

    private static double within(double value, double from, double to) {
        if (value < from) {
            return 10 * value / from;
        }
        return value > to ? 10 * to / value : 10;
    }

    /** Over an array: {@code charAt} is what all of this costs where a text has so much as one typographic quote. */
    private static String normal(String content) {
        char[] normal = content.toCharArray();
        int length = 0;
        for (char c : normal) {
            if (c > ' ' && c < 0x7f) {
                normal[length++] = c >= 'A' && c <= 'Z' ? (char) (c + ('a' - 'A')) : c;
            } else if (!Character.isWhitespace(c)) {
                normal[length++] = Character.toLowerCase(c);
            }
        }
        return new String(normal, 0, length);
    }
}
