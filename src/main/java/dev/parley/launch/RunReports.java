package dev.parley.launch;

import dev.parley.archive.ArchiveSettings;
import dev.parley.archive.JobLogs;
import dev.parley.archive.ObjectStore;
import dev.parley.batch.JobEnded;
import dev.parley.generation.GenerationLogs;
import dev.parley.generation.GenerationLogs.ItemCalls;
import dev.parley.launch.Views.JobView;
import dev.parley.work.BatchJobs;
import dev.parley.work.ItemLookup;
import dev.parley.work.ItemRow;
import dev.parley.work.JobSeries;
import java.time.Clock;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.context.event.EventListener;
import org.springframework.stereotype.Component;

/**
 * Writes {@code {jobId}/report.html} beside a job's log when the job has ended, and when a run has that worked on it; the next
 * run's replaces it. One thread writes all, so that none holds up the run; the end of the run waits for it.
 *
 * <p>A report that cannot be written is a warning, and never a failure.
 */
@Component
class RunReports implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(RunReports.class);
    private static final String CONTENT_TYPE = "text/html; charset=utf-8";

    /** Of the slowest and of the costliest items. */
    private static final int ITEMS = 10;

    /** How often a report is written anew because another process went on meanwhile. */
    private static final int ROUNDS = 3;

    private final Views views;
    private final BatchJobs jobs;
    private final JobSeries series;
    private final ItemLookup items;
    private final GenerationLogs ledger;
    private final JobLogs logs;
    private final ObjectStore store;
    private final ArchiveSettings archive;
    private final Clock clock;
    private final Set<UUID> due = ConcurrentHashMap.newKeySet();
    private final ExecutorService writer = Executors.newSingleThreadExecutor(task -> {
        Thread thread = new Thread(task, "parley-report");
        thread.setDaemon(true);
        return thread;
    });

    RunReports(
            Views views,
            BatchJobs jobs,
            JobSeries series,
            ItemLookup items,
            GenerationLogs ledger,
            JobLogs logs,
            ObjectStore store,
            ArchiveSettings archive,
            Clock clock) {
        this.views = views;
        this.jobs = jobs;
        this.series = series;
        this.items = items;
        this.ledger = ledger;
        this.logs = logs;
        this.store = store;
        this.archive = archive;
        this.clock = clock;
    }

    @EventListener
    void ended(JobEnded event) {
        if (!event.runEnded()) {
            if (due.add(event.job())) {
                writer.execute(() -> write(event.job()));
            }
            return;
        }
        Future<?> written = writer.submit(() -> write(event.job()));
        try {
            written.get();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (ExecutionException e) {
            throw new IllegalStateException(e.getCause());
        }
    }

    /** What is being written is written to its end. */
    @Override
    public void close() {
        writer.shutdown();
    }

    private void write(UUID id) {
        due.remove(id); // what happens from now on is for another one
        try {
            store.ensureBucket(archive.buckets().logs());
            for (int round = 1; round <= ROUNDS; round++) {
                JobView job = views.job(id).orElse(null);
                if (job == null) {
                    return;
                }
                store.write(logs.reportName(id), report(job).html(), CONTENT_TYPE);
                JobView after = views.job(id).orElse(job);
                if (after.open() || after.completed() == job.completed()) {
                    jobs.reported(id);
                    return;
                }
            }
        } catch (RuntimeException e) { // a report is never a reason to fail
            log.warn("The report of job {} is not written: {}", id, e.toString());
        }
    }

    private RunReport report(JobView job) {
        return new RunReport(
                job,
                views.failures(job.id()),
                series.of(job.id()),
                ledger.totals(job.id()),
                items(ledger.slowestItems(job.id(), ITEMS)),
                items(ledger.costliestItems(job.id(), ITEMS)),
                clock.instant());
    }

    private List<RunReport.Item> items(List<ItemCalls> calls) {
        return calls.stream()
                .flatMap(one -> items.find(one.item()).map(row -> item(row, one)).stream())
                .toList();
    }

    private static RunReport.Item item(ItemRow row, ItemCalls calls) {
        return new RunReport.Item(
                row.id(),
                row.position(),
                row.topic(),
                row.status().key(),
                calls.calls(),
                calls.millis(),
                calls.costUsd());
    }
}
