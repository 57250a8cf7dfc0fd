package dev.parley.batch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.tuple;

import dev.parley.TestApplication;
import dev.parley.TestDatabase;
import dev.parley.database.Finding;
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
import dev.parley.work.BrokenItems;
import dev.parley.work.Delivery;
import dev.parley.work.ErrorHandling;
import dev.parley.work.FailedItems;
import dev.parley.work.JobSettings;
import dev.parley.work.JobStatus;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.math.BigDecimal;
import java.math.RoundingMode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.EnumSource;
import org.springframework.util.FileSystemUtils;

@DisplayName("Batches at half the price: each item paid once, each batch known, every cent accounted for")
@ParameterizedClass
@EnumSource(TestDatabase.class)
@Timeout(120)
class BatchDeliveryTests {
    private static final int ITEMS = 30;

    /** Of interruptions; 50 for a night. */
    private static final int SEEDS = Integer.getInteger("parley.test.batch-seeds", 3);

    /** One application a database: to start one takes longer than all that a test does with it. */
    private static TestApplication shared;

    private static TestDatabase started;

    private static final FakeAnthropic anthropic = FakeAnthropic.start();

    @TempDir
    private static Path data;

    private final TestDatabase database;
    private final FakeBatches door = anthropic.newBatches();
    private final int callsBefore = anthropic.calls();
    private final List<TestApplication> others = new ArrayList<>();
    private TestApplication app;

    BatchDeliveryTests(TestDatabase database) {
        this.database = database;
    }

    @BeforeEach
    void start() {
        if (started != database) {
            stopShared();
            shared = TestApplication.start(database, data, properties());
            started = database;
        }
        app = shared;
        Stream.of("generation_logs", "failed_generations", "batch_items", "batch_jobs", "conversations")
                .forEach(table -> app.jdbc().sql("DELETE FROM " + table).update());
    }

    private static String[] properties(String... more) {
        return Stream.of(
                        Stream.of(anthropic.properties()),
                        Stream.of(
                                "logging.level.dev.parley=off",
                                "parley.limits.batch-requests-per-minute=0",
                                "parley.batches.poll-min=10ms",
                                "parley.batches.poll-max=20ms",
                                "parley.batches.absence-after=300ms"),
                        Stream.of(more))
                .flatMap(each -> each)
                .toArray(String[]::new);
    }

    /** Another process on the same database. */
    private TestApplication another(String... more) {
        TestApplication another = TestApplication.startAnother(database, data, properties(more));
        others.add(another);
        return another;
    }

    @AfterEach
    void stop() {
        others.forEach(TestApplication::close);
    }

    @AfterAll
    static void stopAll() {
        stopShared();
        anthropic.close();
    }

    private static void stopShared() {
        if (shared != null) {
            shared.close();
            shared = null;
        }
    }

    private int liveCalls() {
        return anthropic.calls() - callsBefore;
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
        everyItemIsPaidOnce(job, items, door);
    }

    private void everyItemIsPaidOnce(UUID job, int items, FakeBatches door) {
        BatchJob done = app.job(job);
        assertThat(done.status()).isEqualTo(JobStatus.COMPLETED);
        assertThat(done.successfulItems()).isEqualTo(items);
        assertThat(done.completedItems()).isEqualTo(items);
        assertThat(app.count("SELECT count(*) FROM conversations WHERE processing_status = 'completed'"))
                .isEqualTo(items);
        assertThat(door.billed()).hasSize(items);
        assertThat(door.billed().values()).containsOnly(1);
        theLedgerIsTheBill(job, door);
    }

    private void theLedgerIsTheBill(UUID job) {
        theLedgerIsTheBill(job, door);
    }

    private void theLedgerIsTheBill(UUID job, FakeBatches door) {
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
        assertThat(liveCalls()).as("live calls").isZero();
        assertThat(door.oneHourMarks()).isEqualTo(ITEMS);
        assertThat(door.deleted()).as("unless asked to").isEmpty();
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
        app = another("parley.batches.max-requests=8", "parley.batches.max-queued=16");
        UUID job = enqueue(ITEMS, Delivery.BATCH);

        run(job);

        everyItemIsPaidOnce(job, ITEMS);
        assertThat(door.accepted()).hasSize(4);
    }

    @Test
    void noMoreRequestsAreInTheProvidersQueueThanAreSet() {
        app = another("parley.batches.max-requests=8", "parley.batches.max-queued=20");
        AtomicInteger looks = new AtomicInteger();
        door.take(Duration.ofHours(1)).watch(moment -> {
            if (moment == Moment.LOOKED_AT && looks.incrementAndGet() == 12) {
                app.bean(GenerateRuns.class).stopNow();
            }
        });
        UUID job = enqueue(ITEMS, Delivery.BATCH);

        run(job);

        assertThat(door.mostQueued()).isEqualTo(20);
        assertThat(app.count("SELECT count(*) FROM batch_items WHERE status = 'queued'"))
                .isEqualTo(ITEMS - 20);
    }

    @Test
    void aBatchIsDeletedAtTheProviderWhereAskedAndOnlyOnceAllOfItIsKept() {
        app = another("parley.batches.delete-when-done=true");
        List<Long> kept = new CopyOnWriteArrayList<>();
        door.watch(moment -> {
            if (moment == Moment.BEFORE_DELETED) {
                kept.add(app.count("SELECT count(*) FROM batch_items WHERE status = 'completed'"));
                app.bean(GenerateRuns.class).stopNow();
            }
        });
        UUID job = enqueue(ITEMS, Delivery.BATCH);

        run(job); // stopped while it is deleted
        door.watch(moment -> {});
        run(job); // which needs nothing of it

        everyItemIsPaidOnce(job, ITEMS);
        assertThat(kept).containsExactly((long) ITEMS);
        assertThat(door.deleted()).containsExactlyElementsOf(door.accepted());
    }

    @Test
    void aBatchThatCannotBeDeletedOrIsNotKeptWholeStaysAtTheProvider() {
        app = another("parley.batches.delete-when-done=true");
        door.keep();
        UUID job = enqueue(ITEMS, Delivery.BATCH);

        run(job);

        everyItemIsPaidOnce(job, ITEMS);

        FakeBatches other = anthropic.newBatches();
        AtomicInteger left = new AtomicInteger(1);
        other.decide((item, round) -> left.getAndDecrement() > 0 ? Outcome.LEFT_OUT : Outcome.SUCCEEDED);
        UUID incomplete = enqueue(5, Delivery.BATCH);

        assertThat(run(incomplete).successfulItems()).isEqualTo(5);
        assertThat(other.accepted()).hasSize(2);
        assertThat(other.deleted())
                .as("the one that is whole")
                .containsExactly(other.accepted().get(1));
    }

    @Test
    void whatABatchDidNotAnswerIsCalledForLiveWhereAsked() {
        door.decide((item, round) -> item.hashCode() % 2 == 0 ? Outcome.EXPIRED : Outcome.SUCCEEDED);
        UUID job = enqueue(ITEMS, Delivery.BATCH_THEN_LIVE);

        BatchJob done = run(job);

        assertThat(done.successfulItems()).isEqualTo(ITEMS);
        assertThat(door.accepted()).hasSize(1);
        assertThat(liveCalls() + door.billed().size()).isEqualTo(ITEMS);
        assertThat(liveCalls()).isPositive();
    }

    @Test
    void oneItemIsCalledForLiveFirstWhereAsked() {
        app = another("parley.batches.smoke-test=true");
        UUID job = enqueue(ITEMS, Delivery.BATCH);

        assertThat(run(job).successfulItems()).isEqualTo(ITEMS);
        assertThat(liveCalls()).isEqualTo(1);

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
    void neighboursShareTheirPrefixWhateverTheOrderOfTheItems() {
        UUID job = enqueue(12, Delivery.BATCH);
        app.jdbc()
                .sql("UPDATE batch_items SET parameters = CAST(replace(CAST(parameters AS varchar), :one, :other) AS "
                        + (database == TestDatabase.H2 ? "varchar" : "jsonb") + ") WHERE mod(position, 2) = 0")
                .param("one", TestApplication.CONFUSION_TO_CLARITY.toString())
                .param("other", TestApplication.COUPLE_CONFLICT.toString())
                .update();

        run(job);

        everyItemIsPaidOnce(job, 12);
        List<String> prefixes = door.prefixOrders().get(0);
        assertThat(prefixes.stream().distinct()).hasSize(2);
        assertThat(prefixes.stream().limit(6).distinct()).hasSize(1);
    }

    @Test
    void aBodyHoldsNoMoreBytesThanAreSet() {
        app = another("parley.batches.max-size=40000B");
        UUID job = enqueue(ITEMS, Delivery.BATCH);

        run(job);

        everyItemIsPaidOnce(job, ITEMS);
        assertThat(door.bodies()).hasSizeGreaterThan(2).allMatch(bytes -> bytes <= 40_000);
        assertThat(app.count("SELECT max(body_bytes) FROM provider_batches"))
                .isEqualTo(
                        door.bodies().stream().mapToInt(Integer::intValue).max().orElseThrow());
    }

    @Test
    void aDoorThatSaysWaitIsWaitedFor() {
        door.refuse(3);
        UUID job = enqueue(ITEMS, Delivery.BATCH);

        run(job);

        everyItemIsPaidOnce(job, ITEMS);
    }

    @Test
    void aBatchOfTheSameSizeThatSomebodyElseMadeIsNotTakenForOurs() {
        door.fail(Fault.RESET_BEFORE).someoneElses(ITEMS);
        UUID job = enqueue(ITEMS, Delivery.BATCH);

        run(job);

        assertThat(app.job(job).successfulItems()).isEqualTo(ITEMS);
        assertThat(door.posts()).isEqualTo(2);
        assertThat(door.billed().values()).hasSize(ITEMS).containsOnly(1);
    }

    @Test
    void twoProcessesDriveTheBatchesOfOneJobTogether() throws Exception {
        TestApplication one = another("parley.batches.max-requests=5", "parley.batches.max-queued=15");
        TestApplication two = another("parley.batches.max-requests=5", "parley.batches.max-queued=15");
        door.cutResults(3).listAfter(Duration.ofMillis(50)).fail(Fault.ANSWER_LOST);
        UUID job = enqueue(60, Delivery.BATCH);

        CompletableFuture<GenerateRuns.Outcome> beside = CompletableFuture.supplyAsync(() -> two.run(job));
        GenerateRuns.Outcome here = one.run(job);

        assertThat(here.failure()).isNull();
        assertThat(beside.get().failure()).isNull();
        assertThat(here.lostClaims() + beside.get().lostClaims()).isZero();
        everyItemIsPaidOnce(job, 60);
        assertThat(door.accepted()).hasSize(12);
    }

    @Test
    void aBatchThatItsProviderDoesNotKnowIsNotPaidForAgainUntilAPersonSaysSo() throws Exception {
        door.take(Duration.ofHours(1)).watch(moment -> {
            if (moment == Moment.LOOKED_AT) {
                door.accepted().forEach(door::delete);
            }
        });
        UUID job = enqueue(5, Delivery.BATCH);

        BatchJob paused = run(job);

        assertThat(paused.status()).isEqualTo(JobStatus.PAUSED);
        assertThat(paused.statusReason()).containsPattern("msgbatch_\\d+ is not known .*another workspace");
        assertThat(door.posts()).isEqualTo(1);

        door.take(Duration.ofMillis(20)).watch(moment -> {});
        TimeUnit.MILLISECONDS.sleep(310); // as long as a batch that is lost may still turn up
        app.bean(BatchJobs.class).resume(job);

        assertThat(run(job).successfulItems()).isEqualTo(5);
        assertThat(door.posts()).isEqualTo(2);
        assertThat(app.bean(GenerationLogs.class).totals(job).unknownCost()).isEqualTo(5);
    }

    @Test
    void anAnswerThatCanBeKeptNowhereStaysWithTheProvider(@TempDir Path full) throws IOException {
        TestApplication one = another("parley.data=" + full);
        Path files = full.resolve("conversation-files");
        Path spool = full.resolve("answers");
        door.watch(moment -> {
            if (moment == Moment.ENDED) {
                FileSystemUtils.deleteRecursively(files.toFile());
                FileSystemUtils.deleteRecursively(spool.toFile());
                write(files);
                write(spool);
            }
        });
        UUID job = enqueue(5, Delivery.BATCH);

        assertThat(one.run(job).failure()).hasMessageContaining("stays with the provider");

        assertThat(app.job(job).status()).isEqualTo(JobStatus.PAUSED);
        assertThat(app.count("SELECT count(*) FROM batch_items WHERE status = 'processing'"))
                .isEqualTo(5);

        door.watch(moment -> {});
        Files.delete(files);
        Files.delete(spool);
        app.bean(BatchJobs.class).resume(job);
        assertThat(one.run(job).failure()).isNull();

        everyItemIsPaidOnce(job, 5);
    }

    private static void write(Path file) {
        try {
            Files.writeString(file, "in the way");
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Test
    void aBudgetIsKeptByWhatIsInBatches() {
        UUID job = enqueue(ITEMS, Delivery.BATCH);
        app.bean(BatchJobs.class).estimate(job, new BigDecimal("3.00"));
        app.jdbc().sql("UPDATE batch_jobs SET budget_usd = 1.05").update();

        BatchJob done = run(job);

        assertThat(door.posts()).isPositive();
        assertThat(app.count("SELECT max(item_count) FROM provider_batches")).isEqualTo(10);
        assertThat(done.actualCost()).isLessThanOrEqualTo(new BigDecimal("1.05"));
        theLedgerIsTheBill(job);
    }

    @Test
    void whatIsInABatchIsNotStuckAndNoBackfillReleasesIt() {
        door.take(Duration.ofHours(1)).watch(moment -> {
            if (moment == Moment.LOOKED_AT) {
                app.bean(GenerateRuns.class).stopNow();
            }
        });
        UUID job = enqueue(4, Delivery.BATCH);
        run(job);
        BrokenItems broken = app.bean(BrokenItems.class);

        assertThat(broken.countStuck()).isZero();
        assertThat(broken.releaseStuck()).isZero();
        assertThat(broken.findings()).isEmpty();
        assertThat(app.count("SELECT count(*) FROM batch_items WHERE status = 'processing'"))
                .isEqualTo(4);

        app.bean(BatchJobs.class).pause(job, "for the night");
        assertThat(broken.findings())
                .extracting(Finding::what, Finding::remedy)
                .containsExactly(tuple(
                        "1 batches of closed jobs are at their provider, and may have answers that are paid for",
                        "parley run takes them"));
    }

    @Test
    void whatFailedInABatchGoesByBatchAgainWhenItIsRetried() {
        door.decide((item, round) -> Outcome.INVALID);
        UUID job = enqueue(5, Delivery.BATCH);
        run(job);
        door.decide((item, round) -> Outcome.SUCCEEDED);

        app.bean(BatchJobs.class).requeue(job, FailedItems.ALL, false);
        run(job);

        everyItemIsPaidOnce(job, 5);
        assertThat(door.accepted()).hasSize(2);
        assertThat(liveCalls()).isZero();
    }

    @Test
    @Timeout(3_600)
    void whereverARunIsInterruptedTheNextOneGoesOnAndNothingIsPaidTwice() {
        app = another("parley.batches.max-requests=12");
        for (int seed = 1; seed <= SEEDS; seed++) {
            interruptAgainAndAgain(seed, anthropic.newBatches());
        }
    }

    private void interruptAgainAndAgain(int seed, FakeBatches door) {
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
        everyItemIsPaidOnce(job, ITEMS, door);
        app.jdbc().sql("DELETE FROM batch_jobs").update();
        app.jdbc().sql("DELETE FROM conversations").update();
    }
}
