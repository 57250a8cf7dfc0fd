package dev.parley.tracking;

import dev.parley.tracking.Journal.Position;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.BooleanSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Reads the journal from its checkpoint on: what waits for the database is on disk, not in memory. */
final class JournalBacklog implements Backlog {
    private static final Logger log = LoggerFactory.getLogger(JournalBacklog.class);
    private static final int BLOCK = 256 * 1024;

    private final Journal journal;
    private final BooleanSupplier complete;
    private final LongAdder damaged;
    private Position at;
    private ByteBuffer block = ByteBuffer.allocate(BLOCK); // unread bytes from `at` on
    private int unread;
    private int begin;

    /**
     * @param complete whether nothing will be appended any more
     * @param damaged counts lines that are not as they were written
     */
    JournalBacklog(Journal journal, BooleanSupplier complete, LongAdder damaged) {
        this.journal = journal;
        this.complete = complete;
        this.damaged = damaged;
        this.at = journal.checkpoint();
    }

    @Override
    public Batch next(int most) throws IOException {
        Position from = at;
        List<Entry> entries = new ArrayList<>(most);
        try {
            while (entries.size() < most) {
                int length = lengthOfLine();
                if (length >= 0) {
                    take(length, entries);
                } else if (!readOn()) {
                    break;
                }
            }
        } catch (IOException | RuntimeException e) {
            at = from;
            unread = 0; // what was taken is read again
            throw e;
        }
        return new Batch(entries, at);
    }

    /** Without the line feed; -1 when there is no whole line in the block. */
    private int lengthOfLine() {
        byte[] bytes = block.array();
        for (int i = begin; i < begin + unread; i++) {
            if (bytes[i] == '\n') {
                return i - begin;
            }
        }
        return -1;
    }

    private void take(int length, List<Entry> entries) throws IOException {
        try {
            entries.add(Lines.parse(block.array(), begin, length));
        } catch (Lines.DamagedLineException e) {
            quarantine(length, String.valueOf(e.getMessage()));
        }
        skip(length + 1);
    }

    private void quarantine(int length, String why) throws IOException {
        damaged.increment();
        log.error(
                "A message in the journal is damaged and is kept in damaged.txt beside it, {} offset {}: {}",
                at.segment(),
                at.offset(),
                why);
        journal.quarantine(
                block.array(), begin, length, "segment " + at.segment() + " offset " + at.offset() + ": " + why);
    }

    private void skip(int length) {
        begin += length;
        unread -= length;
        at = new Position(at.segment(), at.offset() + length);
    }

    /** False when there is nothing more to be read now. */
    private boolean readOn() throws IOException {
        byte[] bytes = block.array();
        System.arraycopy(bytes, begin, bytes, 0, unread);
        begin = 0;
        if (unread == bytes.length) { // a line longer than that
            block = ByteBuffer.allocate(2 * bytes.length);
            System.arraycopy(bytes, 0, block.array(), 0, unread);
        }
        block.clear().position(unread);
        int read = journal.read(new Position(at.segment(), at.offset() + unread), block);
        unread += read;
        if (read > 0) {
            return true;
        }
        Position next = journal.onward(new Position(at.segment(), at.offset() + unread));
        if (next.segment() == at.segment()) {
            return false;
        }
        if (unread > 0) {
            quarantine(unread, "its line does not end");
            unread = 0;
        }
        at = next;
        return true;
    }

    @Override
    public void settled(Position mark) throws IOException {
        journal.checkpoint(mark);
    }

    @Override
    public boolean isDone() {
        return complete.getAsBoolean() && unread == 0 && at.equals(journal.end());
    }
}
