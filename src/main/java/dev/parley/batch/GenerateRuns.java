package dev.parley.batch;

import dev.parley.database.Dialect;
import dev.parley.step.ConcurrentChunkStep;
import dev.parley.work.BatchItems;
import dev.parley.work.BatchJob;
import dev.parley.work.BatchJobs;
import dev.parley.work.Worker;
import dev.parley.work.Workers;
import java.sql.DriverManager;
import java.util.List;
import java.util.Objects;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.springframework.batch.core.BatchStatus;
import org.springframework.batch.core.job.JobExecution;
import org.springframework.batch.core.job.parameters.JobParameters;
import org.springframework.batch.core.job.parameters.JobParametersBuilder;
import org.springframework.batch.core.launch.JobOperator;
import org.springframework.boot.jdbc.autoconfigure.JdbcConnectionDetails;
import org.springframework.stereotype.Component;

/**
 * Starts runs of the job {@code generate} in this process, and waits for them.
 *
 * <p>Each run is a Spring Batch instance of its own: several processes work on the same items at once, and what a dead process
 * left as STARTED is in nobody's way. What is done and what is not, {@code batch_items.status} says.
 */
@Component
public class GenerateRuns {
    private final JobOperator operator;
    private final GenerateJob generateJob;
    private final GenerateSettings settings;
    private final BatchJobs jobs;
    private final BatchItems items;
    private final Workers workers;
    private final Dialect dialect;
    private final Worker.ConnectionSource ownConnection;
    private final AtomicReference<@Nullable ConcurrentChunkStep<?, ?>> running = new AtomicReference<>();
    private volatile boolean stopRequested;

    GenerateRuns(
            JobOperator operator,
            GenerateJob generateJob,
            GenerateSettings settings,
            BatchJobs jobs,
            BatchItems items,
            Workers workers,
            Dialect dialect,
            JdbcConnectionDetails database) {
        this.operator = operator;
        this.generateJob = generateJob;
        this.settings = settings;
        this.jobs = jobs;
        this.items = items;
        this.workers = workers;
        this.dialect = dialect;
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
        try (Worker worker = Worker.start(items, workers, dialect, ownConnection, settings.lease())) {
            GenerateJob.Built built = generateJob.build(jobIds, overrides, worker);
            if (!running.compareAndSet(null, built.step())) {
                throw new IllegalStateException("A run is under way in this process");
            }
            try {
                if (stopRequested) {
                    built.step().requestStop();
                }
                JobExecution execution = operator.start(built.job(), parameters(jobIds, overrides));
                return outcome(execution, built);
            } finally {
                running.set(null);
                items.abandon(built.processor().cutShort());
            }
        } finally {
            (jobIds.isEmpty() ? jobs.open().stream().map(BatchJob::id).toList() : jobIds).forEach(jobs::settle);
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

    private static Outcome outcome(JobExecution execution, GenerateJob.Built built) {
        BatchStatus status = execution.getStatus();
        Throwable failure =
                execution.getAllFailureExceptions().stream().findFirst().orElse(null);
        if (status == BatchStatus.FAILED && failure == null) {
            failure = new IllegalStateException(
                    "The run failed: " + execution.getExitStatus().getExitDescription());
        }
        return new Outcome(
                execution.getId(),
                status == BatchStatus.STOPPED,
                built.writer().lostClaims(),
                status == BatchStatus.STOPPED || status == BatchStatus.COMPLETED
                        ? null
                        : Objects.requireNonNull(failure));
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
