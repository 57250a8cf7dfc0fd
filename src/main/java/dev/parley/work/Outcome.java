package dev.parley.work;

import dev.parley.conversation.ConversationPk;
import java.time.Duration;

/** What is to be recorded on a claimed item. */
public sealed interface Outcome {
    BatchItem item();

    /** Its conversation is stored. */
    record Completed(BatchItem item, ConversationPk conversation) implements Outcome {}

    /**
     * It failed for good.
     *
     * @param code stable key of the cause
     * @param message one readable line that carries the cause
     * @param retryable whether a later retry may succeed
     */
    record Failed(BatchItem item, String code, String message, boolean retryable) implements Outcome {}

    /**
     * It goes back to the queue.
     *
     * @param delay until it may be claimed again
     * @param counted whether this attempt counts
     */
    record Postponed(BatchItem item, String code, String message, Duration delay, boolean counted) implements Outcome {}
}
