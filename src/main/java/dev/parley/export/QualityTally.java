package dev.parley.export;

import com.fasterxml.jackson.annotation.JsonProperty;
import dev.parley.conversation.ConversationDocument.EmotionalContext;
import dev.parley.conversation.ConversationDocument.Turn;
import java.math.BigDecimal;
import java.math.RoundingMode;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * What is counted of a set of conversations; its JSON is what a restart goes on from. Its size does not depend on how many
 * conversations there are: of what models write freely, the most varied part goes under {@value #OTHERS}.
 */
final class QualityTally {
    static final String OTHERS = "(others)";
    private static final int KINDS = 50;
    private static final int LENGTH_STEP = 1_000; // characters

    @JsonProperty
    long conversations;

    @JsonProperty
    long scored;

    @JsonProperty
    BigDecimal scores = BigDecimal.ZERO;

    /** By whole points, 0..10. */
    @JsonProperty
    Map<Integer, Long> scoreHistogram = new TreeMap<>();

    @JsonProperty
    Map<Integer, Long> turns = new TreeMap<>();

    @JsonProperty
    long characters;

    /** By the thousand characters that it begins with. */
    @JsonProperty
    Map<Integer, Long> lengths = new TreeMap<>();

    @JsonProperty
    Map<String, Long> statuses = new TreeMap<>();

    @JsonProperty
    Map<String, Long> findings = new TreeMap<>();

    @JsonProperty
    long withFindings;

    @JsonProperty
    long requireManualReview;

    /** By arc key. */
    @JsonProperty
    Map<String, Arc> arcs = new TreeMap<>();

    /** How the conversations of an arc ended. */
    static final class Arc {
        @JsonProperty
        String target = "";

        @JsonProperty
        long conversations;

        /** The client's last primary emotion is the arc's ending emotion. */
        @JsonProperty
        long reached;

        /** And its intensity is within the arc's bounds. */
        @JsonProperty
        long withinIntensity;

        /** The client's last primary emotions. */
        @JsonProperty
        Map<String, Long> endedWith = new TreeMap<>();
    }

    void add(ConversationRow row, List<Turn> said) {
        conversations++;
        if (row.score() != null) {
            scored++;
            scores = scores.add(row.score());
            count(scoreHistogram, row.score().setScale(0, RoundingMode.FLOOR).intValue());
        }
        count(turns, said.size());
        int length = said.stream().mapToInt(turn -> turn.content().length()).sum();
        characters += length;
        count(lengths, length / LENGTH_STEP * LENGTH_STEP);
        count(statuses, row.status());
        row.findings().stream().distinct().forEach(kind -> countFree(findings, kind));
        withFindings += row.findings().isEmpty() ? 0 : 1;
        requireManualReview += row.requiresManualReview() ? 1 : 0;
        ConversationRow.Target target = row.target();
        EmotionalContext end = ofClient(said);
        if (target != null && end != null) {
            Arc arc = arcs.computeIfAbsent(
                    row.arc().key() == null
                            ? String.valueOf(row.arc().id())
                            : row.arc().key(),
                    key -> new Arc());
            arc.target = target.emotion();
            arc.conversations++;
            String emotion = end.primaryEmotion().strip().toLowerCase(Locale.ROOT);
            countFree(arc.endedWith, emotion);
            if (emotion.equals(target.emotion().strip().toLowerCase(Locale.ROOT))) {
                arc.reached++;
                arc.withinIntensity += isWithin(end.intensity(), target) ? 1 : 0;
            }
        }
    }

    private static boolean isWithin(double intensity, ConversationRow.Target target) {
        return (target.minIntensity() == null || intensity >= target.minIntensity())
                && (target.maxIntensity() == null || intensity <= target.maxIntensity());
    }

    /** How the client feels when he speaks last. */
    private static @Nullable EmotionalContext ofClient(List<Turn> said) {
        for (int i = said.size() - 1; i >= 0; i--) {
            if (said.get(i).role().equals("user")) {
                return said.get(i).emotionalContext();
            }
        }
        return null;
    }

    private static <K> void count(Map<K, Long> counts, K key) {
        counts.merge(key, 1L, Long::sum);
    }

    static void countFree(Map<String, Long> counts, String key) {
        count(counts, counts.containsKey(key) || counts.size() < KINDS ? key : OTHERS);
    }
}
