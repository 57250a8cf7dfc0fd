package dev.parley.archive;

import java.io.ByteArrayOutputStream;
import java.io.Closeable;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Path;
import java.util.concurrent.locks.Lock;
import org.jspecify.annotations.Nullable;

/**
 * The lines of one process for one job, in a file that its owner keeps locked: a file whose lock is free was left behind
 * by a process that died. What the disk refuses is kept in memory instead. Not thread-safe.
 *
 * <p>The file is written and read through one descriptor: closing another one of the same file would drop the lock, and a
 * {@code FileChannel} would be closed for good by the first interrupted thread that writes a line.
 */
final class LogSpool implements Closeable {
    private final Path path;
    private final @Nullable RandomAccessFile file;
    private final ByteArrayOutputStream memory = new ByteArrayOutputStream();
    private long end;

    private LogSpool(Path path, @Nullable RandomAccessFile file) {
        this.path = path;
        this.file = file;
    }

    /** Makes the file and locks it. Others leave an empty file alone, so none can take it before it is locked. */
    static LogSpool create(Path path) throws IOException {
        RandomAccessFile file = new RandomAccessFile(path.toFile(), "rw");
        boolean locked = false;
        try {
            locked = file.getChannel().tryLock() != null;
        } finally {
            if (!locked) {
                file.close();
            }
        }
        if (!locked) {
            throw new IOException(path + " is locked by another process");
        }
        return new LogSpool(path, file);
    }

    static LogSpool inMemory(Path path) {
        return new LogSpool(path, null);
    }

    /**
     * Keeps a line.
     *
     * @throws IOException when the file was not written; the line is then kept in memory
     */
    void append(byte[] line) throws IOException {
        if (file == null) {
            memory.writeBytes(line);
            return;
        }
        try {
            file.seek(end);
            file.write(line);
            end += line.length; // only now: what a full disk cut off is overwritten by the next line
        } catch (IOException e) {
            memory.writeBytes(line);
            throw e;
        }
    }

    long size() {
        return end + memory.size();
    }

    int sizeInMemory() {
        return memory.size();
    }

    /** @param appending held by whoever appends lines, and taken to read */
    SpoolPart content(Lock appending) {
        long inFile = end;
        byte[] inMemory = memory.toByteArray();
        return new SpoolPart(inFile + inMemory.length, (position, into, offset, length) -> {
            if (file == null || position >= inFile) {
                int from = (int) (position - inFile);
                int read = Math.min(length, inMemory.length - from);
                System.arraycopy(inMemory, from, into, offset, read);
                return read;
            }
            appending.lock();
            try {
                file.seek(position);
                return file.read(into, offset, (int) Math.min(length, inFile - position));
            } finally {
                appending.unlock();
            }
        });
    }

    boolean isOnDisk() {
        return file != null;
    }

    Path path() {
        return path;
    }

    @Override
    public void close() throws IOException {
        if (file != null) {
            file.close();
        }
    }
}
