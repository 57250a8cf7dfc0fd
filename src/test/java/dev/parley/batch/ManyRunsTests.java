package dev.parley.batch;

import static org.assertj.core.api.Assertions.assertThat;

import dev.parley.TestApplication;
import dev.parley.TestDatabase;
import dev.parley.archive.JobLogs;
import dev.parley.archive.PublishedLog;
import dev.parley.provider.FakeAnswer;
import dev.parley.provider.FakeAnthropic;
import dev.parley.work.JobStatus;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.EnumSource;
import org.springframework.jdbc.core.simple.JdbcClient;

/** Several runs on one work list, and a database that does not always answer. */
@ParameterizedClass
@EnumSource(TestDatabase.class)
class ManyRunsTests {
    private static final int RUNS = 3;
    private static final int ITEMS = 240;

    private final TestDatabase database;
    private final ExecutorService background = Executors.newCachedThreadPool();
    private final List<TestApplication> apps = new ArrayList<>();

    @TempDir
    private Path data;

    private FakeAnthropic anthropic;
    private TestApplication app;

    ManyRunsTests(TestDatabase database) {
        this.database = database;
    }

    @BeforeEach
    void start() {
        anthropic = FakeAnthropic.start();
        anthropic.answersOtherwise(FakeAnswer.conversation().after(Duration.ofMillis(30)));
        app = TestApplication.start(database, data, anthropic.properties());
        apps.add(app);
    }

    @AfterEach
    void close() {
        background.shutdownNow();
        apps.forEach(TestApplication::close);
        anthropic.close();
    }

    @Test
    void theyShareTheWorkAndNoneFails() throws Exception { // A19, A42, A72
        UUID job = app.enqueue(ITEMS);
        while (apps.size() < RUNS) {
            apps.add(TestApplication.startAnother(database, data, anthropic.properties()));
        }

        List<Future<GenerateRuns.Outcome>> runs = apps.stream()
                .map(each -> background.submit(() -> each.run(job)))
                .toList();
        List<GenerateRuns.Outcome> outcomes = new ArrayList<>();
        for (Future<GenerateRuns.Outcome> run : runs) {
            outcomes.add(run.get());
        }

        assertThat(outcomes).allSatisfy(outcome -> {
            assertThat(outcome.failure()).isNull();
            assertThat(outcome.stopped()).isFalse();
            assertThat(outcome.lostClaims()).isZero();
        });
        assertThat(outcomes).extracting(GenerateRuns.Outcome::executionId).doesNotHaveDuplicates();
        assertThat(app.job(job).status()).isEqualTo(JobStatus.COMPLETED);
        assertThat(app.job(job).successfulItems()).isEqualTo(ITEMS);
        assertThat(anthropic.calls()).isEqualTo(ITEMS);
        assertThat(app.count("SELECT count(*) FROM batch_step_execution WHERE write_count > 0"))
                .as("each had its share")
                .isEqualTo(RUNS);
        List<String> log = PublishedLog.of(app.bean(JobLogs.class), job)
                .orElseThrow()
                .lines()
                .toList();
        assertThat(log.stream().filter(line -> line.contains("completed: conversation")))
                .hasSize(ITEMS)
                .doesNotHaveDuplicates();
        assertThat(log.stream().filter(line -> line.contains(" started: "))).hasSize(RUNS);
    }

    @Test
    void whatADeadProcessLeftInSpringBatchsTablesIsInNobodysWay() {
        UUID job = app.enqueue(2);
        app.run(job);
        app.jdbc()
                .sql("UPDATE batch_job_execution SET status = 'STARTED', end_time = NULL")
                .update();
        app.jdbc()
                .sql("UPDATE batch_step_execution SET status = 'STARTED', end_time = NULL")
                .update();

        UUID second = app.enqueue(2);
        GenerateRuns.Outcome outcome = app.run(second);

        assertThat(outcome.failure()).isNull();
        assertThat(app.job(second).successfulItems()).isEqualTo(2);
    }

    @Test
    void aResultThatComesAfterTheItemWasTakenOverIsDiscardedAndCounted() throws Exception {
        UUID job = app.enqueue(3);
        anthropic.answersOtherwise(FakeAnswer.conversation().after(Duration.ofMillis(500)));
        Future<GenerateRuns.Outcome> run = background.submit(() -> app.run(job));
        anthropic.awaitCalls(3);

        app.jdbc()
                .sql("UPDATE batch_items SET claim_token = :token, claimed_by = -99 WHERE position = 2")
                .param("token", UUID.randomUUID())
                .update();
        JdbcClient others = app.jdbc();
        background.submit(() -> {
            anthropic.awaitCalls(3);
            while (others.sql("SELECT count(*) FROM batch_items WHERE status = 'completed'")
                            .query(Long.class)
                            .single()
                    < 2) {
                LockSupport.parkNanos(Duration.ofMillis(20).toNanos());
            }
            LockSupport.parkNanos(Duration.ofMillis(500).toNanos());
            app.bean(GenerateRuns.class).requestStop(); // it would wait for the other owner
        });
        GenerateRuns.Outcome outcome = run.get();

        assertThat(outcome.lostClaims()).isEqualTo(1);
        assertThat(outcome.failure()).isNull();
        assertThat(app.job(job).successfulItems()).isEqualTo(2);
        assertThat(app.count("SELECT count(*) FROM batch_items WHERE position = 2 AND status = 'processing'"))
                .isEqualTo(1);
        assertThat(app.count("SELECT count(*) FROM conversations"))
                .as("no orphan row")
                .isEqualTo(2);
        assertThat(app.count("SELECT count(*) FROM generation_logs"))
                .as("the money is spent all the same")
                .isEqualTo(3);
        assertThat(app.rows("SELECT actual_cost FROM batch_jobs").get(0).get("actual_cost"))
                .isEqualTo(app.rows("SELECT sum(cost_usd) AS cost FROM generation_logs")
                        .get(0)
                        .get("cost"));
    }

    @Test
    void anAnswerOfAnEarlierAttemptIsCountedOnce() {
        UUID job = app.enqueue(1);
        anthropic.answers(FakeAnswer.truncated());

        app.run(job);

        assertThat(app.job(job).successfulItems()).isEqualTo(1);
        assertThat(anthropic.calls()).isEqualTo(2);
        assertThat(app.rows("SELECT actual_cost FROM batch_jobs").get(0).get("actual_cost"))
                .isEqualTo(app.rows("SELECT sum(cost_usd) AS cost FROM generation_logs")
                        .get(0)
                        .get("cost"));
    }

    @Test
    void connectionsThatAreCutAgainAndAgainFailNothing() throws Exception {
        if (database == TestDatabase.H2) {
            return; // it is in this process
        }
        UUID job = app.enqueue(ITEMS);
        JdbcClient outside = JdbcClient.create(database.dataSource());
        Future<?> cutter = background.submit(() -> {
            for (int cut = 1; cut <= 5; cut++) {
                anthropic.awaitCalls(cut * ITEMS / 8);
                outside.sql("""
                        SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                         WHERE datname = 'parley' AND pid <> pg_backend_pid()
                        """).query(Boolean.class).list();
            }
        });

        GenerateRuns.Outcome outcome = app.run(job);
        cutter.get();

        assertThat(outcome.failure()).isNull();
        assertThat(outcome.lostClaims()).isZero();
        assertThat(app.job(job).successfulItems()).isEqualTo(ITEMS);
        assertThat(anthropic.callsByKey().values()).allMatch(calls -> calls == 1);
        assertThat(Stream.of("batch_items", "conversations", "generation_logs")
                        .map(table -> app.count("SELECT count(*) FROM " + table)))
                .containsOnly((long) ITEMS);
    }
}
