package dev.parley.export;

import dev.parley.archive.ObjectName;
import dev.parley.archive.ObjectStore;
import dev.parley.conversation.ConversationDocument;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.batch.infrastructure.item.ItemProcessor;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.json.JsonMapper;

/** Loads a conversation's final document and renders it. Thread-safe; runs N at once. */
class DocumentProcessor implements ItemProcessor<PageReader.Read, Exported> {
    private static final Logger log = LoggerFactory.getLogger(DocumentProcessor.class);
    private static final JsonMapper JSON = JsonMapper.shared();

    private final ObjectStore store;
    private final @Nullable TextLines lines;
    private final @Nullable Signatures signatures;

    /** @param lines null where nothing is rendered, @param signatures null where nobody looks for near-duplicates */
    DocumentProcessor(ObjectStore store, @Nullable TextLines lines, @Nullable Signatures signatures) {
        this.store = store;
        this.lines = lines;
        this.signatures = signatures;
    }

    @Override
    public Exported process(PageReader.Read read) {
        ConversationRow row = read.row();
        ConversationDocument document = document(row);
        if (document == null) {
            return new Exported(row, null, null, 0, null, read.last());
        }
        List<String> rendered = lines == null ? List.of() : lines.of(row, document);
        return new Exported(
                row,
                document,
                lines == null ? null : TextLines.utf8(rendered),
                lines == null ? 1 : rendered.size(),
                signatures == null ? null : signatures.of(document.turns()),
                read.last());
    }

    /** A store that does not answer breaks the export off; a document that is not there does not. */
    private @Nullable ConversationDocument document(ConversationRow row) {
        ObjectName name = new ObjectName(row.bucket(), row.path());
        byte[] bytes = store.read(name).orElse(null);
        if (bytes == null) {
            log.warn("Conversation {} is left out: {} is not there", row.key(), store.locate(name));
            return null;
        }
        try {
            ConversationDocument document = JSON.readValue(bytes, ConversationDocument.class);
            if (isWhole(document)) {
                return document;
            }
            log.warn("Conversation {} is left out: {} is no conversation", row.key(), store.locate(name));
        } catch (JacksonException e) {
            log.warn(
                    "Conversation {} is left out: {} is no conversation: {}",
                    row.key(),
                    store.locate(name),
                    e.getOriginalMessage());
        }
        return null;
    }

    /** What was put there by hand may lack anything. */
    @SuppressWarnings("ConstantValue")
    private static boolean isWhole(@Nullable ConversationDocument document) {
        return document != null
                && document.metadata() != null
                && document.turns() != null
                && !document.turns().isEmpty()
                && document.turns().stream()
                        .allMatch(turn -> turn != null && turn.role() != null && turn.content() != null);
    }
}
