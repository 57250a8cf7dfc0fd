package dev.parley.archive;

import java.io.IOException;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.DirectoryStream;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.regex.Pattern;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The spools of this machine, {@code spool/{jobId}/{spoolId}.log}. Thread-safe; shared by the processes of a machine. */
final class SpoolFolder {
    private static final Logger logger = LoggerFactory.getLogger(SpoolFolder.class);
    private static final Pattern UUID_FORM = Pattern.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}");
    private static final int TRIES = 100;

    private final Path root;

    /** Never to be opened a second time by this process: closing that descriptor would free the lock. */
    private final Set<Path> open = ConcurrentHashMap.newKeySet();

    SpoolFolder(Path root) {
        this.root = root;
    }

    Path path(UUID jobId, UUID spoolId) {
        return folder(jobId).resolve(spoolId + ".log");
    }

    private Path folder(UUID jobId) {
        return root.resolve(jobId.toString());
    }

    LogSpool create(UUID jobId, UUID spoolId) throws IOException {
        Path path = path(jobId, spoolId);
        open.add(path);
        try {
            for (int tries = 1; ; tries++) {
                try {
                    Files.createDirectories(path.getParent());
                    Files.createFile(path);
                    return LogSpool.create(path);
                } catch (NoSuchFileException e) {
                    if (tries == TRIES) { // else: another process has just removed the folder, which was empty
                        throw e;
                    }
                } catch (FileAlreadyExistsException e) {
                    throw new NotDirectoryException(e.getFile() + " is in the way of a folder for job logs");
                }
            }
        } catch (IOException e) {
            open.remove(path);
            throw e;
        }
    }

    /** Lets go of a spool of our own, and deletes it when its lines are in the log. */
    void release(UUID jobId, LogSpool spool, boolean published) throws IOException {
        spool.close();
        release(jobId, spool.path(), published && spool.isOnDisk());
    }

    void release(UUID jobId, LeftSpool spool, boolean published) throws IOException {
        spool.close();
        release(jobId, spool.path(), published);
    }

    private void release(UUID jobId, Path path, boolean published) throws IOException {
        open.remove(path);
        if (published) {
            Files.deleteIfExists(path);
            removeIfEmpty(folder(jobId));
        }
    }

    /** Takes over what dead processes left of a job; each must be released. What cannot be read is left out for good. */
    List<LeftSpool> adopt(UUID jobId) {
        List<LeftSpool> adopted = new ArrayList<>();
        for (Path path : logs(jobId)) {
            if (!open.add(path)) {
                continue;
            }
            try {
                LeftSpool.adopt(path).ifPresentOrElse(adopted::add, () -> open.remove(path));
            } catch (NoSuchFileException e) {
                open.remove(path); // another process has just published it
            } catch (IOException e) {
                logger.warn("Lines that a killed process left in {} cannot be read: {}", path, e.toString());
            }
        }
        return adopted;
    }

    /** None where the folder cannot be listed: that must not keep a process from publishing its own lines. */
    private List<Path> logs(UUID jobId) {
        try {
            return list(folder(jobId), "*.log");
        } catch (IOException e) {
            logger.debug("Cannot look for lines that killed processes left", e);
            return List.of();
        }
    }

    /** Every job that has a spool here, of a living process or not. */
    List<UUID> jobs() throws IOException {
        return list(root, "*").stream()
                .map(folder -> String.valueOf(folder.getFileName()))
                .filter(name -> UUID_FORM.matcher(name).matches())
                .map(UUID::fromString)
                .toList();
    }

    private static List<Path> list(Path folder, String glob) throws IOException {
        List<Path> paths = new ArrayList<>();
        try (DirectoryStream<Path> files = Files.newDirectoryStream(folder, glob)) {
            files.forEach(paths::add);
        } catch (NoSuchFileException e) {
            return List.of();
        }
        return paths;
    }

    private static void removeIfEmpty(Path folder) throws IOException {
        try {
            Files.deleteIfExists(folder);
        } catch (DirectoryNotEmptyException e) {
            return; // others are still writing
        }
    }
}
