package dev.parley.conversation;

import java.util.UUID;

/** The primary key, {@code conversations.id}: made by the database, and what {@code batch_items.conversation_id} refers to. */
public record ConversationPk(UUID value) {
    @Override
    public String toString() {
        return value.toString();
    }
}
