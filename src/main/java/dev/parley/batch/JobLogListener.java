package dev.parley.batch;

import dev.parley.archive.JobLog;
import dev.parley.archive.JobLogs;
import dev.parley.work.BatchJob;
import dev.parley.work.BatchJobs;
import dev.parley.work.Outcome;
import java.util.Collection;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.batch.core.ExitStatus;
import org.springframework.batch.core.listener.StepExecutionListener;
import org.springframework.batch.core.step.StepExecution;

/**
 * Writes each job's log to the object store: a line an outcome, and how the run began and ended, whether it completed, failed
 * or was stopped. Used by the step's own thread.
 */
class JobLogListener implements StepExecutionListener {
    private static final Logger log = LoggerFactory.getLogger(JobLogListener.class);

    private final JobLogs logs;
    private final BatchJobs jobs;
    private final Collection<UUID> jobIds;
    private final Consumer<JobEnded> ended;
    private final Set<UUID> touched = new LinkedHashSet<>();
    private final Map<UUID, JobLog> open = new ConcurrentHashMap<>();
    private long executionId;

    /** @param jobIds the jobs of the run, as far as they are named; the log of another is opened when it has an outcome */
    JobLogListener(JobLogs logs, BatchJobs jobs, Collection<UUID> jobIds, Consumer<JobEnded> ended) {
        this.logs = logs;
        this.jobs = jobs;
        this.jobIds = jobIds;
        this.ended = ended;
    }

    @Override
    public void beforeStep(StepExecution step) {
        executionId = step.getJobExecutionId();
        jobIds.forEach(this::logOf);
    }

    /** Called once the outcomes are committed. */
    void written(List<Outcome> outcomes) {
        outcomes.forEach(outcome -> logOf(outcome.item().jobId()).line(line(outcome)));
        Set<UUID> through = outcomes.stream()
                .filter(outcome -> !(outcome instanceof Outcome.Postponed))
                .map(outcome -> outcome.item().jobId())
                .collect(Collectors.toSet());
        if (!through.isEmpty()) {
            touched.addAll(through);
            tellEnded(through);
        }
    }

    /** What is written is written: whoever wants to know that a job has ended is told once more at the end of the run. */
    private void tellEnded(Set<UUID> through) {
        try {
            jobs.notOpen(through).forEach(job -> ended.accept(new JobEnded(job, false)));
        } catch (RuntimeException e) {
            log.warn("Whether jobs have ended is not known: {}", e.getMessage());
        }
    }

    /** The jobs of which items got through, once the step has ended. */
    Set<UUID> touched() {
        return touched;
    }

    private static String line(Outcome outcome) {
        String item = "Item " + outcome.item().shortId() + "... ";
        if (outcome instanceof Outcome.Completed done) {
            return item + "completed: conversation " + done.item().conversationKey();
        }
        if (outcome instanceof Outcome.Failed failed) {
            log.error("Item {} failed: {}: {}", failed.item().id(), failed.code(), failed.message());
            return "ERROR " + item + "failed: " + failed.code() + ": " + failed.message() + " (item "
                    + failed.item().id() + ")";
        }
        Outcome.Postponed later = (Outcome.Postponed) outcome;
        return item + "postponed for " + later.delay() + ": " + later.code() + ": " + later.message();
    }

    private JobLog logOf(UUID job) {
        return open.computeIfAbsent(job, id -> {
            JobLog opened = logs.open(id);
            opened.line("Run " + executionId + " started: " + progress(id));
            return opened;
        });
    }

    @Override
    public @Nullable ExitStatus afterStep(StepExecution step) {
        open.forEach((id, jobLog) -> {
            jobLog.line("Run " + executionId + " ended " + step.getExitStatus().getExitCode() + ": " + progress(id));
            jobLog.close();
        });
        open.clear();
        return null;
    }

    /** A log is never a reason to fail. */
    private String progress(UUID id) {
        try {
            return jobs.find(id).map(JobLogListener::progress).orElse("the job is gone");
        } catch (RuntimeException e) {
            log.warn("Job {} could not be read for its log: {}", id, e.getMessage());
            return "how far is not known, the database is away";
        }
    }

    private static String progress(BatchJob job) {
        return job.name() + ", " + job.status().key() + ", " + job.completedItems() + " of " + job.totalItems()
                + " items through, " + job.successfulItems() + " successful, " + job.failedItems() + " failed, "
                + job.actualCost().toPlainString() + " USD"
                + (job.statusReason() == null ? "" : ", because: " + job.statusReason());
    }
}
