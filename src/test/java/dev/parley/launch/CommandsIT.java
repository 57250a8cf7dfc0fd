package dev.parley.launch;

import static org.assertj.core.api.Assertions.assertThat;

import dev.parley.PackagedParley;
import dev.parley.PackagedParley.Ended;
import dev.parley.TestDatabase;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Each command of the packaged program, one after another, as an operator has a job from its file to its export. */
class CommandsIT {
    private static final Pattern ID = Pattern.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}");
    private static final String SESSION = "7d9f3c1e-0000-4000-8000-000000000001";

    @TempDir
    private Path folder;

    private PackagedParley parley;

    @ParameterizedTest
    @EnumSource(TestDatabase.class)
    void aJobIsSeenThroughFromItsFileToItsExport(TestDatabase database) throws Exception {
        try (PackagedParley packaged = new PackagedParley(folder)) {
            parley = packaged;
            if (database == TestDatabase.POSTGRESQL) {
                parley.usePostgresql("parley_commands");
            }
            String job = enqueuedAndSteered();
            String item = failedAndExplained(job);
            retriedAndLookedAt(job, item);
            exported(job);
            mended();
            tracked();
            ended(0, "cancel", id(ended(0, "enqueue", "jobs/backfill.yaml")));
            ended(2, "cancel", "00000000-0000-4000-8000-000000000000");
        }
    }

    private String enqueuedAndSteered() throws Exception {
        assertThat(ended(0, "estimate", "jobs/demo.yaml")).contains("\"Demo\": estimated cost: free");
        String job = id(ended(0, "enqueue", "jobs/demo.yaml"));
        ended(0, "prioritize", job, "high");
        ended(0, "pause", job);
        assertThat(ended(0, "status", job, "--json")).contains("\"paused\"", "\"high\"");
        ended(4, "run", "--job", job);
        ended(0, "resume", job);
        return job;
    }

    private String failedAndExplained(String job) throws Exception {
        ended(3, "run", "--job", job, "--parley.offline.failures.unavailable=1", "--parley.generate.max-attempts=1");
        assertThat(ended(0, "failures", job)).contains("8 of 8 items failed", "yes", "HTTP 503");
        assertThat(ended(0, "status")).contains(job, "failed");
        String items = ended(0, "items", job, "--status", "failed", "--limit", "1", "--json");
        Matcher item = Pattern.compile("\"id\" : \"(" + ID.pattern() + ")").matcher(items);
        assertThat(item.find()).as(items).isTrue();
        assertThat(ended(0, "explain", item.group(1)))
                .contains("HTTP 503", "log.txt", "parley retry --item " + item.group(1));
        assertThat(ended(0, "log", job)).contains("HTTP 503");
        return item.group(1);
    }

    private void retriedAndLookedAt(String job, String item) throws Exception {
        assertThat(ended(3, "retry", "--item", item)).contains("1 of 8 items successful");
        assertThat(ended(0, "retry", "--job", job, "--all")).contains("8 of 8 items successful");
        String conversation = id(ended(0, "query", "conversations", "--limit", "1"));
        assertThat(ended(0, "show", conversation)).contains("user", "assistant");
    }

    private void exported(String job) throws Exception {
        assertThat(ended(0, "quality", job)).contains("8 conversations");
        assertThat(ended(0, "export", "--format", "chat-jsonl", "--job", job, "--preview", "1"))
                .contains("messages");
        ended(0, "export", "--format", "parquet", "--job", job, "--output", "training");
        assertThat(folder.resolve("training/manifest.json")).content().contains("\"exported\" : 8");
    }

    private void mended() throws Exception {
        assertThat(ended(0, "migrate", "--dry-run")).contains("up to date");
        assertThat(ended(0, "verify", "--files")).contains("as they should be");
        assertThat(ended(0, "backfill", "--dry-run")).contains("0 items would be linked");
        ended(0, "backfill");
    }

    private void tracked() throws Exception {
        Files.writeString(
                folder.resolve("calls.ndjson"),
                "{\"type\":\"session\",\"session_id\":\"" + SESSION + "\",\"user_id\":\"" + SESSION
                        + "\",\"started_at\":\"2026-11-01T10:00:00Z\"}\n"
                        + "{\"type\":\"message\",\"session_id\":\"" + SESSION
                        + "\",\"role\":\"user\",\"content\":\"Hello\",\"created_at\":\"2026-11-01T10:00:01Z\"}\n");
        assertThat(ended(0, "track", "import", "calls.ndjson")).contains("2 rows new");
        assertThat(ended(0, "track", "sessions")).contains(SESSION);
        assertThat(ended(0, "track", "messages", SESSION)).contains("Hello");
        assertThat(ended(0, "track", "dead-letters")).contains("No dead letters");
    }

    /** What it answered. */
    private String ended(int code, String... command) throws Exception {
        Ended ended = parley.run(command);
        assertThat(ended.code()).as("%s: %s", String.join(" ", command), ended).isEqualTo(code);
        return ended.out();
    }

    private static String id(String answer) {
        Matcher id = ID.matcher(answer);
        assertThat(id.find()).as(answer).isTrue();
        return id.group();
    }
}
