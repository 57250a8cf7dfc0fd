package dev.parley.launch;

import dev.parley.archive.ArchiveSettings;
import dev.parley.archive.ObjectStore;
import dev.parley.archive.StoreException;
import dev.parley.batch.GenerateRuns;
import dev.parley.provider.ModelProviders;
import dev.parley.work.BatchJob;
import dev.parley.work.BatchJobs;
import dev.parley.work.BatchJobs.Enqueued;
import dev.parley.work.Delivery;
import dev.parley.work.JobSeries;
import dev.parley.work.JobStatus;
import dev.parley.work.ProviderBatches;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.dao.DataAccessException;
import org.springframework.stereotype.Component;

/** What {@code parley run} does: enqueue, check, work off, sum up. */
@Component
class Launcher {
    private static final Logger log = LoggerFactory.getLogger(Launcher.class);

    /**
     * @param concurrency calls in flight at most; null leaves it to job and settings
     * @param provider name of the model provider; null leaves it to job and settings
     * @param delivery changes the jobs'; null leaves it to them
     * @param again makes new jobs of files that were enqueued before
     * @param yes answers every question
     */
    record Options(
            @Nullable Integer concurrency,
            @Nullable String provider,
            @Nullable Delivery delivery,
            boolean again,
            boolean yes) {}

    private final JobFiles jobFiles;
    private final BatchJobs jobs;
    private final JobSeries series;
    private final GenerateRuns runs;
    private final ModelProviders providers;
    private final ObjectStore store;
    private final ArchiveSettings archive;
    private final Confirmation confirmation;
    private final ProviderBatches batches;
    private final Summary summary;

    Launcher(
            JobFiles jobFiles,
            BatchJobs jobs,
            JobSeries series,
            GenerateRuns runs,
            ModelProviders providers,
            ObjectStore store,
            ArchiveSettings archive,
            Confirmation confirmation,
            ProviderBatches batches,
            Summary summary) {
        this.jobFiles = jobFiles;
        this.jobs = jobs;
        this.series = series;
        this.runs = runs;
        this.providers = providers;
        this.store = store;
        this.archive = archive;
        this.confirmation = confirmation;
        this.batches = batches;
        this.summary = summary;
    }

    int run(List<Path> files, List<UUID> jobIds, Options options, PrintWriter out) {
        checkReady(options.provider());
        List<BatchJob> asked = new ArrayList<>();
        for (UUID id : jobIds) {
            asked.add(JobId.find(jobs, id));
        }
        for (Enqueued enqueued : jobFiles.enqueue(files, options.again())) {
            BatchJob job = JobId.find(jobs, enqueued.jobId());
            asked.add(job);
            if (enqueued.created() || job.status().open()) {
                out.println(EnqueueCommand.line(jobs, enqueued));
            }
        }
        boolean everything = files.isEmpty() && jobIds.isEmpty();
        if (everything) {
            asked.addAll(unfinished());
        }
        Set<UUID> inBatches = batches.underWay(List.of());
        List<BatchJob> open = asked.stream()
                .filter(job -> job.status().open() || inBatches.contains(job.id()))
                .distinct()
                .toList();
        if (open.isEmpty()) {
            out.println(
                    asked.isEmpty()
                            ? "Nothing to do: no job is open."
                            : "Nothing to do" + (files.isEmpty() ? ":" : "; --again makes a new job of a file:"));
            asked.forEach(job -> out.println("Job " + job.id() + " \"" + job.name() + "\"\n  " + stateOf(job)));
            return codeOf(asked);
        }
        confirm(open, options, out);
        return work(open, everything, options, out);
    }

    /** The jobs that are open, and the closed ones that have batches at a provider: what is answered there is paid for. */
    List<BatchJob> unfinished() {
        return Stream.concat(
                        jobs.open().stream(),
                        batches.underWay(List.of()).stream().flatMap(id -> jobs.find(id).stream()))
                .distinct()
                .toList();
    }

    /**
     * Works off what is put into the work list again.
     *
     * @param requeue puts it there, and returns its jobs; called when nothing is known to be in the way
     * @param free whether no call will be made, so that neither key nor yes is needed
     */
    int retry(Supplier<List<UUID>> requeue, boolean free, Options options, PrintWriter out) {
        if (!free) {
            checkProvider(options.provider());
        }
        checkStore();
        List<BatchJob> asked =
                requeue.get().stream().map(id -> JobId.find(jobs, id)).toList();
        List<BatchJob> open = asked.stream().filter(job -> job.status().open()).toList();
        if (open.isEmpty()) {
            asked.forEach(job -> out.println("Job " + job.id() + " \"" + job.name() + "\"\n  " + stateOf(job)));
            return codeOf(asked);
        }
        if (!free) {
            confirm(open, options, out);
        }
        return work(open, false, options, out);
    }

    private void confirm(List<BatchJob> asked, Options options, PrintWriter out) {
        List<BatchJob> open = asked.stream().filter(job -> job.status().open()).toList();
        for (BatchJob job : open) {
            checkProvider(options.provider() == null ? job.settings().provider() : null);
            Delivery delivery = options.delivery() == null ? job.settings().delivery() : options.delivery();
            if (delivery.batched()) {
                checkBatches(options.provider() == null ? job.settings().provider() : options.provider());
            }
        }
        Delivery delivery = options.delivery();
        if (delivery != null) {
            open.forEach(job -> jobs.setDelivery(job.id(), delivery));
        }
        List<BatchJob> changed =
                open.stream().map(job -> JobId.find(jobs, job.id())).toList();
        confirmation.confirm(changed, options.provider(), options.yes(), out);
    }

    private void checkBatches(@Nullable String provider) {
        try {
            providers.batches(provider);
        } catch (IllegalArgumentException e) {
            throw new ConfigurationException(String.valueOf(e.getMessage()));
        }
    }

    private int work(List<BatchJob> open, boolean everything, Options options, PrintWriter out) {
        out.flush();
        List<UUID> ids = open.stream().map(BatchJob::id).toList();
        long startedAt = System.nanoTime();
        GenerateRuns.Outcome outcome;
        try (Signals signals = Signals.handledBy(this::stop, this::stopNow);
                Progress progress = Progress.of(jobs, series, ids, out)) {
            outcome = runs.run(
                    everything ? List.of() : ids,
                    new GenerateRuns.Overrides(options.concurrency(), options.provider()));
        } catch (Exception e) {
            throw new RunBrokenException(e);
        }
        try {
            List<BatchJob> after = ids.stream().map(id -> JobId.find(jobs, id)).toList();
            summary.print(open, after, outcome, System.nanoTime() - startedAt, out);
            if (outcome.failure() == null) {
                return outcome.stopped() ? ExitCode.STOPPED : codeOf(after);
            }
        } catch (DataAccessException e) {
            throw new RunBrokenException(outcome.failure() == null ? e : outcome.failure());
        }
        throw new RunBrokenException(outcome.failure());
    }

    private void stop() {
        runs.requestStop();
        log.info("Stopping: calls in flight may finish, nothing new is begun; a second signal ends at once");
    }

    private void stopNow() {
        runs.stopNow();
        log.info("Stopping at once");
    }

    /**
     * Looks whether a run can begin.
     *
     * @param provider its name; null is the configured one
     * @throws ConfigurationException or StoreException when it cannot
     */
    void checkReady(@Nullable String provider) {
        checkProvider(provider);
        checkStore();
    }

    /** Conversations need their bucket; a log that cannot be written is only a pity. */
    private void checkStore() {
        store.ensureBucket(archive.buckets().conversations());
        try {
            store.ensureBucket(archive.buckets().logs());
        } catch (StoreException e) {
            log.warn("Job logs stay in the spool folder of {}: {}", archive.data(), e.getMessage());
        }
    }

    private void checkProvider(@Nullable String name) {
        try {
            providers.byName(name);
        } catch (IllegalArgumentException e) {
            throw new ConfigurationException(String.valueOf(e.getMessage()));
        }
    }

    private static String stateOf(BatchJob job) {
        if (job.status() == JobStatus.PAUSED) {
            return "paused: " + job.statusReason() + "\n  When that is mended: parley resume " + job.id();
        }
        return job.status().key() + ": " + job.successfulItems() + " of " + job.totalItems() + " items successful, "
                + job.failedItems() + " failed";
    }

    private static int codeOf(List<BatchJob> jobs) {
        if (jobs.stream().anyMatch(job -> job.status() == JobStatus.PAUSED)) {
            return ExitCode.PAUSED;
        }
        return jobs.stream().anyMatch(job -> job.failedItems() > 0) ? ExitCode.FAILED_ITEMS : ExitCode.OK;
    }
}
