package dev.parley.archive;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class FolderSyncTests {
    @TempDir
    Path folder;

    @Test
    void noneReturnsBeforeACallThatBeganAfterItsOwnName() throws Exception {
        AtomicInteger named = new AtomicInteger();
        AtomicInteger onDisk = new AtomicInteger();
        AtomicInteger calls = new AtomicInteger();
        FolderSync sync = new FolderSync() {
            @Override
            void sync(Path of) throws IOException {
                int seen = named.get();
                calls.incrementAndGet();
                super.sync(of);
                onDisk.accumulateAndGet(seen, Math::max);
            }
        };
        int threads = 16;
        int each = 50;
        ExecutorService executor = Executors.newFixedThreadPool(threads);
        try {
            List<Future<?>> all = new ArrayList<>();
            for (int t = 0; t < threads; t++) {
                all.add(executor.submit(() -> {
                    for (int i = 0; i < each; i++) {
                        int mine = named.incrementAndGet();
                        sync.force(folder);
                        assertThat(onDisk.get()).isGreaterThanOrEqualTo(mine);
                    }
                    return null;
                }));
            }
            for (Future<?> one : all) {
                one.get(30, TimeUnit.SECONDS);
            }
        } finally {
            executor.shutdownNow();
        }
        assertThat(calls.get()).isLessThan(threads * each);
    }

    @Test
    void whoWaitedBehindAFailureTriesForItself() throws Exception {
        AtomicInteger calls = new AtomicInteger();
        FolderSync sync = new FolderSync() {
            @Override
            void sync(Path of) throws IOException {
                if (calls.incrementAndGet() == 1) {
                    throw new IOException("disk");
                }
                super.sync(of);
            }
        };
        assertThatThrownBy(() -> sync.force(folder)).hasMessage("disk");
        sync.force(folder);
        assertThat(calls.get()).isEqualTo(2);
    }

    @Test
    void aFolderThatIsNotThereIsAnError() throws Exception {
        Path missing = folder.resolve("missing");
        FolderSync sync = new FolderSync();
        assertThatThrownBy(() -> sync.force(missing)).isInstanceOf(NoSuchFileException.class);
        Files.createDirectory(missing);
        sync.force(missing);
    }
}
