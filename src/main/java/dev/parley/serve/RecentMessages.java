package dev.parley.serve;

import dev.parley.serve.Door.Outcome;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.function.Supplier;

/**
 * The messages that were taken last, so that one that is sent again need not go to the database to be found out. Those it has
 * forgotten are found there. Thread-safe.
 */
final class RecentMessages {
    private static final int MOST = 50_000;

    private record Key(UUID sessionId, UUID messageId) {}

    private final Map<Key, CompletableFuture<Outcome>> taken = new LinkedHashMap<>() {
        @Override
        protected boolean removeEldestEntry(Map.Entry<Key, CompletableFuture<Outcome>> eldest) {
            return size() > MOST;
        }
    };

    /** Takes it unless it is being, or has been, taken: then the answer is that it is a duplicate, once the first is safe. */
    CompletableFuture<Outcome> once(UUID sessionId, UUID messageId, Supplier<CompletableFuture<Outcome>> take) {
        Key key = new Key(sessionId, messageId);
        CompletableFuture<Outcome> outcome;
        synchronized (taken) {
            CompletableFuture<Outcome> first = taken.get(key);
            if (first != null) {
                return first.thenApply(result -> result instanceof Outcome.Taken ? new Outcome.Duplicate() : result);
            }
            outcome = take.get(); // returns at once
            taken.put(key, outcome);
        }
        outcome.thenAccept(result -> {
            if (result instanceof Outcome.Refused) {
                synchronized (taken) {
                    taken.remove(key, outcome); // the next try is a real one
                }
            }
        });
        return outcome;
    }
}
