package dev.parley.step;

import static dev.parley.step.Light.numbers;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.parley.step.ConcurrentChunkStep.WriteRetry.Next;
import dev.parley.step.Light.Collected;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.springframework.batch.core.BatchStatus;
import org.springframework.batch.core.ExitStatus;
import org.springframework.batch.core.annotation.AfterStep;
import org.springframework.batch.core.configuration.annotation.StepScope;
import org.springframework.batch.core.job.JobExecution;
import org.springframework.batch.core.listener.ChunkListener;
import org.springframework.batch.core.listener.ItemProcessListener;
import org.springframework.batch.core.listener.ItemReadListener;
import org.springframework.batch.core.listener.ItemWriteListener;
import org.springframework.batch.core.listener.StepExecutionListener;
import org.springframework.batch.core.repository.support.ResourcelessJobRepository;
import org.springframework.batch.core.step.StepExecution;
import org.springframework.batch.infrastructure.item.Chunk;
import org.springframework.batch.infrastructure.item.ExecutionContext;
import org.springframework.batch.infrastructure.item.ItemProcessor;
import org.springframework.batch.infrastructure.item.ItemReader;
import org.springframework.batch.infrastructure.item.ItemStream;
import org.springframework.batch.infrastructure.item.ItemWriter;
import org.springframework.batch.infrastructure.support.transaction.ResourcelessTransactionManager;
import org.springframework.beans.factory.annotation.Value;
import org.springframework.context.annotation.AnnotationConfigApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.transaction.CannotCreateTransactionException;
import org.springframework.transaction.PlatformTransactionManager;
import org.springframework.transaction.TransactionDefinition;
import org.springframework.transaction.TransactionStatus;
import org.springframework.transaction.TransactionSystemException;
import org.springframework.transaction.support.DefaultTransactionStatus;
import org.springframework.transaction.support.TransactionSynchronizationManager;
import org.springframework.transaction.support.TransactionTemplate;

@Timeout(300)
class ConcurrentChunkStepTests {
    private static final Duration FOR_EVER = Duration.ofHours(1);

    private final Collected<Integer> written = new Collected<>();

    @ParameterizedTest
    @ValueSource(ints = {1, 64, 1_000})
    void writesEveryItemOnceWithOneOrManyLanes(int lanes) throws Exception {
        ConcurrentChunkStep<Integer, Integer> step = Light.<Integer, Integer>step()
                .reader(numbers(5_000))
                .processor(item -> item)
                .writer(written.writer())
                .concurrency(lanes)
                .build();

        StepExecution execution = Light.run(step);

        assertThat(execution.getStatus()).isEqualTo(BatchStatus.COMPLETED);
        assertThat(written.items()).hasSize(5_000).containsExactlyInAnyOrderElementsOf(naturals(5_000));
        assertThat(Light.threadsLeft()).isEmpty();
    }

    @Test
    void runsAsManyItemsAtOnceAsItHasLanesAndNeverMore() throws Exception {
        AtomicInteger inFlight = new AtomicInteger();
        AtomicInteger most = new AtomicInteger();
        CyclicBarrier allAtOnce = new CyclicBarrier(64);
        ItemProcessor<Integer, Integer> processor = item -> {
            most.accumulateAndGet(inFlight.incrementAndGet(), Math::max);
            if (item <= 64) {
                allAtOnce.await();
            }
            inFlight.decrementAndGet();
            return item;
        };

        Light.run(Light.<Integer, Integer>step()
                .reader(numbers(1_000))
                .processor(processor)
                .writer(written.writer())
                .concurrency(64)
                .build());

        assertThat(most).hasValue(64);
    }

    @Test
    void countsWhatWasReadFilteredWrittenAndCommitted() throws Exception {
        StepExecution execution = Light.run(Light.<Integer, Integer>step()
                .reader(numbers(1_000))
                .processor(item -> item % 10 == 0 ? null : item)
                .writer(written.writer())
                .concurrency(16)
                .chunk(100, FOR_EVER)
                .build());

        assertThat(counts(execution)).isEqualTo("read 1000 filter 100 write 900 skip 0 commit 9 rollback 0");
        assertThat(execution.getExitStatus()).isEqualTo(ExitStatus.COMPLETED);
    }

    @Test
    void closesAChunkWhenItIsFull() throws Exception {
        Light.run(Light.<Integer, Integer>step()
                .reader(numbers(250))
                .writer(written.writer())
                .concurrency(8)
                .chunk(100, FOR_EVER)
                .build());

        assertThat(written.chunks).extracting(List::size).containsExactly(100, 100, 50);
    }

    @Test
    void closesAChunkThatIsNotFullWhenItsFirstResultHasLingered() throws Exception {
        CountDownLatch firstIsWritten = new CountDownLatch(1);
        ItemProcessor<Integer, Integer> processor = item -> {
            if (item == 2) {
                firstIsWritten.await();
            }
            return item;
        };

        Light.run(Light.<Integer, Integer>step()
                .reader(numbers(2))
                .processor(processor)
                .writer(chunk -> {
                    written.chunks.add(List.copyOf(chunk.getItems()));
                    firstIsWritten.countDown();
                })
                .concurrency(2)
                .chunk(100, Duration.ofMillis(1))
                .build());

        assertThat(written.chunks).containsExactly(List.of(1), List.of(2));
    }

    @Test
    void writesResultsInTheOrderInWhichTheyCompleted() throws Exception {
        Map<Integer, CountDownLatch> mayComplete = new ConcurrentHashMap<>();
        IntStream.rangeClosed(1, 8).forEach(item -> mayComplete.put(item, new CountDownLatch(1)));
        mayComplete.get(8).countDown();
        ItemProcessor<Integer, Integer> processor = item -> {
            mayComplete.get(item).await();
            return item;
        };
        ItemWriter<Integer> writer = chunk -> {
            written.chunks.add(List.copyOf(chunk.getItems()));
            chunk.forEach(item ->
                    mayComplete.getOrDefault(item - 1, new CountDownLatch(1)).countDown());
        };

        Light.run(Light.<Integer, Integer>step()
                .reader(numbers(8))
                .processor(processor)
                .writer(writer)
                .concurrency(8)
                .chunk(1, Duration.ZERO)
                .build());

        assertThat(written.items()).containsExactly(8, 7, 6, 5, 4, 3, 2, 1);
    }

    @Test
    void asksTheReaderOneLaneAtATimeAndNeverAgainAfterItsEnd() throws Exception {
        ItemReader<Integer> numbers = numbers(2_000);
        AtomicInteger inside = new AtomicInteger();
        AtomicInteger most = new AtomicInteger();
        AtomicInteger ends = new AtomicInteger();
        ItemReader<Integer> reader = () -> {
            most.accumulateAndGet(inside.incrementAndGet(), Math::max);
            Integer item = numbers.read();
            if (item == null) {
                ends.incrementAndGet();
            }
            inside.decrementAndGet();
            return item;
        };

        Light.run(Light.<Integer, Integer>step()
                .reader(reader)
                .writer(written.writer())
                .concurrency(64)
                .build());

        assertThat(most).hasValue(1);
        assertThat(ends).hasValue(1);
    }

    @Test
    void holdsNoMoreResultsThanItsQueueAndAChunkWhenTheWriterIsSlow() throws Exception {
        AtomicInteger read = new AtomicInteger();
        AtomicInteger stored = new AtomicInteger();
        AtomicInteger furthestAhead = new AtomicInteger();
        ItemReader<Integer> numbers = numbers(5_000);
        ItemReader<Integer> reader = () -> {
            furthestAhead.accumulateAndGet(read.incrementAndGet() - stored.get(), Math::max);
            return numbers.read();
        };

        Light.run(Light.<Integer, Integer>step()
                .reader(reader)
                .writer(chunk -> {
                    Thread.yield();
                    stored.addAndGet(chunk.size());
                })
                .concurrency(4)
                .chunk(10, Duration.ZERO)
                .build());

        assertThat(furthestAhead.get()).isLessThanOrEqualTo(20 + 10 + 4 + 1); // queue, chunk, lanes, this very read
    }

    @Test
    void aFailingReaderFailsTheStepAfterWhatIsInFlightHasBeenWritten() throws Exception {
        IllegalStateException broken = new IllegalStateException("no more");
        ItemReader<Integer> numbers = numbers(1_000);
        ItemReader<Integer> reader = () -> {
            Integer item = numbers.read();
            if (item != null && item == 501) {
                throw broken;
            }
            return item;
        };

        StepExecution execution = Light.run(Light.<Integer, Integer>step()
                .reader(reader)
                .writer(written.writer())
                .concurrency(8)
                .build());

        assertThat(execution.getStatus()).isEqualTo(BatchStatus.FAILED);
        assertThat(execution.getFailureExceptions()).containsExactly(broken);
        assertThat(execution.getReadCount()).isEqualTo(500);
        assertThat(written.items()).containsExactlyInAnyOrderElementsOf(naturals(500));
    }

    @Test
    void aFailingProcessorFailsTheStepAfterWhatIsInFlightHasBeenWritten() throws Exception {
        IllegalStateException broken = new IllegalStateException("bug");
        CyclicBarrier together = new CyclicBarrier(8);

        StepExecution execution = Light.run(Light.<Integer, Integer>step()
                .reader(numbers(1_000))
                .processor(item -> {
                    if (item <= 8) {
                        together.await();
                    }
                    if (item == 8) {
                        throw broken;
                    }
                    return item;
                })
                .writer(written.writer())
                .concurrency(8)
                .chunk(100, FOR_EVER)
                .build());

        assertThat(execution.getStatus()).isEqualTo(BatchStatus.FAILED);
        assertThat(execution.getFailureExceptions().get(0)).isSameAs(broken);
        assertThat(written.items()).contains(1, 2, 3, 4, 5, 6, 7).doesNotContain(8);
        assertThat(execution.getWriteCount()).isEqualTo(written.items().size());
    }

    @Test
    void aFailureWakesLanesThatWaitForTheReader() throws Exception {
        CountDownLatch readerWaits = new CountDownLatch(1);
        ItemReader<Integer> one = numbers(1);
        ItemReader<Integer> reader = () -> {
            Integer item = one.read();
            if (item == null) {
                readerWaits.countDown();
                new CountDownLatch(1).await(); // for ever
            }
            return item;
        };

        StepExecution execution = Light.run(Light.<Integer, Integer>step()
                .reader(reader)
                .processor(item -> {
                    readerWaits.await();
                    throw new IllegalStateException("bug");
                })
                .writer(written.writer())
                .concurrency(4)
                .build());

        assertThat(execution.getFailureExceptions())
                .hasSize(1)
                .first()
                .hasToString("java.lang.IllegalStateException: bug");
    }

    @Test
    void anErrorInALaneFailsTheStep() throws Exception {
        StepExecution execution = Light.run(Light.<Integer, Integer>step()
                .reader(numbers(10))
                .processor(item -> {
                    throw new StackOverflowError();
                })
                .writer(written.writer())
                .concurrency(4)
                .build());

        assertThat(execution.getStatus()).isEqualTo(BatchStatus.FAILED);
        assertThat(execution.getFailureExceptions().get(0)).isInstanceOf(StackOverflowError.class);
    }

    @Test
    void manyLanesMayThrowTheSameInstance() throws Exception {
        IllegalStateException shared = new IllegalStateException("shared");
        CyclicBarrier together = new CyclicBarrier(8);

        StepExecution execution = Light.run(Light.<Integer, Integer>step()
                .reader(numbers(8))
                .processor(item -> {
                    together.await();
                    throw shared;
                })
                .writer(written.writer())
                .concurrency(8)
                .build());

        assertThat(execution.getFailureExceptions()).containsExactly(shared);
        assertThat(shared.getSuppressed()).isEmpty();
    }

    @Test
    void aFailingBeforeStepFailsTheStepBeforeAnythingIsRead() throws Exception {
        StepExecution execution = Light.run(Light.<Integer, Integer>step()
                .reader(numbers(8))
                .writer(written.writer())
                .listener(new StepExecutionListener() {
                    @Override
                    public void beforeStep(StepExecution started) {
                        throw new IllegalStateException("not today");
                    }
                })
                .build());

        assertThat(execution.getStatus()).isEqualTo(BatchStatus.FAILED);
        assertThat(execution.getReadCount()).isZero();
    }

    @Test
    void aBadItemFailsAloneAndTheProcessorIsNotRunAgain() throws Exception {
        AtomicInteger processed = new AtomicInteger();
        List<String> refused = new ArrayList<>();

        StepExecution execution = Light.run(Light.<Integer, Integer>step()
                .reader(numbers(102))
                .processor(item -> {
                    processed.incrementAndGet();
                    return item;
                })
                .writer(refusing(7))
                .chunk(10, FOR_EVER)
                .onWriteFailure((item, exception) -> refused.add(item + " " + exception.getMessage() + " "
                        + TransactionSynchronizationManager.isActualTransactionActive()))
                .build());

        assertThat(execution.getStatus()).isEqualTo(BatchStatus.COMPLETED);
        assertThat(counts(execution)).isEqualTo("read 102 filter 0 write 101 skip 1 commit 19 rollback 2");
        assertThat(refused).containsExactly("7 bad row 7 false");
        assertThat(processed).hasValue(102);
        assertThat(written.items()).hasSize(101).doesNotContain(7);
    }

    @Test
    void aBadItemFailsTheStepUnlessSomeoneTakesItAndTheRestIsWritten() throws Exception {
        StepExecution execution = Light.run(Light.<Integer, Integer>step()
                .reader(numbers(10))
                .writer(refusing(7))
                .chunk(10, FOR_EVER)
                .build());

        assertThat(execution.getStatus()).isEqualTo(BatchStatus.FAILED);
        assertThat(execution.getFailureExceptions())
                .extracting(Throwable::getMessage)
                .containsExactly("bad row 7");
        assertThat(counts(execution)).isEqualTo("read 10 filter 0 write 9 skip 0 commit 9 rollback 2");
    }

    @Test
    void aWriteThatIsWorthAnotherTryIsTriedAgainAsItIs() throws Exception {
        AtomicInteger tries = new AtomicInteger();

        StepExecution execution = Light.run(Light.<Integer, Integer>step()
                .reader(numbers(10))
                .writer(chunk -> {
                    if (tries.incrementAndGet() < 3) {
                        throw new IllegalStateException("away");
                    }
                    assertThat(chunk.getItems()).hasSize(10);
                })
                .chunk(10, FOR_EVER)
                .retryWrites((cause, since) ->
                        cause.getMessage().equals("away") && since.compareTo(FOR_EVER) < 0 ? Next.AGAIN : Next.ISOLATE)
                .build());

        assertThat(execution.getStatus()).isEqualTo(BatchStatus.COMPLETED);
        assertThat(counts(execution)).isEqualTo("read 10 filter 0 write 10 skip 0 commit 1 rollback 2");
    }

    @Test
    void aWriteThatIsGivenUpIsNotTriedItemByItemNorAreThoseAfterIt() throws Exception {
        AtomicInteger tries = new AtomicInteger();
        List<Duration> since = new ArrayList<>();

        StepExecution execution = Light.run(Light.<Integer, Integer>step()
                .reader(numbers(100))
                .writer(chunk -> {
                    tries.incrementAndGet();
                    throw new IllegalStateException("away");
                })
                .chunk(10, FOR_EVER)
                .retryWrites((cause, lasted) -> {
                    since.add(lasted);
                    return tries.get() < 3 ? Next.AGAIN : Next.GIVE_UP;
                })
                .build());

        assertThat(execution.getStatus()).isEqualTo(BatchStatus.FAILED);
        assertThat(execution.getFailureExceptions())
                .first()
                .satisfies(failure -> assertThat(failure).hasMessage("away"));
        assertThat(tries.get()).as("3 for the first chunk, then one a chunk").isLessThanOrEqualTo(3 + 9);
        assertThat(since).as("of one outage").isSorted();
        assertThat(execution.getWriteCount()).isZero();
    }

    @Test
    void aChunkThatTheReaderWaitsForDoesNotLinger() throws Exception {
        CountDownLatch allWritten = new CountDownLatch(1);
        AtomicInteger reads = new AtomicInteger();
        AtomicBoolean waits = new AtomicBoolean();

        StepExecution execution = Light.run(Light.<Integer, Integer>step()
                .reader(() -> {
                    if (reads.incrementAndGet() <= 3) {
                        return reads.get();
                    }
                    waits.set(true);
                    allWritten.await();
                    return null;
                })
                .writer(chunk -> allWritten.countDown())
                .chunk(10, FOR_EVER)
                .readerWaits(waits::get)
                .build());

        assertThat(counts(execution)).isEqualTo("read 3 filter 0 write 3 skip 0 commit 1 rollback 0");
    }

    @Test
    void aFailureAtCommitIsHandledLikeABadItem() throws Exception {
        AtomicInteger commits = new AtomicInteger();
        ResourcelessTransactionManager transactions = new ResourcelessTransactionManager() {
            @Override
            protected void doCommit(DefaultTransactionStatus status) {
                if (commits.incrementAndGet() == 1) {
                    throw new TransactionSystemException("deferred constraint");
                }
            }
        };

        StepExecution execution = Light.run(
                ConcurrentChunkStep.<Integer, Integer>named("light", new ResourcelessJobRepository(), transactions)
                        .reader(numbers(10))
                        .writer(written.writer())
                        .chunk(10, FOR_EVER)
                        .build());

        assertThat(execution.getStatus()).isEqualTo(BatchStatus.COMPLETED);
        assertThat(counts(execution)).isEqualTo("read 10 filter 0 write 10 skip 0 commit 10 rollback 1");
    }

    @Test
    void aTransactionThatTheWriterMarksAsRollbackOnlyIsNoSuccess() throws Exception {
        try (Metadata metadata = new Metadata()) {
            ItemWriter<Integer> writer = chunk -> {
                if (chunk.getItems().contains(3)) {
                    new TransactionTemplate(metadata.transactions)
                            .executeWithoutResult(TransactionStatus::setRollbackOnly);
                }
            };

            JobExecution job = metadata.run(
                    ConcurrentChunkStep.<Integer, Integer>named("light", metadata.repository, metadata.transactions)
                            .reader(numbers(5))
                            .writer(writer)
                            .chunk(5, FOR_EVER)
                            .onWriteFailure((item, exception) -> written.chunks.add(List.of(item)))
                            .build());

            assertThat(written.items()).containsExactly(3);
            assertThat(counts(only(job))).isEqualTo("read 5 filter 0 write 4 skip 1 commit 4 rollback 2");
        }
    }

    @Test
    void aDatabaseThatIsAwayCostsOneMoreTryAndNotOneForEachItem() throws Exception {
        AtomicInteger tries = new AtomicInteger();
        PlatformTransactionManager transactions = new PlatformTransactionManager() {
            @Override
            public TransactionStatus getTransaction(TransactionDefinition definition) {
                tries.incrementAndGet();
                throw new CannotCreateTransactionException("away");
            }

            @Override
            public void commit(TransactionStatus status) {}

            @Override
            public void rollback(TransactionStatus status) {}
        };

        StepExecution execution = Light.run(
                ConcurrentChunkStep.<Integer, Integer>named("light", new ResourcelessJobRepository(), transactions)
                        .reader(numbers(10))
                        .writer(written.writer())
                        .chunk(10, FOR_EVER)
                        .onWriteFailure((item, exception) -> written.chunks.add(List.of(item)))
                        .build());

        assertThat(execution.getStatus()).isEqualTo(BatchStatus.FAILED);
        assertThat(tries).hasValue(2);
        assertThat(counts(execution)).isEqualTo("read 10 filter 0 write 0 skip 0 commit 0 rollback 0");
        assertThat(written.items()).isEmpty();
    }

    @Test
    void noTransactionIsOpenWhileItemsAreReadOrProcessed() throws Exception {
        Set<Boolean> transactionAtWork = ConcurrentHashMap.newKeySet();
        Set<Boolean> transactionAtWrite = ConcurrentHashMap.newKeySet();
        ItemReader<Integer> numbers = numbers(100);

        try (Metadata metadata = new Metadata()) {
            metadata.run(ConcurrentChunkStep.<Integer, Integer>named("s", metadata.repository, metadata.transactions)
                    .reader(() -> {
                        transactionAtWork.add(TransactionSynchronizationManager.isActualTransactionActive());
                        return numbers.read();
                    })
                    .processor(item -> {
                        transactionAtWork.add(TransactionSynchronizationManager.isActualTransactionActive());
                        return item;
                    })
                    .writer(chunk ->
                            transactionAtWrite.add(TransactionSynchronizationManager.isActualTransactionActive()))
                    .concurrency(8)
                    .build());
        }

        assertThat(transactionAtWork).containsExactly(false);
        assertThat(transactionAtWrite).containsExactly(true);
    }

    @Test
    void hundredsOfLanesGetByWithAPoolOfFiveConnectionsAndLeaveNoneBehind() throws Exception {
        try (Metadata metadata = new Metadata(5)) {
            metadata.jdbc.sql("CREATE TABLE done (id INT PRIMARY KEY)").update();
            CyclicBarrier allAtOnce = new CyclicBarrier(256);

            JobExecution job = metadata.run(
                    ConcurrentChunkStep.<Integer, Integer>named("s", metadata.repository, metadata.transactions)
                            .reader(numbers(2_560))
                            .processor(item -> {
                                allAtOnce.await();
                                return item;
                            })
                            .writer(insertInto(metadata))
                            .concurrency(256)
                            .chunk(100, Duration.ofMillis(20))
                            .build());

            assertThat(job.getStatus()).isEqualTo(BatchStatus.COMPLETED);
            assertThat(rows(metadata)).isEqualTo(2_560);
            assertThat(metadata.dataSource.getHikariPoolMXBean().getActiveConnections())
                    .isZero();
        }
    }

    @Test
    void aRestartWritesWhatTheFailedRunLeft() throws Exception {
        try (Metadata metadata = new Metadata()) {
            metadata.jdbc.sql("CREATE TABLE done (id INT PRIMARY KEY)").update();
            AtomicInteger opened = new AtomicInteger();

            var operator = metadata.operator(new org.springframework.core.task.SyncTaskExecutor());
            PendingReader reader = new PendingReader(metadata, 1_000, opened);
            JobExecution first = operator.start(
                    metadata.job(
                            ConcurrentChunkStep.<Integer, Integer>named("s", metadata.repository, metadata.transactions)
                                    .reader(reader)
                                    .processor(item -> {
                                        if (item == 500 && opened.get() == 1) {
                                            throw new IllegalStateException("bug");
                                        }
                                        return item;
                                    })
                                    .writer(insertInto(metadata))
                                    .concurrency(16)
                                    .build()),
                    Metadata.parameters());
            long afterFirst = rows(metadata);
            JobExecution second = operator.restart(metadata.repository.getJobExecution(first.getId()));

            assertThat(metadata.stored(first)).isEqualTo("FAILED/FAILED");
            assertThat(afterFirst).isBetween(400L, 999L).isEqualTo(only(first).getWriteCount());
            assertThat(metadata.stored(second)).isEqualTo("COMPLETED/COMPLETED");
            assertThat(rows(metadata)).isEqualTo(1_000);
        }
    }

    @Test
    void survivesThatAForeignHandChangesTheRowOfTheStep() throws Exception {
        try (Metadata metadata = new Metadata()) {
            ItemWriter<Integer> writer = chunk -> {
                if (chunk.getItems().contains(50)) {
                    metadata.jdbc
                            .sql("UPDATE BATCH_STEP_EXECUTION SET VERSION = VERSION + 3")
                            .update();
                }
                written.chunks.add(List.copyOf(chunk.getItems()));
            };

            JobExecution job = metadata.run(
                    ConcurrentChunkStep.<Integer, Integer>named("s", metadata.repository, metadata.transactions)
                            .reader(numbers(100))
                            .writer(writer)
                            .concurrency(4)
                            .chunk(10, FOR_EVER)
                            .build());

            assertThat(metadata.stored(job)).isEqualTo("COMPLETED/COMPLETED");
            assertThat(written.items()).hasSize(100);
            assertThat(metadata.jdbc
                            .sql("SELECT WRITE_COUNT FROM BATCH_STEP_EXECUTION")
                            .query(Integer.class)
                            .single())
                    .isEqualTo(100);
        }
    }

    @Test
    void survivesThatAForeignHandChangesTheRowDuringTheLastChunk() throws Exception {
        try (Metadata metadata = new Metadata()) {
            JobExecution job = metadata.run(
                    ConcurrentChunkStep.<Integer, Integer>named("s", metadata.repository, metadata.transactions)
                            .reader(numbers(5))
                            .writer(chunk -> metadata.jdbc
                                    .sql("UPDATE BATCH_STEP_EXECUTION SET VERSION = VERSION + 3")
                                    .update())
                            .chunk(5, FOR_EVER)
                            .build());

            assertThat(metadata.stored(job)).isEqualTo("COMPLETED/COMPLETED");
        }
    }

    @Test
    void opensUpdatesAndClosesStreamsOnceAndShowsFinalCountsToAfterStep() throws Exception {
        List<String> calls = new ArrayList<>();
        class Everything implements ItemReader<Integer>, ItemStream, StepExecutionListener {
            private final ItemReader<Integer> numbers = numbers(1_000);

            @Override
            public Integer read() throws Exception {
                return numbers.read();
            }

            @Override
            public void open(ExecutionContext context) {
                calls.add("open");
            }

            @Override
            public void update(ExecutionContext context) {
                calls.add("update");
                context.putString("seen", "yes");
            }

            @Override
            public void close() {
                calls.add("close");
            }

            @Override
            public ExitStatus afterStep(StepExecution execution) {
                calls.add("afterStep " + execution.getStatus() + " " + counts(execution));
                return new ExitStatus("CUSTOM");
            }
        }

        try (Metadata metadata = new Metadata()) {
            JobExecution job = metadata.run(
                    ConcurrentChunkStep.<Integer, Integer>named("s", metadata.repository, metadata.transactions)
                            .reader(new Everything())
                            .writer(written.writer())
                            .concurrency(8)
                            .chunk(100, FOR_EVER)
                            .build());

            assertThat(calls)
                    .containsExactly(
                            "open",
                            "update",
                            "afterStep COMPLETED read 1000 filter 0 write 1000 skip 0 commit 10 rollback 0",
                            "close");
            assertThat(only(job).getExitStatus().getExitCode()).isEqualTo("CUSTOM");
            assertThat(job.getExitStatus().getExitCode()).isEqualTo("CUSTOM");
            assertThat(metadata.repository.getJobExecution(job.getId()).getStepExecutions())
                    .first()
                    .extracting(step -> step.getExecutionContext().get("seen"))
                    .isEqualTo("yes");
        }
    }

    @Test
    void tellsListenersOnTheLanesAndAroundTheWrite() throws Exception {
        ConcurrentLinkedQueue<String> calls = new ConcurrentLinkedQueue<>();

        Light.run(Light.<Integer, Integer>step()
                .reader(numbers(2))
                .processor(item -> item == 2 ? null : item * 10)
                .writer(written.writer())
                .chunk(1, FOR_EVER)
                .listener(new Recorder(calls))
                .build());

        assertThat(calls)
                .containsSubsequence("beforeRead", "afterRead 1", "beforeProcess 1", "afterProcess 1 10")
                .containsSubsequence("beforeChunk [1]", "beforeWrite [10]", "afterWrite [10]", "afterChunk [10]")
                .containsSubsequence(
                        "beforeRead", "afterRead 2", "beforeProcess 2", "afterProcess 2 null", "beforeRead")
                .hasSize(3 + 2 + 4 + 4);
    }

    @Test
    void tellsListenersOfFailuresAndTheFirstExceptionWins() throws Exception {
        ConcurrentLinkedQueue<String> calls = new ConcurrentLinkedQueue<>();
        Recorder talksBack = new Recorder(calls) {
            @Override
            public void onWriteError(Exception exception, Chunk<? extends Integer> results) {
                super.onWriteError(exception, results);
                throw new IllegalStateException("listener");
            }
        };

        StepExecution execution = Light.run(Light.<Integer, Integer>step()
                .reader(numbers(1))
                .writer(refusing(1))
                .listener(talksBack)
                .build());

        assertThat(calls)
                .filteredOn(call -> call.contains("Error") || call.contains("Chunk"))
                .containsExactly(
                        "beforeChunk [1]",
                        "onWriteError [1] bad row 1",
                        "onChunkError [1] bad row 1",
                        "beforeChunk [1]",
                        "onWriteError [1] bad row 1",
                        "onChunkError [1] bad row 1");
        assertThat(execution.getFailureExceptions().get(0)).hasMessage("bad row 1");
        assertThat(execution.getFailureExceptions().get(0).getSuppressed())
                .extracting(Throwable::getMessage)
                .containsExactly("listener");
    }

    @Test
    void aListenerThatFailsAfterTheWriteRollsTheChunkBack() throws Exception {
        AtomicInteger calls = new AtomicInteger();

        StepExecution execution = Light.run(Light.<Integer, Integer>step()
                .reader(numbers(3))
                .writer(written.writer())
                .chunk(3, FOR_EVER)
                .listener(new ItemWriteListener<Integer>() {
                    @Override
                    public void afterWrite(Chunk<? extends Integer> results) {
                        if (calls.incrementAndGet() == 1) {
                            throw new IllegalStateException("listener");
                        }
                    }
                })
                .build());

        assertThat(counts(execution)).isEqualTo("read 3 filter 0 write 3 skip 0 commit 3 rollback 1");
    }

    @Test
    void understandsAnnotatedMethodsOfAPlainObject() throws Exception {
        List<String> calls = new ArrayList<>();
        class Plain {
            @AfterStep
            public void after(StepExecution execution) {
                calls.add("after " + execution.getWriteCount());
            }
        }

        Light.run(Light.<Integer, Integer>step()
                .reader(numbers(3))
                .writer(written.writer())
                .listener(new Plain())
                .build());

        assertThat(calls).containsExactly("after 3");
    }

    @Test
    void stepScopedBeansWorkInLanesAndListeners() throws Exception {
        try (AnnotationConfigApplicationContext context = new AnnotationConfigApplicationContext(Scoped.class)) {
            StepExecution execution = Light.execution();
            execution.getExecutionContext().putInt("factor", 3);

            Light.run(
                    Light.<Integer, Integer>step()
                            .reader(numbers(200))
                            .processor(context.getBean(Times.class))
                            .writer(written.writer())
                            .concurrency(32)
                            .build(),
                    execution);

            assertThat(execution.getFailureExceptions()).isEmpty();
            assertThat(written.items())
                    .containsExactlyInAnyOrderElementsOf(
                            naturals(200).stream().map(item -> item * 3).toList());
            assertThat(Times.made).hasValue(1);
        }
    }

    @Test
    void aStepIsToldWhatIsWrongWithItsSettings() {
        assertThatThrownBy(() -> Light.step().writer(chunk -> {}).build())
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("step light has no reader");
        assertThatThrownBy(() -> Light.step()
                        .reader(() -> null)
                        .writer(chunk -> {})
                        .concurrency(0)
                        .build())
                .hasMessage("step light: concurrency is 0, it has to be 1 or more");
        assertThatThrownBy(() -> Light.step().listener("a text"))
                .hasMessageContaining("java.lang.String is no listener");
    }

    private ItemWriter<Integer> refusing(int bad) {
        return chunk -> {
            if (chunk.getItems().contains(bad)) {
                throw new IllegalStateException("bad row " + bad);
            }
            written.chunks.add(List.copyOf(chunk.getItems()));
        };
    }

    private static ItemWriter<Integer> insertInto(Metadata metadata) {
        return chunk -> chunk.forEach(item ->
                metadata.jdbc.sql("INSERT INTO done VALUES (?)").param(item).update());
    }

    private static long rows(Metadata metadata) {
        return metadata.jdbc.sql("SELECT count(*) FROM done").query(Long.class).single();
    }

    static StepExecution only(JobExecution job) {
        return job.getStepExecutions().iterator().next();
    }

    static String counts(StepExecution execution) {
        return "read " + execution.getReadCount() + " filter " + execution.getFilterCount() + " write "
                + execution.getWriteCount() + " skip " + execution.getWriteSkipCount() + " commit "
                + execution.getCommitCount() + " rollback " + execution.getRollbackCount();
    }

    private static List<Integer> naturals(int n) {
        return IntStream.rangeClosed(1, n).boxed().toList();
    }

    /** Reads what is not done, as the table says when it is opened. */
    private static final class PendingReader implements ItemReader<Integer>, ItemStream {
        private final Metadata metadata;
        private final int all;
        private final AtomicInteger opened;
        private final List<Integer> pending = new ArrayList<>();

        PendingReader(Metadata metadata, int all, AtomicInteger opened) {
            this.metadata = metadata;
            this.all = all;
            this.opened = opened;
        }

        @Override
        public void open(ExecutionContext context) {
            opened.incrementAndGet();
            Set<Integer> done = new HashSet<>(metadata.jdbc
                    .sql("SELECT id FROM done")
                    .query(Integer.class)
                    .list());
            pending.clear();
            naturals(all).stream().filter(item -> !done.contains(item)).forEach(pending::add);
        }

        @Override
        public Integer read() {
            return pending.isEmpty() ? null : pending.remove(0);
        }
    }

    private static class Recorder
            implements ItemReadListener<Integer>,
                    ItemProcessListener<Integer, Integer>,
                    ItemWriteListener<Integer>,
                    ChunkListener<Integer, Integer> {
        private final ConcurrentLinkedQueue<String> calls;

        Recorder(ConcurrentLinkedQueue<String> calls) {
            this.calls = calls;
        }

        @Override
        public void beforeRead() {
            calls.add("beforeRead");
        }

        @Override
        public void afterRead(Integer item) {
            calls.add("afterRead " + item);
        }

        @Override
        public void beforeProcess(Integer item) {
            calls.add("beforeProcess " + item);
        }

        @Override
        public void afterProcess(Integer item, Integer result) {
            calls.add("afterProcess " + item + " " + result);
        }

        @Override
        public void beforeWrite(Chunk<? extends Integer> results) {
            calls.add("beforeWrite " + results.getItems());
        }

        @Override
        public void afterWrite(Chunk<? extends Integer> results) {
            calls.add("afterWrite " + results.getItems());
        }

        @Override
        public void onWriteError(Exception exception, Chunk<? extends Integer> results) {
            calls.add("onWriteError " + results.getItems() + " " + exception.getMessage());
        }

        @Override
        public void beforeChunk(Chunk<Integer> items) {
            calls.add("beforeChunk " + items.getItems());
        }

        @Override
        public void afterChunk(Chunk<Integer> results) {
            calls.add("afterChunk " + results.getItems());
        }

        @Override
        public void onChunkError(Exception exception, Chunk<Integer> results) {
            calls.add("onChunkError " + results.getItems() + " " + exception.getMessage());
        }
    }

    @Configuration(proxyBeanMethods = false)
    static class Scoped {
        @Bean
        static org.springframework.batch.core.scope.StepScope stepScope() {
            return new org.springframework.batch.core.scope.StepScope();
        }

        @Bean
        @StepScope
        Times times(@Value("#{stepExecutionContext['factor']}") int factor) {
            return new Times(factor);
        }
    }

    static class Times implements ItemProcessor<Integer, Integer>, ItemProcessListener<Integer, Integer> {
        static final AtomicInteger made = new AtomicInteger();

        private final int factor;

        Times(int factor) {
            this.factor = factor;
            made.incrementAndGet();
        }

        Times() { // for the scope's proxy
            this.factor = 0;
        }

        @Override
        public Integer process(Integer item) {
            return item * factor;
        }

        @Override
        public void afterProcess(Integer item, Integer result) {
            if (factor != 3) {
                throw new IllegalStateException("not the bean of this step");
            }
        }
    }
}
