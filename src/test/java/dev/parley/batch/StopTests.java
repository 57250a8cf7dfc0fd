package dev.parley.batch;

import static org.assertj.core.api.Assertions.assertThat;

import dev.parley.TestApplication;
import dev.parley.TestDatabase;
import dev.parley.provider.FakeAnswer;
import dev.parley.provider.FakeAnthropic;
import dev.parley.work.BatchJob;
import dev.parley.work.BatchJobs;
import dev.parley.work.JobStatus;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Random;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.EnumSource;
import org.springframework.batch.core.job.JobExecution;
import org.springframework.batch.core.launch.JobOperator;
import org.springframework.batch.core.repository.JobRepository;

/** A run that is told to end, by whatever way, at whatever moment. */
@ParameterizedClass
@EnumSource(TestDatabase.class)
@Timeout(value = 5, unit = TimeUnit.MINUTES, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class StopTests {
    private static final int STOPS = 100;

    private final TestDatabase database;
    private final ExecutorService background = Executors.newCachedThreadPool();

    @TempDir
    private Path data;

    private TestApplication app;
    private FakeAnthropic anthropic;

    StopTests(TestDatabase database) {
        this.database = database;
    }

    @AfterEach
    void close() {
        background.shutdownNow();
        app.close();
        if (anthropic != null) {
            anthropic.close();
        }
    }

    @Test
    void aHundredStopsAtRandomMomentsLeaveNothingBehind() throws Exception {
        app = TestApplication.start(database, data, "parley.provider=offline", "parley.offline.latency.median=3ms");

        stopAgainAndAgain(STOPS);
    }

    @Test
    void anInterruptedReadDoesNotCloseADatabaseFile() throws Exception {
        app = TestApplication.start(
                database,
                data,
                "parley.provider=offline",
                "parley.offline.latency.median=3ms",
                "spring.datasource.url=" + fileUrl());

        stopAgainAndAgain(30);
    }

    private String fileUrl() {
        return database == TestDatabase.H2
                ? "jdbc:h2:async:" + data.resolve("parley")
                        + ";MODE=PostgreSQL;DEFAULT_NULL_ORDERING=HIGH;AUTO_SERVER=TRUE;WRITE_DELAY=0"
                : database.url();
    }

    private void stopAgainAndAgain(int stops) throws Exception {
        UUID job = app.enqueue(4_000);
        Random random = new Random(stops);

        for (int n = 0; n < stops || completed() == 0; n++) { // a busy machine may not complete any so soon
            long moment =
                    random.nextLong(Duration.ofMillis(60L * (1 + n / stops)).toNanos());
            Runnable stop = waysToStop(n);
            Future<?> stopper = background.submit(() -> {
                LockSupport.parkNanos(moment);
                stop.run();
            });
            GenerateRuns.Outcome outcome = app.run(job);
            stopper.get();
            assertThat(outcome.failure()).as("stop %s after %s ns", n, moment).isNull();
            assertThat(app.count("SELECT count(*) FROM batch_items WHERE status = 'processing'"))
                    .isZero();
        }

        assertThat(app.jdbc()
                        .sql(
                                "SELECT DISTINCT status FROM batch_job_execution UNION SELECT DISTINCT status FROM batch_step_execution")
                        .query(String.class)
                        .list())
                .isSubsetOf("STOPPED", "COMPLETED");
        long completed = completed();
        assertThat(app.count("SELECT count(*) FROM batch_items WHERE status = 'queued' AND attempts = 0"))
                .as("as if they had never been claimed")
                .isEqualTo(4_000 - completed);
        assertThat(app.job(job).successfulItems()).isEqualTo((int) completed);
        assertThat(app.count("SELECT count(*) FROM conversations")).isEqualTo(completed);
    }

    private long completed() {
        return app.count("SELECT count(*) FROM batch_items WHERE status = 'completed'");
    }

    private Runnable waysToStop(int n) {
        GenerateRuns runs = app.bean(GenerateRuns.class);
        return switch (n % 4) {
            case 0 -> runs::requestStop;
            case 1 -> runs::stopNow;
            case 2 ->
                () -> {
                    runs.requestStop();
                    runs.stopNow();
                };
            default -> this::stopThroughSpringBatch;
        };
    }

    /** As another process would. */
    private void stopThroughSpringBatch() {
        while (true) {
            Set<JobExecution> running = app.bean(JobRepository.class).findRunningJobExecutions("generate");
            for (JobExecution execution : running) {
                try {
                    app.bean(JobOperator.class).stop(execution);
                    return;
                } catch (Exception e) { // too early, or it has just ended
                    LockSupport.parkNanos(Duration.ofMillis(1).toNanos());
                }
            }
            if (running.isEmpty()) {
                app.bean(GenerateRuns.class).requestStop();
                return;
            }
        }
    }

    @Test
    void aStopBeforeTheFirstItemIsHeeded() {
        app = TestApplication.start(database, data, "parley.provider=offline");
        UUID job = app.enqueue(5);
        app.bean(GenerateRuns.class).requestStop();

        GenerateRuns.Outcome outcome = app.run(job);
        GenerateRuns.Outcome next = app.run(job);

        assertThat(outcome.stopped()).isTrue();
        assertThat(outcome.failure()).isNull();
        assertThat(next.stopped()).as("the stop was not meant for the next run").isFalse();
        assertThat(app.job(job).successfulItems()).isEqualTo(5);
    }

    @Test
    void aJobPausedByAnotherProcessIsLeftAloneWithinSeconds() throws Exception {
        UUID job = startSlowly(400);
        Future<GenerateRuns.Outcome> run = background.submit(() -> app.run(job));
        anthropic.awaitCalls(20);

        app.jdbc()
                .sql("UPDATE batch_jobs SET status = 'paused', status_reason = 'by hand'")
                .update();
        GenerateRuns.Outcome outcome = run.get();

        assertThat(outcome.failure()).isNull();
        long completed = app.count("SELECT count(*) FROM batch_items WHERE status = 'completed'");
        assertThat(completed).isEqualTo(anthropic.calls()).isLessThan(400);
        assertThat(app.count("SELECT count(*) FROM batch_items WHERE status = 'queued' AND attempts = 0"))
                .isEqualTo(400 - completed);
        assertThat(app.job(job).status()).isEqualTo(JobStatus.PAUSED);
    }

    @Test
    void whatIsInFlightWhenAJobIsCancelledFinishesAndTheRestFails() throws Exception {
        UUID job = startSlowly(400);
        Future<GenerateRuns.Outcome> run = background.submit(() -> app.run(job));
        anthropic.awaitCalls(20);

        app.bean(BatchJobs.class).cancel(job, "cancelled by the operator");
        GenerateRuns.Outcome outcome = run.get();

        BatchJob after = app.job(job);
        assertThat(outcome.failure()).isNull();
        assertThat(after.status()).isEqualTo(JobStatus.CANCELLED);
        assertThat(after.successfulItems()).isEqualTo(anthropic.calls()).isLessThan(400);
        assertThat(after.completedItems()).isEqualTo(400);
        assertThat(app.count("SELECT count(*) FROM batch_items WHERE status = 'failed' AND error_code = 'cancelled'"))
                .isEqualTo(after.failedItems());
    }

    @Test
    void whatIsPostponedAfterACancelDoesNotStayInTheQueue() throws Exception {
        UUID job = startSlowly(40);
        anthropic.answersOtherwise(FakeAnswer.rateLimited(Duration.ofMinutes(5)).after(Duration.ofMillis(300)));
        Future<GenerateRuns.Outcome> run = background.submit(() -> app.run());
        anthropic.awaitCalls(8);

        app.bean(BatchJobs.class).cancel(job, "cancelled by the operator");
        run.get();

        assertThat(app.job(job).failedItems()).isEqualTo(40);
        assertThat(app.count("SELECT count(*) FROM batch_items WHERE status = 'failed'"))
                .isEqualTo(40);
    }

    @Test
    void aRunEndsAsSoonAsItsLastItemIsThrough() {
        app = TestApplication.start(
                database,
                data,
                "parley.provider=offline",
                "parley.generate.linger=30s",
                "parley.generate.concurrency=8");
        app.run(app.enqueue(1)); // warm
        UUID job = app.enqueue(20);

        long startedAt = System.nanoTime();
        app.run(job);

        assertThat(app.job(job).successfulItems()).isEqualTo(20);
        assertThat(Duration.ofNanos(System.nanoTime() - startedAt))
                .as("shorter than the linger")
                .isLessThan(Duration.ofSeconds(30));
    }

    private UUID startSlowly(int items) {
        anthropic = FakeAnthropic.start();
        anthropic.answersOtherwise(FakeAnswer.conversation().after(Duration.ofMillis(100)));
        app = TestApplication.start(database, data, anthropic.properties());
        return app.enqueue(items);
    }
}
