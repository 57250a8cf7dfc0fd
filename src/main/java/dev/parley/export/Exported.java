package dev.parley.export;

import dev.parley.conversation.ConversationDocument;
import org.jspecify.annotations.Nullable;

/**
 * A conversation on its way into a file.
 *
 * @param document null when its file is not there or cannot be read
 * @param rendered its lines; null where the format is not one of text, or there is no document
 * @param records lines or rows
 * @param signature for near-duplicates; null when nobody looks for them, or there is no document
 * @param last whether nothing comes after it
 */
@SuppressWarnings("ArrayRecordComponent") // never compared
record Exported(
        ConversationRow row,
        @Nullable ConversationDocument document,
        byte @Nullable [] rendered,
        int records,
        int @Nullable [] signature,
        boolean last) {}
