package dev.parley.batch;

import static org.assertj.core.api.Assertions.assertThat;

import dev.parley.PackagedParley;
import dev.parley.TestApplication;
import dev.parley.TestDatabase;
import dev.parley.batch.HaltingProcess.Boundary;
import dev.parley.generation.GenerationLogs;
import dev.parley.provider.FakeAnswer;
import dev.parley.provider.FakeAnthropic;
import dev.parley.work.BatchJob;
import dev.parley.work.JobStatus;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

@DisplayName("Never paid twice, whichever stage a process dies after")
class BoundaryIT {
    private static final long SEED = 20261121;
    private static final int ITEMS = 12;
    private static final int LANES = 4;

    @TempDir
    private Path data;

    private final Random random = new Random(SEED);
    private FakeAnthropic anthropic;
    private TestApplication app;

    @BeforeEach
    void start() {
        anthropic = FakeAnthropic.start();
        app = TestApplication.start(TestDatabase.POSTGRESQL, data, properties());
    }

    @AfterEach
    void stop() {
        app.close();
        anthropic.close();
    }

    private String[] properties() {
        return Stream.concat(
                        Stream.of(anthropic.properties()),
                        Stream.of(
                                "parley.generate.concurrency=" + LANES,
                                "parley.generate.linger=20ms",
                                "logging.level.root=error"))
                .toArray(String[]::new);
    }

    @Test
    void onlyWhatWasInFlightAtTheEndIsPaidForAgain() throws Exception {
        System.out.println("| process ended | calls before | answers stored | calls after | possibly paid twice |");
        for (Boundary boundary : Boundary.values()) {
            dieAt(boundary);
        }
    }

    private void dieAt(Boundary boundary) throws Exception {
        UUID job = app.enqueue(ITEMS);
        int callsBefore = anthropic.calls();
        CountDownLatch gate = new CountDownLatch(boundary == Boundary.CALL ? 1 : 0);
        anthropic.answersOtherwise(
                FakeAnswer.conversation().after(Duration.ofMillis(20)).after(gate));
        boolean once = boundary == Boundary.DONE_BEFORE || boundary == Boundary.DONE_AFTER;
        Process process = launch(boundary, once ? 1 : 1 + random.nextInt(ITEMS - 1), job);
        if (boundary == Boundary.CALL) {
            anthropic.awaitCalls(callsBefore + LANES);
            process.destroyForcibly();
        }
        assertThat(process.waitFor(3, TimeUnit.MINUTES)).as(boundary.name()).isTrue();
        assertThat(process.exitValue()).as(boundary.name()).isEqualTo(HaltingProcess.EXIT_CODE);
        gate.countDown();
        int calls = anthropic.calls() - callsBefore;
        Set<String> stored = stored(job);

        app.run(job);

        int inFlight = calls - stored.size();
        List<String> again = anthropic.requests().subList(callsBefore + calls, anthropic.calls()).stream()
                .map(FakeAnthropic.Request::idempotencyKey)
                .toList();
        BatchJob done = app.job(job);
        GenerationLogs.Totals totals = app.bean(GenerationLogs.class).totals(job);
        System.out.printf(
                "| %s | %d | %d | %d | %d at most |%n",
                boundary, calls, stored.size(), again.size(), totals.unknownOutcome());
        assertThat(done.status()).as(boundary.name()).isEqualTo(JobStatus.COMPLETED);
        assertThat(done.successfulItems()).as(boundary.name()).isEqualTo(ITEMS);
        assertThat(inFlight).as("%s: in flight", boundary).isBetween(0, LANES);
        assertThat(calls + again.size()).as("%s: paid calls", boundary).isEqualTo(ITEMS + inFlight);
        assertThat(again).as("%s: no stored answer is paid again", boundary).noneMatch(stored::contains);
        assertThat(totals.unknownOutcome())
                .as("%s: possibly paid twice", boundary)
                .isBetween((long) inFlight, (long) ITEMS);
        assertThat(totals.unknownCost()).as(boundary.name()).isEqualTo(totals.unknownOutcome());
        assertThat(done.actualCost()).as(boundary.name()).isEqualByComparingTo(totals.costUsd());
        assertThat(app.count("SELECT count(*) FROM generation_logs WHERE run_id = ? AND status = 'success'", job))
                .as("%s: answers in the ledger", boundary)
                .isEqualTo(ITEMS);
    }

    private Process launch(Boundary boundary, int times, UUID job) throws IOException {
        List<String> command = PackagedParley.command("256m", HaltingProcess.class);
        command.addAll(List.of(
                boundary.name(),
                Integer.toString(times),
                job.toString(),
                "--spring.datasource.url=" + TestDatabase.POSTGRESQL.url(),
                "--spring.datasource.username=" + TestDatabase.POSTGRESQL.username(),
                "--spring.main.lazy-initialization=true",
                "--parley.data=" + data));
        Arrays.stream(properties()).forEach(property -> command.add("--" + property));
        return new ProcessBuilder(command).inheritIO().start();
    }

    private Set<String> stored(UUID job) throws IOException {
        Set<String> keys = app.rows("SELECT conversation_key FROM batch_items WHERE batch_job_id = ?", job).stream()
                .map(row -> row.get("conversation_key").toString())
                .collect(Collectors.toSet());
        Path raws = data.resolve("conversation-files").resolve("raw");
        if (!Files.exists(raws)) {
            return Set.of();
        }
        try (Stream<Path> files = Files.walk(raws)) {
            return files.map(file -> file.getFileName().toString())
                    .filter(name -> name.endsWith("_raw.json"))
                    .map(name -> name.substring(0, name.length() - "_raw.json".length()))
                    .filter(keys::contains)
                    .collect(Collectors.toSet());
        }
    }
}
