package dev.parley.batch;

import static org.assertj.core.api.Assertions.assertThat;

import dev.parley.TestApplication;
import dev.parley.TestDatabase;
import dev.parley.archive.JobLogs;
import dev.parley.archive.PublishedLog;
import dev.parley.conversation.ConversationDocument;
import dev.parley.provider.FakeAnswer;
import dev.parley.provider.FakeAnthropic;
import dev.parley.work.BatchJob;
import dev.parley.work.BatchJobs;
import dev.parley.work.ErrorHandling;
import dev.parley.work.JobSettings;
import dev.parley.work.JobStatus;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.EnumSource;
import org.springframework.batch.core.BatchStatus;
import org.springframework.batch.core.repository.JobRepository;
import tools.jackson.databind.json.JsonMapper;

/** The whole job on both databases, the provider's wire and real files. */
@ParameterizedClass
@EnumSource(TestDatabase.class)
class GenerateJobTests {
    private static final UUID BUSINESS_KEY = UUID.fromString("b3a5850f-591a-4463-96d4-4396f18b5694");
    private static final UUID PRIMARY_KEY = UUID.fromString("b77ffcfc-6738-4e94-849c-b07c5cf484f0");

    private final TestDatabase database;

    @TempDir
    private Path data;

    private FakeAnthropic anthropic;
    private TestApplication app;

    GenerateJobTests(TestDatabase database) {
        this.database = database;
    }

    @BeforeEach
    void start() {
        anthropic = FakeAnthropic.start();
        app = TestApplication.start(database, data, anthropic.properties());
    }

    @AfterEach
    void stop() {
        app.close();
        anthropic.close();
    }

    @Test
    void fourQueuedItemsEndCompletedAndLinkedByThePrimaryKey() throws IOException { // A1, A13, A26 to A30, A79, A81
        UUID job = app.enqueue(4);
        app.jdbc()
                .sql("UPDATE batch_items SET conversation_key = :key WHERE position = 1")
                .param("key", BUSINESS_KEY)
                .update();
        app.jdbc()
                .sql("INSERT INTO conversations (id, conversation_id) VALUES (:id, :key)")
                .param("id", PRIMARY_KEY)
                .param("key", BUSINESS_KEY)
                .update();

        app.run(job);

        BatchJob done = app.job(job);
        assertThat(done.status()).isEqualTo(JobStatus.COMPLETED);
        assertThat(done.successfulItems()).isEqualTo(4);
        assertThat(done.failedItems()).isZero();
        assertThat(app.jdbc()
                        .sql("SELECT conversation_id FROM batch_items WHERE position = 1")
                        .query(UUID.class)
                        .single())
                .isEqualTo(PRIMARY_KEY);
        assertThat(app.count("SELECT count(*) FROM batch_items i JOIN conversations c ON c.id = i.conversation_id"))
                .isEqualTo(4);
        assertThat(
                        app.count(
                                "SELECT count(*) FROM batch_items i JOIN conversations c ON c.conversation_id = i.conversation_id"))
                .isZero();
        assertThat(app.count("""
                        SELECT count(*) FROM batch_items
                         WHERE status = 'completed' AND error_message IS NULL AND processed_at IS NOT NULL
                        """)).isEqualTo(4);
        for (Map<String, Object> row : app.rows(
                "SELECT conversation_id, raw_response_path, file_path, processing_status FROM conversations")) {
            String key = row.get("conversation_id").toString();
            String nil = "00000000-0000-0000-0000-000000000000";
            assertThat(row.get("raw_response_path")).isEqualTo("raw/" + nil + "/" + key + "_raw.json");
            assertThat(row.get("file_path")).isEqualTo(nil + "/" + key + "/conversation.json");
            assertThat(row.get("processing_status")).isEqualTo("completed");
            assertThat(JsonMapper.shared()
                            .readTree(file((String) row.get("raw_response_path")))
                            .has("content"))
                    .isTrue();
            assertThat(JsonMapper.shared()
                            .readValue(file((String) row.get("file_path")), ConversationDocument.class)
                            .metadata()
                            .clientPersona())
                    .startsWith("David Chen - ");
        }
        assertThat(files()).hasSize(8);
        assertThat(anthropic.callsByKey())
                .hasSize(4)
                .allSatisfy((key, calls) -> assertThat(calls).isEqualTo(1)); // A4: the key is there before the call
    }

    @Test
    void twoItemsAndThreeItemsPass() { // A25
        UUID two = app.enqueue(2);
        UUID three = app.enqueue(3);

        app.run(two, three);

        assertThat(app.job(two).successfulItems()).isEqualTo(2);
        assertThat(app.job(three).successfulItems()).isEqualTo(3);
    }

    @Test
    void oneFailureOfEightLeavesTheJobCompletedAndIsToldInFull() { // A21, A23, A48, A54, A57
        UUID job = app.enqueue(8);
        anthropic.answersTo(keyAt(3), FakeAnswer.invalidRequest("prompt is not acceptable"));

        app.run(job);

        BatchJob done = app.job(job);
        Map<String, Object> failed =
                app.rows("SELECT * FROM batch_items WHERE status = 'failed'").get(0);
        assertThat(done.status()).isEqualTo(JobStatus.COMPLETED);
        assertThat(done.successfulItems()).isEqualTo(7);
        assertThat(done.failedItems()).isEqualTo(1);
        assertThat(done.percentage()).isEqualTo(100);
        assertThat(done.successRate()).isEqualTo(87.5);
        assertThat(failed.get("error_code")).isEqualTo("invalid_request");
        assertThat(failed.get("error_message").toString())
                .contains("HTTP 400", "invalid_request_error", "prompt is not acceptable", "req");
        assertThat(failed.get("retryable")).isEqualTo(false);
        assertThat(failed.get("conversation_id")).isNull();
        assertThat(failed.get("processed_at")).isNotNull();
        assertThat(app.bean(BatchJobs.class).lastItemErrors(List.of(job)).get(job))
                .contains("prompt is not acceptable");
        assertThat(log(job).lines().filter(line -> line.contains("prompt is not acceptable")))
                .hasSize(1);
    }

    @Test
    void theJobLogHasEveryItemAndIsExtendedByASecondRun() { // A40 to A47, A82
        UUID job = app.enqueue(60);

        app.run(job);
        String first = log(job);
        app.run(job);
        String second = log(job);

        assertThat(first.lines()).allMatch(line -> line.matches("\\[\\d{4}-\\d\\d-\\d\\dT[0-9:.]+Z] .+"));
        List<String> ids = app.jdbc()
                .sql("SELECT CAST(id AS varchar) FROM batch_items")
                .query(String.class)
                .list();
        assertThat(ids)
                .hasSize(60)
                .allSatisfy(id -> assertThat(first.lines())
                        .filteredOn(line -> line.contains("Item " + id.substring(0, 8) + "..."))
                        .singleElement()
                        .asString()
                        .contains("completed"));
        assertThat(second).startsWith(first.strip());
        assertThat(data.resolve("batch-logs").resolve(job.toString()).resolve("log.txt"))
                .exists();
    }

    @Test
    void aRowTheDatabaseRefusesFailsAloneAndIsNotGeneratedAgain() { // A9, A18, A20
        UUID job = app.enqueue(3);
        String refused = keyAt(2);
        app.jdbc()
                .sql("ALTER TABLE conversations ADD CONSTRAINT not_this_one CHECK (conversation_id <> '" + refused
                        + "')")
                .update();

        try {
            app.run(job);
        } finally {
            app.jdbc()
                    .sql("ALTER TABLE conversations DROP CONSTRAINT not_this_one")
                    .update();
        }

        Map<String, Object> failed =
                app.rows("SELECT * FROM batch_items WHERE status = 'failed'").get(0);
        assertThat(app.job(job).successfulItems()).isEqualTo(2);
        assertThat(app.job(job).failedItems()).isEqualTo(1);
        assertThat(failed.get("position")).isEqualTo(2);
        assertThat(failed.get("error_code").toString()).startsWith("database_23");
        assertThat(failed.get("error_message").toString().toLowerCase()).contains("not_this_one");
        assertThat(anthropic.calls(refused)).isEqualTo(1);
        assertThat(app.count("SELECT count(*) FROM generation_logs"))
                .as("its money is on record")
                .isEqualTo(3);
        assertThat(app.count("SELECT count(*) FROM conversations")).isEqualTo(2);
        assertThat(log(job).toLowerCase()).contains("not_this_one");
    }

    @Test
    void whatIsStoredIsNotPaidForAgain() { // A15, A18
        UUID job = app.enqueue(2);
        app.run(job);
        app.jdbc()
                .sql("UPDATE batch_items SET conversation_id = NULL, status = 'queued'")
                .update();
        app.jdbc().sql("DELETE FROM conversations").update();
        app.jdbc()
                .sql("UPDATE batch_jobs SET status = 'queued', successful_items = 0, completed_items = 0")
                .update();

        app.run(job);

        assertThat(anthropic.calls()).isEqualTo(2);
        assertThat(app.job(job).successfulItems()).isEqualTo(2);
        assertThat(app.count("SELECT count(*) FROM generation_logs")).isEqualTo(2);
        assertThat(app.count("SELECT count(*) FROM batch_items WHERE status = 'completed' AND conversation_id IS NULL"))
                .isZero(); // A14
    }

    @Test
    void aTransientFailureIsPostponedAndTriedAgain() { // A57
        UUID job = app.enqueue(2);
        anthropic.answersTo(keyAt(1), FakeAnswer.overloaded(), FakeAnswer.serverError(), FakeAnswer.rateLimited());

        app.run(job);

        assertThat(app.job(job).successfulItems()).isEqualTo(2);
        assertThat(anthropic.calls(keyAt(1))).isEqualTo(4);
        assertThat(app.count("SELECT attempts FROM batch_items WHERE position = 1"))
                .as("529 and 429 are told to wait, only 500 counts")
                .isEqualTo(2);
        assertThat(app.count("SELECT count(*) FROM generation_logs WHERE status <> 'success'"))
                .isEqualTo(3);
    }

    @Test
    void anItemThatKeepsFailingFailsAfterItsAttemptsWithTheCause() {
        UUID job = app.enqueue(1);
        anthropic.answersOtherwise(FakeAnswer.serverError());

        app.run(job);

        assertThat(app.job(job).status()).isEqualTo(JobStatus.FAILED);
        assertThat(anthropic.calls()).isEqualTo(5);
        assertThat(app.bean(BatchJobs.class).failuresByCause(job))
                .singleElement()
                .satisfies(cause -> {
                    assertThat(cause.retryable()).isTrue();
                    assertThat(cause.example()).contains("HTTP 500").contains("attempt 5 of 5");
                });
    }

    @Test
    void whileTheProviderAsksToWaitNothingIsCalledAndNoAttemptIsCounted() throws Exception {
        anthropic.answers(FakeAnswer.conversation(), FakeAnswer.rateLimited(Duration.ofSeconds(1)));
        UUID job = app.enqueue(6);
        long begun = System.nanoTime();

        app.bean(GenerateRuns.class).run(List.of(job), new GenerateRuns.Overrides(1, null));

        assertThat(System.nanoTime() - begun)
                .isGreaterThan(Duration.ofSeconds(1).toNanos());
        assertThat(anthropic.calls()).isEqualTo(7);
        assertThat(app.job(job).successfulItems()).isEqualTo(6);
        assertThat(app.count("SELECT count(*) FROM batch_items WHERE attempts = 1"))
                .isEqualTo(6);
    }

    @Test
    void aBillingErrorPausesTheJobWithTheProvidersWordsAndHarmsNoItem() {
        UUID job = app.enqueue(20);
        anthropic.answersOtherwise(FakeAnswer.error(402, "billing_error", "your credit is used up"));

        app.run(job);

        assertThat(app.job(job).status()).isEqualTo(JobStatus.PAUSED);
        assertThat(app.job(job).statusReason()).contains("HTTP 402").contains("your credit is used up");
        assertThat(anthropic.calls()).isLessThanOrEqualTo(8);
        assertThat(app.count("SELECT count(*) FROM batch_items WHERE status = 'queued' AND attempts = 0"))
                .isEqualTo(20);
    }

    @Test
    void errorHandlingStopPausesTheJobAtTheFirstFailure() {
        UUID job = app.enqueue(50, JobSettings.DEFAULTS, ErrorHandling.STOP);
        anthropic.answersOtherwise(FakeAnswer.invalidRequest("no"));

        app.run(job);

        assertThat(app.job(job).status()).isEqualTo(JobStatus.PAUSED);
        assertThat(app.job(job).statusReason()).startsWith("error_handling is stop");
        assertThat(app.count("SELECT count(*) FROM batch_items WHERE status = 'queued'"))
                .isPositive();
        assertThat(app.count("SELECT count(*) FROM batch_items WHERE status = 'processing'"))
                .isZero();
    }

    @Test
    void aStopLetsCallsInFlightFinishAndReleasesTheRest() throws Exception {
        UUID job = app.enqueue(40);
        anthropic.answersOtherwise(FakeAnswer.conversation().after(java.time.Duration.ofMillis(200)));
        Thread stopper = new Thread(() -> {
            anthropic.awaitCalls(4);
            app.bean(GenerateRuns.class).requestStop();
        });
        stopper.start();

        GenerateRuns.Outcome outcome = app.run(job);

        stopper.join();
        assertThat(outcome.stopped()).isTrue();
        assertThat(outcome.failure()).isNull();
        long completed = app.count("SELECT count(*) FROM batch_items WHERE status = 'completed'");
        assertThat(completed).isEqualTo(anthropic.calls()).isPositive().isLessThan(40);
        assertThat(app.count("SELECT count(*) FROM batch_items WHERE status = 'queued' AND attempts = 0"))
                .isEqualTo(40 - completed);
        assertThat(app.bean(JobRepository.class)
                        .getJobExecution(outcome.executionId())
                        .getStatus())
                .isEqualTo(BatchStatus.STOPPED);
    }

    @Test
    void noConnectionIsHeldWhileAModelThinks() {
        app.close();
        app = TestApplication.start(
                database,
                data,
                Stream.concat(
                                Stream.of(anthropic.properties()),
                                Stream.of(
                                        "spring.datasource.hikari.maximum-pool-size=5",
                                        "parley.generate.concurrency=256"))
                        .toArray(String[]::new));
        anthropic.answersOtherwise(FakeAnswer.conversation().after(java.time.Duration.ofSeconds(1)));
        UUID job = app.enqueue(500);

        app.run(job);

        assertThat(app.job(job).successfulItems()).isEqualTo(500);
        assertThat(anthropic.mostInFlight()).isGreaterThan(100).isLessThanOrEqualTo(256);
    }

    private String keyAt(int position) {
        return app.jdbc()
                .sql("SELECT conversation_key FROM batch_items WHERE position = :position")
                .param("position", position)
                .query(UUID.class)
                .single()
                .toString();
    }

    private String log(UUID job) {
        return PublishedLog.of(app.bean(JobLogs.class), job).orElseThrow();
    }

    private byte[] file(String path) throws IOException {
        return Files.readAllBytes(data.resolve("conversation-files").resolve(path));
    }

    private List<Path> files() throws IOException {
        try (Stream<Path> walk = Files.walk(data.resolve("conversation-files"))) {
            return walk.filter(Files::isRegularFile).toList();
        }
    }
}
