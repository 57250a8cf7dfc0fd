package dev.parley.step;

import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.slf4j.LoggerFactory;
import org.springframework.batch.core.BatchStatus;
import org.springframework.batch.core.job.JobExecution;
import org.springframework.batch.core.listener.ItemProcessListener;
import org.springframework.batch.core.listener.ItemWriteListener;
import org.springframework.batch.core.repository.JobRepository;
import org.springframework.batch.core.repository.support.ResourcelessJobRepository;
import org.springframework.batch.core.step.StepExecution;
import org.springframework.batch.infrastructure.item.Chunk;
import org.springframework.batch.infrastructure.item.ItemProcessor;
import org.springframework.batch.infrastructure.item.ItemReader;
import org.springframework.batch.infrastructure.item.ItemStream;
import org.springframework.batch.infrastructure.item.ItemWriter;
import org.springframework.transaction.CannotCreateTransactionException;
import org.springframework.transaction.PlatformTransactionManager;
import org.springframework.transaction.TransactionDefinition;
import org.springframework.transaction.TransactionStatus;
import org.springframework.transaction.TransactionSystemException;
import org.springframework.transaction.support.SimpleTransactionStatus;

/**
 * The promise, whatever happens: each item is written once, or filtered once, or given up once, or still pending; counters say
 * what was done; and runs on what is left end with nothing left. Each case is made from its seed, which a failure names.
 */
@Timeout(300)
class StepUnderChanceTests {
    private static final List<String> NOISE = List.of("org.springframework.batch", "dev.parley.step");

    private static final Map<String, Level> before = new HashMap<>();

    @BeforeAll
    static void quiet() {
        NOISE.forEach(name -> {
            Logger logger = (Logger) LoggerFactory.getLogger(name);
            before.put(name, logger.getLevel());
            logger.setLevel(Level.OFF);
        });
    }

    @AfterAll
    static void loudAgain() {
        NOISE.forEach(name -> ((Logger) LoggerFactory.getLogger(name)).setLevel(before.get(name)));
    }

    @Test
    void keepsItsPromiseInThousandsOfRunsInMemory() throws Exception {
        Map<BatchStatus, Integer> seen = new HashMap<>();
        for (int seed = 0; seed < Integer.getInteger("parley.step.cases", 1_500); seed++) {
            Random random = new Random(seed);
            World world = new World(random, random.nextInt(60));
            ConcurrentChunkStep<Integer, String> step = world.step(new ResourcelessJobRepository());
            BatchStatus last = null;
            for (int run = 0; last != BatchStatus.COMPLETED; run++) {
                StepExecution execution = Light.execution();
                world.begin(run);
                Light.run(step, execution);
                last = execution.getStatus();
                seen.merge(last, 1, Integer::sum);
                world.check("seed " + seed + " run " + run, execution);
            }
            world.checkAllDone("seed " + seed);
        }

        assertThat(seen.keySet())
                .containsExactlyInAnyOrder(BatchStatus.COMPLETED, BatchStatus.FAILED, BatchStatus.STOPPED);
        assertThat(Light.threadsLeft()).isEmpty();
    }

    @Test
    void keepsItsPromiseWithTheRealRepositoryAndItsRestarts() throws Exception {
        try (Metadata metadata = new Metadata()) {
            var operator = metadata.operator(Runnable::run);
            for (int seed = 0; seed < 25; seed++) {
                Random random = new Random(1_000_000 + seed);
                World world = new World(random, random.nextInt(60));
                ConcurrentChunkStep<Integer, String> step = world.step(metadata.repository);
                world.begin(0);
                JobExecution job = operator.start(metadata.job(step), Metadata.parameters());
                world.check("seed " + seed, ConcurrentChunkStepTests.only(job));
                for (int run = 1; job.getStatus() != BatchStatus.COMPLETED; run++) {
                    world.begin(run);
                    assertThat(metadata.stored(job)).as("seed %s", seed).isIn("STOPPED/STOPPED", "FAILED/FAILED");
                    job = operator.restart(metadata.repository.getJobExecution(job.getId()));
                    world.check("seed " + seed + " run " + run, ConcurrentChunkStepTests.only(job));
                }
                world.checkAllDone("seed " + seed);
            }
        }
    }

    private enum Fate {
        PENDING,
        CLAIMED,
        WRITTEN,
        FILTERED,
        GIVEN_UP
    }

    private static final class Mishap extends RuntimeException {
        private static final long serialVersionUID = 1L;
    }

    /** A table of items whose state is the truth, and everything that can go wrong around it. */
    private static final class World
            implements ItemReader<Integer>,
                    ItemStream,
                    ItemProcessor<Integer, String>,
                    ItemProcessListener<Integer, String>,
                    ItemWriter<String>,
                    ItemWriteListener<String>,
                    PlatformTransactionManager {
        private static final int FAILING_RUNS = 6;

        private final long seed;
        private final int items;
        private final int lanes;
        private final int chunkSize;
        private final long lingerMicros;
        private final long graceMicros;
        private final boolean givesUp;
        private final double mishaps;
        private final double stops;
        private final Map<Integer, Fate> fates = new ConcurrentHashMap<>();
        private final Set<Integer> cursed = new HashSet<>();

        private ConcurrentChunkStep<Integer, String> step;
        private int run;
        private Random chance; // guarded by this
        private List<Integer> uncommitted = new ArrayList<>(); // the step's thread, as the next four
        private int written;
        private int commits;
        private int rollbacks;
        private int givenUp;
        private int read; // the reading lane
        private final AtomicInteger filtered = new AtomicInteger();
        private final AtomicInteger reading = new AtomicInteger();
        private volatile boolean ended;

        World(Random random, int items) {
            this.seed = random.nextLong();
            this.items = items;
            this.lanes = 1 + random.nextInt(12);
            this.chunkSize = 1 + random.nextInt(10);
            this.lingerMicros = random.nextInt(1_500);
            this.graceMicros = random.nextInt(4) == 0 ? 0 : random.nextInt(3_000);
            this.givesUp = random.nextBoolean();
            this.mishaps = random.nextInt(3) == 0 ? 0 : 0.03 * random.nextDouble();
            this.stops = random.nextInt(3) == 0 ? 0.02 : 0;
            IntStream.range(0, items).forEach(item -> fates.put(item, Fate.PENDING));
            if (givesUp) {
                fates.keySet().stream().filter(item -> random.nextInt(15) == 0).forEach(cursed::add);
            }
        }

        ConcurrentChunkStep<Integer, String> step(JobRepository repository) {
            ConcurrentChunkStep.Builder<Integer, String> builder = ConcurrentChunkStep.<Integer, String>named(
                            Light.NAME, repository, this)
                    .reader(this)
                    .processor(this)
                    .writer(this)
                    .concurrency(lanes)
                    .chunk(chunkSize, Duration.ofNanos(lingerMicros * 1_000))
                    .grace(Duration.ofNanos(graceMicros * 1_000));
            if (givesUp) {
                builder.onWriteFailure((item, exception) -> {
                    assertThat(fates.put(number(item), Fate.GIVEN_UP)).isEqualTo(Fate.CLAIMED);
                    givenUp++;
                });
            }
            step = builder.build();
            return step;
        }

        void begin(int next) {
            run = next;
            chance = new Random(seed + next);
            written = commits = rollbacks = givenUp = read = 0;
            filtered.set(0);
            ended = false;
        }

        void check(String what, StepExecution execution) {
            assertThat(ConcurrentChunkStepTests.counts(execution))
                    .as(what)
                    .isEqualTo("read " + read + " filter " + filtered + " write " + written + " skip " + givenUp
                            + " commit " + commits + " rollback " + rollbacks);
            assertThat(fates.values()).as(what).doesNotContain(Fate.CLAIMED);
            assertThat(execution.getStatus())
                    .as(what + " " + execution.getFailureExceptions())
                    .isIn(BatchStatus.COMPLETED, BatchStatus.FAILED, BatchStatus.STOPPED);
            if (execution.getStatus() == BatchStatus.FAILED) {
                assertThat(execution.getFailureExceptions().get(0))
                        .as(what)
                        .isInstanceOfAny(
                                Mishap.class, TransactionSystemException.class, CannotCreateTransactionException.class);
            }
            if (execution.getStatus() == BatchStatus.COMPLETED) {
                assertThat(read).as(what).isEqualTo(written + filtered.get() + givenUp);
                assertThat(fates.values()).as(what).doesNotContain(Fate.PENDING);
            }
        }

        void checkAllDone(String what) {
            assertThat(fates).as(what).hasSize(items);
            fates.forEach((item, fate) -> assertThat(fate)
                    .as(what + " item " + item)
                    .isIn(
                            Fate.WRITTEN,
                            item % 7 == 0 ? Fate.FILTERED : Fate.WRITTEN,
                            givesUp ? Fate.GIVEN_UP : Fate.WRITTEN));
        }

        @Override
        public Integer read() throws Exception {
            assertThat(reading.incrementAndGet()).isEqualTo(1);
            try {
                assertThat(ended).isFalse();
                maybe();
                if (roll() < 0.05) {
                    TimeUnit.MICROSECONDS.sleep(pick(300)); // a reader that waits, and can be woken
                }
                Integer next = fates.entrySet().stream()
                        .filter(entry -> entry.getValue() == Fate.PENDING)
                        .map(Map.Entry::getKey)
                        .findFirst()
                        .orElse(null);
                if (next == null) {
                    ended = true;
                } else {
                    fates.put(next, Fate.CLAIMED);
                    read++;
                }
                return next;
            } catch (Mishap e) {
                ended = true; // nobody may ask again
                throw e;
            } finally {
                reading.decrementAndGet();
            }
        }

        @Override
        public void close() {
            fates.replaceAll((item, fate) -> fate == Fate.CLAIMED ? Fate.PENDING : fate);
        }

        @Override
        public String process(Integer item) throws Exception {
            maybe();
            double kind = roll();
            if (kind < 0.3) {
                LockSupport.parkNanos(1_000L * pick(200));
            } else if (kind < 0.33) {
                TimeUnit.MICROSECONDS.sleep(pick(3_000));
            }
            return item % 7 == 0 ? null : "item " + item;
        }

        @Override
        public void afterProcess(Integer item, String result) {
            maybe();
            if (result == null) {
                assertThat(fates.put(item, Fate.FILTERED)).isEqualTo(Fate.CLAIMED);
                filtered.incrementAndGet();
            }
        }

        @Override
        public void write(Chunk<? extends String> chunk) {
            assertThat(chunk.size()).isBetween(1, chunkSize);
            maybe();
            for (String item : chunk) {
                if (cursed.contains(number(item))) {
                    throw new Mishap();
                }
                uncommitted.add(number(item));
            }
        }

        @Override
        public void afterWrite(Chunk<? extends String> chunk) {
            maybe();
        }

        @Override
        public TransactionStatus getTransaction(TransactionDefinition definition) {
            assertThat(uncommitted).isEmpty();
            if (mishap()) {
                throw new CannotCreateTransactionException("no connection");
            }
            return new SimpleTransactionStatus();
        }

        @Override
        public void commit(TransactionStatus status) {
            if (mishap()) {
                rollback(status);
                throw new TransactionSystemException("refused at commit");
            }
            uncommitted.forEach(
                    item -> assertThat(fates.put(item, Fate.WRITTEN)).isEqualTo(Fate.CLAIMED));
            written += uncommitted.size();
            commits++;
            uncommitted = new ArrayList<>();
        }

        @Override
        public void rollback(TransactionStatus status) {
            rollbacks++;
            uncommitted = new ArrayList<>();
        }

        /** Something happens: an exception, a stop of one kind or another, or most often nothing. */
        private void maybe() {
            if (mishap()) {
                throw new Mishap();
            }
            if (run < FAILING_RUNS && roll() < stops) {
                if (roll() < 0.7) {
                    step.requestStop();
                } else {
                    step.stopNow();
                }
            }
        }

        private boolean mishap() {
            return run < FAILING_RUNS && roll() < mishaps;
        }

        private synchronized double roll() {
            return chance.nextDouble();
        }

        private synchronized int pick(int bound) {
            return chance.nextInt(bound);
        }

        private static int number(String item) {
            return Integer.parseInt(item.substring("item ".length()));
        }
    }
}
