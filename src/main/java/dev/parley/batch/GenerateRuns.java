package dev.parley.batch;

import dev.parley.database.Dialect;
import dev.parley.step.ConcurrentChunkStep;
import dev.parley.work.BatchItems;
import dev.parley.work.BatchJobs;
import dev.parley.work.Worker;
import dev.parley.work.Workers;
import java.sql.DriverManager;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.batch.core.BatchStatus;
import org.springframework.batch.core.ExitStatus;
import org.springframework.batch.core.job.JobExecution;
import org.springframework.batch.core.job.parameters.JobParameters;
import org.springframework.batch.core.job.parameters.JobParametersBuilder;
import org.springframework.batch.core.launch.JobOperator;
import org.springframework.batch.core.listener.StepExecutionListener;
import org.springframework.batch.core.repository.JobRepository;
import org.springframework.batch.core.step.StepExecution;
import org.springframework.boot.jdbc.autoconfigure.JdbcConnectionDetails;
import org.springframework.context.ApplicationEventPublisher;
import org.springframework.dao.OptimisticLockingFailureException;
import org.springframework.stereotype.Component;

/**
 * Starts runs of the job {@code generate} in this process, and waits for them.
 *
 * <p>Each run is a Spring Batch instance of its own: several processes work on the same items at once, and what a dead process
 * left as STARTED is in nobody's way. What is done and what is not, {@code batch_items.status} says.
 */
@Component
public class GenerateRuns {
    private static final Logger log = LoggerFactory.getLogger(GenerateRuns.class);

    private final JobOperator operator;
    private final JobRepository jobRepository;
    private final GenerateJob generateJob;
    private final GenerateSettings settings;
    private final BatchJobs jobs;
    private final BatchItems items;
    private final Workers workers;
    private final Dialect dialect;
    private final ApplicationEventPublisher events;
    private final Worker.ConnectionSource ownConnection;
    private final AtomicReference<@Nullable ConcurrentChunkStep<?, ?>> running = new AtomicReference<>();
    private volatile boolean stopRequested;

    GenerateRuns(
            JobOperator operator,
            JobRepository jobRepository,
            GenerateJob generateJob,
            GenerateSettings settings,
            BatchJobs jobs,
            BatchItems items,
            Workers workers,
            Dialect dialect,
            ApplicationEventPublisher events,
            JdbcConnectionDetails database) {
        this.operator = operator;
        this.jobRepository = jobRepository;
        this.generateJob = generateJob;
        this.settings = settings;
        this.jobs = jobs;
        this.items = items;
        this.workers = workers;
        this.dialect = dialect;
        this.events = events;
        this.ownConnection = () ->
                DriverManager.getConnection(database.getJdbcUrl(), database.getUsername(), database.getPassword());
    }

    /**
     * @param concurrency calls in flight at most; null leaves it to the job
     * @param provider name of the model provider; null leaves it to the job
     */
    public record Overrides(
            @Nullable Integer concurrency, @Nullable String provider) {
        public static final Overrides NONE = new Overrides(null, null);
    }

    /**
     * @param executionId Spring Batch's id of the execution
     * @param stopped whether it ended because it was told to, with work left
     * @param lostClaims results that were discarded because another process had taken the item over
     * @param failure why the run itself broke; null when it did not
     */
    public record Outcome(
            long executionId,
            boolean stopped,
            long lostClaims,
            @Nullable Throwable failure) {}

    /**
     * Works off the items of some jobs, together with any other process that does the same; returns when nothing is left,
     * or when it was told to stop. One run at a time.
     *
     * @param jobIds the jobs, or an empty list for all that are open
     * @param overrides what the command line says in place of job file and settings
     */
    public Outcome run(List<UUID> jobIds, Overrides overrides) throws Exception {
        Set<UUID> touched = Set.of();
        try (Worker worker = Worker.start(items, workers, dialect, ownConnection, settings.lease())) {
            GenerateJob.Built built = generateJob.build(jobIds, overrides, worker, new StopBeforehand());
            if (!running.compareAndSet(null, built.step())) {
                throw new IllegalStateException("A run is under way in this process");
            }
            try (BatchDelivery delivery = built.delivery()) {
                delivery.start();
                JobExecution execution = operator.start(built.job(), parameters(jobIds, overrides));
                return stoppedAtItsStart(execution)
                        ? new Outcome(execution.getId(), true, 0, null)
                        : outcome(execution, built);
            } finally {
                running.set(null);
                stopRequested = false; // it was this run's
                touched = built.jobLog().touched();
                items.abandon(built.processor().cutShort());
                built.processor().endTraces();
            }
        } finally {
            if (settle()) {
                touched.forEach(job -> events.publishEvent(new JobEnded(job, true)));
            }
        }
    }

    /** The step cannot be told to stop before it executes; it looks here when it does. */
    private final class StopBeforehand implements StepExecutionListener {
        @Override
        public void beforeStep(StepExecution step) {
            if (stopRequested) {
                step.setTerminateOnly();
            }
        }
    }

    /** Not only this run's jobs: a process that died, or a job cancelled between two runs, left nobody to do it. */
    private boolean settle() {
        try {
            jobs.unsettled().forEach(jobs::settle);
            return true;
        } catch (RuntimeException e) { // how the run went matters more, and the next one settles as well
            log.warn("Jobs could not be settled at the end of the run: {}", e.getMessage());
            return false;
        }
    }

    private static JobParameters parameters(List<UUID> jobIds, Overrides overrides) {
        JobParametersBuilder parameters = new JobParametersBuilder()
                .addString("runId", UUID.randomUUID().toString())
                .addString("jobs", jobIds.size() <= 20 ? jobIds.toString() : jobIds.size() + " jobs", false);
        if (overrides.provider() != null) {
            parameters.addString("provider", overrides.provider(), false);
        }
        return parameters.toJobParameters();
    }

    /**
     * A stop through Spring Batch, by whatever process, that came between the making of the execution and its first update,
     * which then finds another version of its row and fails before there is a step. Nobody else writes that row.
     */
    private boolean stoppedAtItsStart(JobExecution execution) {
        boolean stopped = execution.getStepExecutions().isEmpty()
                && execution.getAllFailureExceptions().stream()
                        .anyMatch(OptimisticLockingFailureException.class::isInstance);
        if (stopped) {
            execution.setStatus(BatchStatus.STOPPED);
            execution.setExitStatus(ExitStatus.STOPPED);
            jobRepository.update(execution);
        }
        return stopped;
    }

    private static Outcome outcome(JobExecution execution, GenerateJob.Built built) {
        BatchStatus status = execution.getStatus();
        Throwable failure =
                execution.getAllFailureExceptions().stream().findFirst().orElse(null);
        if (failure == null) {
            failure = new IllegalStateException(
                    "The run ended " + status + ": " + execution.getExitStatus().getExitDescription());
        }
        return new Outcome(
                execution.getId(),
                status == BatchStatus.STOPPED,
                built.writer().lostClaims(),
                status == BatchStatus.STOPPED || status == BatchStatus.COMPLETED ? null : failure);
    }

    /** @param busy lanes that have an item in hand; the others wait for one */
    public record LaneUse(int lanes, int busy) {}

    /** Of the run that is under way; zeros when there is none. From any thread. */
    public LaneUse lanes() {
        ConcurrentChunkStep<?, ?> step = running.get();
        return step == null ? new LaneUse(0, 0) : new LaneUse(step.lanes(), step.inHand());
    }

    /** Asks the run to end: no new claims, what is in flight may finish within the grace. From any thread. */
    public void requestStop() {
        stopRequested = true;
        ConcurrentChunkStep<?, ?> step = running.get();
        if (step != null) {
            step.requestStop();
        }
    }

    /** Ends the run at once: calls in flight are cut off, and their items go back to the queue. From any thread. */
    public void stopNow() {
        stopRequested = true;
        ConcurrentChunkStep<?, ?> step = running.get();
        if (step != null) {
            step.stopNow();
        }
    }
}
