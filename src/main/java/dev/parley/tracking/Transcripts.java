package dev.parley.tracking;

import dev.parley.tracking.Entry.End;
import dev.parley.tracking.Entry.Start;
import dev.parley.tracking.EntryStore.Stored;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.springframework.stereotype.Component;
import org.springframework.transaction.PlatformTransactionManager;
import org.springframework.transaction.TransactionDefinition;
import org.springframework.transaction.support.TransactionTemplate;

/** Stores conversations that are over, past queue and journal. Thread-safe. */
@Component
public class Transcripts {
    private final EntryStore store;

    public Transcripts(ConversationSessions sessions, PlatformTransactionManager transactions) {
        TransactionTemplate nested = new TransactionTemplate(transactions);
        nested.setPropagationBehavior(TransactionDefinition.PROPAGATION_NESTED); // a savepoint: a bad row fails alone
        this.store = new EntryStore(sessions, nested);
    }

    /**
     * @param inserted rows that were new: sessions and messages
     * @param refused lines that the database refuses, and why
     */
    public record Outcome(int inserted, Map<TranscriptLine, String> refused) {}

    /** Stores them in the caller's transaction. A session is made of its first line, and ends with its last one. */
    public Outcome store(Collection<TranscriptLine> lines) {
        Map<UUID, Start> starts = new LinkedHashMap<>();
        Map<UUID, End> ends = new LinkedHashMap<>();
        List<Entry> entries = new ArrayList<>();
        Map<Entry, TranscriptLine> origins = new IdentityHashMap<>();
        for (TranscriptLine line : lines) {
            for (Entry entry : line.entries()) {
                if (entry instanceof Start start) {
                    starts.putIfAbsent(start.sessionId(), start);
                } else if (entry instanceof End end) {
                    ends.merge(end.sessionId(), end, (a, b) -> a.at().isAfter(b.at()) ? a : b);
                } else {
                    entries.add(entry);
                }
                origins.put(entry, line);
            }
        }
        entries.addAll(0, starts.values());
        entries.addAll(ends.values());
        Stored stored = store.store(entries);
        Map<TranscriptLine, String> refused = new HashMap<>();
        stored.refused()
                .forEach(one -> refused.put(origins.get(one.entry()), one.why().message()));
        return new Outcome(stored.inserted(), refused);
    }
}
