/**
 * The conversation: its document, its two keys, and the {@code conversations} table.
 *
 * <p>Way in: {@link dev.parley.conversation.Conversations}, and to look, {@link dev.parley.conversation.ConversationLookup}. Uses nothing of ours.
 */
@NullMarked
package dev.parley.conversation;

import org.jspecify.annotations.NullMarked;
