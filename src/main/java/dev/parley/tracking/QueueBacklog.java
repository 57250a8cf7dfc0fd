package dev.parley.tracking;

import dev.parley.tracking.IntakeQueue.Tracked;
import dev.parley.tracking.Journal.Position;
import java.util.ArrayList;
import java.util.List;

/** Without a journal: what waits is in the queue, and goes with the process. */
final class QueueBacklog implements Backlog {
    private static final Position NOWHERE = new Position(0, 0);

    private final IntakeQueue queue;

    QueueBacklog(IntakeQueue queue) {
        this.queue = queue;
    }

    @Override
    public Batch next(int most) {
        List<Tracked> tracked = new ArrayList<>();
        queue.drainTo(tracked, most);
        return new Batch(tracked.stream().map(Tracked::entry).toList(), NOWHERE);
    }

    @Override
    public void settled(Position mark) {
        return; // nothing remembers
    }

    @Override
    public boolean isDone() {
        return queue.isDone();
    }
}
