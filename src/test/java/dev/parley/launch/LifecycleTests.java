package dev.parley.launch;

import static org.assertj.core.api.Assertions.assertThat;

import dev.parley.TestApplication;
import dev.parley.TestDatabase;
import dev.parley.batch.GenerateRuns;
import dev.parley.provider.FakeAnswer;
import dev.parley.provider.FakeAnthropic;
import dev.parley.work.BatchJob;
import dev.parley.work.ErrorHandling;
import dev.parley.work.JobSettings;
import dev.parley.work.JobStatus;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.EnumSource;

/** What an operator tells a job, from a process that works on none, heeded by two that do. */
@ParameterizedClass
@EnumSource(TestDatabase.class)
@Timeout(value = 5, unit = TimeUnit.MINUTES, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class LifecycleTests {
    private static final int ITEMS = 400;
    private static final Duration SECONDS = Duration.ofSeconds(60);

    private final TestDatabase database;
    private final ExecutorService background = Executors.newCachedThreadPool();
    private final List<TestApplication> workers = new ArrayList<>();

    @TempDir
    private Path data;

    private FakeAnthropic anthropic;
    private TestApplication operator;

    LifecycleTests(TestDatabase database) {
        this.database = database;
    }

    @BeforeEach
    void start() {
        anthropic = FakeAnthropic.start();
        anthropic.answersOtherwise(FakeAnswer.conversation().after(Duration.ofMillis(50)));
        operator = TestApplication.start(database, data.resolve("operator"), anthropic.properties());
        for (int n = 1; n <= 2; n++) {
            workers.add(TestApplication.startAnother(database, data.resolve("worker" + n), anthropic.properties()));
        }
    }

    @AfterEach
    void close() {
        background.shutdownNow();
        workers.forEach(TestApplication::close);
        operator.close();
        anthropic.close();
    }

    private List<Future<GenerateRuns.Outcome>> run(UUID... jobs) {
        return workers.stream()
                .map(worker -> background.submit(() -> worker.run(jobs)))
                .toList();
    }

    private static void awaitAll(List<Future<GenerateRuns.Outcome>> runs) throws Exception {
        long deadline = System.nanoTime() + SECONDS.toNanos();
        for (Future<GenerateRuns.Outcome> run : runs) {
            assertThat(run.get(deadline - System.nanoTime(), TimeUnit.NANOSECONDS)
                            .failure())
                    .isNull();
        }
    }

    private void say(String... command) {
        Commands.Answer answer = Commands.on(operator, command);
        assertThat(answer.code()).as(answer.err()).isZero();
    }

    private long items(UUID job, String status) {
        return operator.count("SELECT count(*) FROM batch_items WHERE batch_job_id = ? AND status = ?", job, status);
    }

    @Test
    void aPausedJobStopsInEveryProcessAndGoesOnWhereItWas() throws Exception {
        UUID job = operator.enqueue(ITEMS);
        List<Future<GenerateRuns.Outcome>> runs = run(job);
        anthropic.awaitCalls(40);

        say("pause", job.toString(), "--reason", "lunch");
        awaitAll(runs);

        BatchJob paused = operator.job(job);
        assertThat(paused.status()).isEqualTo(JobStatus.PAUSED);
        assertThat(paused.statusReason()).isEqualTo("lunch");
        assertThat(items(job, "processing")).isZero();
        assertThat(items(job, "completed"))
                .isEqualTo(anthropic.calls())
                .isEqualTo(paused.successfulItems())
                .isLessThan(ITEMS);

        say("resume", job.toString());
        anthropic.answersOtherwise(FakeAnswer.conversation());
        run(job).forEach(LifecycleTests::outcome);

        assertThat(operator.job(job).status()).isEqualTo(JobStatus.COMPLETED);
        assertThat(operator.job(job).startedAt()).isEqualTo(paused.startedAt());
        assertThat(anthropic.callsByKey())
                .hasSize(ITEMS)
                .allSatisfy((key, calls) -> assertThat(calls).isOne());
    }

    @Test
    void aCancelledJobStopsInEveryProcessAndKeepsWhatSucceeded() throws Exception {
        UUID job = operator.enqueue(ITEMS);
        List<Future<GenerateRuns.Outcome>> runs = run(job);
        anthropic.awaitCalls(40);

        say("cancel", job.toString());
        awaitAll(runs);

        BatchJob cancelled = operator.job(job);
        assertThat(cancelled.status()).isEqualTo(JobStatus.CANCELLED);
        assertThat(cancelled.successfulItems()).isEqualTo(anthropic.calls()).isLessThan(ITEMS);
        assertThat(cancelled.completedItems()).isEqualTo(ITEMS);
        assertThat(items(job, "failed")).isEqualTo(cancelled.failedItems());
        assertThat(operator.count("SELECT count(*) FROM batch_items WHERE error_code = 'cancelled'"))
                .isEqualTo(cancelled.failedItems());
    }

    @Test
    void aJobOfHigherPriorityIsClaimedFirstFromThenOnInEveryProcess() throws Exception {
        UUID large = operator.enqueue(ITEMS);
        UUID urgent = operator.enqueue(40);
        say("prioritize", urgent.toString(), "low");
        List<Future<GenerateRuns.Outcome>> runs = run();
        anthropic.awaitCalls(40);
        // H2 hands on a page to who finds the rows before it locked by another process
        assertThat(items(urgent, "queued")).as("a low one waits").isGreaterThan(database == TestDatabase.H2 ? 0L : 39L);

        say("prioritize", urgent.toString(), "HIGH");
        long deadline = System.nanoTime() + SECONDS.toNanos();
        while (operator.job(urgent).status() != JobStatus.COMPLETED) {
            assertThat(System.nanoTime()).as("the urgent job is through").isLessThan(deadline);
            TimeUnit.MILLISECONDS.sleep(20);
        }

        assertThat(items(large, "queued")).isGreaterThan(ITEMS / 2);
        say("pause", large.toString());
        awaitAll(runs);
    }

    @Test
    void theFirstFailedItemStopsAJobThatIsToStopInEveryProcess() throws Exception {
        UUID job = operator.enqueue(ITEMS, JobSettings.DEFAULTS, ErrorHandling.STOP);
        anthropic.answersTo(
                operator.rows("SELECT conversation_key FROM batch_items WHERE position = 30")
                        .get(0)
                        .get("conversation_key")
                        .toString(),
                FakeAnswer.invalidRequest("no"));

        awaitAll(run(job));

        BatchJob stopped = operator.job(job);
        assertThat(stopped.status()).isEqualTo(JobStatus.PAUSED);
        assertThat(stopped.failedItems()).isOne();
        assertThat(stopped.successfulItems()).isEqualTo(anthropic.calls() - 1).isLessThan(ITEMS / 2);
        assertThat(items(job, "processing")).isZero();
    }

    private static void outcome(Future<GenerateRuns.Outcome> run) {
        try {
            assertThat(run.get().failure()).isNull();
        } catch (Exception e) {
            throw new IllegalStateException(e);
        }
    }
}
