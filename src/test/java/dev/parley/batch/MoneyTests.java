package dev.parley.batch;

import static org.assertj.core.api.Assertions.assertThat;

import dev.parley.TestApplication;
import dev.parley.TestDatabase;
import dev.parley.generation.GenerationLogs;
import dev.parley.provider.FakeAnswer;
import dev.parley.provider.FakeAnswer.Delivery;
import dev.parley.provider.FakeAnthropic;
import dev.parley.provider.TokenUsage;
import dev.parley.work.BatchItems;
import dev.parley.work.BatchJob;
import dev.parley.work.BatchJobs;
import dev.parley.work.ClaimOwner;
import dev.parley.work.JobStatus;
import java.math.BigDecimal;
import java.math.RoundingMode;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.UUID;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

@DisplayName("Every cent is accounted for, and no budget exceeded")
@ParameterizedClass
@EnumSource(TestDatabase.class)
class MoneyTests {
    /** 10,000 take about a minute on two cores. */
    private static final int ITEMS = Integer.getInteger("parley.test.money-items", 2_000);

    private final TestDatabase database;
    private final List<TestApplication> started = new ArrayList<>();

    @TempDir
    private Path data;

    private FakeAnthropic anthropic;
    private TestApplication app;

    MoneyTests(TestDatabase database) {
        this.database = database;
    }

    @BeforeEach
    void start() {
        anthropic = FakeAnthropic.start();
        app = startOne();
    }

    @AfterEach
    void stop() {
        started.forEach(TestApplication::close);
        anthropic.close();
    }

    private TestApplication startOne() {
        TestApplication one = TestApplication.start(
                database,
                data,
                Stream.concat(
                                Stream.of(anthropic.properties()),
                                Stream.of("logging.level.dev.parley=off", "parley.generate.concurrency=16"))
                        .toArray(String[]::new));
        started.add(one);
        return one;
    }

    @Test
    void theLedgerEqualsTheProvidersBillToTheCentWhateverGoesWrong() {
        UUID job = app.enqueue(ITEMS);
        Random chance = new Random(7);
        int unknown = 0;
        for (UUID key : app.jdbc()
                .sql("SELECT conversation_key FROM batch_items ORDER BY position")
                .query(UUID.class)
                .list()) {
            for (int n = chance.nextInt(100) < 30 ? 1 + chance.nextInt(2) : 0; n > 0; n--) {
                Fault fault = Fault.values()[chance.nextInt(Fault.values().length)];
                anthropic.answersTo(key.toString(), fault.answer);
                unknown += fault.costIsUnknown ? 1 : 0;
                if (fault.isFinal) {
                    break; // a second answer would never be asked for
                }
            }
        }

        app.run(job);

        BatchJob done = app.job(job);
        GenerationLogs.Totals totals = app.bean(GenerationLogs.class).totals(job);
        assertThat(done.status()).isEqualTo(JobStatus.COMPLETED);
        assertThat(done.completedItems()).isEqualTo(ITEMS);
        assertThat(app.bean(BatchJobs.class).failuresByCause(job))
                .extracting(BatchJobs.Cause::code)
                .containsExactlyInAnyOrder(
                        "refused", "invalid_request", "malformed_envelope", "parse_failed", "empty_answer");
        assertThat(totals.calls()).isEqualTo(anthropic.calls());
        assertThat(totals.costUsd()).isEqualByComparingTo(price(anthropic.deliveredUsage()));
        assertThat(done.actualCost()).isEqualByComparingTo(totals.costUsd());
        assertThat(app.jdbc()
                        .sql("SELECT sum(cost_usd) FROM conversations")
                        .query(BigDecimal.class)
                        .single())
                .isEqualByComparingTo(totals.costUsd());
        assertThat(totals.unknownCost()).isEqualTo(unknown);
        assertThat(app.count("SELECT unknown_cost_calls FROM batch_jobs")).isEqualTo(unknown);
        assertThat(totals.inputTokens()).isEqualTo(anthropic.deliveredUsage().prompt());
        assertThat(totals.cacheReadTokens())
                .isPositive()
                .isEqualTo(anthropic.deliveredUsage().cacheRead());
        System.out.printf(
                "%s: %d items, %d calls, $%s, %d of unknown cost%n",
                database, ITEMS, totals.calls(), totals.costUsd(), totals.unknownCost());
    }

    @Test
    void anAnswerThatIsReadAgainIsNotCountedAgain() {
        UUID job = app.enqueue(2);
        app.run(job);
        BigDecimal before = app.job(job).actualCost();
        app.jdbc()
                .sql("UPDATE batch_items SET conversation_id = NULL, status = 'queued'")
                .update();
        app.jdbc().sql("DELETE FROM conversations").update();
        app.jdbc()
                .sql("UPDATE batch_jobs SET status = 'queued', successful_items = 0, completed_items = 0")
                .update();

        app.run(job);

        assertThat(app.job(job).successfulItems()).isEqualTo(2);
        assertThat(app.job(job).actualCost()).isPositive().isEqualByComparingTo(before);
    }

    @ParameterizedTest(name = "{0} processes")
    @ValueSource(ints = {1, 3})
    void aBudgetIsNeverExceededByHoweverManyProcesses(int processes) throws Exception {
        while (started.size() < processes) {
            startOne();
        }
        anthropic.answersOtherwise(FakeAnswer.conversation().after(Duration.ofMillis(20)));
        app.run(app.enqueue(1)); // the template's prefix is in the provider's cache now
        BigDecimal before = price(anthropic.totalUsage());
        app.run(app.enqueue(1));
        BigDecimal one = price(anthropic.totalUsage()).subtract(before);
        UUID job = app.enqueue(60);
        BigDecimal budget = one.multiply(new BigDecimal("20.5")).setScale(4, RoundingMode.HALF_UP);
        app.bean(BatchJobs.class).setBudget(job, budget);
        int callsBefore = anthropic.calls();

        runEverywhere(job);

        BatchJob paused = app.job(job);
        assertThat(anthropic.calls() - callsBefore).isEqualTo(20);
        assertThat(paused.actualCost())
                .isLessThanOrEqualTo(budget)
                .isEqualByComparingTo(one.multiply(BigDecimal.valueOf(20)));
        assertThat(paused.status()).isEqualTo(JobStatus.PAUSED);
        assertThat(paused.statusReason()).startsWith("budget of $").contains(" reached: $", "the next call may cost $");
        assertThat(app.count("SELECT count(*) FROM batch_items WHERE status = 'processing'"))
                .isZero();

        app.bean(BatchJobs.class).setBudget(job, new BigDecimal("1000"));
        app.bean(BatchJobs.class).resume(job);
        runEverywhere(job);

        assertThat(app.job(job).status()).isEqualTo(JobStatus.COMPLETED);
        assertThat(app.job(job).successfulItems()).isEqualTo(60);
        assertThat(anthropic.calls() - callsBefore).isEqualTo(60);
    }

    @Test
    void callsOfUnknownCostAreSetDownAgainstTheBudget() {
        UUID job = app.enqueue(30);
        BatchJobs jobs = app.bean(BatchJobs.class);
        app.run(app.enqueue(1));
        BigDecimal dearest = price(anthropic.totalUsage());
        jobs.setBudget(job, dearest.multiply(new BigDecimal("10.5")).setScale(4, RoundingMode.HALF_UP));
        jobs.estimate(job, dearest.multiply(BigDecimal.valueOf(30)));
        anthropic.answersOtherwise(FakeAnswer.cut());

        app.run(job);

        assertThat(app.job(job).status()).isEqualTo(JobStatus.PAUSED);
        assertThat(app.job(job).statusReason()).contains("10 calls of unknown cost");
        assertThat(price(anthropic.totalUsage())).isLessThanOrEqualTo(dearest.multiply(BigDecimal.valueOf(11)));
    }

    @Test
    void whatADeadProcessHadInHandMayHaveBeenPaidTwiceUnlessItsAnswerIsStored() {
        UUID job = app.enqueue(3);
        BatchItems items = app.bean(BatchItems.class);
        assertThat(items.claim(List.of(job), 2, new ClaimOwner(-99, Duration.ofSeconds(3))))
                .hasSize(2);
        app.jdbc()
                .sql(
                        "UPDATE batch_items SET lease_until = CURRENT_TIMESTAMP - INTERVAL '1' MINUTE WHERE status = 'processing'")
                .update();

        app.run(job);

        assertThat(app.bean(GenerationLogs.class).totals(job).unknownOutcome()).isEqualTo(2);
        assertThat(app.bean(GenerationLogs.class).totals(job).unknownCost()).isEqualTo(2);
        assertThat(anthropic.calls()).isEqualTo(3);

        app.jdbc()
                .sql("UPDATE batch_items SET conversation_id = NULL, status = 'queued', unanswered = 3")
                .update();
        app.jdbc()
                .sql("UPDATE batch_jobs SET status = 'queued', successful_items = 0, completed_items = 0")
                .update();
        app.run(job);

        assertThat(anthropic.calls()).as("the answers are stored").isEqualTo(3);
        assertThat(app.bean(GenerationLogs.class).totals(job).unknownOutcome()).isEqualTo(2);
    }

    @Test
    void aCallThatAStopCutsShortCostsNoAttemptButMayHaveBeenPaidFor() throws Exception {
        UUID job = app.enqueue(6);
        anthropic.answersOtherwise(FakeAnswer.hang());
        Thread stopper = new Thread(() -> {
            anthropic.awaitCalls(6);
            app.bean(GenerateRuns.class).stopNow();
        });
        stopper.start();
        app.run(job);
        stopper.join();

        assertThat(app.count(
                        "SELECT count(*) FROM batch_items WHERE status = 'queued' AND attempts = 0 AND unanswered = 1"))
                .isEqualTo(6);
    }

    private void runEverywhere(UUID job) throws InterruptedException {
        List<Thread> runs =
                started.stream().map(one -> new Thread(() -> one.run(job))).toList();
        runs.forEach(Thread::start);
        for (Thread run : runs) {
            run.join();
        }
    }

    /** By the price list as delivered: Sonnet 5.5. */
    private static BigDecimal price(TokenUsage usage) {
        return BigDecimal.valueOf(2 * usage.input() + 10 * usage.output())
                .add(new BigDecimal("0.10").multiply(BigDecimal.valueOf(usage.cacheRead())))
                .add(new BigDecimal("2.50").multiply(BigDecimal.valueOf(usage.cacheWrite5m())))
                .movePointLeft(6);
    }

    private enum Fault {
        RATE_LIMITED(FakeAnswer.rateLimited(Duration.ZERO), false, false),
        RATE_LIMITED_WITHOUT_RETRY_AFTER(FakeAnswer.rateLimited(), false, false),
        RAMP_LIMITED(FakeAnswer.rampLimited(Duration.ZERO), false, false),
        OVERLOADED(FakeAnswer.overloaded(), false, false),
        SERVER_ERROR(FakeAnswer.serverError(), false, false),
        BAD_GATEWAY(FakeAnswer.raw(502, "<html>Bad Gateway</html>"), false, false),
        RESET(FakeAnswer.reset(), true, false),
        CLOSED(FakeAnswer.conversation().delivered(Delivery.CLOSE), true, false),
        CUT(FakeAnswer.cut(), true, false),
        CUT_CHUNKED(FakeAnswer.conversation().delivered(Delivery.CUT_CHUNKED), true, false),
        TRUNCATED(FakeAnswer.truncated(), false, true),
        REFUSED(FakeAnswer.refusal(), false, true),
        EMPTY(FakeAnswer.text(""), false, true),
        NO_DOCUMENT(FakeAnswer.text("I would rather talk about cats."), false, true),
        NO_ENVELOPE(FakeAnswer.raw(200, "<html>Welcome</html>"), true, true),
        INVALID_REQUEST(FakeAnswer.invalidRequest("prompt is not acceptable"), false, true);

        private final FakeAnswer answer;
        private final boolean costIsUnknown;
        /** Whether the item fails, or asks with a changed request and thus another key. */
        private final boolean isFinal;

        Fault(FakeAnswer answer, boolean costIsUnknown, boolean isFinal) {
            this.answer = answer;
            this.costIsUnknown = costIsUnknown;
            this.isFinal = isFinal;
        }
    }
}
