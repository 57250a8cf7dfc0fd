package dev.parley.launch;

import static org.assertj.core.api.Assertions.assertThat;

import dev.parley.TestApplication;
import dev.parley.TestDatabase;
import dev.parley.batch.Retries;
import dev.parley.generation.GenerationLogs;
import dev.parley.provider.FakeAnswer;
import dev.parley.provider.FakeAnthropic;
import dev.parley.work.BatchJob;
import dev.parley.work.BatchJobs;
import dev.parley.work.FailedItems;
import dev.parley.work.JobStatus;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.UUID;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import tools.jackson.databind.json.JsonMapper;

@DisplayName("Another round for what failed")
@ParameterizedClass
@EnumSource(TestDatabase.class)
class RetryTests {
    /** The incident's item. */
    private static final String PARAMETERS = """
            {"persona_id": "aa514346-cd61-42ac-adad-498934975402", "emotional_arc_id": "33d2ac3e-3f92-44a5-a53d-788fdece2545",
             "training_topic_id": "aee7b6c2-42e2-4ef4-8184-be12abe38eb5", "tier": "template",
             "templateId": "00000000-0000-0000-0000-000000000000"}""";

    private final TestDatabase database;
    private final FakeAnthropic anthropic = FakeAnthropic.start();
    private StringWriter out;
    private TestApplication app;

    @TempDir
    private Path data;

    RetryTests(TestDatabase database) {
        this.database = database;
    }

    @BeforeEach
    void start() {
        app = TestApplication.start(database, data, anthropic.properties());
    }

    @AfterEach
    void stop() {
        app.close();
        anthropic.close();
    }

    @Test
    void byDefaultWhatMaySucceedLaterIsTriedAgainAndCountedRightly() { // A54, A57, A67, A77
        UUID job = eightOfWhichTwoFailed();
        BatchJob before = app.job(job);

        int code = parley("retry", "--job", job.toString());

        BatchJob after = app.job(job);
        assertThat(before.successRate()).isEqualTo(75);
        assertThat(out.toString()).contains("1 failed item is queued again").contains("7 of 8 items successful");
        assertThat(code).as("the refused one is left").isEqualTo(ExitCode.FAILED_ITEMS);
        assertThat(after.status()).isEqualTo(JobStatus.COMPLETED);
        assertThat(List.of(after.completedItems(), after.successfulItems(), after.failedItems()))
                .containsExactly(8, 7, 1);
        assertThat(after.startedAt()).isEqualTo(before.startedAt());
        assertThat(after.completedAt()).isAfter(before.completedAt());
        assertThat(app.count("SELECT attempts FROM batch_items WHERE position = 1"))
                .as("five before, and one")
                .isEqualTo(6);
        assertThat(app.count(
                        "SELECT count(*) FROM generation_logs WHERE run_id = ? AND error_code = 'provider_error'", job))
                .as("what was called before stays in the ledger")
                .isEqualTo(5);
        assertThat(app.rows("SELECT error_message FROM failed_generations WHERE error_code = 'provider_error'"))
                .as("and so does why it failed")
                .anySatisfy(
                        row -> assertThat(row.get("error_message").toString()).endsWith("(attempt 5 of 5)"));
        assertThat(parley("retry", "--job", job.toString())).isZero();
        assertThat(out.toString()).contains("nothing to retry", "1 × refused (would fail again");
    }

    @Test
    void aRoundHasAsManyAttemptsAsTheFirstOne() {
        UUID job = eightOfWhichTwoFailed();
        anthropic.answers(FakeAnswer.serverError(), FakeAnswer.serverError());

        parley("retry", "--job", job.toString());

        assertThat(app.job(job).successfulItems()).isEqualTo(7);
        assertThat(app.count("SELECT attempts FROM batch_items WHERE position = 1"))
                .isEqualTo(8);
    }

    @ParameterizedTest
    @CsvSource({"--all, 2", "--code=refused, 1", "--code=provider_error;refused, 2", "--code=rate_limited, 0"})
    void orAllOrByCause(String which, int requeued) {
        UUID job = eightOfWhichTwoFailed();
        int calls = anthropic.calls();

        parley("retry", "--job", job.toString(), which.replace(';', ','));

        assertThat(out.toString())
                .contains(
                        switch (requeued) {
                            case 0 -> "nothing to retry";
                            case 1 -> "1 failed item is queued";
                            default -> "2 failed items are queued";
                        });
        assertThat(anthropic.calls() - calls)
                .as("the refusal is stored, and read again")
                .isEqualTo(requeued == 2 ? 1 : 0);
        assertThat(app.job(job).completedItems()).isEqualTo(8);
    }

    @Test
    void anItemIsNamedByItsIdAndAllThatAreNamedMustHaveFailed() { // A69
        UUID job = eightOfWhichTwoFailed();
        String failed = itemAt(1);
        String unknown = UUID.randomUUID().toString();

        int refused = parley("retry", "--item", failed, "--item", itemAt(3), "--item", unknown);
        String why = out.toString();
        int code = parley("retry", "--item", failed);

        assertThat(refused).isEqualTo(ExitCode.CONFIGURATION);
        assertThat(why)
                .contains("Item " + itemAt(3) + " is completed; only a failed item can be retried.")
                .contains("There is no item " + unknown);
        assertThat(code).isEqualTo(ExitCode.FAILED_ITEMS);
        assertThat(app.job(job).successfulItems()).isEqualTo(7);
    }

    @Test
    void theExactParametersOfAnItemAreAJobOfTheirOwn() { // A58 to A66
        int code = parley("retry", "--params", PARAMETERS);

        assertThat(code).as(out.toString()).isZero();
        assertThat(anthropic.calls()).isEqualTo(1);
        assertThat(app.rows("SELECT total_items, successful_items, status FROM batch_jobs"))
                .singleElement()
                .satisfies(row -> assertThat(row.values()).containsExactly(1, 1, "completed"));
        assertThat(app.count("SELECT count(*) FROM conversations WHERE template_id IS NOT NULL"))
                .isEqualTo(1);
    }

    @Test
    void parsingAgainMakesNoCallAndNeedsNoKey() throws IOException {
        anthropic.answers(FakeAnswer.text("Cats!"), FakeAnswer.invalidRequest("no"), FakeAnswer.truncated());
        anthropic.answersOtherwise(FakeAnswer.serverError());
        UUID job = app.enqueue(3);
        app.jdbc().sql("UPDATE batch_jobs SET concurrent_processing = 1").update();
        app.run(job);
        assertThat(codes()).containsExactly("parse_failed", "invalid_request", "provider_error");
        long spent = app.count("SELECT count(*) FROM generation_logs");
        int calls = anthropic.calls();
        Path raw;
        try (var files = Files.walk(data.resolve("conversation-files/raw"))) {
            raw = files.filter(file -> file.toString().contains(keyAt(1)))
                    .findFirst()
                    .orElseThrow();
        }
        String conversation =
                JsonMapper.shared().writeValueAsString(FakeAnswer.conversation().text());
        Files.writeString(raw, Files.readString(raw).replace("\"Cats!\"", conversation));

        int code = parley("retry", "--job", job.toString(), "--all", "--parse-only", "--parley.anthropic.api-key=");

        assertThat(code).as(out.toString()).isEqualTo(ExitCode.FAILED_ITEMS);
        assertThat(anthropic.calls()).isEqualTo(calls);
        assertThat(out.toString()).contains("3 failed items are queued again; no call will be made for them");
        assertThat(codes()).containsExactly(null, "no_stored_answer", "truncated");
        assertThat(app.count("SELECT count(*) FROM batch_items WHERE status = 'failed' AND retryable"))
                .isEqualTo(2);
        assertThat(app.count("SELECT count(*) FROM generation_logs"))
                .as("the answer that was changed by hand is one more")
                .isEqualTo(spent + 1);

        anthropic.answersOtherwise(FakeAnswer.conversation());
        assertThat(parley("retry", "--job", job.toString())).isZero();
        assertThat(anthropic.calls()).isGreaterThan(calls);
        assertThat(app.job(job).successfulItems()).isEqualTo(3);
    }

    @Test
    void whatIsOnlyToBeParsedIsNotCalledForByAnotherProcessEither() {
        UUID job = eightOfWhichTwoFailed();
        int calls = anthropic.calls();
        app.bean(Retries.class).requeue(new TreeMap<>(Map.of(job, FailedItems.ALL)), true);

        app.run(job); // as any run of all open jobs would

        assertThat(anthropic.calls()).isEqualTo(calls);
        assertThat(codes()).containsOnlyOnce("no_stored_answer", "refused");
    }

    @Test
    void aJobThatIsClosedAndReopenedAtOnceIsNeverClosedWithWorkLeft() throws Exception {
        UUID job = app.enqueue(1);
        ExecutorService two = Executors.newFixedThreadPool(2);
        BatchJobs jobs = app.bean(BatchJobs.class);
        for (int round = 0; round < 60; round++) {
            // processing and nothing left, as a process leaves it that died between two transactions
            app.jdbc()
                    .sql(
                            "UPDATE batch_items SET status = 'failed', error_code = 'x', error_message = 'x', retryable = TRUE,"
                                    + " processed_at = CURRENT_TIMESTAMP")
                    .update();
            app.jdbc()
                    .sql("UPDATE batch_jobs SET status = 'processing', failed_items = 1, completed_items = 1")
                    .update();
            List<Future<?>> both = new ArrayList<>();
            both.add(two.submit(() -> jobs.settle(job)));
            both.add(two.submit(() ->
                    app.bean(Retries.class).requeue(new TreeMap<>(Map.of(job, FailedItems.ALL)), false)));
            for (Future<?> each : both) {
                each.get();
            }
            BatchJob now = app.job(job);
            assertThat(now.status().open())
                    .as("round %d: %s", round, now.status())
                    .isTrue();
            assertThat(now.completedItems()).isZero();
        }
        two.shutdown();
    }

    @Test
    void aPausedJobStaysPausedAndSaysWhy() {
        UUID job = app.enqueue(2);
        anthropic.answers(FakeAnswer.invalidRequest("no"), FakeAnswer.unauthorized());
        app.jdbc().sql("UPDATE batch_jobs SET concurrent_processing = 1").update();
        app.run(job);

        int code = parley("retry", "--job", job.toString(), "--all");

        assertThat(code).isEqualTo(ExitCode.PAUSED);
        assertThat(out.toString()).contains("paused: HTTP 401", "parley resume " + job);
        assertThat(app.job(job).remainingItems()).isEqualTo(2);
    }

    @Test
    void aJobOrAProviderThatIsNotThereIsNamedBeforeAnythingIsDone() {
        String job = UUID.randomUUID().toString();

        assertThat(parley("retry", "--job", job)).isEqualTo(ExitCode.CONFIGURATION);
        assertThat(out.toString()).contains("There is no job " + job);
        assertThat(parley("retry", "--job", job, "--provider", "nobody")).isEqualTo(ExitCode.CONFIGURATION);
        assertThat(out.toString()).contains("no provider is called 'nobody'");
    }

    @Test
    void parametersThatTheCatalogDoesNotHaveAreNamed() {
        int code = parley("retry", "--params", PARAMETERS.replace("aa514346", "bb514346"));

        assertThat(code).isEqualTo(ExitCode.CONFIGURATION);
        assertThat(out.toString()).contains("there is no persona bb514346-cd61-42ac-adad-498934975402");
    }

    /** The first failed for want of an answer, the second was refused, by a model whose answer is stored. */
    private UUID eightOfWhichTwoFailed() {
        anthropic.answers(
                FakeAnswer.serverError(),
                FakeAnswer.serverError(),
                FakeAnswer.serverError(),
                FakeAnswer.serverError(),
                FakeAnswer.serverError());
        UUID job = app.enqueue(1);
        app.run(job);
        anthropic.answers(FakeAnswer.refusal());
        UUID rest = app.enqueue(7);
        app.jdbc().sql("UPDATE batch_jobs SET concurrent_processing = 1").update();
        app.run(rest);
        app.jdbc()
                .sql("UPDATE batch_items SET batch_job_id = :job, position = position + 1 WHERE batch_job_id = :rest")
                .param("job", job)
                .param("rest", rest)
                .update();
        app.jdbc()
                .sql("DELETE FROM batch_jobs WHERE id = :rest")
                .param("rest", rest)
                .update();
        app.jdbc()
                .sql(
                        "UPDATE batch_jobs SET total_items = 8, completed_items = 8, successful_items = 6, failed_items = 2,"
                                + " status = 'completed'")
                .update();
        assertThat(codes()).startsWith("provider_error", "refused").hasSize(8);
        assertThat(app.bean(GenerationLogs.class).totals(job).calls()).isEqualTo(5);
        return job;
    }

    private List<Object> codes() {
        return app.rows("SELECT error_code FROM batch_items ORDER BY position").stream()
                .map(row -> row.get("error_code"))
                .toList();
    }

    private String itemAt(int position) {
        return app.rows("SELECT id FROM batch_items WHERE position = ?", position)
                .get(0)
                .get("id")
                .toString();
    }

    private String keyAt(int position) {
        return app.rows("SELECT conversation_key FROM batch_items WHERE position = ?", position)
                .get(0)
                .get("conversation_key")
                .toString();
    }

    /** In this JVM, as a process of its own would. */
    private int parley(String... command) {
        out = new StringWriter();
        List<String> arguments = new ArrayList<>(Arrays.asList(command));
        arguments.add("--spring.datasource.url=" + database.url());
        arguments.add("--spring.datasource.username=" + database.username());
        arguments.add("--spring.datasource.password=" + database.password());
        arguments.add("--parley.data=" + data);
        arguments.add("--parley.generate.retry.delay=1ms");
        arguments.add("--parley.generate.retry.max-delay=2ms");
        arguments.add("--parley.generate.linger=" + Duration.ofMillis(20).toMillis() + "ms");
        for (String property : anthropic.properties()) {
            if (arguments.stream().noneMatch(given -> given.startsWith("--" + property.replaceFirst("=.*", "=")))) {
                arguments.add("--" + property);
            }
        }
        PrintWriter both = new PrintWriter(out, true);
        return Main.execute(arguments, both, both);
    }
}
