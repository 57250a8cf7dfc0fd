package dev.parley.launch;

import static org.assertj.core.api.Assertions.assertThat;

import dev.parley.TestApplication;
import dev.parley.TestDatabase;
import dev.parley.launch.Commands.Answer;
import dev.parley.provider.FakeAnthropic;
import dev.parley.provider.FakeBatches;
import dev.parley.serve.Http;
import dev.parley.work.Delivery;
import dev.parley.work.ErrorHandling;
import dev.parley.work.JobSettings;
import java.nio.file.Path;
import java.time.Duration;
import java.util.UUID;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;

/** Jobs by batch, worked off by {@code parley serve} and looked after over HTTP. */
@Timeout(value = 2, unit = TimeUnit.MINUTES, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class ServedBatchesTests {
    private static final Duration TOMORROW = Duration.ofHours(24);

    private final ExecutorService background = Executors.newSingleThreadExecutor();
    private final FakeAnthropic anthropic = FakeAnthropic.start();
    private final FakeBatches door = anthropic.batches();

    @TempDir
    private Path data;

    private TestApplication app;
    private Http http;
    private Future<Answer> serving;

    @BeforeEach
    void start() {
        app = TestApplication.startServing(TestDatabase.POSTGRESQL, data, properties());
        serve();
    }

    private String[] properties() {
        return Stream.concat(
                        Stream.of(anthropic.properties()),
                        Stream.of("parley.batches.poll-min=20ms", "parley.batches.poll-max=50ms"))
                .toArray(String[]::new);
    }

    private void serve() {
        http = new Http(app.address());
        serving = background.submit(() -> Commands.on(app, "serve", "--yes"));
    }

    private void stopServing() throws Exception {
        app.bean(Serving.class).stop();
        assertThat(serving.get(30, TimeUnit.SECONDS).code()).isEqualTo(ExitCode.STOPPED);
    }

    private void serveAgain() {
        app.close();
        app = TestApplication.startServingAnother(TestDatabase.POSTGRESQL, data, properties());
        serve();
    }

    @AfterEach
    void close() throws Exception {
        stopServing();
        background.shutdown();
        app.close();
        anthropic.close();
    }

    private UUID enqueued(int items) {
        return app.enqueue(items, JobSettings.DEFAULTS.with(Delivery.BATCH), ErrorHandling.CONTINUE);
    }

    private JsonNode await(UUID job, Predicate<JsonNode> state) throws InterruptedException {
        JsonNode shown = http.get("/api/jobs/" + job).json();
        while (!state.test(shown)) {
            TimeUnit.MILLISECONDS.sleep(20);
            shown = http.get("/api/jobs/" + job).json();
        }
        return shown;
    }

    private static Predicate<JsonNode> batchIs(String status) {
        return job -> job.at("/batches/0/status").asString("").equals(status);
    }

    private static Predicate<JsonNode> is(String status) {
        return job -> job.get("status").asString().equals(status);
    }

    @Test
    void whatIsUnderWayWhenTheServerEndsIsTakenUpAgainByTheNextOne() throws Exception {
        door.take(TOMORROW);
        UUID job = enqueued(4);
        JsonNode underWay = await(job, batchIs("in_progress"));
        stopServing();

        serveAgain();
        assertThat(http.get("/api/jobs/" + job).json().get("batches")).isEqualTo(underWay.get("batches"));
        door.end();
        JsonNode done = await(job, is("completed"));

        assertThat(done.get("successful").asInt()).isEqualTo(4);
        assertThat(door.posts()).isEqualTo(1);
        assertThat(door.billed().values()).hasSize(4).containsOnly(1);
    }

    @Test
    void whoPausesOrCancelsEndsTheBatchesAtTheProviderAndTheServerTakesWhatTheyCameTo() throws Exception {
        door.take(TOMORROW);
        UUID paused = enqueued(3);
        await(paused, batchIs("in_progress"));

        assertThat(http.post("/api/jobs/" + paused + "/pause", "{}").status()).isEqualTo(200);
        JsonNode ended = await(paused, batchIs("done"));
        assertThat(ended.at("/batches/0/canceled").asInt()).isEqualTo(3);
        assertThat(ended.get("status").asString()).isEqualTo("paused");
        assertThat(ended.get("failed").asInt()).isZero();

        http.post("/api/jobs/" + paused + "/resume", "{}");
        await(paused, job -> door.posts() == 2);
        door.end();
        assertThat(await(paused, is("completed")).get("successful").asInt()).isEqualTo(3);

        UUID cancelled = enqueued(2);
        await(cancelled, batchIs("in_progress"));
        assertThat(http.post("/api/jobs/" + cancelled + "/cancel", "{}").status())
                .isEqualTo(200);
        await(cancelled, job -> batchIs("done").test(job) && job.get("failed").asInt() == 2);
        assertThat(door.billed().values())
                .as("of the first job only")
                .hasSize(3)
                .containsOnly(1);
    }

    @Test
    void aServerTakesTheBatchesOfAJobThatWasClosedWhileNoneRan() throws Exception {
        door.take(TOMORROW);
        UUID job = enqueued(2);
        await(job, batchIs("in_progress"));
        stopServing();
        door.end(); // all of it is answered, and billed
        app.bean(JobControl.class).pause(job, "for the night");

        serveAgain();
        JsonNode taken = await(
                job, it -> batchIs("done").test(it) && it.get("successful").asInt() == 2);

        assertThat(door.posts()).isEqualTo(1);
        assertThat(taken.get("costUsd").decimalValue()).isPositive();
    }
}
