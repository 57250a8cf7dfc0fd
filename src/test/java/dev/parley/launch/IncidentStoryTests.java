package dev.parley.launch;

import static org.assertj.core.api.Assertions.assertThat;

import dev.parley.OlderDatabase;
import dev.parley.provider.FakeAnthropic;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.UUID;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The incident, on the database that it left, with the commands an operator has: A1, A14, A15, A66, A67, A80. */
class IncidentStoryTests {
    private static final UUID FOUR_FAILED = UUID.fromString("e7f0fdf9-ca4a-4a63-82a3-5907d049bb37");
    private static final UUID SEVEN_OF_EIGHT = UUID.fromString("7b34038c-252c-457e-a0b6-215d021efd20");
    private static final UUID THE_EIGHTH = UUID.fromString("a0c9f9b2-8bf8-49c5-bf19-cad437999cb7");
    private static final UUID FIRST_KEY = UUID.fromString("b3a5850f-591a-4463-96d4-4396f18b5694");

    private final FakeAnthropic anthropic = FakeAnthropic.start();

    @TempDir
    private Path data;

    private OlderDatabase older;

    @AfterEach
    void stop() {
        anthropic.close();
    }

    private record Answer(int code, String out, String err) {}

    @Test
    void fourAreLinkedWithoutACallTheEighthIsMadeWithOneAndThenAllIsWell() throws Exception {
        leaveTheIncident();

        Answer dryRun = parley("migrate", "--dry-run");
        Answer migrated = parley("migrate");
        Answer before = parley("verify", "--files");
        Answer preview = parley("backfill", "--dry-run");
        Answer backfill = parley("backfill");
        int callsOfBackfill = anthropic.calls();
        Answer secondBackfill = parley("backfill");
        Answer retry = parley("retry", "--job", SEVEN_OF_EIGHT.toString(), "--yes");
        Answer after = parley("verify", "--files");

        assertThat(dryRun.out())
                .as(dryRun.toString())
                .contains("ALTER TABLE batch_items ADD COLUMN conversation_key uuid");
        assertThat(migrated.code()).as(migrated.toString()).isZero();
        assertThat(before.code()).as(before.toString()).isEqualTo(1);
        assertThat(before.out())
                .contains("7 completed items, 7 linked, 0 dangling")
                .contains("4 failed or unlinked items have a conversation that was made for them")
                .contains("→ parley backfill");
        assertThat(preview.out()).as(preview.toString()).contains("4 items would be linked with their conversation");
        assertThat(backfill.code()).as(backfill.toString()).isZero();
        assertThat(backfill.out()).contains("4 items linked with their conversation");
        assertThat(callsOfBackfill).isZero();
        assertThat(secondBackfill.out())
                .as(secondBackfill.toString())
                .contains("0 items linked", "0 stored answers parsed", "0 items back");
        assertThat(job(FOUR_FAILED)).isEqualTo("completed 4 4 4 0");
        assertThat(linkedByPrimaryKey(FOUR_FAILED)).isEqualTo(4);
        assertThat(retry.code()).as(retry.toString()).isZero();
        assertThat(anthropic.calls()).isEqualTo(1);
        assertThat(job(SEVEN_OF_EIGHT)).isEqualTo("completed 8 8 8 0");
        assertThat(older.jdbc()
                        .sql("SELECT status FROM batch_items WHERE id = ?")
                        .param(THE_EIGHTH)
                        .query(String.class)
                        .single())
                .isEqualTo("completed");
        assertThat(after.out())
                .as(after.toString())
                .contains("12 completed items, 12 linked, 0 dangling", "are as they should be");
        assertThat(after.code()).isZero();
        assertThat(Files.readString(data.resolve("batch-logs/" + FOUR_FAILED + "/log.txt")))
                .contains("linked by its time: conversation " + FIRST_KEY);
        assertThat(older.jdbc()
                        .sql("SELECT count(*) FROM failed_generations WHERE error_message = 'Unknown error'")
                        .query(Long.class)
                        .single())
                .as("what the failures said stays on record")
                .isGreaterThanOrEqualTo(4);
    }

    private String job(UUID id) {
        return older.jdbc()
                .sql("SELECT concat_ws(' ', status, total_items, completed_items, successful_items, failed_items)"
                        + " FROM batch_jobs WHERE id = ?")
                .param(id)
                .query(String.class)
                .single();
    }

    private long linkedByPrimaryKey(UUID job) { // A79
        return older.jdbc()
                .sql("SELECT count(*) FROM batch_items i JOIN conversations c ON c.id = i.conversation_id"
                        + " WHERE i.batch_job_id = ?")
                .param(job)
                .query(Long.class)
                .single();
    }

    /** Four items that failed with their conversations and eight files there, and a job with seven of eight. */
    private void leaveTheIncident() throws IOException {
        older = OlderDatabase.create("incident");
        older.job(FOUR_FAILED, "failed", 5);
        older.job(SEVEN_OF_EIGHT, "completed", 5);
        older.execute("UPDATE batch_jobs SET total_items = 4, completed_items = 4, failed_items = 4 WHERE id = '"
                + FOUR_FAILED
                + "'; UPDATE batch_jobs SET total_items = 8, completed_items = 8, successful_items = 7, failed_items = 1"
                + " WHERE id = '" + SEVEN_OF_EIGHT + "'");
        for (int n = 1; n <= 4; n++) {
            UUID key = n == 1 ? FIRST_KEY : UUID.randomUUID();
            older.conversation(key, "08:0" + n + ":00");
            files(key, n % 2 == 0);
            older.item(FOUR_FAILED, n, "failed", null, "08:0" + n + ":02");
        }
        for (int n = 1; n <= 7; n++) { // later: the same combination, another job
            UUID key = UUID.randomUUID();
            UUID conversation = older.conversation(key, "09:0" + n + ":00");
            files(key, n % 2 == 0);
            older.item(SEVEN_OF_EIGHT, n, "completed", conversation, "09:0" + n + ":02");
        }
        older.item(THE_EIGHTH, SEVEN_OF_EIGHT, 8, "failed", null, "09:08:02");
    }

    /** In both forms of the raw file's name, with the bare document in place of the provider's envelope. */
    private void files(UUID key, boolean suffixed) throws IOException {
        Path bucket = data.resolve("conversation-files");
        Path raw = bucket.resolve("raw/" + OlderDatabase.USER + "/" + key + (suffixed ? "_raw" : "") + ".json");
        Path conversation = bucket.resolve(OlderDatabase.USER + "/" + key + "/conversation.json");
        Files.createDirectories(raw.getParent());
        Files.createDirectories(conversation.getParent());
        Files.writeString(raw, OlderDatabase.answer());
        Files.writeString(conversation, OlderDatabase.answer());
        if (suffixed) {
            older.execute("UPDATE conversations SET raw_response_path = '"
                    + bucket.relativize(raw).toString().replace('\\', '/') + "' WHERE conversation_id = '" + key + "'");
        }
    }

    private Answer parley(String... command) {
        List<String> arguments = new ArrayList<>(List.of(command));
        arguments.addAll(Stream.concat(
                        Stream.of(
                                "--spring.datasource.url=" + older.url(),
                                "--spring.datasource.username=postgres",
                                "--parley.data=" + data),
                        Arrays.stream(anthropic.properties()).map(property -> "--" + property.replaceFirst("^--", "")))
                .toList());
        StringWriter out = new StringWriter();
        StringWriter err = new StringWriter();
        int code = Main.execute(arguments, new PrintWriter(out), new PrintWriter(err));
        return new Answer(code, out.toString(), err.toString());
    }
}
