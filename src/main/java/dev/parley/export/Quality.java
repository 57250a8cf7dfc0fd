package dev.parley.export;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonProperty;
import java.math.BigDecimal;
import java.math.RoundingMode;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * The quality of a set of conversations at a glance. Shares are 0..1 with four decimals.
 *
 * @param duplicates near-duplicates of an earlier conversation of the set; null when nobody looked for them
 * @param requireManualReview marked for a person to look at, those without a document included
 */
@JsonInclude(JsonInclude.Include.NON_NULL)
public record Quality(
        @JsonProperty("conversations") long conversations,
        @JsonProperty("unreadable") long unreadable,
        @JsonProperty("score") Score score,
        @JsonProperty("turns") Spread turns,
        @JsonProperty("characters") Spread characters,
        @JsonProperty("arcs") List<Arc> arcs,
        @JsonProperty("findings") Map<String, Long> findings,
        @JsonProperty("with_findings_share") BigDecimal withFindings,
        @JsonProperty("statuses") Map<String, Long> statuses,
        @JsonProperty("near_duplicates") @Nullable Long duplicates,
        @JsonProperty("require_manual_review") long requireManualReview,
        @JsonProperty("require_manual_review_share") BigDecimal requireManualReviewShare) {

    /** @param mean null without scores, @param histogram by whole points, 0..10 */
    @JsonInclude(JsonInclude.Include.NON_NULL)
    public record Score(
            @JsonProperty("mean") @Nullable BigDecimal mean,
            @JsonProperty("histogram") Map<Integer, Long> histogram) {}

    /** @param mean null without conversations, @param histogram by value, or by the thousand that the value begins with */
    @JsonInclude(JsonInclude.Include.NON_NULL)
    public record Spread(
            @JsonProperty("mean") @Nullable BigDecimal mean,
            @JsonProperty("histogram") Map<Integer, Long> histogram) {}

    /**
     * Whether the client ended where the arc wanted him.
     *
     * @param reached conversations whose client ends with the target emotion
     * @param withinIntensity of these, the ones whose intensity is within the arc's bounds
     * @param endedWith the client's last emotions
     */
    public record Arc(
            @JsonProperty("arc") String key,
            @JsonProperty("target") String target,
            @JsonProperty("conversations") long conversations,
            @JsonProperty("reached") long reached,
            @JsonProperty("reached_share") BigDecimal reachedShare,
            @JsonProperty("within_intensity") long withinIntensity,
            @JsonProperty("ended_with") Map<String, Long> endedWith) {}

    /** @param withoutDocument answers that need a person because no document could be made of them */
    static Quality of(QualityTally tally, long unreadable, @Nullable Long duplicates, long withoutDocument) {
        List<Arc> arcs = new ArrayList<>();
        tally.arcs.forEach((key, arc) -> arcs.add(new Arc(
                key,
                arc.target,
                arc.conversations,
                arc.reached,
                share(arc.reached, arc.conversations),
                arc.withinIntensity,
                arc.endedWith)));
        long turns = tally.turns.entrySet().stream()
                .mapToLong(entry -> entry.getKey() * entry.getValue())
                .sum();
        long review = tally.requireManualReview + withoutDocument;
        return new Quality(
                tally.conversations,
                unreadable,
                new Score(mean(tally.scores, tally.scored, 2), tally.scoreHistogram),
                new Spread(mean(BigDecimal.valueOf(turns), tally.conversations, 1), tally.turns),
                new Spread(mean(BigDecimal.valueOf(tally.characters), tally.conversations, 0), tally.lengths),
                arcs,
                tally.findings,
                share(tally.withFindings, tally.conversations),
                tally.statuses,
                duplicates,
                review,
                share(review, tally.conversations + withoutDocument));
    }

    private static @Nullable BigDecimal mean(BigDecimal sum, long count, int scale) {
        return count == 0 ? null : sum.divide(BigDecimal.valueOf(count), scale, RoundingMode.HALF_UP);
    }

    private static BigDecimal share(long part, long whole) {
        return whole == 0
                ? BigDecimal.ZERO
                : BigDecimal.valueOf(part).divide(BigDecimal.valueOf(whole), 4, RoundingMode.HALF_UP);
    }

    /** The most frequent first, so many. */
    public static Map<String, Long> most(Map<String, Long> counts, int kinds) {
        return counts.entrySet().stream()
                .sorted(Map.Entry.<String, Long>comparingByValue().reversed().thenComparing(Map.Entry.comparingByKey()))
                .limit(kinds)
                .collect(Collectors.toMap(
                        Map.Entry::getKey, Map.Entry::getValue, (a, b) -> a, java.util.LinkedHashMap::new));
    }
}
