package dev.parley.archive;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.google.cloud.storage.StorageOptions;
import dev.parley.archive.ArchiveSettings.Buckets;
import dev.parley.archive.ArchiveSettings.Fsync;
import dev.parley.archive.ArchiveSettings.Gcs;
import dev.parley.archive.ArchiveSettings.Local;
import dev.parley.archive.ArchiveSettings.Store;
import java.nio.file.Path;
import java.time.Duration;
import java.util.function.UnaryOperator;

/** What the tests of this package share. */
final class ArchiveFixtures {
    private ArchiveFixtures() {}

    static ArchiveSettings settings(Path data) {
        return new ArchiveSettings(
                Store.LOCAL,
                data.toString(),
                new Buckets("conversation-files", "batch-logs"),
                new Local(Fsync.RAW),
                new Gcs(null, null, null));
    }

    static LocalObjectStore localStore(Path data) {
        return new LocalObjectStore(data, Fsync.RAW);
    }

    static ObjectStore.Change text(UnaryOperator<String> change) {
        return (there, next) ->
                next.write(change.apply(new String(there.readAllBytes(), UTF_8)).getBytes(UTF_8));
    }

    /** The real client, which pauses for milliseconds before it repeats. */
    static GcsObjectStore gcsStore(FakeGcs gcs) {
        return new GcsObjectStore(
                new Gcs("test-project", null, gcs.host()),
                StorageOptions.getDefaultRetrySettings().toBuilder()
                        .setInitialRetryDelayDuration(Duration.ofMillis(5))
                        .setMaxRetryDelayDuration(Duration.ofMillis(20))
                        .setTotalTimeoutDuration(Duration.ofSeconds(2))
                        .build());
    }
}
