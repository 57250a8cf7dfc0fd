package dev.parley.tracking;

import dev.parley.database.RefusedRow;
import dev.parley.tracking.Entry.End;
import dev.parley.tracking.Entry.Message;
import dev.parley.tracking.Entry.Start;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.ToIntFunction;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.springframework.dao.DataAccessException;
import org.springframework.dao.DuplicateKeyException;
import org.springframework.transaction.TransactionException;
import org.springframework.transaction.support.TransactionOperations;

/**
 * Writes entries, sessions before messages before ends, in one transaction; what the database refuses is found by bisection,
 * and everything else is written. The writer's role may write everybody's rows, so that whose a session is is checked here.
 * Thread-safe.
 */
final class EntryStore {
    /** Batches after one with a message that was there already: then it is a replay, or somebody sends again. */
    private static final int WARY = 100;

    private static final String NOT_YOURS = "not_yours";

    private final ConversationSessions sessions;
    private final TransactionOperations transaction;
    private final AtomicInteger wary = new AtomicInteger();

    EntryStore(ConversationSessions sessions, TransactionOperations transaction) {
        this.sessions = sessions;
        this.transaction = transaction;
    }

    record Refused(Entry entry, RefusedRow why) {
        /** Whether the entry is of a session that is another user's; that does not change. */
        boolean isOfOthers() {
            return why.code().equals(NOT_YOURS);
        }
    }

    /**
     * @param inserted new sessions and messages; the rest of the stored ones were there already
     * @param refused none of which is stored
     */
    record Stored(int inserted, List<Refused> refused) {}

    /**
     * @throws DataAccessException or {@link TransactionException} when the database is away or not as it should be; what was
     *     written by then is passed over the next time
     */
    Stored store(List<Entry> entries) {
        List<Start> starts = only(Start.class, entries);
        List<Message> messages = only(Message.class, entries);
        List<End> ends = only(End.class, entries);
        boolean trusting = wary.getAndUpdate(batches -> Math.max(0, batches - 1)) == 0;
        try {
            int inserted = within(() -> {
                int rows = sessions.insertSessions(starts)
                        + (trusting ? sessions.insertNewMessages(messages) : sessions.insertMessages(messages));
                sessions.end(ends);
                return rows;
            });
            return checked(inserted, starts, messages, List.of());
        } catch (RuntimeException e) {
            if (trusting && e instanceof DuplicateKeyException) {
                wary.set(WARY);
                return store(entries);
            }
            RefusedRow why = whyRefused(e);
            List<Refused> refused = new ArrayList<>();
            int inserted = 0;
            if (entries.size() == 1) {
                refused.add(new Refused(entries.get(0), why));
            } else if (messages.size() == entries.size()) { // known to have a bad one
                inserted = halves(messages, sessions::insertMessages, refused);
            } else {
                inserted = isolate(starts, sessions::insertSessions, refused)
                        + isolate(messages, sessions::insertMessages, refused);
                isolate(ends, rows -> sessions.end(rows).length, refused);
            }
            return checked(inserted, starts, messages, refused);
        }
    }

    /** A row that is not new was there already, or it is about a session of another user's and was passed over. */
    private Stored checked(int inserted, List<Start> starts, List<Message> messages, List<Refused> refused) {
        if (inserted == starts.size() + messages.size()) {
            return new Stored(inserted, refused);
        }
        Map<UUID, UUID> owners = sessions.owners(Stream.concat(starts.stream(), messages.stream())
                .map(Entry::sessionId)
                .collect(Collectors.toSet()));
        List<Refused> all = new ArrayList<>(refused);
        starts.forEach(start -> refuse(start, start.userId(), owners, all));
        messages.forEach(message -> refuse(message, message.userId(), owners, all));
        return new Stored(inserted, all);
    }

    private static void refuse(Entry entry, @Nullable UUID user, Map<UUID, UUID> owners, List<Refused> refused) {
        UUID owner = owners.get(entry.sessionId());
        if (user != null
                && owner != null
                && !user.equals(owner)
                && refused.stream().noneMatch(one -> one.entry() == entry)) {
            refused.add(new Refused(
                    entry, new RefusedRow(NOT_YOURS, "session " + entry.sessionId() + " is another user's")));
        }
    }

    private <T extends Entry> int isolate(List<T> rows, ToIntFunction<List<T>> write, List<Refused> refused) {
        if (rows.isEmpty()) {
            return 0;
        }
        try {
            return within(() -> write.applyAsInt(rows));
        } catch (RuntimeException e) {
            RefusedRow why = whyRefused(e);
            if (rows.size() == 1) {
                refused.add(new Refused(rows.get(0), why));
                return 0;
            }
            return halves(rows, write, refused);
        }
    }

    private <T extends Entry> int halves(List<T> rows, ToIntFunction<List<T>> write, List<Refused> refused) {
        int half = rows.size() / 2;
        return isolate(rows.subList(0, half), write, refused)
                + isolate(rows.subList(half, rows.size()), write, refused);
    }

    private interface Work {
        int run();
    }

    /** PostgreSQL gives up a transaction at its first failed statement. */
    private int within(Work work) {
        Integer rows = transaction.execute(status -> work.run());
        return rows == null ? 0 : rows;
    }

    /** @throws RuntimeException the failure itself, when it is not about a row */
    private static RefusedRow whyRefused(RuntimeException failure) {
        return RefusedRow.of(failure).orElseGet(() -> {
            if (failure instanceof DataAccessException || failure instanceof TransactionException) {
                throw failure;
            }
            return new RefusedRow("internal_error", failure.toString()); // a fault of ours must not hold up the others
        });
    }

    private static <T extends Entry> List<T> only(Class<T> kind, List<Entry> entries) {
        List<T> found = new ArrayList<>(entries.size());
        for (Entry entry : entries) {
            if (kind.isInstance(entry)) {
                found.add(kind.cast(entry));
            }
        }
        return found;
    }
}
