package dev.parley.archive;

import static java.nio.file.StandardOpenOption.READ;
import static java.nio.file.StandardOpenOption.WRITE;

import java.io.Closeable;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Path;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** A spool whose process died. Locked until it is closed. */
final class LeftSpool implements Closeable {
    private final Path path;
    private final FileChannel channel;

    private LeftSpool(Path path, FileChannel channel) {
        this.path = path;
        this.channel = channel;
    }

    /** Empty when the owner lives, when another process is just taking it over, or when it holds nothing. */
    static Optional<LeftSpool> adopt(Path path) throws IOException {
        FileChannel channel = FileChannel.open(path, READ, WRITE);
        boolean adopted = false;
        try {
            adopted = channel.size() > 0 && lock(channel);
            return adopted ? Optional.of(new LeftSpool(path, channel)) : Optional.empty();
        } finally {
            if (!adopted) {
                channel.close();
            }
        }
    }

    private static boolean lock(FileChannel channel) throws IOException {
        try {
            @Nullable FileLock lock = channel.tryLock();
            return lock != null;
        } catch (OverlappingFileLockException e) {
            return false; // held in this very process
        }
    }

    Path path() {
        return path;
    }

    SpoolPart content() throws IOException {
        return new SpoolPart(
                channel.size(),
                (position, into, offset, length) -> channel.read(ByteBuffer.wrap(into, offset, length), position));
    }

    @Override
    public void close() throws IOException {
        channel.close();
    }
}
