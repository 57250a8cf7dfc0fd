package dev.parley.batch;

import static org.assertj.core.api.Assertions.assertThat;

import dev.parley.TestApplication;
import dev.parley.TestDatabase;
import dev.parley.generation.GenerationLogs;
import dev.parley.provider.FakeAnswer;
import dev.parley.provider.FakeAnthropic;
import dev.parley.provider.FakeBatches;
import dev.parley.provider.FakeBatches.Fault;
import dev.parley.provider.FakeBatches.Moment;
import dev.parley.provider.FakeBatches.Outcome;
import dev.parley.provider.TokenUsage;
import dev.parley.work.BatchJob;
import dev.parley.work.BatchJobs;
import dev.parley.work.Delivery;
import dev.parley.work.ErrorHandling;
import dev.parley.work.JobSettings;
import dev.parley.work.JobStatus;
import java.math.BigDecimal;
import java.math.RoundingMode;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Random;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.EnumSource;

@DisplayName("Batches at half the price: each item paid once, each batch known, every cent accounted for")
@ParameterizedClass
@EnumSource(TestDatabase.class)
@Timeout(120)
class BatchDeliveryTests {
    private static final int ITEMS = 30;

    /** Of interruptions; 50 for a night. */
    private static final int SEEDS = Integer.getInteger("parley.test.batch-seeds", 3);

    private final TestDatabase database;

    @TempDir
    private Path data;

    private FakeAnthropic anthropic;
    private FakeBatches door;
    private TestApplication app;

    BatchDeliveryTests(TestDatabase database) {
        this.database = database;
    }

    @BeforeEach
    void start() {
        anthropic = FakeAnthropic.start();
        door = anthropic.batches();
        app = start(database, data, anthropic);
    }

    private static TestApplication start(
            TestDatabase database, Path data, FakeAnthropic anthropic, String... properties) {
        return TestApplication.start(
                database,
                data,
                Stream.of(
                                Stream.of(anthropic.properties()),
                                Stream.of(
                                        "logging.level.dev.parley=off",
                                        "parley.batches.poll-min=10ms",
                                        "parley.batches.poll-max=20ms",
                                        "parley.batches.absence-after=300ms"),
                                Stream.of(properties))
                        .flatMap(each -> each)
                        .toArray(String[]::new));
    }

    @AfterEach
    void stop() {
        app.close();
        anthropic.close();
    }

    private UUID enqueue(int items, Delivery delivery) {
        return app.enqueue(items, JobSettings.DEFAULTS.with(delivery), ErrorHandling.CONTINUE);
    }

    private BatchJob run(UUID job) {
        GenerateRuns.Outcome outcome = app.run(job);
        assertThat(outcome.failure()).isNull();
        return app.job(job);
    }

    private void everyItemIsPaidOnce(UUID job, int items) {
        BatchJob done = app.job(job);
        assertThat(done.status()).isEqualTo(JobStatus.COMPLETED);
        assertThat(done.successfulItems()).isEqualTo(items);
        assertThat(done.completedItems()).isEqualTo(items);
        assertThat(app.count("SELECT count(*) FROM conversations WHERE processing_status = 'completed'"))
                .isEqualTo(items);
        assertThat(door.billed()).hasSize(items);
        assertThat(door.billed().values()).containsOnly(1);
        theLedgerIsTheBill(job);
    }

    private void theLedgerIsTheBill(UUID job) {
        GenerationLogs.Totals totals = app.bean(GenerationLogs.class).totals(job);
        assertThat(totals.costUsd()).isEqualByComparingTo(batchPrice(door.usage()));
        assertThat(app.job(job).actualCost()).isEqualByComparingTo(totals.costUsd());
        assertThat(app.count("SELECT count(*) FROM provider_batches WHERE status <> 'done'"))
                .isZero();
        assertThat(app.jdbc()
                        .sql("SELECT provider_batch_id FROM provider_batches WHERE provider_batch_id IS NOT NULL")
                        .query(String.class)
                        .list())
                .as("each batch is known")
                .containsExactlyInAnyOrderElementsOf(door.accepted());
    }

    /** Sonnet 5.5 in November 2026, at half the price. */
    private static BigDecimal batchPrice(TokenUsage usage) {
        return new BigDecimal("2.00")
                .multiply(BigDecimal.valueOf(usage.input()))
                .add(new BigDecimal("10.00").multiply(BigDecimal.valueOf(usage.output())))
                .add(new BigDecimal("0.10").multiply(BigDecimal.valueOf(usage.cacheRead())))
                .add(new BigDecimal("2.50").multiply(BigDecimal.valueOf(usage.cacheWrite5m())))
                .add(new BigDecimal("4.00").multiply(BigDecimal.valueOf(usage.cacheWrite1h())))
                .movePointLeft(6)
                .divide(BigDecimal.valueOf(2), 8, RoundingMode.HALF_UP);
    }

    @Test
    void aJobGoesInOneBatchTheNormalWayAtHalfThePrice() {
        UUID job = enqueue(ITEMS, Delivery.BATCH);

        run(job);

        everyItemIsPaidOnce(job, ITEMS);
        assertThat(door.accepted()).hasSize(1);
        assertThat(anthropic.calls()).as("live calls").isZero();
        assertThat(door.oneHourMarks()).isEqualTo(ITEMS);
        assertThat(app.jdbc()
                        .sql("SELECT DISTINCT price_version FROM generation_logs")
                        .query(String.class)
                        .list())
                .containsExactly("sonnet-5-5-october-2026, batch");
    }

    @Test
    void anAnswerThatIsLostAfterTheBatchWasAcceptedIsFoundAgainAndNotPaidTwice() {
        door.fail(Fault.ANSWER_LOST).listAfter(Duration.ofMillis(100));
        UUID job = enqueue(ITEMS, Delivery.BATCH);

        run(job);

        everyItemIsPaidOnce(job, ITEMS);
        assertThat(door.posts()).isEqualTo(1);
    }

    @Test
    void aGatewaysErrorSaysNothingAboutWhetherTheBatchWasAccepted() {
        door.fail(Fault.ACCEPTED_WITH_502);
        UUID job = enqueue(ITEMS, Delivery.BATCH);

        run(job);

        everyItemIsPaidOnce(job, ITEMS);
        assertThat(door.posts()).isEqualTo(1);
    }

    @Test
    void onlyABatchThatIsProvenAbsentIsSentAgain() {
        door.fail(Fault.RESET_BEFORE);
        UUID job = enqueue(ITEMS, Delivery.BATCH);

        run(job);

        everyItemIsPaidOnce(job, ITEMS);
        assertThat(door.posts()).isEqualTo(2);
        assertThat(app.count("SELECT max(attempt) FROM provider_batches")).isEqualTo(2);
    }

    @Test
    void aRateLimitIsWaitedForAndATooLargeBatchSplit() {
        door.fail(Fault.RATE_LIMITED, Fault.TOO_LARGE);
        UUID job = enqueue(ITEMS, Delivery.BATCH);

        run(job);

        everyItemIsPaidOnce(job, ITEMS);
        assertThat(door.accepted()).hasSizeGreaterThanOrEqualTo(2);
    }

    @Test
    void resultsThatAreCutInTheMiddleAreGoneOnWith() {
        door.cutResults(3);
        UUID job = enqueue(ITEMS, Delivery.BATCH);

        run(job);

        everyItemIsPaidOnce(job, ITEMS);
    }

    @Test
    void whatTheProviderDidNotAnswerGoesBackToTheQueueAndIsNotPaidFor() {
        Random chance = new Random(11);
        door.decide((item, round) -> round > 0
                ? Outcome.SUCCEEDED
                : List.of(Outcome.SUCCEEDED, Outcome.OVERLOADED, Outcome.EXPIRED)
                        .get(chance.nextInt(3)));
        UUID job = enqueue(ITEMS, Delivery.BATCH);

        run(job);

        everyItemIsPaidOnce(job, ITEMS);
        assertThat(door.accepted()).hasSizeGreaterThan(1);
    }

    @Test
    void aBatchThatEndsWithErrorsOnlyIsNoSuccess() {
        door.decide((item, round) -> Outcome.INVALID);
        UUID job = enqueue(5, Delivery.BATCH);

        BatchJob done = run(job);

        assertThat(done.status()).isEqualTo(JobStatus.FAILED);
        assertThat(app.bean(BatchJobs.class).failuresByCause(job))
                .extracting(BatchJobs.Cause::code)
                .containsExactly("invalid_request");
        theLedgerIsTheBill(job);
    }

    @Test
    void aResultThatIsLeftOutMayHaveBeenBilledAndIsCountedSo() {
        AtomicInteger left = new AtomicInteger(2);
        door.decide((item, round) -> round == 0 && left.getAndDecrement() > 0 ? Outcome.LEFT_OUT : Outcome.SUCCEEDED);
        UUID job = enqueue(6, Delivery.BATCH);

        BatchJob done = run(job);

        assertThat(done.successfulItems()).isEqualTo(6);
        assertThat(app.bean(GenerationLogs.class).totals(job).unknownCost()).isEqualTo(2);
    }

    @Test
    void aLargeJobGoesInSeveralBatchesOfTheSizeThatIsSet() {
        app.close();
        app = start(database, data, anthropic, "parley.batches.max-requests=8", "parley.batches.max-queued=16");
        UUID job = enqueue(ITEMS, Delivery.BATCH);

        run(job);

        everyItemIsPaidOnce(job, ITEMS);
        assertThat(door.accepted()).hasSize(4);
    }

    @Test
    void whatABatchDidNotAnswerIsCalledForLiveWhereAsked() {
        door.decide((item, round) -> item.hashCode() % 2 == 0 ? Outcome.EXPIRED : Outcome.SUCCEEDED);
        UUID job = enqueue(ITEMS, Delivery.BATCH_THEN_LIVE);

        BatchJob done = run(job);

        assertThat(done.successfulItems()).isEqualTo(ITEMS);
        assertThat(door.accepted()).hasSize(1);
        assertThat(anthropic.calls() + door.billed().size()).isEqualTo(ITEMS);
        assertThat(anthropic.calls()).isPositive();
    }

    @Test
    void oneItemIsCalledForLiveFirstWhereAsked() {
        app.close();
        app = start(database, data, anthropic, "parley.batches.smoke-test=true");
        UUID job = enqueue(ITEMS, Delivery.BATCH);

        assertThat(run(job).successfulItems()).isEqualTo(ITEMS);
        assertThat(anthropic.calls()).isEqualTo(1);

        anthropic.answers(FakeAnswer.invalidRequest("output_config: no such field"));
        UUID wrong = enqueue(ITEMS, Delivery.BATCH);

        assertThat(run(wrong).status()).isEqualTo(JobStatus.PAUSED);
        assertThat(app.job(wrong).statusReason()).contains("first item failed", "no such field");
        assertThat(door.accepted()).hasSize(1);
    }

    @Test
    void aPausedJobCancelsItsBatchAndIsGoneOnWithAfterwards() {
        door.take(Duration.ofHours(1)).watch(moment -> {
            if (moment == Moment.LOOKED_AT) {
                UUID job = app.jdbc()
                        .sql("SELECT id FROM batch_jobs")
                        .query(UUID.class)
                        .single();
                app.bean(BatchJobs.class).pause(job, "by an operator");
            }
        });
        UUID job = enqueue(ITEMS, Delivery.BATCH);

        assertThat(run(job).status()).isEqualTo(JobStatus.PAUSED);

        assertThat(app.count("SELECT canceled FROM provider_batches")).isEqualTo(ITEMS);
        assertThat(app.count("SELECT count(*) FROM batch_items WHERE status = 'queued' AND attempts = 0"))
                .isEqualTo(ITEMS);
        door.take(Duration.ofMillis(20)).watch(moment -> {});
        app.bean(BatchJobs.class).resume(job);
        run(job);
        everyItemIsPaidOnce(job, ITEMS);
    }

    @Test
    void aCancelledJobCancelsItsBatchAndPaysForNothing() {
        door.take(Duration.ofHours(1)).watch(moment -> {
            if (moment == Moment.LOOKED_AT) {
                UUID job = app.jdbc()
                        .sql("SELECT id FROM batch_jobs")
                        .query(UUID.class)
                        .single();
                app.bean(BatchJobs.class).cancel(job, "by an operator");
            }
        });
        UUID job = enqueue(ITEMS, Delivery.BATCH);

        assertThat(run(job).status()).isEqualTo(JobStatus.CANCELLED);

        assertThat(app.job(job).failedItems()).isEqualTo(ITEMS);
        assertThat(door.billed()).isEmpty();
        theLedgerIsTheBill(job);
    }

    @Test
    @Timeout(3_600)
    void whereverARunIsInterruptedTheNextOneGoesOnAndNothingIsPaidTwice() {
        for (int seed = 1; seed <= SEEDS; seed++) {
            FakeAnthropic another = FakeAnthropic.start();
            anthropic.close();
            anthropic = another;
            door = another.batches();
            app.close();
            app = start(database, data, another, "parley.batches.max-requests=12");
            interruptAgainAndAgain(seed);
        }
    }

    private void interruptAgainAndAgain(int seed) {
        Random chance = new Random(seed);
        AtomicBoolean calm = new AtomicBoolean();
        door.seed(seed)
                .take(Duration.ofMillis(5L + chance.nextInt(40)))
                .listAfter(Duration.ofMillis(chance.nextInt(100)))
                .cutResults(chance.nextInt(3))
                .decide((item, round) -> round > 0 || chance.nextInt(5) > 0 ? Outcome.SUCCEEDED : Outcome.EXPIRED)
                .watch(moment -> {
                    if (!calm.get() && chance.nextInt(3) == 0) {
                        app.bean(GenerateRuns.class).stopNow();
                    }
                });
        for (int n = chance.nextInt(4); n > 0; n--) {
            door.fail(Fault.values()[chance.nextInt(4)]);
        }
        UUID job = enqueue(ITEMS, Delivery.BATCH);
        int runs = 0;
        while (app.job(job).status().open()) {
            calm.set(++runs > 12);
            GenerateRuns.Outcome outcome = app.run(job);
            assertThat(outcome.failure()).as("seed " + seed).isNull();
        }
        everyItemIsPaidOnce(job, ITEMS);
        app.jdbc().sql("DELETE FROM batch_jobs").update();
        app.jdbc().sql("DELETE FROM conversations").update();
    }
}
