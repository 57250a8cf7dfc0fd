package dev.parley.tracking;

import java.io.Closeable;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A folder below the journals' root, {@code 0}, {@code 1}, …, that is this process's alone as long as it holds its lock: the
 * first that nobody holds. It takes over the segments that dead processes left in the others.
 */
final class JournalFolder implements Closeable {
    private static final Logger log = LoggerFactory.getLogger(JournalFolder.class);
    private static final int MOST = 1_000;
    private static final Pattern SEGMENT = Pattern.compile("(\\d{12})\\.jsonl");
    private static final int TAIL = 64 * 1024;

    private final Path path;
    private final FileChannel lock;

    private JournalFolder(Path path, FileChannel lock) {
        this.path = path;
        this.lock = lock;
    }

    /** @throws IOException when the root is no folder that can be written to */
    static JournalFolder open(Path root) throws IOException {
        Files.createDirectories(root);
        JournalFolder own = null;
        for (int number = 0; number < MOST; number++) {
            Path path = root.resolve(String.valueOf(number));
            if (own != null && !Files.exists(path)) {
                break;
            }
            Files.createDirectories(path);
            JournalFolder free = tryLock(path);
            if (free == null) {
                continue;
            }
            if (own == null) {
                own = free;
                own.cutTornTails();
                if (own.segments().isEmpty()) {
                    Files.deleteIfExists(own.checkpoint()); // numbers begin anew
                }
            } else {
                try (free) {
                    free.cutTornTails();
                    own.takeOver(free);
                }
            }
        }
        if (own == null) {
            throw new IOException("all " + MOST + " journals below " + root + " are in use by other processes");
        }
        return own;
    }

    private static @Nullable JournalFolder tryLock(Path path) throws IOException {
        FileChannel channel =
                FileChannel.open(path.resolve("lock"), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
        try {
            FileLock lock = channel.tryLock();
            if (lock != null) {
                return new JournalFolder(path, channel); // the lock goes with the channel, or with the process
            }
        } catch (OverlappingFileLockException e) {
            log.debug("{} is in use by another tracker of this process", path);
        }
        channel.close();
        return null;
    }

    Path path() {
        return path;
    }

    Path segment(long number) {
        return path.resolve(String.format(Locale.ROOT, "%012d.jsonl", number));
    }

    Path checkpoint() {
        return path.resolve("checkpoint");
    }

    /** Where lines are kept that are not as they were written. */
    Path damaged() {
        return path.resolve("damaged.txt");
    }

    /** Sizes in bytes by number, the oldest first. */
    SortedMap<Long, Long> segments() throws IOException {
        SortedMap<Long, Long> segments = new TreeMap<>();
        List<Path> files = new ArrayList<>();
        try (DirectoryStream<Path> stream = Files.newDirectoryStream(path)) {
            stream.forEach(files::add);
        }
        for (Path file : files) {
            Matcher name = SEGMENT.matcher(String.valueOf(file.getFileName()));
            if (name.matches()) {
                segments.put(Long.valueOf(name.group(1)), Files.size(file));
            }
        }
        return segments;
    }

    /** What was being written when a process died ends without a line feed; nobody was told that it is safe. */
    private void cutTornTails() throws IOException {
        for (long number : segments().keySet()) {
            Path file = segment(number);
            try (RandomAccessFile segment = new RandomAccessFile(file.toFile(), "rw")) {
                long size = segment.length();
                long whole = endOfLastLine(segment.getChannel(), size);
                if (whole < size) {
                    log.info(
                            "The last message of journal {} was not written to its end: {} bytes cut",
                            file,
                            size - whole);
                    segment.setLength(whole);
                }
                if (whole == 0) {
                    Files.delete(file);
                }
            }
        }
    }

    private static long endOfLastLine(FileChannel segment, long size) throws IOException {
        ByteBuffer bytes = ByteBuffer.allocate(TAIL);
        for (long end = size; end > 0; end -= bytes.limit()) {
            bytes.clear().limit((int) Math.min(TAIL, end));
            long begin = end - bytes.limit();
            while (bytes.hasRemaining() && segment.read(bytes, begin + bytes.position()) >= 0) {
                continue;
            }
            for (int i = bytes.position() - 1; i >= 0; i--) {
                if (bytes.get(i) == '\n') {
                    return begin + i + 1;
                }
            }
        }
        return 0;
    }

    /** Behind our own, so that each process's order stays. What had been stored of them is passed over by the database. */
    private void takeOver(JournalFolder dead) throws IOException {
        SortedMap<Long, Long> own = segments();
        long next = own.isEmpty() ? 0 : own.lastKey() + 1;
        for (long number : dead.segments().keySet()) {
            Files.move(dead.segment(number), segment(next));
            next++;
        }
        Files.deleteIfExists(dead.checkpoint());
    }

    @Override
    public void close() throws IOException {
        lock.close();
    }
}
