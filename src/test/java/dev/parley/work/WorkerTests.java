package dev.parley.work;

import static org.assertj.core.api.Assertions.assertThat;

import dev.parley.TestDatabase;
import dev.parley.catalog.Tier;
import dev.parley.database.Dialect;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import java.util.stream.IntStream;
import javax.sql.DataSource;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.springframework.dao.PessimisticLockingFailureException;
import org.springframework.jdbc.core.namedparam.NamedParameterJdbcTemplate;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.jdbc.support.JdbcTransactionManager;
import org.springframework.transaction.support.TransactionTemplate;

/** Proof of life on PostgreSQL. What a real kill does, the crash test shows. */
class WorkerTests {
    private static final Duration LEASE = Duration.ofSeconds(30);
    private static final Duration PATIENCE = Duration.ofMinutes(3);

    private final DataSource dataSource = TestDatabase.POSTGRESQL.empty();
    private final JdbcClient jdbc = JdbcClient.create(dataSource);
    private final NamedParameterJdbcTemplate template = new NamedParameterJdbcTemplate(dataSource);
    private final BatchItems items = new BatchItems(template, Dialect.POSTGRESQL);
    private final BatchJobs jobs = new BatchJobs(template, Dialect.POSTGRESQL);
    private final TransactionTemplate transaction = new TransactionTemplate(new JdbcTransactionManager(dataSource));
    private final List<Worker> workers = new ArrayList<>();

    @BeforeEach
    void startEmpty() {
        jdbc.sql("DELETE FROM batch_jobs").update();
    }

    @AfterEach
    void closeWorkers() {
        workers.forEach(Worker::close);
    }

    @Test
    void whatADeadOwnerHoldsIsQueuedAgainWithinSeconds() {
        enqueue(5);
        Worker alive = worker(dataSource::getConnection);
        transaction.execute(s -> items.claim(List.of(), 2, alive.owner()));
        transaction.execute(s -> items.claim(List.of(), 3, new ClaimOwner(1_000_000, LEASE))); // never had a lock

        long since = System.nanoTime();
        await(() -> count("status = 'queued'") == 3);

        assertThat(Duration.ofNanos(System.nanoTime() - since))
                .as("long before the lease ends")
                .isLessThan(LEASE);
        assertThat(count("status = 'processing' AND claimed_by = "
                        + alive.owner().id()))
                .isEqualTo(2);
        assertThat(count("status = 'queued' AND attempts = 1"))
                .as("whether its call was made, nobody knows")
                .isEqualTo(3);
    }

    @Test
    void aWorkerThatLosesItsConnectionBecomesANewOwnerAndKeepsItsItems() {
        enqueue(5);
        Worker worker = worker(dataSource::getConnection);
        worker(dataSource::getConnection); // would take them
        transaction.execute(s -> items.claim(List.of(), 5, worker.owner()));
        int former = worker.owner().id();

        terminateLockOf(former);
        await(() -> worker.owner().id() != former);
        await(() -> count("claimed_by = " + former) == 0);

        watch(
                Duration.ofSeconds(3),
                () -> count("status = 'processing' AND claimed_by = "
                                + worker.owner().id())
                        == 5);
        assertThat(worker.owner().id()).as("with a lock of its own").isGreaterThan(former);
        assertThat(items.ownersWithoutLock()).isEmpty();
    }

    @Test
    void withoutALockOnlyTheLeaseCounts() {
        enqueue(2);
        Worker worker = worker(() -> {
            throw new java.sql.SQLException("no connection left");
        });
        worker(dataSource::getConnection);
        transaction.execute(s -> items.claim(List.of(), 2, worker.owner()));

        watch(Duration.ofSeconds(3), () -> count("status = 'processing'") == 2);

        assertThat(worker.owner().id()).isNegative();
        jdbc.sql("UPDATE batch_items SET lease_until = CURRENT_TIMESTAMP - INTERVAL '1' SECOND WHERE position = 1")
                .update();
        assertThat(items.rescueExpired()).isEqualTo(1);
    }

    @Test
    void aWorkerThatEndsGivesBackWhatItHoldsAsIfItHadNeverClaimedIt() {
        enqueue(3);
        Worker worker = worker(dataSource::getConnection);
        transaction.execute(s -> items.claim(List.of(), 3, worker.owner()));

        worker.close();

        assertThat(count("status = 'queued' AND attempts = 0 AND claim_token IS NULL AND claimed_by IS NULL"))
                .isEqualTo(3);
    }

    @Test
    void nothingOfTheLivingIsRescuedEvenWhileTheirConnectionsAreCut() throws Exception {
        enqueue(200);
        List<Worker> living = IntStream.range(0, 4)
                .mapToObj(n -> worker(dataSource::getConnection))
                .toList();
        long until = System.nanoTime() + Duration.ofSeconds(6).toNanos();
        ExecutorService claimers = Executors.newFixedThreadPool(living.size());

        List<Future<Integer>> claims = living.stream()
                .map(worker -> claimers.submit(() -> {
                    int claimed = 0;
                    while (System.nanoTime() < until) {
                        List<BatchItem> mine = transaction.execute(s -> items.claim(List.of(), 20, worker.owner()));
                        claimed += mine.size();
                        LockSupport.parkNanos(Duration.ofMillis(20).toNanos());
                        release(mine);
                    }
                    return claimed;
                }))
                .toList();
        for (int n = 0; System.nanoTime() < until; n++) {
            terminateLockOf(living.get(n % living.size()).owner().id());
            LockSupport.parkNanos(Duration.ofMillis(300).toNanos());
        }
        int claimed = 0;
        for (Future<Integer> each : claims) {
            claimed += each.get();
        }
        claimers.shutdown();

        assertThat(claimed).isGreaterThan(1_000);
        assertThat(count("status = 'queued' AND attempts = 0"))
                .as("a rescue would leave its attempt counted")
                .isEqualTo(200);
    }

    /** As a run does: a beat that renews the same rows at this moment may have locked them in another order. */
    private void release(List<BatchItem> mine) {
        try {
            items.release(mine);
        } catch (PessimisticLockingFailureException deadlock) {
            release(mine);
        }
    }

    private Worker worker(Worker.ConnectionSource connections) {
        Worker worker = Worker.start(items, new Workers(jdbc), Dialect.POSTGRESQL, connections, LEASE);
        workers.add(worker);
        return worker;
    }

    private void terminateLockOf(int owner) {
        jdbc.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = :name")
                .param("name", "parley-worker-" + owner)
                .query(Boolean.class)
                .list();
    }

    private long count(String where) {
        return jdbc.sql("SELECT count(*) FROM batch_items WHERE " + where)
                .query(Long.class)
                .single();
    }

    private void enqueue(int count) {
        ItemParameters parameters =
                new ItemParameters(UUID.randomUUID(), UUID.randomUUID(), UUID.randomUUID(), Tier.TEMPLATE, null);
        NewJob job = new NewJob(
                "a job",
                null,
                null,
                Tier.TEMPLATE,
                Priority.NORMAL,
                ErrorHandling.CONTINUE,
                JobSettings.DEFAULTS,
                null,
                null,
                null,
                IntStream.range(0, count)
                        .mapToObj(n -> new NewJob.Item(parameters, null))
                        .toList());
        transaction.execute(s -> jobs.enqueue(job, false));
    }

    private static void await(BooleanSupplier condition) {
        long deadline = System.nanoTime() + PATIENCE.toNanos();
        while (!condition.getAsBoolean()) {
            assertThat(System.nanoTime()).as("waited " + PATIENCE).isLessThan(deadline);
            LockSupport.parkNanos(Duration.ofMillis(10).toNanos());
        }
    }

    /** That something does not happen shows only when it had the time to. */
    private static void watch(Duration time, BooleanSupplier holds) {
        long until = System.nanoTime() + time.toNanos();
        while (System.nanoTime() < until) {
            assertThat(holds.getAsBoolean()).isTrue();
            LockSupport.parkNanos(Duration.ofMillis(50).toNanos());
        }
    }
}
