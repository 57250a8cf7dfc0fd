package dev.parley.tracking;

import java.io.IOException;
import java.util.List;

/** What waits for the database, in order. For one thread, but that {@link #settled} may come while another reads. */
interface Backlog {
    /**
     * Some of what waits, oldest first.
     *
     * @param mark what {@link #settled} takes once these, and all before them, need no second look
     */
    record Batch(List<Entry> entries, Journal.Position mark) {}

    /** The next ones; an empty list when nothing waits now. When it throws, the next call begins at the same place. */
    Batch next(int most) throws IOException;

    /** Everything up to there is in the database, or a dead letter. */
    void settled(Journal.Position mark) throws IOException;

    /** Nothing waits and nothing will come. */
    boolean isDone();
}
