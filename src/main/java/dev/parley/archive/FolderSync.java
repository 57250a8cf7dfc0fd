package dev.parley.archive;

import static java.nio.file.StandardOpenOption.READ;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.AccessDeniedException;
import java.nio.file.Path;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.ReentrantLock;

/**
 * Puts new names in a folder on disk. Threads that want the same folder at the same time share the work: whoever waited
 * while another was at it returns at once where that one had begun after the name was made. Thread-safe.
 */
class FolderSync {
    private final ConcurrentMap<Path, Turns> folders = new ConcurrentHashMap<>();

    private static final class Turns {
        private final ReentrantLock lock = new ReentrantLock();
        private final AtomicLong asked = new AtomicLong();
        private long done; // guarded by the lock
        private int users; // guarded by the map
    }

    /**
     * Returns when all names that the folder has now are on disk. Not every system can do this to a folder; then its journal
     * has to do.
     */
    void force(Path folder) throws IOException {
        Turns turns = folders.compute(folder, (path, known) -> {
            Turns used = known == null ? new Turns() : known;
            used.users++;
            return used;
        });
        try {
            long mine = turns.asked.incrementAndGet();
            turns.lock.lock();
            try {
                if (turns.done < mine) {
                    long served = turns.asked.get();
                    sync(folder);
                    turns.done = served;
                }
            } finally {
                turns.lock.unlock();
            }
        } finally {
            folders.computeIfPresent(folder, (path, used) -> --used.users == 0 ? null : used);
        }
    }

    void sync(Path folder) throws IOException {
        try (FileChannel channel = FileChannel.open(folder, READ)) {
            channel.force(true);
        } catch (AccessDeniedException e) {
            return;
        }
    }
}
