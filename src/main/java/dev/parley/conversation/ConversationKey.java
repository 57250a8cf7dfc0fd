package dev.parley.conversation;

import java.util.UUID;

/**
 * The business key, {@code conversations.conversation_id}: made by Parley when an item is enqueued, and the same in file
 * names, log lines, calls and the row.
 */
public record ConversationKey(UUID value) {
    public static ConversationKey random() {
        return new ConversationKey(UUID.randomUUID());
    }

    @Override
    public String toString() {
        return value.toString();
    }
}
