package dev.parley.step;

import static dev.parley.step.Light.endless;
import static dev.parley.step.Light.numbers;
import static org.assertj.core.api.Assertions.assertThat;

import dev.parley.step.Light.Collected;
import java.time.Duration;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.FutureTask;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.springframework.batch.core.BatchStatus;
import org.springframework.batch.core.job.JobExecution;
import org.springframework.batch.core.launch.JobOperator;
import org.springframework.batch.core.listener.ItemProcessListener;
import org.springframework.batch.core.listener.ItemReadListener;
import org.springframework.batch.core.listener.StepExecutionListener;
import org.springframework.batch.core.step.StepExecution;
import org.springframework.batch.infrastructure.item.ItemReader;
import org.springframework.batch.infrastructure.item.ItemWriter;
import org.springframework.core.task.SimpleAsyncTaskExecutor;
import org.springframework.jdbc.CannotGetJdbcConnectionException;

@Timeout(300)
class StepStopTests {
    private static final Duration FOR_EVER = Duration.ofHours(1);

    private final Collected<Integer> written = new Collected<>();
    private final CountDownLatch never = new CountDownLatch(1);

    /** Ways to stop a job from outside. */
    private enum Way {
        OPERATOR_IN_MEMORY {
            @Override
            void stop(ConcurrentChunkStep<?, ?> step, JobOperator operator, Metadata metadata, JobExecution job)
                    throws Exception {
                operator.stop(job);
            }
        },
        OPERATOR_FROM_REPOSITORY {
            @Override
            void stop(ConcurrentChunkStep<?, ?> step, JobOperator operator, Metadata metadata, JobExecution job)
                    throws Exception {
                operator.stop(metadata.repository.getJobExecution(job.getId()));
            }
        },
        REQUEST_STOP {
            @Override
            void stop(ConcurrentChunkStep<?, ?> step, JobOperator operator, Metadata metadata, JobExecution job) {
                assertThat(step.requestStop()).isTrue();
            }
        };

        abstract void stop(ConcurrentChunkStep<?, ?> step, JobOperator operator, Metadata metadata, JobExecution job)
                throws Exception;
    }

    @ParameterizedTest
    @EnumSource(Way.class)
    void twentyFiveFastJobsStopCleanlyAndAllThatWasReadIsWritten(Way way) throws Exception {
        Random random = new Random(way.ordinal());
        try (Metadata metadata = new Metadata()) {
            for (int run = 0; run < 25; run++) {
                Collected<Integer> results = new Collected<>();
                CountDownLatch ended = new CountDownLatch(1);
                CountDownLatch underWay = new CountDownLatch(1 + random.nextInt(20));
                ItemWriter<Integer> writer = chunk -> {
                    results.chunks.add(List.copyOf(chunk.getItems()));
                    underWay.countDown();
                };
                ConcurrentChunkStep<Integer, Integer> step = ConcurrentChunkStep.<Integer, Integer>named(
                                "s", metadata.repository, metadata.transactions)
                        .reader(endless())
                        .writer(writer)
                        .concurrency(4)
                        .chunk(5, Duration.ofMillis(1))
                        .build();
                JobOperator operator = metadata.operator(task -> new SimpleAsyncTaskExecutor("job-").execute(() -> {
                    task.run();
                    ended.countDown();
                }));

                JobExecution job = operator.start(metadata.job(step), Metadata.parameters());
                underWay.await();
                way.stop(step, operator, metadata, job);
                ended.await();

                StepExecution execution =
                        ConcurrentChunkStepTests.only(metadata.repository.getJobExecution(job.getId()));
                assertThat(metadata.stored(job)).isEqualTo("STOPPED/STOPPED");
                assertThat(execution.getReadCount())
                        .isEqualTo(execution.getWriteCount())
                        .isEqualTo(results.items().size());
                assertThat(results.items()).doesNotHaveDuplicates();
            }
        }
    }

    @Test
    void aStopThroughTheRepositoryIsNoticedThoughNothingIsWritten() throws Exception {
        try (Metadata metadata = new Metadata()) {
            CountDownLatch reading = new CountDownLatch(1);
            CountDownLatch ended = new CountDownLatch(1);
            JobOperator operator = metadata.operator(task -> new SimpleAsyncTaskExecutor("job-").execute(() -> {
                task.run();
                ended.countDown();
            }));
            JobExecution job = operator.start(
                    metadata.job(
                            ConcurrentChunkStep.<Integer, Integer>named("s", metadata.repository, metadata.transactions)
                                    .reader(() -> {
                                        reading.countDown();
                                        never.await();
                                        return null;
                                    })
                                    .writer(written.writer())
                                    .concurrency(4)
                                    .build()),
                    Metadata.parameters());
            reading.await();

            operator.stop(metadata.repository.getJobExecution(job.getId()));

            ended.await();
            assertThat(metadata.stored(job)).isEqualTo("STOPPED/STOPPED");
        }
    }

    @Test
    void aGracefulStopWakesReadersAndLeavesWhatIsInFlightAlone() throws Exception {
        CountDownLatch inFlight = new CountDownLatch(2);
        CountDownLatch readerWaits = new CountDownLatch(1);
        CountDownLatch mayFinish = new CountDownLatch(1);
        AtomicInteger interrupted = new AtomicInteger();
        CountDownLatch readerWoken = new CountDownLatch(1);
        ItemReader<Integer> two = numbers(2);
        ItemReader<Integer> reader = () -> {
            Integer item = two.read();
            if (item != null) {
                return item;
            }
            try {
                readerWaits.countDown();
                never.await();
                return null;
            } finally {
                readerWoken.countDown();
            }
        };
        Running running = start(Light.<Integer, Integer>step()
                .reader(reader)
                .processor(item -> {
                    inFlight.countDown();
                    try {
                        mayFinish.await();
                    } catch (InterruptedException e) {
                        interrupted.incrementAndGet();
                    }
                    return item;
                })
                .writer(written.writer())
                .concurrency(16) // one waits in the reader, thirteen for it
                .grace(FOR_EVER)
                .build());
        inFlight.await();
        readerWaits.await();

        running.step.requestStop();
        readerWoken.await();
        mayFinish.countDown();

        StepExecution execution = running.await();
        assertThat(execution.getStatus()).isEqualTo(BatchStatus.STOPPED);
        assertThat(interrupted).hasValue(0);
        assertThat(written.items()).containsExactlyInAnyOrder(1, 2);
    }

    @Test
    void lanesAreInterruptedWhenTheGraceIsOverAndTheirItemsReported() throws Exception {
        CountDownLatch inFlight = new CountDownLatch(8);
        ConcurrentLinkedQueue<String> reported = new ConcurrentLinkedQueue<>();
        Running running = start(Light.<Integer, Integer>step()
                .reader(endless())
                .processor(item -> {
                    inFlight.countDown();
                    never.await();
                    return item;
                })
                .writer(written.writer())
                .concurrency(8)
                .grace(Duration.ofMillis(20))
                .listener(new ItemProcessListener<Integer, Integer>() {
                    @Override
                    public void onProcessError(Integer item, Exception e) {
                        reported.add(item + " " + e.getClass().getSimpleName() + " "
                                + Thread.currentThread().isInterrupted());
                    }
                })
                .build());
        inFlight.await();

        running.step.requestStop();

        StepExecution execution = running.await();
        assertThat(execution.getStatus()).isEqualTo(BatchStatus.STOPPED);
        assertThat(ConcurrentChunkStepTests.counts(execution))
                .isEqualTo("read 8 filter 0 write 0 skip 0 commit 0 rollback 0");
        assertThat(reported).hasSize(8).allMatch(call -> call.endsWith(" InterruptedException false"));
        assertThat(execution.getFailureExceptions().get(0)).hasMessageContaining("8 items in flight were interrupted");
    }

    @Test
    void stoppingNowDoesNotWaitForTheGraceAndKeepsWhatReturnsAllTheSame() throws Exception {
        CountDownLatch inFlight = new CountDownLatch(4);
        Running running = start(Light.<Integer, Integer>step()
                .reader(endless())
                .processor(item -> {
                    inFlight.countDown();
                    try {
                        never.await();
                    } catch (InterruptedException e) {
                        if (item % 2 == 0) {
                            throw new IllegalStateException("call cancelled", e); // wrapped: still no failure
                        }
                    }
                    return item;
                })
                .writer(written.writer())
                .concurrency(4)
                .grace(FOR_EVER)
                .build());
        inFlight.await();

        running.step.requestStop();
        running.step.stopNow();

        assertThat(running.await().getStatus()).isEqualTo(BatchStatus.STOPPED);
        assertThat(written.items()).containsExactlyInAnyOrder(1, 3);
    }

    @Test
    void aProcessorThatSwallowsAnInterruptIsInterruptedAgain() throws Exception {
        CountDownLatch inFlight = new CountDownLatch(1);
        AtomicInteger interrupts = new AtomicInteger();
        Running running = start(Light.<Integer, Integer>step()
                .reader(endless())
                .processor(item -> {
                    inFlight.countDown();
                    while (interrupts.get() < 2) {
                        try {
                            never.await();
                        } catch (InterruptedException e) {
                            interrupts.incrementAndGet();
                        }
                    }
                    return item;
                })
                .writer(written.writer())
                .build());
        inFlight.await();

        running.step.stopNow();

        assertThat(running.await().getStatus()).isEqualTo(BatchStatus.STOPPED);
        assertThat(written.items()).containsExactly(1);
    }

    @Test
    void anInterruptedStepThreadDrainsWritesAndStopsWithoutShowingTheInterruptToTheWriter() throws Exception {
        CountDownLatch inFlight = new CountDownLatch(4);
        CountDownLatch mayFinish = new CountDownLatch(1);
        AtomicReference<Boolean> interruptedInWriter = new AtomicReference<>();
        CountDownLatch readerWaits = new CountDownLatch(1);
        CountDownLatch stopping = new CountDownLatch(1);
        ItemReader<Integer> four = numbers(4);
        Running running = start(Light.<Integer, Integer>step()
                .reader(() -> {
                    Integer item = four.read();
                    if (item == null) {
                        try {
                            readerWaits.countDown();
                            never.await();
                        } finally {
                            stopping.countDown();
                        }
                    }
                    return item;
                })
                .processor(item -> {
                    inFlight.countDown();
                    mayFinish.await();
                    return item;
                })
                .writer(chunk -> {
                    interruptedInWriter.set(Thread.currentThread().isInterrupted());
                    written.chunks.add(List.copyOf(chunk.getItems()));
                })
                .concurrency(5)
                .chunk(4, FOR_EVER)
                .build());
        inFlight.await();
        readerWaits.await();

        running.thread.interrupt();
        stopping.await();
        mayFinish.countDown();

        assertThat(running.await().getStatus()).isEqualTo(BatchStatus.STOPPED);
        assertThat(written.items()).containsExactlyInAnyOrder(1, 2, 3, 4);
        assertThat(interruptedInWriter).hasValue(false);
    }

    @Test
    void anInterruptDuringAWriteOnlyCostsASecondTry() throws Exception {
        CountDownLatch writing = new CountDownLatch(1);
        AtomicInteger writes = new AtomicInteger();
        Running running = start(Light.<Integer, Integer>step()
                .reader(endless())
                .writer(chunk -> {
                    if (writes.incrementAndGet() == 1) {
                        writing.countDown();
                        never.await(); // as a pool that is exhausted
                    }
                    written.chunks.add(List.copyOf(chunk.getItems()));
                })
                .concurrency(4)
                .chunk(10, Duration.ofMillis(1))
                .build());
        writing.await();

        running.thread.interrupt();

        StepExecution execution = running.await();
        assertThat(execution.getStatus()).isEqualTo(BatchStatus.STOPPED);
        assertThat(execution.getRollbackCount()).isEqualTo(1);
        assertThat(execution.getReadCount())
                .isEqualTo(execution.getWriteCount())
                .isEqualTo(written.items().size());
    }

    @Test
    void whatAnInterruptedReaderThrowsIsNoFailureAndNoReadError() throws Exception {
        CountDownLatch reading = new CountDownLatch(1);
        AtomicInteger readErrors = new AtomicInteger();
        Running running = start(Light.<Integer, Integer>step()
                .reader(() -> {
                    reading.countDown();
                    try {
                        never.await();
                    } catch (InterruptedException e) {
                        throw new CannotGetJdbcConnectionException("interrupted while waiting for a connection");
                    }
                    return null;
                })
                .writer(written.writer())
                .listener(new ItemReadListener<Integer>() {
                    @Override
                    public void onReadError(Exception e) {
                        readErrors.incrementAndGet();
                    }
                })
                .build());
        reading.await();

        running.step.requestStop();

        assertThat(running.await().getStatus()).isEqualTo(BatchStatus.STOPPED);
        assertThat(readErrors).hasValue(0);
    }

    @Test
    void aStopAfterTheReadersEndLetsTheStepComplete() throws Exception {
        AtomicReference<ConcurrentChunkStep<Integer, Integer>> self = new AtomicReference<>();
        ConcurrentChunkStep<Integer, Integer> step = Light.<Integer, Integer>step()
                .reader(numbers(1))
                .writer(chunk -> {
                    written.chunks.add(List.copyOf(chunk.getItems())); // lingers until its lane has ended
                    self.get().requestStop();
                })
                .chunk(10, FOR_EVER)
                .build();
        self.set(step);

        StepExecution execution = Light.run(step);

        assertThat(execution.getStatus()).isEqualTo(BatchStatus.COMPLETED);
        assertThat(written.items()).containsExactly(1);
    }

    @Test
    void aStopBeforeTheFirstReadReadsNothing() throws Exception {
        AtomicReference<ConcurrentChunkStep<Integer, Integer>> self = new AtomicReference<>();
        ConcurrentChunkStep<Integer, Integer> step = Light.<Integer, Integer>step()
                .reader(endless())
                .writer(written.writer())
                .concurrency(4)
                .listener(new StepExecutionListener() {
                    @Override
                    public void beforeStep(StepExecution execution) {
                        self.get().requestStop();
                    }
                })
                .build();
        self.set(step);

        StepExecution execution = Light.run(step);

        assertThat(execution.getStatus()).isEqualTo(BatchStatus.STOPPED);
        assertThat(execution.getReadCount()).isZero();
    }

    @Test
    void aFailureDuringAStopIsAFailure() throws Exception {
        CountDownLatch inFlight = new CountDownLatch(1);
        CountDownLatch mayFinish = new CountDownLatch(1);
        Running running = start(Light.<Integer, Integer>step()
                .reader(endless())
                .processor(item -> {
                    inFlight.countDown();
                    mayFinish.await();
                    throw new IllegalStateException("bug");
                })
                .writer(written.writer())
                .build());
        inFlight.await();

        running.step.requestStop();
        mayFinish.countDown();

        StepExecution execution = running.await();
        assertThat(execution.getStatus()).isEqualTo(BatchStatus.FAILED);
        assertThat(execution.getFailureExceptions().get(0)).hasMessage("bug");
    }

    @Test
    void aStepThatDoesNotRunSaysSo() {
        assertThat(Light.<Integer, Integer>step()
                        .reader(endless())
                        .writer(written.writer())
                        .build()
                        .requestStop())
                .isFalse();
    }

    private static Running start(ConcurrentChunkStep<Integer, Integer> step) {
        return new Running(step);
    }

    /** A step on a thread of its own. */
    private static final class Running {
        final ConcurrentChunkStep<Integer, Integer> step;
        final Thread thread;
        private final FutureTask<StepExecution> result;

        Running(ConcurrentChunkStep<Integer, Integer> step) {
            this.step = step;
            this.result = new FutureTask<>(() -> Light.run(step));
            this.thread = new Thread(result, "step");
            thread.start();
        }

        StepExecution await() throws Exception {
            StepExecution execution = result.get();
            assertThat(Light.threadsLeft()).isEmpty();
            return execution;
        }
    }
}
