package dev.parley.batch;

import static org.assertj.core.api.Assertions.assertThat;

import dev.parley.TestApplication;
import dev.parley.TestDatabase;
import dev.parley.generation.GenerationLogs;
import dev.parley.provider.FakeAnthropic;
import dev.parley.provider.FakeBatches;
import dev.parley.provider.FakeBatches.Fault;
import dev.parley.provider.FakeBatches.Moment;
import dev.parley.provider.TokenUsage;
import dev.parley.work.BatchJob;
import dev.parley.work.Delivery;
import dev.parley.work.ErrorHandling;
import dev.parley.work.JobSettings;
import dev.parley.work.JobStatus;
import java.io.IOException;
import java.math.BigDecimal;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Processes that are killed by the provider's stand-in, while it has their request in hand, and replaced at once. */
class BatchKillIT {
    private static final long SEED = 20261121;

    /** Fifty for a night. */
    private static final int KILLS = Integer.getInteger("parley.crash.batch-kills", Moment.values().length);

    private static final int ITEMS = 40 * KILLS;

    private static final Duration AFTERWARDS = Duration.ofMillis(40);

    @TempDir
    private Path data;

    @Test
    @Timeout(value = 40, unit = TimeUnit.MINUTES)
    void whereverAProcessIsKilledEachItemIsPaidOnceAndEachBatchKnown() throws Exception {
        Random random = new Random(SEED);
        Map<Moment, Integer> kills = new EnumMap<>(Moment.class);
        try (FakeAnthropic anthropic = FakeAnthropic.start();
                TestApplication app = TestApplication.start(TestDatabase.POSTGRESQL, data, properties(anthropic))) {
            FakeBatches door = anthropic.batches().take(Duration.ofMillis(300)).listAfter(Duration.ofMillis(200));
            UUID job = app.enqueue(ITEMS, JobSettings.DEFAULTS.with(Delivery.BATCH), ErrorHandling.CONTINUE);
            AtomicReference<Process> victim = new AtomicReference<>();
            AtomicInteger left = new AtomicInteger();
            AtomicReference<Moment> when = new AtomicReference<>();
            door.watch(moment -> {
                Process process = victim.get();
                if (process != null && moment == when.get() && left.decrementAndGet() == 0) {
                    if (moment == Moment.CONFIRMED || moment == Moment.RESULTS_SENT) { // the boundaries after it
                        LockSupport.parkNanos(random.nextLong(AFTERWARDS.toNanos()));
                    }
                    kills.merge(moment, 1, Integer::sum);
                    process.destroyForcibly();
                }
            });

            for (int kill = 0; kill < KILLS && app.job(job).status().open(); kill++) {
                when.set(Moment.values()[kill % Moment.values().length]);
                left.set(1 + random.nextInt(2));
                if (when.get() == Moment.BEFORE_ACCEPTED && random.nextBoolean()) {
                    door.fail(Fault.RESET_BEFORE); // it dies with its request, which nobody accepts
                }
                Process process = launch(job, anthropic);
                victim.set(process);
                assertThat(process.waitFor(2, TimeUnit.MINUTES)).isTrue();
            }
            victim.set(null);
            app.run(job);

            BatchJob done = app.job(job);
            GenerationLogs.Totals totals = app.bean(GenerationLogs.class).totals(job);
            System.out.printf(
                    "%d items in %d batches, %d requests to create one; killed %s; each paid once: %s; $%s in the ledger, $%s by the stand-in's count%n",
                    ITEMS,
                    door.accepted().size(),
                    door.posts(),
                    kills,
                    door.billed().size() == ITEMS
                            && Set.copyOf(door.billed().values()).equals(Set.of(1)),
                    totals.costUsd().toPlainString(),
                    price(door.usage()).toPlainString());
            assertThat(kills.values().stream().mapToInt(Integer::intValue).sum())
                    .isEqualTo(KILLS);
            assertThat(done.status()).isEqualTo(JobStatus.COMPLETED);
            assertThat(done.successfulItems()).isEqualTo(ITEMS);
            assertThat(door.billed()).hasSize(ITEMS);
            assertThat(door.billed().values()).containsOnly(1);
            assertThat(totals.costUsd()).isEqualByComparingTo(price(door.usage()));
            assertThat(totals.unknownCost()).isZero();
            assertThat(done.actualCost()).isEqualByComparingTo(totals.costUsd());
            assertThat(app.jdbc()
                            .sql("SELECT provider_batch_id FROM provider_batches WHERE provider_batch_id IS NOT NULL")
                            .query(String.class)
                            .list())
                    .containsExactlyInAnyOrderElementsOf(door.accepted());
        }
    }

    private static String[] properties(FakeAnthropic anthropic) {
        return Stream.concat(
                        Stream.of(anthropic.properties()),
                        Stream.of(
                                "parley.batches.max-requests=20",
                                "parley.limits.batch-requests-per-minute=0",
                                "parley.batches.max-queued=60",
                                "parley.batches.poll-min=50ms",
                                "parley.batches.poll-max=100ms",
                                "parley.batches.absence-after=2s",
                                "parley.batches.delete-when-done=true",
                                "logging.level.dev.parley=error"))
                .toArray(String[]::new);
    }

    /** Sonnet 5.5 in November 2026, in batches. */
    private static BigDecimal price(TokenUsage usage) {
        return new BigDecimal("1")
                .multiply(BigDecimal.valueOf(usage.input()))
                .add(new BigDecimal("5").multiply(BigDecimal.valueOf(usage.output())))
                .add(new BigDecimal("0.05").multiply(BigDecimal.valueOf(usage.cacheRead())))
                .add(new BigDecimal("2").multiply(BigDecimal.valueOf(usage.cacheWrite1h())))
                .movePointLeft(6);
    }

    private Process launch(UUID job, FakeAnthropic anthropic) throws IOException {
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:TieredStopAtLevel=1",
                "-XX:+UseSerialGC",
                "-Xshare:auto",
                "-cp",
                System.getProperty("java.class.path"),
                "dev.parley.launch.Main",
                "run",
                "--job=" + job,
                "--yes",
                "--spring.datasource.url=" + TestDatabase.POSTGRESQL.url(),
                "--spring.datasource.username=" + TestDatabase.POSTGRESQL.username(),
                "--parley.data=" + data));
        Stream.of(properties(anthropic)).forEach(property -> command.add("--" + property));
        return new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(data.resolve("out-" + System.nanoTime()).toFile())
                .start();
    }
}
