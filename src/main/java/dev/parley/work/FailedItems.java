package dev.parley.work;

import java.util.Collection;
import java.util.List;
import java.util.UUID;

/**
 * Which of a job's failed items: those that any of the parts holds for.
 *
 * @param retryable those that may succeed later
 * @param codes those with one of these {@code error_code}s
 */
public record FailedItems(boolean all, boolean retryable, Collection<String> codes, Collection<UUID> items) {
    /** Those that may succeed later, by what their failure said. */
    public static final FailedItems RETRYABLE = new FailedItems(false, true, List.of(), List.of());

    public static final FailedItems ALL = new FailedItems(true, false, List.of(), List.of());

    public static FailedItems withCodes(Collection<String> codes) {
        return new FailedItems(false, false, codes, List.of());
    }

    public static FailedItems named(Collection<UUID> items) {
        return new FailedItems(false, false, List.of(), items);
    }
}
