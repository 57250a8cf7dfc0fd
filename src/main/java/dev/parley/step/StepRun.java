package dev.parley.step;

import dev.parley.step.ConcurrentChunkStep.Settings;
import dev.parley.step.Lanes.Completed;
import java.lang.reflect.UndeclaredThrowableException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.batch.core.job.JobInterruptedException;
import org.springframework.batch.core.repository.JobRepository;
import org.springframework.batch.core.step.AbstractStep;
import org.springframework.batch.core.step.StepExecution;
import org.springframework.batch.infrastructure.item.ExecutionContext;
import org.springframework.dao.OptimisticLockingFailureException;

/**
 * One execution of the step, on the thread that called it: collects what the lanes complete, writes it, keeps the step's row.
 * Apart from the two stops it belongs to that thread alone.
 *
 * <p>The row is updated after the chunk's transaction, not in it: a rollback would leave version and counters in memory
 * ahead of the table, and every later update would fail. An update that fails is logged and never fails what was written.
 */
final class StepRun<I, O> extends AbstractStep {
    private static final Logger log = LoggerFactory.getLogger(StepRun.class);

    /** How long the row may stay untouched: an update is also what notices a stop that came through the repository. */
    private static final long BEAT_NANOS = TimeUnit.SECONDS.toNanos(1);

    /** How often to look whether the reader waits for what is in the chunk. */
    private static final long IDLE_NANOS = TimeUnit.MILLISECONDS.toNanos(10);

    private static final int LAST_UPDATES = 3;

    private static final int MOST_CAUSES = 20; // chains may be circular

    private final Settings<I, O> settings;
    private final Lanes<I, O> lanes;
    private boolean interrupted;
    private long updatedAt;

    StepRun(String name, JobRepository jobRepository, Settings<I, O> settings) {
        super(jobRepository);
        this.settings = settings;
        this.lanes = new Lanes<>(name, settings);
        setName(name);
        settings.listeners().step().forEach(this::registerStepExecutionListener);
        try {
            afterPropertiesSet();
        } catch (Exception e) {
            throw new IllegalStateException("step " + name + " cannot be set up", e);
        }
    }

    /** Any thread. */
    int inHand() {
        return lanes.inHand();
    }

    /** Any thread. */
    void requestStop() {
        lanes.requestStop();
    }

    /** Any thread. */
    void stopNow() {
        lanes.stopNow();
    }

    @Override
    protected void open(ExecutionContext context) {
        settings.listeners().streams().open(context);
    }

    @Override
    protected void close(ExecutionContext context) {
        settings.listeners().streams().close();
    }

    @Override
    protected void doExecute(StepExecution stepExecution) throws Exception {
        stepExecution.getExecutionContext().put(STEP_TYPE_KEY, ConcurrentChunkStep.class.getName());
        updatedAt = System.nanoTime();
        try {
            heedStops(stepExecution);
            lanes.start(stepExecution);
            writeWhatCompletes(stepExecution);
        } catch (Throwable e) { // nothing of ours throws; but no lane may outlive the step
            lanes.fail(e);
            lanes.stopNow();
        } finally {
            interrupted |= lanes.awaitEnd();
        }
        try {
            settings.listeners().streams().update(stepExecution.getExecutionContext());
        } catch (RuntimeException e) {
            lanes.fail(e);
        }
        updateForTheLastTime(stepExecution);
        throwWhatHappened(stepExecution);
    }

    private void writeWhatCompletes(StepExecution stepExecution) {
        ChunkWriter<I, O> writer = new ChunkWriter<>(settings, stepExecution, this::takeBackInterrupt, lanes::fail);
        List<Completed<I, O>> chunk = new ArrayList<>();
        while (lanes.running() || !chunk.isEmpty()) {
            try {
                lanes.collect(chunk, settings.chunkSize() - chunk.size(), nanosToNextDuty(chunk));
            } catch (InterruptedException e) {
                interrupted = true;
            }
            boolean due = chunk.size() >= settings.chunkSize()
                    || lingerLeftNanos(chunk) <= 0
                    || lanes.idle() && settings.readerWaits().getAsBoolean()
                    || !lanes.running();
            if (due && !chunk.isEmpty()) {
                writer.write(List.copyOf(chunk));
                chunk.clear();
                update(stepExecution);
            } else if (beatLeftNanos() <= 0) {
                update(stepExecution);
                lanes.insist();
            }
            heedStops(stepExecution);
        }
    }

    private void heedStops(StepExecution stepExecution) {
        takeBackInterrupt();
        if (interrupted || stepExecution.isTerminateOnly()) {
            lanes.requestStop();
        }
        if (lanes.graceLeftNanos() <= 0) {
            log.warn("{}: the grace of {} is over, interrupting what is in flight", getName(), settings.grace());
            lanes.stopNow();
        }
    }

    /**
     * A connection pool refuses an interrupted thread, and there is still work to record: the interrupt is kept in mind, and
     * ends as a {@link JobInterruptedException}.
     */
    private void takeBackInterrupt() {
        interrupted |= Thread.interrupted();
    }

    /** A wait that is interrupted throws and clears the flag; sets it again for {@link #takeBackInterrupt}. */
    static void restoreInterrupt(Exception failure) {
        Throwable cause = failure;
        for (int depth = 0; cause != null && depth < MOST_CAUSES; depth++, cause = cause.getCause()) {
            if (cause instanceof InterruptedException) {
                Thread.currentThread().interrupt();
            }
        }
    }

    private long nanosToNextDuty(List<Completed<I, O>> chunk) {
        long next = Math.min(beatLeftNanos(), Math.min(lingerLeftNanos(chunk), lanes.graceLeftNanos()));
        return Math.max(0, chunk.isEmpty() || !lanes.idle() ? next : Math.min(next, IDLE_NANOS));
    }

    private long beatLeftNanos() {
        return BEAT_NANOS - (System.nanoTime() - updatedAt);
    }

    private long lingerLeftNanos(List<Completed<I, O>> chunk) {
        return chunk.isEmpty()
                ? Long.MAX_VALUE
                : settings.linger().toNanos()
                        - (System.nanoTime() - chunk.get(0).at());
    }

    private boolean update(StepExecution stepExecution) {
        takeBackInterrupt();
        stepExecution.setReadCount(lanes.reads());
        stepExecution.setFilterCount(lanes.filtered());
        try {
            getJobRepository().update(stepExecution);
            return true;
        } catch (OptimisticLockingFailureException e) {
            log.warn("{}: someone else has changed the step's row; going on from what is there", getName(), e);
            takeOverVersion(stepExecution);
            return false;
        } catch (RuntimeException e) {
            log.warn("{}: the step's row could not be updated; what was written stays written", getName(), e);
            restoreInterrupt(e);
            return false;
        } finally {
            updatedAt = System.nanoTime();
        }
    }

    private void takeOverVersion(StepExecution stepExecution) {
        try {
            StepExecution stored = getJobRepository().getStepExecution(stepExecution.getId());
            Integer version = stored == null ? null : stored.getVersion();
            if (version != null) {
                stepExecution.setVersion(version);
            }
        } catch (RuntimeException e) {
            log.warn("{}: the step's row could not be read", getName(), e);
        }
    }

    /** Whoever called us updates the row once more, and a wrong version there would end UNKNOWN. */
    private void updateForTheLastTime(StepExecution stepExecution) {
        for (int i = 0; i < LAST_UPDATES && !update(stepExecution); i++) {
            log.debug("{}: once more", getName());
        }
        takeBackInterrupt();
    }

    private void throwWhatHappened(StepExecution stepExecution) throws Exception {
        Throwable failure = lanes.failure();
        if (failure instanceof Error error) {
            throw error;
        }
        if (failure instanceof Exception exception) {
            throw exception;
        }
        if (failure != null) {
            throw new UndeclaredThrowableException(failure);
        }
        if (interrupted || lanes.stopped() || stepExecution.isTerminateOnly()) {
            long abandoned = lanes.abandoned();
            throw new JobInterruptedException("step " + getName() + " was stopped"
                    + (abandoned == 0 ? "" : "; " + abandoned + " items in flight were interrupted"));
        }
    }
}
