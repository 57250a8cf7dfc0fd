package dev.parley.work;

import dev.parley.conversation.ConversationKey;
import java.util.UUID;

/**
 * A claimed row of {@code batch_items}.
 *
 * @param position 1..n within its job
 * @param parameters the JSON as it stands in the table; see {@link ItemParameters}
 * @param attempts how often it was claimed, this time included
 * @param unanswered how often a claim of it ended without a word, its process being gone: its call may have been made
 * @param claimToken fences every later write: no row, no write
 */
public record BatchItem(
        UUID id,
        UUID jobId,
        int position,
        String parameters,
        ConversationKey conversationKey,
        int attempts,
        int unanswered,
        UUID claimToken) {

    /** The first eight characters of the id, as in log lines. */
    public String shortId() {
        return id.toString().substring(0, 8);
    }
}
