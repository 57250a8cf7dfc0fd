package dev.parley.tracking;

import dev.parley.tracking.DeadLetters.DeadLetter;
import dev.parley.tracking.EntryStore.Stored;
import dev.parley.tracking.Lines.DamagedLineException;
import java.util.List;
import java.util.UUID;
import org.springframework.stereotype.Component;
import org.springframework.transaction.PlatformTransactionManager;
import org.springframework.transaction.support.TransactionTemplate;

/** Tries to store dead letters, once their reason is mended. */
@Component
public class DeadLetterRetry {
    private static final int PAGE = 500;
    private static final UUID BEFORE_ALL = new UUID(0, 0);

    private final DeadLetters letters;
    private final EntryStore store;

    public DeadLetterRetry(
            DeadLetters letters, ConversationSessions sessions, PlatformTransactionManager transactions) {
        this.letters = letters;
        this.store = new EntryStore(sessions, new TransactionTemplate(transactions));
    }

    /**
     * @param stored which are dead letters no more
     * @param refused which the database refuses still
     */
    public record Outcome(long stored, long refused) {}

    /** Goes through all of them, and again as long as that helps: a message may have waited for its session. */
    public Outcome run() {
        long stored = 0;
        while (true) {
            Outcome pass = pass();
            stored += pass.stored();
            if (pass.stored() == 0 || pass.refused() == 0) {
                return new Outcome(stored, pass.refused());
            }
        }
    }

    private Outcome pass() {
        long stored = 0;
        long refused = 0;
        List<DeadLetter> page = letters.after(BEFORE_ALL, PAGE);
        while (!page.isEmpty()) {
            for (DeadLetter letter : page) {
                if (store(letter)) {
                    stored++;
                } else {
                    refused++;
                }
            }
            page = letters.after(page.get(page.size() - 1).id(), PAGE);
        }
        return new Outcome(stored, refused);
    }

    private boolean store(DeadLetter letter) {
        try {
            Stored result = store.store(List.of(Lines.parse(letter.payload())));
            if (result.refused().isEmpty()) {
                letters.delete(letter.id());
                return true;
            }
            letters.refusedAgain(
                    letter.id(),
                    result.refused().get(0).why().code(),
                    result.refused().get(0).why().message());
        } catch (DamagedLineException e) {
            letters.refusedAgain(letter.id(), "damaged", String.valueOf(e.getMessage()));
        }
        return false;
    }
}
