package dev.parley.serve;

import com.fasterxml.jackson.annotation.JsonValue;
import dev.parley.tracking.TrackResult;
import java.time.Duration;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * Why something is not recorded.
 *
 * @param detail for a person
 */
record Refusal(Reason reason, String detail) {
    enum Reason {
        /** The tracker's queue is full. */
        QUEUE_FULL(Duration.ofMillis(200)),
        /** The tracker's journal is full: the database has been away for long. */
        JOURNAL_FULL(Duration.ofSeconds(5)),
        /** The server is stopping. */
        CLOSED(Duration.ofSeconds(2)),
        /** Whose the session is cannot be looked up while the database is away. */
        UNAVAILABLE(Duration.ofSeconds(2)),
        /** Not a frame, or one that can never be recorded. */
        INVALID(null),
        /** The session was not started here, or ended more than a minute ago. */
        UNKNOWN_SESSION(null),
        /** The session is somebody else's. */
        NOT_YOURS(null),
        /** More bytes than a frame may have. */
        TOO_LARGE(null),
        /** More unsettled frames than a connection may have. */
        CREDIT_EXCEEDED(null);

        private final @Nullable Duration retryAfter;

        Reason(@Nullable Duration retryAfter) {
            this.retryAfter = retryAfter;
        }

        @JsonValue
        String key() {
            return name().toLowerCase(Locale.ROOT);
        }

        /** Null when it is of no use to send the same again. */
        @Nullable
        Duration retryAfter() {
            return retryAfter;
        }
    }

    static Refusal of(TrackResult.Refused refused) {
        return new Refusal(
                switch (refused.reason()) {
                    case QUEUE_FULL -> Reason.QUEUE_FULL;
                    case JOURNAL_FULL -> Reason.JOURNAL_FULL;
                    case INVALID -> Reason.INVALID;
                    case UNKNOWN_SESSION -> Reason.UNKNOWN_SESSION;
                    case CLOSED -> Reason.CLOSED;
                },
                refused.detail());
    }
}
