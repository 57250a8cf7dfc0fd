package dev.parley.launch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.tuple;

import dev.parley.TestApplication;
import dev.parley.TestDatabase;
import dev.parley.batch.GenerateRuns;
import dev.parley.launch.Commands.Answer;
import dev.parley.provider.FakeAnswer;
import dev.parley.provider.FakeAnthropic;
import dev.parley.provider.FakeBatches;
import dev.parley.work.BatchJobs;
import dev.parley.work.Delivery;
import dev.parley.work.ErrorHandling;
import dev.parley.work.JobSettings;
import dev.parley.work.ProviderBatch.Status;
import dev.parley.work.ProviderBatches.Overview;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.UUID;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Batches on the command line. */
class BatchesTests {
    private static final FakeAnthropic anthropic = FakeAnthropic.start();
    private static final Pattern RANGE = Pattern.compile("\\$([0-9.]+) to \\$([0-9.]+) for 8");

    private static TestApplication app;

    @TempDir
    private static Path data;

    private final FakeBatches door = anthropic.newBatches();

    @BeforeAll
    static void start() {
        app = TestApplication.start(TestDatabase.H2, data, properties());
    }

    private static String[] properties(String... more) {
        return Stream.of(
                        Stream.of(anthropic.properties()),
                        Stream.of(
                                "logging.level.dev.parley=off",
                                "parley.limits.batch-requests-per-minute=0",
                                "parley.batches.poll-min=10ms",
                                "parley.batches.poll-max=20ms"),
                        Stream.of(more))
                .flatMap(each -> each)
                .toArray(String[]::new);
    }

    @AfterAll
    static void stop() {
        app.close();
        anthropic.close();
    }

    private static UUID enqueued(int items) {
        return app.enqueue(items, JobSettings.DEFAULTS.with(Delivery.BATCH), ErrorHandling.CONTINUE);
    }

    @Test
    void aPersonIsToldHowFarTheyAre() {
        Instant now = Instant.parse("2026-11-21T18:00:00Z");
        Overview underWay = new Overview(
                Status.IN_PROGRESS,
                1,
                100_000,
                81_200,
                0,
                0,
                0,
                0,
                now.minus(Duration.ofMinutes(42)),
                now.plus(Duration.ofMinutes(23 * 60 + 18)),
                null);
        Overview done = new Overview(
                Status.DONE, 3, 250_000, 0, 249_000, 900, 0, 100, now.minus(Duration.ofHours(5)), null, null);

        assertThat(BatchesText.lines(List.of(done, underWay), now))
                .containsExactly(
                        "done 250,000, in 3 batches, 249,000 succeeded, 900 errored, 100 expired",
                        "in_progress 81,200 of 100,000, oldest 42 min, expires in 23 h");
    }

    @Test
    void aRunByBatchSaysWhatBecameOfThem() {
        Answer run = Commands.on(app, "run", "jobs/demo.yaml", "--delivery=batch", "--yes", "--again");

        assertThat(run.code()).as(run.err()).isZero();
        assertThat(run.out()).contains("batches", "done 8, 8 succeeded").contains("8 of 8 items successful");
        assertThat(door.billed().values()).hasSize(8).containsOnly(1);
    }

    @Test
    void statusShowsThemToPeopleAndPrograms() {
        UUID job = enqueued(3);
        door.take(Duration.ofHours(1)).watch(moment -> {
            if (moment == FakeBatches.Moment.LOOKED_AT) {
                app.bean(GenerateRuns.class).requestStop();
            }
        });
        app.run(job);

        Answer text = Commands.on(app, "status", job.toString());
        JsonNode json = JsonMapper.shared()
                .readTree(Commands.on(app, "status", job.toString(), "--json").out());
        String again = Commands.on(app, "status", job.toString(), "--json").out();

        assertThat(text.out()).containsPattern("batches +in_progress 3 of 3, oldest \\d+ s, expires in 23 h");
        assertThat(json.path("delivery").asString()).isEqualTo("batch");
        assertThat(json.path("batches").size()).isEqualTo(1);
        assertThat(json.path("batches").path(0).propertyNames())
                .containsExactly(
                        "status",
                        "batches",
                        "items",
                        "processing",
                        "succeeded",
                        "errored",
                        "canceled",
                        "expired",
                        "oldest",
                        "expires",
                        "error");
        assertThat(json.path("batches").path(0).path("status").asString()).isEqualTo("in_progress");
        assertThat(JsonMapper.shared().readTree(again))
                .as("time alone changes nothing")
                .isEqualTo(json);
    }

    @Test
    void whoPausesOrCancelsEndsThemAtTheProviderAtOnce() {
        for (String command : List.of("pause", "cancel")) {
            UUID job = enqueued(2);
            door.take(Duration.ofHours(1)).watch(moment -> {
                if (moment == FakeBatches.Moment.LOOKED_AT) {
                    app.bean(GenerateRuns.class).requestStop();
                }
            });
            app.run(job);
            door.watch(moment -> {});

            Answer answer = Commands.on(app, command, job.toString());

            assertThat(answer.code()).isZero();
            assertThat(answer.out()).contains("1 batch was cancelled at the provider", "parley run --job " + job);
            assertThat(Commands.on(app, "run", "--job", job.toString(), "--yes").out())
                    .contains("done 2, 2 cancelled");
            assertThat(app.count("SELECT count(*) FROM batch_items WHERE status = 'processing'"))
                    .isZero();
            app.bean(BatchJobs.class).cancel(job, "the test is over");
        }
        assertThat(door.billed()).isEmpty();
    }

    @Test
    void whatIsStoredIsParsedAgainWithoutACallOrAKey() throws IOException {
        anthropic.answersOtherwise(FakeAnswer.text("Cats!"));
        UUID job = enqueued(3);
        app.run(job);
        anthropic.answersOtherwise(FakeAnswer.conversation());
        assertThat(app.bean(BatchJobs.class).failuresByCause(job))
                .extracting(BatchJobs.Cause::code, BatchJobs.Cause::items)
                .containsExactly(tuple("parse_failed", 3L));
        int calls = door.calls();
        mend(job, 1);
        mend(job, 3);

        Answer retried;
        try (TestApplication keyless =
                TestApplication.startAnother(TestDatabase.H2, data, properties("parley.anthropic.api-key="))) {
            retried = Commands.on(keyless, "retry", "--job", job.toString(), "--all", "--parse-only");
        }

        assertThat(retried.code()).as(retried.toString()).isEqualTo(ExitCode.FAILED_ITEMS);
        assertThat(retried.out())
                .contains("3 failed items are queued again; no call will be made for them", "2 of 3 items successful");
        assertThat(door.calls()).isEqualTo(calls);
        assertThat(anthropic.calls()).isZero();

        mend(job, 2);
        Answer all = Commands.on(app, "retry", "--job", job.toString(), "--all");

        assertThat(all.code()).as(all.toString()).isZero();
        assertThat(door.calls()).as("it was stored by then").isEqualTo(calls);
        assertThat(app.job(job).successfulItems()).isEqualTo(3);
    }

    /** As if the answer had been one that only this program's earlier version could not read. */
    private static void mend(UUID job, int position) throws IOException {
        String key = app.jdbc()
                .sql(
                        "SELECT CAST(conversation_key AS varchar) FROM batch_items WHERE batch_job_id = :job AND position = :position")
                .param("job", job)
                .param("position", position)
                .query(String.class)
                .single();
        Path raw;
        try (Stream<Path> files = Files.walk(data.resolve("conversation-files/raw"))) {
            raw = files.filter(file -> file.toString().contains(key))
                    .findFirst()
                    .orElseThrow();
        }
        String conversation =
                JsonMapper.shared().writeValueAsString(FakeAnswer.conversation().text());
        Files.writeString(raw, Files.readString(raw).replace("\"Cats!\"", conversation));
    }

    @Test
    void anEstimateIsAtThePriceOfBatches() {
        double[] live = estimate("live");
        double[] batch = estimate("batch");
        double[] both = estimate("batch-then-live");

        assertThat(batch[0]).isBetween(live[0] / 2 - 0.01, live[0] / 2 + 0.01);
        assertThat(batch[1]).as("what is kept for an hour costs more to write").isLessThan(live[1] * 0.7);
        assertThat(both).as("each item may come back from its batch").containsExactly(batch[0], live[1]);
    }

    private double[] estimate(String delivery) {
        Answer answer = Commands.on(app, "estimate", "jobs/demo.yaml", "--delivery=" + delivery);
        Matcher range = RANGE.matcher(answer.out());
        assertThat(range.find()).as(answer.toString()).isTrue();
        return new double[] {Double.parseDouble(range.group(1)), Double.parseDouble(range.group(2))};
    }

    @Test
    void whatCannotGoByBatchIsToldBeforeAnythingIsDone() throws IOException {
        Path file = data.resolve("offline.yaml");
        Files.writeString(file, Files.readString(Path.of("jobs/demo.yaml")) + "\nprovider: offline\ndelivery: batch\n");
        long before = app.count("SELECT count(*) FROM batch_jobs");

        Answer offline = Commands.on(app, "run", file.toString());
        Answer unknown = Commands.on(app, "run", "jobs/demo.yaml", "--delivery=post");

        assertThat(offline.code()).isEqualTo(2);
        assertThat(offline.err()).contains("offline.yaml", "delivery", "takes no batches");
        assertThat(unknown.code()).isEqualTo(2);
        assertThat(unknown.err()).contains("--delivery", "'post' is not one of live, batch, batch-then-live");
        assertThat(app.count("SELECT count(*) FROM batch_jobs")).isEqualTo(before);
    }
}
