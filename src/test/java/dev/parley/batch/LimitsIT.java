package dev.parley.batch;

import static org.assertj.core.api.Assertions.assertThat;

import dev.parley.PackagedParley;
import dev.parley.TestApplication;
import dev.parley.TestDatabase;
import dev.parley.provider.FakeAnswer;
import dev.parley.provider.FakeAnthropic;
import dev.parley.work.BatchJob;
import dev.parley.work.JobStatus;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Real processes with 64 lanes each, and a provider that takes 1,800 calls a minute, a second's worth of them at once, and
 * tells so with its answers. The bounds leave room for a busy machine; the figures are printed.
 */
@DisplayName("A limit is used up and hardly ever run into, by one process or by three")
class LimitsIT {
    private static final int PER_MINUTE = 1_800;
    private static final int LANES = 64;
    private static final int ITEMS = Integer.getInteger("parley.test.limit-items", 400);

    @TempDir
    private Path data;

    private final List<Process> started = new ArrayList<>();
    private FakeAnthropic anthropic;
    private TestApplication app;

    @BeforeEach
    void start() {
        anthropic = FakeAnthropic.start();
        app = TestApplication.start(TestDatabase.POSTGRESQL, data, anthropic.properties());
    }

    @AfterEach
    void stop() {
        started.forEach(Process::destroyForcibly);
        app.close();
        anthropic.close();
    }

    @ParameterizedTest(name = "{0}")
    @ValueSource(ints = {1, 3})
    void theLimitIsUsed(int processes) throws Exception {
        UUID job = app.enqueue(ITEMS);
        anthropic.allows(PER_MINUTE, PER_MINUTE / 60);
        anthropic.answersOtherwise(FakeAnswer.conversation().after(Duration.ofMillis(200)));

        for (int n = 0; n < processes; n++) {
            started.add(launch(job));
        }
        anthropic.awaitCalls(1);
        long begun = System.nanoTime();
        int calls = 1;
        while (calls < ITEMS) { // it waits half a minute for each step, not for the whole
            calls = Math.min(ITEMS, calls + 100);
            anthropic.awaitCalls(calls);
        }
        double seconds = (System.nanoTime() - begun) / 1e9;
        for (Process process : started) {
            assertThat(process.waitFor(3, TimeUnit.MINUTES)).isTrue();
            assertThat(process.exitValue()).isZero();
        }

        double used = (ITEMS - 1 - anthropic.refused()) / (seconds * PER_MINUTE / 60);
        double refused = (double) anthropic.refused() / anthropic.calls();
        System.out.printf(
                "%d processes of %d lanes: %.1f %% of the limit used, %d of %d calls refused (%.2f %%)%n",
                processes, LANES, 100 * used, anthropic.refused(), anthropic.calls(), 100 * refused);
        BatchJob done = app.job(job);
        assertThat(done.status()).isEqualTo(JobStatus.COMPLETED);
        assertThat(done.successfulItems()).isEqualTo(ITEMS);
        assertThat(used).isGreaterThan(0.6);
        assertThat(refused).isLessThan(0.01);
    }

    private Process launch(UUID job) throws IOException {
        List<String> command = PackagedParley.command("256m");
        command.addAll(List.of(
                "run",
                "--job=" + job,
                "--yes",
                "--concurrency=" + LANES,
                "--spring.datasource.url=" + TestDatabase.POSTGRESQL.url(),
                "--spring.datasource.username=" + TestDatabase.POSTGRESQL.username(),
                "--logging.level.root=error",
                "--parley.data=" + data));
        Arrays.stream(anthropic.properties())
                .filter(property -> !property.startsWith("parley.limits"))
                .forEach(property -> command.add("--" + property));
        return new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(
                        data.resolve("process-" + started.size() + ".out").toFile())
                .start();
    }
}
