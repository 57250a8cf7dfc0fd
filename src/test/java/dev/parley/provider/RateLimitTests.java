package dev.parley.provider;

import static org.assertj.core.api.Assertions.assertThat;

import dev.parley.TestDatabase;
import dev.parley.provider.LimitSettings.Share;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import javax.sql.DataSource;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.springframework.jdbc.core.simple.JdbcClient;

/**
 * Many lanes against a provider that refuses what comes too fast, in real time: 18,000 a minute, where the provider's bucket
 * holds a second's worth. The bounds leave room for a busy machine.
 */
class RateLimitTests {
    private static final int PER_MINUTE = 18_000;
    private static final int BURST = 300;
    private static final int LANES = 64;
    private static final int CALLS = 900;

    private final FakeAnthropic server = FakeAnthropic.start();

    @AfterEach
    void stop() {
        server.close();
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void oneProcessUsesTheLimitAndIsHardlyEverRefused(boolean configured) throws Exception {
        server.allows(PER_MINUTE, BURST);
        ModelProviders providers = server.providers(limits(configured, Share.PROCESS), null);

        Spent spent = spend(List.of(providers));

        assertThat(spent.shareOfLimit()).isGreaterThan(0.6);
        assertThat(server.refused()).isLessThan(CALLS / 50);
        assertThat(spent.failed()).isEqualTo(server.refused());
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void threeProcessesShareTheLimitOverTheDatabaseWithoutATransactionACall(boolean configured) throws Exception {
        DataSource database = TestDatabase.POSTGRESQL.dataSource();
        JdbcClient jdbc = JdbcClient.create(database);
        jdbc.sql("TRUNCATE rate_limits").update();
        server.allows(PER_MINUTE, BURST);
        List<ModelProviders> processes = Stream.generate(
                        () -> server.providers(limits(configured, Share.AUTO), database))
                .limit(3)
                .toList();

        Spent spent = spend(processes);

        assertThat(spent.shareOfLimit()).isGreaterThan(0.6);
        assertThat(server.refused()).isLessThan(CALLS / 50);
        assertThat(spent.failed()).isEqualTo(server.refused());
        assertThat(jdbc.sql("SELECT count(*) FROM rate_limits")
                        .query(Integer.class)
                        .single())
                .isEqualTo(configured ? 1 : 2);
    }

    @Test
    void whileTheDatabaseIsAwayTheProcessPacesByItself() {
        DataSource gone = TestDatabase.POSTGRESQL.connect("jdbc:postgresql://127.0.0.1:1/nothing");
        HandTicker ticker = new HandTicker();
        Pace pace = Pace.ofDatabase(SharedBuckets.of(gone), "requests", 1800, 7, ticker);

        long last = 0;
        for (int call = 0; call < 67; call++) {
            last = take(pace);
        }

        assertThat(Duration.ofNanos(last - ticker.nanos())).isBetween(Duration.ofMillis(1950), Duration.ofMillis(2300));
    }

    @Test
    void aProcessThatCallsNowAndThenLeavesTheRestToTheOthers() throws Exception {
        DataSource database = TestDatabase.POSTGRESQL.dataSource();
        JdbcClient.create(database).sql("TRUNCATE rate_limits").update();
        Pace idle = Pace.ofDatabase(SharedBuckets.in(database), "requests", 1800, 7, Ticker.SYSTEM);
        Pace busy = Pace.ofDatabase(SharedBuckets.in(database), "requests", 1800, 7, Ticker.SYSTEM);

        idle.take(1);
        long begun = System.nanoTime();
        long last = begun;
        for (int call = 0; call < 60; call++) {
            last = busy.take(1);
        }

        assertThat(Duration.ofNanos(last - begun)).isLessThan(Duration.ofMillis(2300));
    }

    private static long take(Pace pace) {
        try {
            return pace.take(1);
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    private LimitSettings limits(boolean configured, Share share) {
        return new LimitSettings(
                configured ? Long.valueOf(PER_MINUTE) : null, null, null, null, 0, share, Duration.ofSeconds(30));
    }

    /** @param shareOfLimit of what the provider would have taken in that time */
    private record Spent(int failed, double shareOfLimit) {}

    private Spent spend(List<ModelProviders> processes) throws Exception {
        AtomicInteger next = new AtomicInteger();
        AtomicInteger failed = new AtomicInteger();
        ExecutorService lanes = Executors.newFixedThreadPool(LANES * processes.size());
        List<Future<?>> ended = new ArrayList<>();
        for (ModelProviders process : processes) {
            ModelProvider provider = process.byName(null);
            for (int lane = 0; lane < LANES; lane++) {
                ended.add(lanes.submit(() -> {
                    for (int n = next.incrementAndGet(); n <= CALLS; n = next.incrementAndGet()) {
                        try {
                            provider.call(new ModelRequest("key-" + n, null, 900, "Rules", "Hello", null, Map.of()));
                        } catch (ModelException e) {
                            failed.incrementAndGet();
                        }
                    }
                }));
            }
        }
        server.awaitCalls(1); // a cold start is not the limit's fault
        long begun = System.nanoTime();
        for (Future<?> lane : ended) {
            lane.get();
        }
        lanes.shutdown();
        double seconds = (System.nanoTime() - begun) / 1e9;
        double possible = seconds * PER_MINUTE / 60;
        return new Spent(failed.get(), (CALLS - failed.get()) / possible);
    }
}
