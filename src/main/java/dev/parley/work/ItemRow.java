package dev.parley.work;

import dev.parley.conversation.ConversationKey;
import dev.parley.conversation.ConversationPk;
import java.time.Instant;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * A row of {@code batch_items} as people look at it.
 *
 * @param position 1..n within its job
 * @param topic the topic's name as it was when the item was enqueued
 * @param parameters the JSON as it stands in the table; see {@link ItemParameters}
 * @param conversation null unless it is completed
 * @param attempts how often it was claimed and the claim counted
 * @param availableAt when it may be claimed, while it is queued
 * @param errorCode why it failed, or why it is queued again; null otherwise, like message and retryable
 * @param startedAt when it was last claimed
 * @param processedAt when it was completed or failed
 */
public record ItemRow(
        UUID id,
        UUID jobId,
        int position,
        @Nullable String topic,
        String tier,
        String parameters,
        ConversationKey conversationKey,
        ItemStatus status,
        @Nullable ConversationPk conversation,
        int attempts,
        Instant availableAt,
        @Nullable String errorCode,
        @Nullable String errorMessage,
        @Nullable Boolean retryable,
        @Nullable Instant startedAt,
        @Nullable Instant processedAt) {}
