package dev.parley.step;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;
import org.springframework.batch.core.job.JobInterruptedException;
import org.springframework.batch.core.repository.JobRepository;
import org.springframework.batch.core.step.Step;
import org.springframework.batch.core.step.StepExecution;
import org.springframework.batch.infrastructure.item.ItemProcessor;
import org.springframework.batch.infrastructure.item.ItemReader;
import org.springframework.batch.infrastructure.item.ItemWriter;
import org.springframework.transaction.PlatformTransactionManager;

/**
 * A chunk step that processes many items at once without a barrier between chunks: each of its lanes reads an item,
 * processes it, hands the result over and goes on to the next, while the step's own thread writes what has completed.
 *
 * <ul>
 *   <li>The reader and the read listeners are called by one lane at a time. {@code read()} may block; a stop interrupts it.
 *       After it returned null it is not called again.
 *   <li>The processor and the process listeners are called by all lanes at once. Step-scoped beans work in them.
 *   <li>The writer and all other listeners are called by the step's own thread, write and chunk listeners inside the
 *       chunk's transaction ({@code onChunkError} after its rollback). Results come in the order in which they completed.
 *   <li>A chunk that could not be written is tried again item by item, each in a transaction of its own; the processor is
 *       never run again. A commit whose answer got lost is repeated, too: writes have to be idempotent.
 *   <li>When the reader, the processor, the writer or a listener fails, no more is read, what is in flight is finished and
 *       written, and the step fails with the first exception; later ones are suppressed in it.
 *   <li>The execution context is saved once, at the end: "read so far" is not "written so far" here. Only readers whose state
 *       is in the data (a status column) restart correctly; those that count positions do not.
 * </ul>
 *
 * <p>It is a plain {@link Step}. An {@code AbstractStep} is stoppable in Spring Batch's sense, and {@code JobOperator.stop}
 * then writes the step's row from its own thread against the step's own writes.
 *
 * <p>Thread-safe. It may run in several jobs at once when its reader may: reads are serialised within one run only, so such a
 * reader is step-scoped or thread-safe.
 *
 * @param <I> what is read
 * @param <O> what is written
 */
public final class ConcurrentChunkStep<I, O> implements Step {
    private final String name;
    private final JobRepository jobRepository;
    private final Settings<I, O> settings;
    private final boolean allowStartIfComplete;
    private final int startLimit;
    private final Set<StepRun<I, O>> running = ConcurrentHashMap.newKeySet();

    private ConcurrentChunkStep(Builder<I, O> builder, Settings<I, O> settings) {
        this.name = builder.name;
        this.jobRepository = builder.jobRepository;
        this.settings = settings;
        this.allowStartIfComplete = builder.allowStartIfComplete;
        this.startLimit = builder.startLimit;
    }

    /** @param transactionManager for the chunks; the metadata has the repository's own */
    public static <I, O> Builder<I, O> named(
            String name, JobRepository jobRepository, PlatformTransactionManager transactionManager) {
        return new Builder<>(name, jobRepository, transactionManager);
    }

    @Override
    public String getName() {
        return name;
    }

    @Override
    public boolean isAllowStartIfComplete() {
        return allowStartIfComplete;
    }

    @Override
    public int getStartLimit() {
        return startLimit;
    }

    @Override
    public void execute(StepExecution stepExecution) throws JobInterruptedException {
        StepRun<I, O> run = new StepRun<>(name, jobRepository, settings);
        running.add(run);
        try {
            run.execute(stepExecution);
        } finally {
            running.remove(run);
        }
    }

    /**
     * Asks the step to stop, from any thread: nothing more is read; items in flight may finish for as long as the grace
     * lasts, then their lanes are interrupted; what has completed is written and the step ends STOPPED. Returns at once.
     *
     * @return whether the step was running; an execution that begins later is not affected
     */
    public boolean requestStop() {
        List<StepRun<I, O>> runs = List.copyOf(running);
        runs.forEach(StepRun::requestStop);
        return !runs.isEmpty();
    }

    /** As {@link #requestStop()}, without a grace. An item in flight is lost, unless its processor returns all the same. */
    public boolean stopNow() {
        List<StepRun<I, O>> runs = List.copyOf(running);
        runs.forEach(StepRun::stopNow);
        return !runs.isEmpty();
    }

    @Override
    public String toString() {
        return "ConcurrentChunkStep[" + name + "]";
    }

    /** What becomes of a result that cannot be written, alone in its transaction. */
    @FunctionalInterface
    public interface WriteFailureHandler<O> {
        /**
         * Called outside any transaction, on the step's own thread. Returning means that the failure is recorded: it counts as
         * a write skip and the step goes on. Throwing fails the step.
         */
        void handle(O item, Exception exception) throws Exception;
    }

    /** What is to be done about a write that failed. */
    @FunctionalInterface
    public interface WriteRetry {
        /** What comes next. */
        enum Next {
            /** The same again. */
            AGAIN,
            /** It may be an item's fault: each is written alone. */
            ISOLATE,
            /** It is no item's fault and will not pass: the step fails, and what is not written stays so. */
            GIVE_UP
        }

        /**
         * Called outside any transaction, on the step's own thread, which it may keep waiting.
         *
         * @param cause why the write was rolled back; the connection may have been lost in the commit, so that it was not
         * @param since the time since the first attempt after which none succeeded
         */
        Next after(Exception cause, Duration since);
    }

    record Settings<I, O>(
            ItemReader<? extends I> reader,
            ItemProcessor<? super I, ? extends O> processor,
            ItemWriter<? super O> writer,
            PlatformTransactionManager transactionManager,
            StepListeners<I, O> listeners,
            WriteFailureHandler<? super O> writeFailure,
            WriteRetry writeRetry,
            BooleanSupplier readerWaits,
            int concurrency,
            int chunkSize,
            Duration linger,
            Duration grace) {}

    /**
     * Every object given, reader, processor and writer included, is registered as listener and stream by what it implements,
     * or by Spring Batch's listener annotations on its methods.
     */
    public static final class Builder<I, O> {
        private final String name;
        private final JobRepository jobRepository;
        private final PlatformTransactionManager transactionManager;
        private final List<Object> listeners = new ArrayList<>();
        private @Nullable ItemReader<? extends I> reader;
        private @Nullable ItemProcessor<? super I, ? extends O> processor;
        private @Nullable ItemWriter<? super O> writer;
        private WriteFailureHandler<? super O> writeFailure = (item, exception) -> {
            throw exception;
        };
        private WriteRetry writeRetry = (cause, since) -> WriteRetry.Next.ISOLATE;
        private BooleanSupplier readerWaits = () -> false;
        private int concurrency = 1;
        private int chunkSize = 100;
        private Duration linger = Duration.ofMillis(250);
        private Duration grace = Duration.ofSeconds(30);
        private boolean allowStartIfComplete;
        private int startLimit = Integer.MAX_VALUE;

        private Builder(String name, JobRepository jobRepository, PlatformTransactionManager transactionManager) {
            this.name = Objects.requireNonNull(name, "name");
            this.jobRepository = Objects.requireNonNull(jobRepository, "jobRepository");
            this.transactionManager = Objects.requireNonNull(transactionManager, "transactionManager");
        }

        public Builder<I, O> reader(ItemReader<? extends I> reader) {
            this.reader = reader;
            return this;
        }

        /** Optional; without one, what is read is written. Returning null leaves the item out and counts it as filtered. */
        public Builder<I, O> processor(ItemProcessor<? super I, ? extends O> processor) {
            this.processor = processor;
            return this;
        }

        public Builder<I, O> writer(ItemWriter<? super O> writer) {
            this.writer = writer;
            return this;
        }

        /** @param lanes items in flight at most; 1 unless set. A virtual thread each, before Java 21 a platform thread */
        public Builder<I, O> concurrency(int lanes) {
            this.concurrency = lanes;
            return this;
        }

        /**
         * A chunk is written when it holds so many results, or when its first one has waited so long.
         *
         * @param size 100 unless set
         * @param linger 250 ms unless set; zero writes whatever is there
         */
        public Builder<I, O> chunk(int size, Duration linger) {
            this.chunkSize = size;
            this.linger = linger;
            return this;
        }

        /** @param grace how long items in flight may go on after a stop; 30 s unless set, zero interrupts them at once */
        public Builder<I, O> grace(Duration grace) {
            this.grace = grace;
            return this;
        }

        /** What becomes of an item whose own write failed as well; unless set, the step fails with that exception. */
        public Builder<I, O> onWriteFailure(WriteFailureHandler<? super O> handler) {
            this.writeFailure = handler;
            return this;
        }

        /**
         * For a reader that has nothing to hand out until something in flight is written: while it says so and no item is in
         * processing, a chunk does not linger.
         *
         * @param waits asked on the step's own thread
         */
        public Builder<I, O> readerWaits(BooleanSupplier waits) {
            this.readerWaits = waits;
            return this;
        }

        /**
         * Which failed writes are tried again as they are, before a chunk is written item by item, or an item's own write
         * counts as failed, and which end the step; unless set, none.
         */
        public Builder<I, O> retryWrites(WriteRetry retry) {
            this.writeRetry = retry;
            return this;
        }

        /**
         * @param listener a step execution, read, process, write or chunk listener, an item stream, several of them at once,
         *     or an object with annotated methods
         */
        public Builder<I, O> listener(Object listener) {
            if (!StepListeners.understand(listener)) {
                throw new IllegalArgumentException(
                        "step " + name + ": "
                                + listener.getClass().getName()
                                + " is no listener: it implements neither a StepListener nor ItemStream and has no annotated method");
            }
            listeners.add(listener);
            return this;
        }

        public Builder<I, O> allowStartIfComplete(boolean allow) {
            this.allowStartIfComplete = allow;
            return this;
        }

        public Builder<I, O> startLimit(int limit) {
            this.startLimit = limit;
            return this;
        }

        /** @throws IllegalArgumentException when something is missing or out of range */
        public ConcurrentChunkStep<I, O> build() {
            if (reader == null || writer == null) {
                throw new IllegalArgumentException(
                        "step " + name + " has no " + (reader == null ? "reader" : "writer"));
            }
            require(concurrency >= 1, "concurrency", concurrency, "1 or more");
            require(chunkSize >= 1, "chunk size", chunkSize, "1 or more");
            require(startLimit >= 1, "start limit", startLimit, "1 or more");
            require(!linger.isNegative(), "linger", linger, "zero or longer");
            require(!grace.isNegative(), "grace", grace, "zero or longer");
            ItemProcessor<? super I, ? extends O> chosen = processor == null ? unchanged() : processor;
            StepListeners<I, O> all = new StepListeners<>();
            listeners.forEach(all::add);
            List.of(reader, chosen, writer).forEach(all::add);
            return new ConcurrentChunkStep<>(
                    this,
                    new Settings<>(
                            reader,
                            chosen,
                            writer,
                            transactionManager,
                            all,
                            writeFailure,
                            writeRetry,
                            readerWaits,
                            concurrency,
                            chunkSize,
                            linger,
                            grace));
        }

        @SuppressWarnings("unchecked") // as in the stock step: without a processor, O is I
        private ItemProcessor<I, O> unchanged() {
            return item -> (O) item;
        }

        private void require(boolean holds, String what, Object value, String right) {
            if (!holds) {
                throw new IllegalArgumentException(
                        "step " + name + ": " + what + " is " + value + ", it has to be " + right);
            }
        }
    }
}
