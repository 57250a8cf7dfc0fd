package dev.parley.tracking;

import java.io.Closeable;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Locale;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ConcurrentNavigableMap;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;

/**
 * The journal's files: segments that one thread appends to, one reads, and any may force to disk; and the checkpoint, up to
 * which everything is in the database. A segment behind the checkpoint is deleted.
 *
 * <p>One thread at a time calls {@link #append}, one {@link #read}, one {@link #checkpoint(Position)}; the rest is thread-safe.
 */
final class Journal implements Closeable {
    private static final long LARGEST_SEGMENT = 16 * 1024 * 1024;
    private static final Pattern CHECKPOINT = Pattern.compile("(\\d{19}) (\\d{19}) ([0-9a-f]{8})\n");

    /** A place between two lines. */
    record Position(long segment, long offset) implements Comparable<Position> {
        @Override
        public int compareTo(Position other) {
            int bySegment = Long.compare(segment, other.segment);
            return bySegment != 0 ? bySegment : Long.compare(offset, other.offset);
        }
    }

    private final JournalFolder folder;
    private final long quota;
    private final long segmentSize;
    private final ConcurrentNavigableMap<Long, Long> closed = new ConcurrentSkipListMap<>(); // sizes by number
    private final AtomicLong used = new AtomicLong();
    private final Queue<FileChannel> toClose = new ConcurrentLinkedQueue<>();
    private final FileChannel checkpointFile;
    private volatile Position end;
    private volatile Position checkpoint;
    private volatile Position forced;
    private volatile FileChannel writing;
    private @Nullable FileChannel reading;
    private long readingSegment = -1;

    /** @param quota bytes that the segments may have together, apart from what waits in the queue when it is reached */
    Journal(JournalFolder folder, long quota) throws IOException {
        this.folder = folder;
        this.quota = quota;
        this.segmentSize = Math.max(4_096, Math.min(LARGEST_SEGMENT, quota / 8));
        this.closed.putAll(folder.segments());
        closed.values().forEach(used::addAndGet);
        long number = closed.isEmpty() ? 0 : closed.lastKey() + 1;
        this.end = new Position(number, 0);
        this.forced = end;
        this.writing = open(number);
        this.checkpointFile = FileChannel.open(
                folder.checkpoint(), StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE);
        this.checkpoint = readCheckpoint();
        checkpoint(checkpoint); // there must be none of a former segment of the same number
    }

    private FileChannel open(long number) throws IOException {
        return FileChannel.open(folder.segment(number), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
    }

    /** Appends whole lines. When it throws, nothing counts as written, and the same may be tried again. */
    void append(byte[] lines, int length) throws IOException {
        Position at = end;
        if (at.offset() > 0 && at.offset() + length > segmentSize) {
            FileChannel next = open(at.segment() + 1);
            toClose.add(writing); // forced and closed by the next force
            closed.put(at.segment(), at.offset());
            writing = next;
            at = new Position(at.segment() + 1, 0);
            end = at;
        }
        ByteBuffer bytes = ByteBuffer.wrap(lines, 0, length);
        while (bytes.hasRemaining()) {
            writing.write(bytes, at.offset() + bytes.position());
        }
        used.addAndGet(length);
        end = new Position(at.segment(), at.offset() + length);
    }

    /** On disk when it returns: what was appended before it was called. */
    synchronized void force() throws IOException {
        Position to = end;
        if (to.equals(forced)) {
            return;
        }
        FileChannel current = writing;
        for (FileChannel old = toClose.peek(); old != null; old = toClose.peek()) {
            old.force(false);
            old.close();
            toClose.remove();
        }
        if (current.isOpen()) {
            current.force(false);
        }
        forced = to;
    }

    Position end() {
        return end;
    }

    /** Everything before it is in the database. */
    Position checkpoint() {
        return checkpoint;
    }

    /**
     * Reads on, to the end of the segment or of what is written.
     *
     * @return bytes that were read; 0 when there is nothing at this place, be it that the segment ends here or is gone
     */
    int read(Position from, ByteBuffer into) throws IOException {
        Position written = end;
        long size = from.segment() == written.segment() ? written.offset() : closed.getOrDefault(from.segment(), 0L);
        int length = (int) Math.min(into.remaining(), size - from.offset());
        if (length <= 0) {
            return 0;
        }
        FileChannel channel;
        try {
            channel = channelOf(from.segment());
        } catch (NoSuchFileException e) {
            return 0; // dropped in between
        }
        ByteBuffer slice = into.slice().limit(length);
        while (slice.hasRemaining() && channel.read(slice, from.offset() + slice.position()) >= 0) {
            continue;
        }
        into.position(into.position() + slice.position());
        return slice.position();
    }

    private FileChannel channelOf(long segment) throws IOException {
        FileChannel channel = reading;
        if (channel == null || readingSegment != segment || !channel.isOpen()) {
            if (channel != null) {
                channel.close();
            }
            channel = FileChannel.open(folder.segment(segment), StandardOpenOption.READ);
            reading = channel;
            readingSegment = segment;
        }
        return channel;
    }

    /** The begin of the next segment when this place is the end of one, or in one that is gone; else the place itself. */
    Position onward(Position from) {
        Position written = end;
        if (from.segment() >= written.segment()) {
            return from;
        }
        Long size = closed.get(from.segment());
        if (size != null && from.offset() < size) {
            return from;
        }
        Long next = closed.higherKey(from.segment());
        return new Position(next == null ? written.segment() : next, 0);
    }

    /** Moves the checkpoint, and deletes the segments behind it. Kept by the next start unless the machine goes down. */
    void checkpoint(Position at) throws IOException {
        byte[] text = text(at);
        checkpointFile.write(ByteBuffer.wrap(text), 0);
        checkpoint = at;
        for (Map.Entry<Long, Long> segment : closed.headMap(at.segment()).entrySet()) {
            delete(segment.getKey());
        }
    }

    private static byte[] text(Position at) {
        String numbers = String.format(Locale.ROOT, "%019d %019d ", at.segment(), at.offset());
        CRC32C crc = new CRC32C();
        crc.update(numbers.getBytes(StandardCharsets.US_ASCII));
        return (numbers + String.format(Locale.ROOT, "%08x\n", (int) crc.getValue()))
                .getBytes(StandardCharsets.US_ASCII);
    }

    /** The begin of the oldest segment where there is none, or one that was torn: reading twice does no harm. */
    private Position readCheckpoint() throws IOException {
        Position begin = new Position(closed.isEmpty() ? end.segment() : closed.firstKey(), 0);
        String text = Files.readString(folder.checkpoint(), StandardCharsets.ISO_8859_1);
        Matcher matcher = CHECKPOINT.matcher(text);
        if (!matcher.matches()) {
            return begin;
        }
        Position at = new Position(Long.parseLong(matcher.group(1)), Long.parseLong(matcher.group(2)));
        Long size = closed.get(at.segment());
        boolean possible =
                text.equals(new String(text(at), StandardCharsets.US_ASCII)) && size != null && at.offset() <= size;
        return possible && at.compareTo(begin) > 0 ? at : begin;
    }

    private void delete(long segment) throws IOException {
        Long size = closed.remove(segment);
        if (size != null) {
            used.addAndGet(-size);
            Files.deleteIfExists(folder.segment(segment));
        }
    }

    /**
     * Gives up the oldest segment, unless it is the only one.
     *
     * @return lines in it that were not in the database
     */
    long dropOldest() throws IOException {
        Map.Entry<Long, Long> oldest = closed.firstEntry();
        if (oldest == null) {
            return 0;
        }
        Position stored = checkpoint;
        long from = stored.segment() == oldest.getKey() ? stored.offset() : 0;
        long lines = 0;
        byte[] bytes = Files.readAllBytes(folder.segment(oldest.getKey()));
        for (int i = (int) from; i < bytes.length; i++) {
            if (bytes[i] == '\n') {
                lines++;
            }
        }
        delete(oldest.getKey());
        return lines;
    }

    /** Bytes of all segments. */
    long used() {
        return used.get();
    }

    long quota() {
        return quota;
    }

    boolean isFull() {
        return used.get() >= quota;
    }

    /** Bytes that are not in the database. */
    long waiting() {
        Position stored = checkpoint;
        Position written = end;
        if (stored.segment() == written.segment()) {
            return written.offset() - stored.offset();
        }
        long waiting = written.offset();
        for (Map.Entry<Long, Long> segment : closed.tailMap(stored.segment()).entrySet()) {
            waiting += segment.getValue();
        }
        return Math.max(0, waiting - (closed.containsKey(stored.segment()) ? stored.offset() : 0));
    }

    /** Keeps a line that is not as it was written. */
    void quarantine(byte[] bytes, int begin, int length, String why) throws IOException {
        Path file = folder.damaged();
        try (FileChannel channel = FileChannel.open(
                file, StandardOpenOption.CREATE, StandardOpenOption.WRITE, StandardOpenOption.APPEND)) {
            channel.write(ByteBuffer.wrap(("# " + why + "\n").getBytes(StandardCharsets.UTF_8)));
            channel.write(ByteBuffer.wrap(bytes, begin, length));
            channel.write(ByteBuffer.wrap(new byte[] {'\n'}));
        }
    }

    @Override
    public void close() {
        try {
            force();
            writing.close();
            if (reading != null) {
                reading.close();
            }
            checkpointFile.close();
            if (checkpoint.equals(end) && closed.isEmpty()) {
                Files.deleteIfExists(folder.segment(end.segment()));
            }
            folder.close();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
