package dev.parley.launch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.parley.TestApplication;
import dev.parley.TestDatabase;
import dev.parley.catalog.InvalidFileException;
import dev.parley.launch.Commands.Answer;
import dev.parley.provider.FakeAnthropic;
import dev.parley.work.BatchJob;
import dev.parley.work.BatchJobs;
import dev.parley.work.JobStatus;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
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
import org.springframework.context.ApplicationContext;
import org.springframework.transaction.PlatformTransactionManager;
import org.springframework.transaction.support.TransactionTemplate;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Ticks of scheduled job files, by a clock that only the test moves. */
@ParameterizedClass
@EnumSource(TestDatabase.class)
@Timeout(value = 2, unit = TimeUnit.MINUTES, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class SchedulerTests {
    private static final String PRODUCT = "personas: [pragmatic_optimist]\narcs: [confusion_to_clarity]\ntopics:"
            + " [aee7b6c2-42e2-4ef4-8184-be12abe38eb5]\n";

    private final TestDatabase database;
    private final ExecutorService background = Executors.newCachedThreadPool();
    private final List<TestApplication> apps = new ArrayList<>();
    private final HandClock clock = new HandClock();
    private final StringWriter out = new StringWriter();

    @TempDir
    private Path data;

    private FakeAnthropic anthropic;
    private TestApplication app;

    SchedulerTests(TestDatabase database) {
        this.database = database;
    }

    private static final class HandClock extends Clock {
        private volatile Instant now = Instant.parse("2026-11-21T01:59:00Z");

        @Override
        public Instant instant() {
            return now;
        }

        void moveTo(String time) {
            now = Instant.parse(time);
        }

        void move(Duration by) {
            now = now.plus(by);
        }

        @Override
        public ZoneId getZone() {
            return ZoneOffset.UTC;
        }

        @Override
        public Clock withZone(ZoneId zone) {
            return this;
        }
    }

    @BeforeEach
    void start() {
        anthropic = FakeAnthropic.start();
        app = TestApplication.start(database, data.resolve("data"), anthropic.properties());
        apps.add(app);
    }

    @AfterEach
    void close() {
        background.shutdownNow();
        apps.forEach(TestApplication::close);
        anthropic.close();
    }

    private Path file(String schedule) throws IOException {
        return Files.writeString(data.resolve("nightly.yaml"), "name: Nightly\n" + PRODUCT + "schedule: " + schedule);
    }

    private Scheduler scheduler(TestApplication of, Path file) {
        Scheduler scheduler = new Scheduler(
                of.bean(Schedules.class),
                of.bean(JobFiles.class),
                of.bean(BatchJobs.class),
                of.bean(Confirmation.class),
                new ScheduleSettings(true, Duration.ofMinutes(1)),
                clock,
                of.bean(PlatformTransactionManager.class));
        scheduler.register(of.bean(JobFiles.class).schedules(List.of(file)));
        return scheduler;
    }

    /** The second look shows that a tick is had once. */
    private Schedules.Row look(Scheduler scheduler) {
        look(scheduler, true);
        return app.bean(Schedules.class).all().get(0);
    }

    private void look(Scheduler scheduler, boolean yes) {
        scheduler.look(yes, new PrintWriter(out));
        scheduler.look(yes, new PrintWriter(out));
    }

    private List<BatchJob> jobs() {
        return app.bean(BatchJobs.class).newestFirst(1_000);
    }

    @Test
    void aNewJobIsMadeAtEachTickUnlessTheLastOneIsNotThrough() throws IOException { // A76
        Scheduler scheduler = scheduler(app, file("{cron: 0 0 2 * * *, each-run: new-job}"));

        assertThat(look(scheduler).outcome()).as("not due yet").isNull();
        assertThat(jobs()).isEmpty();

        clock.moveTo("2026-11-21T02:00:00Z");
        Schedules.Row first = look(scheduler);
        assertThat(first.outcome()).isEqualTo("enqueued");
        assertThat(first.lastTick()).isEqualTo("2026-11-21T02:00:00Z");
        assertThat(jobs()).extracting(BatchJob::id).containsExactly(first.job());

        clock.moveTo("2026-11-22T02:00:30Z");
        Schedules.Row second = look(scheduler);
        assertThat(second.outcome()).isEqualTo("overlapped");
        assertThat(second.detail()).contains(first.job() + " is queued still");
        assertThat(jobs()).hasSize(1);

        app.run(first.job());
        clock.moveTo("2026-11-23T02:00:00Z");
        Schedules.Row third = look(scheduler);
        assertThat(third.outcome()).isEqualTo("enqueued");
        assertThat(third.job()).isNotEqualTo(first.job());
        assertThat(jobs()).hasSize(2);

        app.bean(BatchJobs.class).pause(third.job(), "no credit");
        clock.moveTo("2026-11-24T02:00:00Z");
        assertThat(look(scheduler).detail()).contains("is paused still");
    }

    @Test
    void withNothingPendingATickMakesNothing() throws IOException { // A76
        Scheduler scheduler = scheduler(app, file("{cron: 0 0 2 * * *}"));

        clock.moveTo("2026-11-21T02:00:00Z");
        Schedules.Row first = look(scheduler);
        clock.moveTo("2026-11-22T02:00:00Z");
        Schedules.Row second = look(scheduler);
        app.run();
        clock.moveTo("2026-11-23T02:00:00Z");
        Schedules.Row third = look(scheduler);

        assertThat(List.of(first, second, third))
                .extracting(Schedules.Row::outcome)
                .containsExactly("enqueued", "pending", "nothing-pending");
        assertThat(second.detail()).endsWith("has 1 to do");
        assertThat(jobs()).hasSize(1);
    }

    @Test
    void aMissedTickIsSkipped() throws IOException {
        Path file = file("{cron: 0 0 2 * * *, each_run: new-job, missed: skip}");
        scheduler(app, file);

        clock.moveTo("2026-11-24T09:00:00Z");
        Scheduler later = scheduler(app, file); // as after a night without a process
        Schedules.Row missed = look(later);
        clock.moveTo("2026-11-25T02:00:59Z");

        assertThat(missed.outcome()).isEqualTo("missed");
        assertThat(missed.lastTick()).isEqualTo("2026-11-24T02:00:00Z");
        assertThat(jobs()).isEmpty();
        assertThat(look(later).outcome()).as("a little late is in time").isEqualTo("enqueued");
    }

    @Test
    void orMadeUpForOnceHoweverManyWere() throws IOException {
        Path file = file("{cron: 0 0 2 * * *, each_run: new-job, missed: run-once}");
        scheduler(app, file);

        clock.moveTo("2026-11-24T09:00:00Z");
        Scheduler later = scheduler(app, file);

        assertThat(look(later).outcome()).isEqualTo("enqueued");
        assertThat(jobs()).hasSize(1);
    }

    @Test
    void aChangedTimeMissesNothingThatItNeverPromised() throws IOException {
        scheduler(app, file("{cron: 0 0 2 * * *, each_run: new-job, missed: run-once}"));

        clock.moveTo("2026-11-21T01:59:30Z");
        Scheduler changed = scheduler(app, file("{cron: 0 30 1 * * *, each_run: new-job, missed: run-once}"));

        Schedules.Row row = look(changed);
        assertThat(row.cron()).isEqualTo("0 30 1 * * *");
        assertThat(row.outcome()).isNull();
        assertThat(jobs()).isEmpty();
    }

    @Test
    void twoSchedulersOverOneDatabaseHaveEachTickOnce() throws Exception { // A76
        TestApplication another = TestApplication.startAnother(database, data.resolve("other"), anthropic.properties());
        apps.add(another);
        Path file = file("{cron: '* * * * * *', each_run: new-job}");
        List<Scheduler> schedulers = List.of(scheduler(app, file), scheduler(another, file));
        int ticks = 20;

        for (int tick = 0; tick < ticks; tick++) {
            clock.move(Duration.ofSeconds(1));
            List<Future<?>> looks = schedulers.stream()
                    .<Future<?>>map(each -> background.submit(() -> look(each, true)))
                    .toList();
            for (Future<?> look : looks) {
                look.get();
            }
            app.jdbc().sql("UPDATE batch_jobs SET status = 'completed'").update(); // as a run would
        }

        assertThat(jobs()).hasSize(ticks);
        assertThat(out.toString().lines().filter(line -> line.contains("enqueued: job")))
                .as("told by whoever had it")
                .hasSize(ticks);
    }

    @Test
    void aTickWhoseProcessDiesHalfWayIsHadByAnother() throws IOException {
        Path file = file("{cron: 0 0 2 * * *, each_run: new-job}");
        Scheduler another = scheduler(app, file);
        clock.moveTo("2026-11-21T02:00:00Z");

        new TransactionTemplate(app.bean(PlatformTransactionManager.class)).executeWithoutResult(dying -> {
            assertThat(app.bean(Schedules.class).take("nightly.yaml", clock.instant()))
                    .isTrue();
            app.bean(JobFiles.class).enqueue(List.of(file), true);
            dying.setRollbackOnly();
        });

        assertThat(look(another).outcome()).isEqualTo("enqueued");
        assertThat(jobs()).hasSize(1);
    }

    @Test
    void aFileThatHasGoneWrongFailsItsTickAndNotTheNext() throws IOException {
        Path file = file("{cron: 0 0 2 * * *, each_run: new-job}");
        Scheduler scheduler = scheduler(app, file);
        String good = Files.readString(file);

        Files.writeString(file, good.replace("confusion_to_clarity", "nonsense"));
        clock.moveTo("2026-11-21T02:00:00Z");
        Schedules.Row failed = look(scheduler);
        Files.writeString(file, good);
        clock.moveTo("2026-11-22T02:00:00Z");
        Schedules.Row mended = look(scheduler);

        assertThat(failed.outcome()).isEqualTo("failed");
        assertThat(failed.detail()).contains("nightly.yaml:3: arcs[0]: there is no arc 'nonsense'");
        assertThat(mended.outcome()).isEqualTo("enqueued");
        assertThat(jobs()).hasSize(1);
    }

    @Test
    void whatWouldNeedAYesIsPausedAndSaysSo() throws IOException {
        Path file = file("{cron: 0 0 2 * * *, each_run: new-job}");
        TestApplication careful = TestApplication.startAnother(
                database,
                data.resolve("careful"),
                java.util.stream.Stream.concat(
                                java.util.Arrays.stream(anthropic.properties()),
                                java.util.stream.Stream.of("parley.confirm-above-usd=0.0001"))
                        .toArray(String[]::new));
        apps.add(careful);
        Scheduler scheduler = scheduler(careful, file);

        clock.moveTo("2026-11-21T02:00:00Z");
        look(scheduler, false);
        BatchJob paused = jobs().get(0);
        app.bean(BatchJobs.class).cancel(paused.id(), "test");
        clock.moveTo("2026-11-22T02:00:00Z");
        look(scheduler, true);

        assertThat(paused.status()).isEqualTo(JobStatus.PAUSED);
        assertThat(paused.statusReason()).contains("more than parley.confirm-above-usd = 0.0001");
        assertThat(paused.estimatedCost()).isPositive();
        assertThat(jobs().get(0).status()).isEqualTo(JobStatus.QUEUED);
    }

    @Test
    void aScheduleIsSeenInStatus() throws IOException {
        Scheduler scheduler = scheduler(app, file("{cron: 0 0 2 * * *, zone: Europe/Berlin, each_run: new-job}"));
        assertThat(Commands.on(app, "status", "--schedules").out()).contains("nightly.yaml", "none yet");
        clock.moveTo("2026-11-22T01:00:00Z");
        look(scheduler);

        Answer text = Commands.on(app, "status");
        JsonNode json = JsonMapper.shared()
                .readTree(Commands.on(app, "status", "--schedules", "--json").out());

        assertThat(text.out()).contains("SCHEDULE", "nightly.yaml", "enqueued: ");
        assertThat(text.lines()).allSatisfy(line -> assertThat(line.length()).isLessThanOrEqualTo(80));
        assertThat(json.get(0).propertyNames())
                .containsExactly(
                        "name",
                        "cron",
                        "zone",
                        "eachRun",
                        "missed",
                        "lastTick",
                        "outcome",
                        "detail",
                        "job",
                        "nextTick");
        assertThat(json.at("/0/lastTick").asString()).isEqualTo("2026-11-22T01:00:00Z");
        assertThat(Instant.parse(json.at("/0/nextTick").asString())).isAfter(Instant.parse("2026-01-01T00:00:00Z"));
    }

    @Test
    void aWrongScheduleIsRefusedWithLineAndRemedy() {
        assertThatThrownBy(() -> scheduler(app, file("{cron: 0 2 * * *}")))
                .isInstanceOf(InvalidFileException.class)
                .hasMessageContaining("nightly.yaml:5: schedule")
                .hasMessageContaining("6 fields");
        assertThatThrownBy(() -> scheduler(app, file("{cron: 0 0 2 * * *, zone: Berlin}")))
                .hasMessageContaining("write one such as Europe/Berlin");
        assertThatThrownBy(() -> scheduler(app, file("{cron: 0 0 2 * * *, each_run: always}")))
                .hasMessageContaining("schedule.each_run")
                .hasMessageContaining("new-job, pending-only");
        assertThatThrownBy(() -> scheduler(app, file("{zone: UTC}"))).hasMessageContaining("schedule.cron");
    }

    @Test
    void serveStartsWhatIsDueAndWorksItOffUntilItIsStopped() throws Exception {
        Path file = file("{cron: '* * * * * *', each_run: new-job}");
        Future<Answer> serving = background.submit(() -> Commands.on(app, "serve", file.toString(), "--yes"));

        while (app.count("SELECT count(*) FROM batch_jobs WHERE status = 'completed'") < 2) {
            TimeUnit.MILLISECONDS.sleep(50);
        }
        app.bean(Serving.class).stop();
        Answer answer = serving.get(20, TimeUnit.SECONDS);

        assertThat(answer.code()).as(answer.err()).isEqualTo(ExitCode.STOPPED);
        assertThat(answer.out())
                .contains("nightly.yaml is due * * * * * *, UTC", "enqueued: job", "1 of 1 items successful");
        assertThat(app.count("SELECT count(*) FROM batch_items WHERE status = 'processing'"))
                .isZero();
    }

    @Test
    void aSettingSwitchesSchedulesOff() throws Exception { // A76
        Path file = file("{cron: '* * * * * *'}");
        Serving serving = new Serving(
                app.bean(Scheduler.class),
                new ScheduleSettings(false, Duration.ofMinutes(1)),
                app.bean(JobFiles.class),
                app.bean(BatchJobs.class),
                app.bean(dev.parley.batch.GenerateRuns.class),
                app.bean(Launcher.class),
                app.bean(Summary.class),
                (ApplicationContext) app.beans());
        Future<Integer> served = background.submit(
                () -> serving.serve(List.of(file), Serving.Work.LEFT_TO_OTHERS, true, new PrintWriter(out)));
        while (!out.toString().contains("No schedules; leaving open jobs to others")) {
            TimeUnit.MILLISECONDS.sleep(20);
        }

        serving.stop();

        assertThat(served.get()).isEqualTo(ExitCode.STOPPED);
        assertThat(app.bean(Schedules.class).all()).isEmpty();
    }

    @Test
    void serveWithNoRunLeavesTheWorkToOthers() throws Exception {
        Path file = file("{cron: '* * * * * *'}");
        Future<Answer> serving = background.submit(() -> Commands.on(app, "serve", file.toString(), "--no-run"));

        while (app.count("SELECT count(*) FROM schedules WHERE outcome = 'pending'") < 1) {
            TimeUnit.MILLISECONDS.sleep(50);
        }
        app.bean(Serving.class).stop();

        assertThat(serving.get(20, TimeUnit.SECONDS).code()).isEqualTo(ExitCode.STOPPED);
        assertThat(jobs()).extracting(BatchJob::status).containsExactly(JobStatus.QUEUED);
        assertThat(anthropic.calls()).isZero();
        assertThat(Commands.on(app, "serve", "jobs/demo.yaml").err()).contains("jobs/demo.yaml has no schedule");
    }
}
