package dev.parley.batch;

import static org.assertj.core.api.Assertions.assertThat;

import dev.parley.OlderDatabase;
import dev.parley.TestApplication;
import dev.parley.TestDatabase;
import dev.parley.batch.Backfill.Part;
import dev.parley.batch.Backfill.Report;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class BackfillTests {
    private static final Set<Part> ALL = EnumSet.allOf(Part.class);
    private static final UUID JOB = UUID.fromString("e7f0fdf9-ca4a-4a63-82a3-5907d049bb37");

    @TempDir
    private Path data;

    private static final String FAIL_FIRST =
            "UPDATE batch_items SET status = 'failed', conversation_id = NULL, error_code = 'database_23503',"
                    + " error_message = 'a key that is not there', retryable = false WHERE position = 1";

    @ParameterizedTest
    @EnumSource(TestDatabase.class)
    void aFailedItemWhoseConversationIsThereIsLinkedByItsKeyAndOnlyOnce(TestDatabase database) throws Exception { // A15
        try (TestApplication application = TestApplication.start(database, data)) {
            UUID job = application.enqueue(2);
            application.run(job);
            application.jdbc().sql(FAIL_FIRST).update();
            long calls = application.count("SELECT count(*) FROM generation_logs");

            Report preview = application.bean(Backfill.class).preview(ALL);
            Report first = application.bean(Backfill.class).run(ALL);
            Report second = application.bean(Backfill.class).run(ALL);

            assertThat(preview).isEqualTo(new Report(1, 0, 0, 0, 0, 0));
            assertThat(first).isEqualTo(new Report(1, 0, 0, 0, 0, 1 - 1));
            assertThat(second).isEqualTo(new Report(0, 0, 0, 0, 0, 0));
            assertThat(application.count("SELECT count(*) FROM generation_logs"))
                    .isEqualTo(calls);
            assertThat(application.job(job).successfulItems()).isEqualTo(2);
            assertThat(application.count(
                            "SELECT count(*) FROM batch_items i JOIN conversations c ON c.id = i.conversation_id"
                                    + " AND c.conversation_id = i.conversation_key"))
                    .isEqualTo(2);
            assertThat(application.count("SELECT count(*) FROM failed_generations WHERE error_message LIKE 'a key%'"))
                    .isEqualTo(1);
            assertThat(
                            application.count(
                                    "SELECT count(*) FROM batch_job_execution e JOIN batch_job_instance j"
                                            + " ON j.job_instance_id = e.job_instance_id WHERE j.job_name = 'backfill' AND e.status = 'COMPLETED'"))
                    .isEqualTo(2);
        }
    }

    @ParameterizedTest
    @EnumSource(TestDatabase.class)
    void aStoredAnswerThatNobodyParsedBecomesAConversationInBothFormsOfItsName(TestDatabase database) throws Exception {
        try (TestApplication application = TestApplication.start(database, data)) {
            UUID job = application.enqueue(3);
            application.run(job);
            application
                    .jdbc()
                    .sql("UPDATE batch_items SET status = 'failed', conversation_id = NULL, error_code = 'x',"
                            + " error_message = 'x', retryable = false")
                    .update();
            application.jdbc().sql("DELETE FROM conversations").update();
            List<UUID> keys = application
                    .jdbc()
                    .sql("SELECT conversation_key FROM batch_items ORDER BY position")
                    .query(UUID.class)
                    .list();
            Path raw = data.resolve("conversation-files/raw/" + new UUID(0, 0));
            Files.delete(raw.resolve(keys.get(1) + "_raw.json"));
            Files.writeString(raw.resolve(keys.get(1) + ".json"), OlderDatabase.answer());
            Files.writeString(raw.resolve(keys.get(2) + "_raw.json"), "Sorry, I cannot do that.");
            long calls = application.count("SELECT count(*) FROM generation_logs");

            Report preview = application.bean(Backfill.class).preview(ALL);
            Report report = application.bean(Backfill.class).run(ALL);

            assertThat(preview.parsed()).isEqualTo(3);
            assertThat(report).isEqualTo(new Report(0, 2, 1, 0, 0, 1));
            assertThat(application.count("SELECT count(*) FROM generation_logs"))
                    .isEqualTo(calls);
            assertThat(application.job(job).successfulItems()).isEqualTo(2);
            assertThat(application.job(job).failedItems()).isEqualTo(1);
        }
    }

    @ParameterizedTest
    @EnumSource(TestDatabase.class)
    void itemsThatNobodyWorksOnGoBackAndThoseUnderALeaseDoNot(TestDatabase database) throws Exception {
        try (TestApplication application = TestApplication.start(database, data)) {
            UUID job = application.enqueue(2);
            application
                    .jdbc()
                    .sql("UPDATE batch_items SET status = 'processing', claim_token = gen_random_uuid(),"
                            + " lease_until = CASE WHEN position = 2 THEN CURRENT_TIMESTAMP + INTERVAL '1' HOUR END")
                    .update();

            Report report = application.bean(Backfill.class).run(ALL);

            assertThat(report.released()).isEqualTo(1);
            assertThat(application
                            .jdbc()
                            .sql("SELECT status FROM batch_items ORDER BY position")
                            .query(String.class)
                            .list())
                    .containsExactly("queued", "processing");
            assertThat(application.job(job).completedItems()).isZero();
        }
    }

    private TestApplication adopted(OlderDatabase older) {
        return TestApplication.startAnother(TestDatabase.POSTGRESQL, data, "spring.datasource.url=" + older.url());
    }

    @Test
    void whenTheCombinationIsThereSeveralTimesTimeAndJobDecide() throws Exception {
        OlderDatabase older = OlderDatabase.create("backfill_time");
        UUID other = older.job(UUID.randomUUID(), "completed", 5);
        older.job(JOB, "failed", 5);
        UUID[] keys = {UUID.randomUUID(), UUID.randomUUID(), UUID.randomUUID()};
        older.conversation(keys[0], "08:01:00");
        older.conversation(keys[1], "08:03:00");
        older.conversation(keys[2], "10:00:00"); // long after: no item's
        UUID first = older.item(JOB, 1, "failed", null, "08:01:02");
        UUID empty = older.item(
                JOB, 2, "failed", null, "08:02:02"); // its call failed; the next one's must not become its own
        UUID third = older.item(JOB, 3, "failed", null, "08:03:02");
        older.item(other, 1, "failed", null, "09:00:00");
        older.execute("UPDATE batch_items SET created_at = '2025-11-28T08:30Z' WHERE batch_job_id = '" + other + "'");

        try (TestApplication application = adopted(older)) {
            Report report = application.bean(Backfill.class).run(ALL);

            assertThat(report.linked()).isEqualTo(2);
            assertThat(key(application, first)).isEqualTo(keys[0]);
            assertThat(key(application, third)).isEqualTo(keys[1]);
            assertThat(application.count("SELECT count(*) FROM batch_items WHERE id = ? AND status = 'failed'", empty))
                    .isEqualTo(1);
            assertThat(application.job(JOB).status().key()).isEqualTo("completed");
        }
    }

    private static UUID key(TestApplication application, UUID item) {
        return application
                .jdbc()
                .sql(
                        "SELECT c.conversation_id FROM batch_items i JOIN conversations c ON c.id = i.conversation_id WHERE i.id = ?")
                .param(item)
                .query(UUID.class)
                .single();
    }

    @Test
    void whatCouldBelongToTwoIsLeftAlone() throws Exception {
        OlderDatabase older = OlderDatabase.create("backfill_doubt");
        UUID other = older.job(UUID.randomUUID(), "failed", 5);
        older.job(JOB, "failed", 5);
        older.conversation(UUID.randomUUID(), "08:01:00");
        older.item(JOB, 1, "failed", null, "08:01:02");
        older.item(other, 1, "failed", null, "08:01:03"); // at the same time, of the same combination

        try (TestApplication application = adopted(older)) {
            assertThat(application.bean(Backfill.class).run(ALL).linked()).isZero();
        }
    }

    @Test
    void theKeyThatAnErrorNamesIsAProof() throws Exception { // A9
        OlderDatabase older = OlderDatabase.create("backfill_named");
        older.job(JOB, "failed", 5);
        UUID key = UUID.fromString("b3a5850f-591a-4463-96d4-4396f18b5694");
        older.conversation(key, "05:00:00"); // the time says nothing
        UUID item = older.item(JOB, 1, "failed", null, "08:01:02");
        older.execute("UPDATE batch_items SET error = 'Key (conversation_id)=(" + key
                + ") is not present in table \"conversations\".'");

        try (TestApplication application = adopted(older)) {
            assertThat(application.bean(Backfill.class).run(ALL).linked()).isEqualTo(1);
            assertThat(key(application, item)).isEqualTo(key);
        }
    }

    @Test
    void anUnparsedAnswerOfOlderDataIsFoundByItsRowAndParsed() throws Exception {
        OlderDatabase older = OlderDatabase.create("backfill_raw");
        older.job(JOB, "failed", 5);
        UUID key = UUID.randomUUID();
        older.conversation(key, "08:01:00");
        older.execute("UPDATE conversations SET processing_status = 'raw_stored', file_path = NULL");
        UUID item = older.item(JOB, 1, "failed", null, "08:01:02");
        Path raw = data.resolve("conversation-files/raw/" + OlderDatabase.USER + "/" + key + ".json");
        Files.createDirectories(raw.getParent());
        Files.writeString(raw, OlderDatabase.answer());

        try (TestApplication application = adopted(older)) {
            assertThat(application.bean(Backfill.class).preview(ALL).parsed()).isEqualTo(1);
            Report report = application.bean(Backfill.class).run(ALL);

            assertThat(report).isEqualTo(new Report(0, 1, 0, 0, 0, 1));
            assertThat(key(application, item)).isEqualTo(key);
            assertThat(data.resolve("conversation-files/" + OlderDatabase.USER + "/" + key + "/conversation.json"))
                    .exists();
        }
    }

    @Test
    void completedItemsThatLostTheirLinkAreLinkedOrFailAndTheConstraintIsValidated() throws Exception { // A11, A14
        OlderDatabase older = OlderDatabase.create("backfill_lost");
        older.job(JOB, "completed", 5);
        UUID key = UUID.randomUUID();
        older.conversation(key, "08:01:00");
        UUID found = older.item(JOB, 1, "completed", null, "08:01:02");
        UUID gone = older.item(JOB, 2, "completed", null, "08:05:02");

        try (TestApplication application = adopted(older)) {
            assertThat(application.bean(Backfill.class).preview(ALL)).isEqualTo(new Report(1, 0, 0, 0, 1, 0));
            Report report = application.bean(Backfill.class).run(ALL);

            assertThat(report).isEqualTo(new Report(1, 0, 0, 0, 1, 1));
            assertThat(key(application, found)).isEqualTo(key);
            assertThat(application.rows("SELECT status, error_code, retryable FROM batch_items WHERE id = ?", gone))
                    .containsExactly(
                            Map.of("status", "failed", "error_code", "conversation_missing", "retryable", false));
            assertThat(application.count(
                            "SELECT count(*) FROM batch_items WHERE status = 'completed' AND conversation_id IS NULL"))
                    .isZero();
            assertThat(application.count("SELECT count(*) FROM pg_constraint WHERE NOT convalidated"))
                    .isZero();
        }
    }
}
