package dev.parley.tracking;

import java.util.UUID;

/** What the tracker answers, at once. */
public sealed interface TrackResult {
    /** @param id of the message, or of the session that was started or ended */
    record Accepted(UUID id) implements TrackResult {}

    /** @param detail for a person: what is wrong, and what would be right */
    record Refused(Reason reason, String detail) implements TrackResult {}

    /** Why something is not recorded. */
    enum Reason {
        /** As much waits as the queue holds; may be sent again. */
        QUEUE_FULL,
        /** The journal has used up its quota; may be sent again when the database is back. */
        JOURNAL_FULL,
        /** It can never be recorded. */
        INVALID,
        /** The end of a session that is not known here. */
        UNKNOWN_SESSION,
        /** The tracker has been closed. */
        CLOSED
    }

    default boolean accepted() {
        return this instanceof Accepted;
    }
}
