package dev.parley.tracking;

import java.time.Duration;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * How the tracker is at a moment, and what it has done since it was started.
 *
 * @param reason why it is not up; null when it is
 * @param queueDepth what waits for the journal
 * @param accepted starts, messages and ends
 * @param refused the same, by reason; every reason is there
 * @param journalled what was written to the journal
 * @param journalBytes size of the journal
 * @param waitingBytes what of it is not in the database yet
 * @param lag age of the oldest that is not in the database; zero when nothing waits
 * @param stored rows that were new in the database
 * @param duplicates rows that were there already: sent twice, or replayed
 * @param deadLetters what the database refused for good
 * @param dropped what had to give way in a full journal, at most
 * @param damaged lines of the journal that were not as they had been written, and are kept aside
 * @param activeSessions started and not ended
 * @param lateMessages that came after their session's end, or for one that is not known here
 */
public record TrackerHealth(
        Status status,
        @Nullable String reason,
        int queueDepth,
        int queueCapacity,
        long accepted,
        Map<TrackResult.Reason, Long> refused,
        long journalled,
        long journalBytes,
        long journalQuota,
        long waitingBytes,
        Duration lag,
        long stored,
        long duplicates,
        long deadLetters,
        long dropped,
        long damaged,
        int activeSessions,
        long lateMessages) {

    public enum Status {
        /** All is well. */
        UP,
        /** Everything is accepted and kept, and something needs a look. */
        DEGRADED,
        /** Something is refused or given up. */
        DOWN
    }
}
