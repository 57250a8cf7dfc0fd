package dev.parley.batch;

import dev.parley.archive.ArchiveSettings;
import dev.parley.archive.ObjectName;
import dev.parley.archive.ObjectStore;
import dev.parley.conversation.ConversationKey;
import dev.parley.conversation.ConversationPk;
import dev.parley.conversation.Conversations;
import dev.parley.database.Finding;
import dev.parley.generation.RawFiles;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.springframework.stereotype.Component;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.json.JsonMapper;

/** Compares the object store with the rows, in both directions: each completed conversation's files are there and are JSON, each raw file has a row. */
@Component
public class FileCheck {
    private static final int PAGE = 500;

    private final Conversations conversations;
    private final ObjectStore store;
    private final String bucket;

    FileCheck(Conversations conversations, ObjectStore store, ArchiveSettings archive) {
        this.conversations = conversations;
        this.store = store;
        this.bucket = archive.buckets().conversations();
    }

    /** Reads every file of every completed conversation. */
    public List<Finding> findings() {
        List<Finding> findings = new ArrayList<>();
        Count raw = new Count("raw answer", "the paid answer is lost; nothing to be done, unless a backup has it");
        Count conversation = new Count(
                "conversation file",
                "fetch it from a backup, or delete the conversation's row and retry its item: the raw answer is read again"
                        + " without a call");
        ConversationPk after = new ConversationPk(new UUID(0, 0));
        List<Conversations.Files> page = conversations.files(after, PAGE);
        while (!page.isEmpty()) {
            for (Conversations.Files files : page) {
                raw.look(files, files.raw());
                conversation.look(files, files.conversation());
            }
            page = conversations.files(page.get(page.size() - 1).pk(), PAGE);
        }
        raw.addTo(findings);
        conversation.addTo(findings);
        withoutRow(findings);
        return findings;
    }

    private final class Count {
        private final String kind;
        private final String remedy;
        private long missing;
        private long unreadable;
        private @Nullable String example;

        Count(String kind, String remedy) {
            this.kind = kind;
            this.remedy = remedy;
        }

        void look(Conversations.Files files, @Nullable String path) {
            Optional<byte[]> content =
                    path == null ? Optional.empty() : store.read(new ObjectName(files.bucket(), path));
            boolean json = content.isPresent() && isJson(content.get());
            if (!json) {
                missing += content.isEmpty() ? 1 : 0;
                unreadable += content.isEmpty() ? 0 : 1;
                example = example == null ? path + " of conversation " + files.key() : example;
            }
        }

        void addTo(List<Finding> findings) {
            if (example != null) {
                findings.add(new Finding(
                        "files",
                        missing + " conversations lack their " + kind + ", " + unreadable
                                + " have one that is no JSON: " + example,
                        remedy));
            }
        }
    }

    private void withoutRow(List<Finding> findings) {
        long orphans = 0;
        ConversationKey example = null;
        try (Stream<ObjectName> files = store.list(bucket, RawFiles.FOLDER)) {
            Iterator<Map<ConversationKey, UUID>> pages = RawFiles.pages(files, PAGE);
            while (pages.hasNext()) {
                Set<ConversationKey> keys = new LinkedHashSet<>(pages.next().keySet());
                keys.removeAll(conversations.primaryKeysOf(keys).keySet());
                orphans += keys.size();
                example = example == null && !keys.isEmpty() ? keys.iterator().next() : example;
            }
        }
        if (orphans > 0) {
            findings.add(new Finding(
                    "files",
                    orphans + " raw answers belong to no conversation: " + example,
                    "parley backfill parses those whose item failed; the others belong to items that are still queued, or"
                            + " to none"));
        }
    }

    private static boolean isJson(byte[] content) {
        try {
            JsonMapper.shared().readTree(content);
            return true;
        } catch (JacksonException e) {
            return false;
        }
    }
}
