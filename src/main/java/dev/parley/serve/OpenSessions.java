package dev.parley.serve;

import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/**
 * Which connection each session was started or resumed on, and since when it has none. The last one counts: an older connection
 * that is found dead later leaves nothing. Thread-safe.
 */
final class OpenSessions {
    private record Place(Object connection, @Nullable Instant leftAt) {}

    private final Map<UUID, Place> places = new ConcurrentHashMap<>();

    void attend(UUID sessionId, Object connection) {
        places.put(sessionId, new Place(connection, null));
    }

    void end(UUID sessionId) {
        places.remove(sessionId);
    }

    /** A connection is gone. */
    void leave(Object connection, Instant at) {
        places.replaceAll((id, place) ->
                place.connection() == connection && place.leftAt() == null ? new Place(connection, at) : place);
    }

    /** Those that had no connection since then, and when they lost it; they are taken out. */
    Map<UUID, Instant> leftBefore(Instant time) {
        Map<UUID, Instant> left = new LinkedHashMap<>();
        places.forEach((id, place) -> {
            Instant leftAt = place.leftAt();
            if (leftAt != null && !leftAt.isAfter(time) && places.remove(id, place)) {
                left.put(id, leftAt);
            }
        });
        return left;
    }

    /** Takes one back in that could not be ended; unless it was resumed meanwhile. */
    void putBack(UUID sessionId, Instant leftAt) {
        places.putIfAbsent(sessionId, new Place(this, leftAt));
    }
}
