package dev.parley.batch;

import static org.assertj.core.api.Assertions.assertThat;

import dev.parley.PackagedParley;
import dev.parley.TestApplication;
import dev.parley.TestDatabase;
import dev.parley.database.Dialect;
import dev.parley.provider.FakeAnswer;
import dev.parley.provider.FakeAnthropic;
import dev.parley.work.BatchItems;
import dev.parley.work.BatchJob;
import dev.parley.work.JobStatus;
import dev.parley.work.Worker;
import dev.parley.work.Workers;
import java.io.IOException;
import java.math.BigDecimal;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Real processes on one PostgreSQL that are killed, each a random moment after it has begun to work, and replaced at once. This
 * process is a worker as well: it claims nothing, and takes part in looking for the dead.
 */
class CrashIT {
    private static final long SEED = 20261121;

    /** Fewer for a look, more for a night. */
    private static final int KILLS = Integer.getInteger("parley.crash.kills", 26);

    private static final int PROCESSES = 3;
    private static final int LANES = 8;
    private static final int ITEMS = 90 * KILLS; // more than they get done between two kills

    /** From the first claim of a process to its end, at most. */
    private static final Duration LONGEST_LIFE = Duration.ofMillis(700);

    private static final Duration PATIENCE = Duration.ofMinutes(3);

    @TempDir
    private Path data;

    private final List<Process> started = new ArrayList<>(); // guarded by itself
    private final List<Kill> kills = new ArrayList<>(); // guarded by itself
    private final ExecutorService slots = Executors.newFixedThreadPool(PROCESSES);
    private FakeAnthropic anthropic;
    private TestApplication app;

    /**
     * @param stored the keys whose answers were stored when the process was dead
     * @param calls how many had arrived by then
     * @param rescuedAfter when nothing was held by the dead process any more
     */
    private record Kill(Set<String> stored, int calls, Duration rescuedAfter) {}

    @BeforeEach
    void start() {
        anthropic = FakeAnthropic.start();
        anthropic.answersOtherwise(FakeAnswer.conversation().after(Duration.ofMillis(40)));
        app = TestApplication.start(TestDatabase.POSTGRESQL, data, anthropic.properties());
    }

    @AfterEach
    void stop() {
        slots.shutdownNow();
        synchronized (started) {
            started.forEach(Process::destroyForcibly);
        }
        app.close();
        anthropic.close();
    }

    @Test
    @Timeout(value = 10, unit = TimeUnit.MINUTES)
    void whateverIsKilledNothingIsLostAndNothingStoredIsPaidForTwice() throws Exception { // A18, A19, A72
        UUID job = app.enqueue(ITEMS);

        try (Worker here = Worker.start(
                app.bean(BatchItems.class),
                app.bean(Workers.class),
                Dialect.POSTGRESQL,
                TestDatabase.POSTGRESQL.dataSource()::getConnection,
                Duration.ofSeconds(30))) {
            killAgainAndAgain(job);
        }
        finish(job);

        everyItemIsCompletedOnce(job);
        nothingStoredWasPaidForAgain();
        theLedgerAgreesWithTheJob(job);
        List<Duration> rescues = kills.stream().map(Kill::rescuedAfter).sorted().toList();
        assertThat(rescues)
                .last()
                .satisfies(longest -> assertThat(longest)
                        .as("by the lock, long before the lease ends")
                        .isLessThan(Duration.ofSeconds(20)));
        System.out.printf(
                "%d kills, %d items, %d calls; rescued after %s (median), %s (longest)%n",
                kills.size(),
                ITEMS,
                anthropic.calls(),
                rescues.get(rescues.size() / 2),
                rescues.get(rescues.size() - 1));
    }

    private void killAgainAndAgain(UUID job) throws Exception {
        AtomicInteger left = new AtomicInteger(KILLS);
        Random seeds = new Random(SEED);
        List<Future<?>> ends = new ArrayList<>();
        for (int slot = 0; slot < PROCESSES; slot++) {
            Random random = new Random(seeds.nextLong());
            ends.add(slots.submit((Callable<Void>) () -> {
                while (left.getAndDecrement() > 0) {
                    Process process = launch(job);
                    awaitWork(process);
                    LockSupport.parkNanos(random.nextLong(LONGEST_LIFE.toNanos()));
                    kill(process);
                }
                return null;
            }));
        }
        for (Future<?> end : ends) {
            end.get();
        }
    }

    private void kill(Process process) throws Exception {
        process.destroyForcibly().waitFor();
        long diedAt = System.nanoTime();
        Set<String> stored = keysOfFiles("_raw.json");
        int calls = anthropic.calls();
        await(() -> !holdsClaims(process), "its items are held by process " + process.pid() + ", which is dead");
        synchronized (kills) {
            kills.add(new Kill(stored, calls, Duration.ofNanos(System.nanoTime() - diedAt)));
        }
    }

    private boolean holdsClaims(Process process) {
        return app.count("""
                        SELECT count(*) FROM batch_items i JOIN workers w ON w.id = i.claimed_by WHERE w.name LIKE ?
                        """, process.pid() + "@%") > 0;
    }

    private void finish(UUID job) throws Exception {
        List<Process> last = List.of(launch(job), launch(job));
        for (Process process : last) {
            assertThat(process.waitFor(PATIENCE.toSeconds(), TimeUnit.SECONDS)).isTrue();
            assertThat(process.exitValue()).as("exit code, see " + data).isZero();
        }
    }

    private Process launch(UUID job) throws IOException {
        List<String> command = PackagedParley.command("128m");
        command.addAll(List.of(
                "run",
                "--job=" + job,
                "--yes",
                "--concurrency=" + LANES,
                "--spring.datasource.url=" + TestDatabase.POSTGRESQL.url(),
                "--spring.datasource.username=" + TestDatabase.POSTGRESQL.username(),
                "--spring.datasource.hikari.maximum-pool-size=4",
                "--parley.data=" + data));
        Stream.of(anthropic.properties()).forEach(property -> command.add("--" + property));
        synchronized (started) {
            Path output = data.resolve("process-" + started.size() + ".out");
            Process process = new ProcessBuilder(command)
                    .redirectErrorStream(true)
                    .redirectOutput(output.toFile())
                    .start();
            started.add(process);
            return process;
        }
    }

    private void awaitWork(Process process) {
        await(
                () -> {
                    assertThat(process.isAlive())
                            .as("process %s, see its output in %s", process.pid(), data)
                            .isTrue();
                    return holdsClaims(process);
                },
                "process " + process.pid() + " claims nothing");
    }

    private static void await(BooleanSupplier condition, String otherwise) {
        long deadline = System.nanoTime() + PATIENCE.toNanos();
        while (!condition.getAsBoolean()) {
            assertThat(System.nanoTime()).as(otherwise).isLessThan(deadline);
            LockSupport.parkNanos(Duration.ofMillis(10).toNanos());
        }
    }

    private void everyItemIsCompletedOnce(UUID job) throws IOException {
        BatchJob done = app.job(job);
        assertThat(done.status()).isEqualTo(JobStatus.COMPLETED);
        assertThat(done.successfulItems()).isEqualTo(ITEMS);
        assertThat(done.failedItems()).isZero();
        assertThat(app.count("SELECT count(*) FROM batch_items WHERE status <> 'completed'"))
                .isZero();
        assertThat(app.count("""
                SELECT count(*) FROM batch_items i
                  JOIN conversations c ON c.id = i.conversation_id AND c.conversation_id = i.conversation_key
                """)).isEqualTo(ITEMS);
        assertThat(app.count("SELECT count(*) FROM conversations"))
                .as("no orphan row")
                .isEqualTo(ITEMS);
        Set<String> keys = app.jdbc().sql("SELECT conversation_key FROM batch_items").query(UUID.class).list().stream()
                .map(UUID::toString)
                .collect(Collectors.toSet());
        assertThat(keysOfFiles("_raw.json")).isEqualTo(keys);
        assertThat(keysOfFiles("/conversation.json")).isEqualTo(keys);
    }

    private void nothingStoredWasPaidForAgain() {
        List<String> calls = anthropic.requests().stream()
                .map(FakeAnthropic.Request::idempotencyKey)
                .toList();
        assertThat(kills).hasSizeGreaterThanOrEqualTo(KILLS);
        assertThat(calls.size()).isLessThanOrEqualTo(ITEMS + kills.size() * LANES);
        for (Kill kill : kills) {
            assertThat(calls.subList(kill.calls(), calls.size()))
                    .as("calls after a kill for what was stored at it")
                    .noneMatch(kill.stored()::contains);
        }
    }

    private void theLedgerAgreesWithTheJob(UUID job) {
        assertThat(app.count("SELECT count(DISTINCT conversation_id) FROM generation_logs WHERE status = 'success'"))
                .isEqualTo(ITEMS);
        assertThat(app.count("SELECT count(*) FROM generation_logs WHERE error_code IS NULL"))
                .as("what may have been paid besides has a code of its own")
                .isBetween((long) ITEMS, (long) anthropic.calls());
        Map<String, Object> ledger =
                app.rows("SELECT sum(cost_usd) AS cost FROM generation_logs").get(0);
        assertThat(app.job(job).actualCost()).isEqualByComparingTo((BigDecimal) ledger.get("cost"));
    }

    /** The keys that the names of such files begin with, or of the folders they are in. */
    private Set<String> keysOfFiles(String ending) throws IOException {
        Path folder = data.resolve("conversation-files");
        if (!Files.exists(folder)) {
            return Set.of();
        }
        try (Stream<Path> files = Files.walk(folder)) {
            return files.map(Path::toString)
                    .filter(name -> name.endsWith(ending))
                    .map(name -> name.substring(0, name.length() - ending.length()))
                    .map(name -> name.substring(name.lastIndexOf('/') + 1))
                    .collect(Collectors.toSet());
        }
    }
}
