package dev.parley.provider;

import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * Why a call gave no usable answer, and what happens next. The decision is made here, where the cause is known.
 *
 * @param code stable key, stored in {@code batch_items.error_code}
 * @param detail one line for a person: HTTP status, the provider's type and message; never a prompt or a credential
 * @param next what becomes of the item
 * @param retryAfter how long the provider asked to wait; null where it did not say
 * @param requestId the provider's id of the request; null where there is none
 */
public record ModelFailure(
        String code,
        String detail,
        Next next,
        @Nullable Duration retryAfter,
        @Nullable String requestId) {

    /** What becomes of an item whose call failed. */
    public enum Next {
        /** Told to wait: try again later; the attempt is not counted. */
        WAIT(true),
        /** May work next time: try again later; the attempt counts. */
        RETRY(true),
        /** Only a changed request can work (a larger limit, fewer turns): try again with one; the attempt counts. */
        RETRY_CHANGED(true),
        /** Will not work for this item: it fails. */
        FAIL(false),
        /** Was not to be tried in this run: it fails, and a retry may succeed. */
        FAIL_FOR_NOW(true),
        /** Will not work for any item until a person acts: the job is paused, the item goes back unharmed. */
        PAUSE_JOB(true);

        private final boolean retryable;

        Next(boolean retryable) {
            this.retryable = retryable;
        }

        public boolean retryable() {
            return retryable;
        }
    }
}
