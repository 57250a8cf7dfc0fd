package dev.parley.export;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonProperty;
import dev.parley.catalog.Tier;
import java.math.BigDecimal;
import java.time.Instant;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * Which conversations: those that have a final document, and all of this.
 *
 * @param jobs made by one of these jobs; empty: whoever made them
 * @param statuses as {@code conversations.status} spells them; empty: all but rejected and archived
 * @param minScore 0..10
 * @param maxScore 0..10
 * @param from created then or later
 * @param until created before
 */
@JsonInclude(JsonInclude.Include.NON_EMPTY)
public record Selection(
        @JsonProperty("jobs") List<UUID> jobs,
        @JsonProperty("statuses") List<String> statuses,
        @JsonProperty("min_score") @Nullable BigDecimal minScore,
        @JsonProperty("max_score") @Nullable BigDecimal maxScore,
        @JsonProperty("tier") @Nullable Tier tier,
        @JsonProperty("from") @Nullable Instant from,
        @JsonProperty("until") @Nullable Instant until) {

    /** What {@code conversations.status} may be. */
    public static final List<String> STATUSES =
            List.of("draft", "generated", "pending_review", "approved", "rejected", "needs_revision", "archived");

    static final List<String> USUAL_STATUSES =
            List.of("draft", "generated", "pending_review", "approved", "needs_revision");

    /**
     * Fills in what is left out.
     *
     * @throws IllegalArgumentException naming the bounds that exclude everything, or a status that does not exist
     */
    @SuppressWarnings("ConstantValue") // a list is null where its JSON was left out for being empty
    public Selection {
        jobs = jobs == null ? List.of() : List.copyOf(jobs);
        statuses = statuses == null || statuses.isEmpty() ? USUAL_STATUSES : List.copyOf(statuses);
        for (String status : statuses) {
            if (!STATUSES.contains(status)) {
                throw new IllegalArgumentException(
                        "'" + status + "' is not a status of a conversation: " + String.join(", ", STATUSES));
            }
        }
        if (minScore != null && maxScore != null && minScore.compareTo(maxScore) > 0) {
            throw new IllegalArgumentException("the lowest score, " + minScore + ", is above the highest, " + maxScore);
        }
        if (from != null && until != null && !from.isBefore(until)) {
            throw new IllegalArgumentException("the time from, " + from + ", is not before until, " + until);
        }
    }

    /** All that a job has made, whatever its reviewers think of it. */
    public static Selection ofJob(UUID job) {
        return new Selection(List.of(job), STATUSES, null, null, null, null, null);
    }

    Selection until(Instant time) {
        return new Selection(jobs, statuses, minScore, maxScore, tier, from, until == null ? time : until);
    }
}
