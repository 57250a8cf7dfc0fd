package dev.parley.batch;

import java.util.Set;
import java.util.UUID;

/** Rolls a chunk back in which some items are no longer ours. */
class ClaimLostException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    ClaimLostException(Set<UUID> items) {
        super(items.size() + " items were taken over by another process: " + items);
    }
}
