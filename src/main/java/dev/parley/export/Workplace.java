package dev.parley.export;

import java.io.Closeable;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.stream.Stream;
import tools.jackson.databind.json.JsonMapper;

/**
 * The folder of this machine in which one export is made: files that are not finished, what was asked for, and a lock, which
 * tells a dead process from a living one. It is there until the export is complete.
 */
final class Workplace implements Closeable {
    private static final JsonMapper JSON = JsonMapper.shared();
    private static final String LOCK = "lock";
    private static final String REQUEST = "request.json";

    private final Path folder;
    private final FileChannel channel;

    private Workplace(Path folder, FileChannel channel) {
        this.folder = folder;
        this.channel = channel;
    }

    /** What the folder's export is: the request with all defaults filled in, and Spring Batch's name of it. */
    record Begun(String id, ExportRequest request) {}

    /** @throws RefusedException when another process is at work there, or the folder cannot be made */
    static Workplace enter(Path folder) throws IOException {
        try {
            Files.createDirectories(folder);
        } catch (IOException e) {
            throw new RefusedException("Cannot write to " + folder.getParent() + ": "
                    + e.getClass().getSimpleName() + ": " + e.getMessage());
        }
        FileChannel channel =
                FileChannel.open(folder.resolve(LOCK), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
        try {
            FileLock lock = channel.tryLock();
            if (lock != null) {
                return new Workplace(folder, channel);
            }
        } catch (OverlappingFileLockException e) {
            channel.close();
            throw busy(folder);
        }
        channel.close();
        throw busy(folder);
    }

    private static RefusedException busy(Path folder) {
        return new RefusedException("Another process is exporting there right now; it holds " + folder.resolve(LOCK));
    }

    boolean isBegun() {
        return Files.exists(folder.resolve(REQUEST));
    }

    Begun begun() throws IOException {
        return JSON.readValue(Files.readAllBytes(folder.resolve(REQUEST)), Begun.class);
    }

    void begin(Begun begun) throws IOException {
        Path staged = folder.resolve(REQUEST + ".new");
        Files.write(staged, JSON.writeValueAsBytes(begun));
        Files.move(staged, folder.resolve(REQUEST), java.nio.file.StandardCopyOption.ATOMIC_MOVE);
    }

    Path folder() {
        return folder;
    }

    Path duplicates() {
        return folder.resolve("duplicates");
    }

    /** The export is complete. */
    void remove() throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            for (Path file : (Iterable<Path>) files::iterator) {
                Files.delete(file);
            }
        }
        Files.delete(folder);
    }

    /** Of what was asked for now and then, the options that differ. */
    static List<String> differences(ExportRequest now, ExportRequest then) {
        var was = JSON.valueToTree(then);
        return JSON.valueToTree(now)
                .propertyStream()
                .filter(option -> !option.getValue().equals(was.path(option.getKey())))
                .map(java.util.Map.Entry::getKey)
                .toList();
    }

    @Override
    public void close() throws IOException {
        channel.close();
    }
}
