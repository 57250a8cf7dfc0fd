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

/** A spool whose process died, and its lines. Locked until it is closed. */
final class LeftSpool implements Closeable {
    private final Path path;
    private final byte[] content;
    private final FileChannel channel;

    private LeftSpool(Path path, byte[] content, FileChannel channel) {
        this.path = path;
        this.content = content;
        this.channel = channel;
    }

    /** Empty when the owner lives, when another process is just taking it over, or when it holds nothing. */
    static Optional<LeftSpool> adopt(Path path) throws IOException {
        FileChannel channel = FileChannel.open(path, READ, WRITE);
        boolean adopted = false;
        try {
            if (channel.size() == 0 || !lock(channel)) {
                return Optional.empty();
            }
            ByteBuffer content = ByteBuffer.allocate(Math.toIntExact(channel.size()));
            int read = 0;
            while (content.hasRemaining() && read >= 0) {
                read = channel.read(content);
            }
            adopted = true;
            return Optional.of(new LeftSpool(path, content.array(), channel));
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

    byte[] content() {
        return content;
    }

    @Override
    public void close() throws IOException {
        channel.close();
    }
}
