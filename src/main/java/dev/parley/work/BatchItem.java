package dev.parley.work;

import dev.parley.conversation.ConversationKey;
import java.util.UUID;

/**
 * A claimed row of {@code batch_items}.
 *
 * @param position 1..n within its job
 * @param parameters the JSON as it stands in the table; see {@link ItemParameters}
 * @param attempts how often it was claimed, this time included
 * @param earlierAttempts how many of these were before it was last retried
 * @param unanswered how often a claim of it ended without a word, its process being gone: its call may have been made
 * @param parseOnly whether it is to be made of a stored answer, without a call
 * @param claimToken fences every later write: no row, no write
 */
public record BatchItem(
        UUID id,
        UUID jobId,
        int position,
        String parameters,
        ConversationKey conversationKey,
        int attempts,
        int earlierAttempts,
        int unanswered,
        boolean parseOnly,
        UUID claimToken) {

    /** How often it was claimed since it was enqueued or last retried, this time included: what {@code max-attempts} bounds. */
    public int attemptsOfThisRound() {
        return attempts - earlierAttempts;
    }

    /** The first eight characters of the id, as in log lines. */
    public String shortId() {
        return id.toString().substring(0, 8);
    }
}
