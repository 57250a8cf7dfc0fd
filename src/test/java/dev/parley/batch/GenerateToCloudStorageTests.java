package dev.parley.batch;

import static org.assertj.core.api.Assertions.assertThat;

import dev.parley.TestApplication;
import dev.parley.TestDatabase;
import dev.parley.archive.FakeGcs;
import java.nio.file.Path;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The job against the bucket service's wire, spoken to by the real client. */
class GenerateToCloudStorageTests {
    @TempDir
    private Path data;

    @Test
    void filesAndLogAreObjectsInTheirBuckets() { // A27, A40 to A42, A45, A75
        try (FakeGcs gcs = new FakeGcs();
                TestApplication app = TestApplication.start(
                        TestDatabase.H2, data, "parley.store=gcs", "parley.gcs.emulator-host=" + gcs.host())) {
            gcs.bucket("conversation-files"); // batch-logs is missing, and made
            UUID job = app.enqueue(3);

            app.run(job);

            String nil = "00000000-0000-0000-0000-000000000000";
            assertThat(app.job(job).successfulItems()).isEqualTo(3);
            assertThat(gcs.paths("conversation-files"))
                    .hasSize(6)
                    .filteredOn(path -> path.startsWith("raw/" + nil + "/") && path.endsWith("_raw.json"))
                    .hasSize(3);
            FakeGcs.Stored log = gcs.object("batch-logs", job + "/log.txt").orElseThrow();
            assertThat(log.contentType()).isEqualTo("text/plain; charset=utf-8");
            assertThat(log.text().lines().filter(line -> line.contains("completed: conversation")))
                    .hasSize(3);
        }
    }

    @Test
    void aLogThatCannotBeWrittenFailsNothing() { // A45
        try (FakeGcs gcs = new FakeGcs();
                TestApplication app = TestApplication.start(
                        TestDatabase.H2, data, "parley.store=gcs", "parley.gcs.emulator-host=" + gcs.host())) {
            gcs.bucket("conversation-files");
            gcs.forbid("storage.buckets.create");
            UUID job = app.enqueue(2);

            GenerateRuns.Outcome outcome = app.run(job);

            assertThat(outcome.failure()).isNull();
            assertThat(app.job(job).successfulItems()).isEqualTo(2);
        }
    }
}
