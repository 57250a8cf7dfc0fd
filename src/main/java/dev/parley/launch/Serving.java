package dev.parley.launch;

import dev.parley.batch.GenerateRuns;
import dev.parley.work.BatchJob;
import dev.parley.work.BatchJobs;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.boot.availability.AvailabilityChangeEvent;
import org.springframework.boot.availability.ReadinessState;
import org.springframework.context.ApplicationContext;
import org.springframework.dao.DataAccessException;
import org.springframework.stereotype.Component;
import org.springframework.transaction.TransactionException;

/**
 * What {@code parley serve} does until it is stopped: one thread looks for ticks once a second, and this one works off what is
 * open. A run serves all open jobs, so that what a tick enqueues meanwhile has its turn by priority and not after the run.
 */
@Component
class Serving {
    private static final Logger log = LoggerFactory.getLogger(Serving.class);
    private static final Path JOBS = Path.of("jobs");

    /** How soon to try again after a run broke. */
    private static final Duration AFTER_FAILURE = Duration.ofSeconds(10);

    /** Who works off what is open. */
    enum Work {
        DONE_HERE,
        LEFT_TO_OTHERS
    }

    private final Scheduler scheduler;
    private final ScheduleSettings settings;
    private final JobFiles jobFiles;
    private final BatchJobs jobs;
    private final GenerateRuns runs;
    private final Launcher launcher;
    private final Summary summary;
    private final ApplicationContext application;
    private final CountDownLatch stopped = new CountDownLatch(1);

    Serving(
            Scheduler scheduler,
            ScheduleSettings settings,
            JobFiles jobFiles,
            BatchJobs jobs,
            GenerateRuns runs,
            Launcher launcher,
            Summary summary,
            ApplicationContext application) {
        this.scheduler = scheduler;
        this.settings = settings;
        this.jobFiles = jobFiles;
        this.jobs = jobs;
        this.runs = runs;
        this.launcher = launcher;
        this.summary = summary;
        this.application = application;
    }

    /**
     * Once in the life of the application.
     *
     * @param files with a schedule each; without any, those of the folder {@code jobs} that have one
     * @param yes whether a job may begin that may cost more than is begun without a question
     * @return the exit code of a command that was stopped, for nothing else ends it
     */
    int serve(List<Path> files, Work work, boolean yes, PrintWriter out) {
        if (work == Work.DONE_HERE) {
            launcher.checkReady(null);
        }
        Map<Path, Schedule> scheduled = settings.enabled() ? scheduled(files) : Map.of();
        scheduler.register(scheduled);
        scheduled.forEach(
                (file, schedule) -> out.println(file + " is due " + schedule.cron() + ", " + schedule.zone()));
        out.println((scheduled.isEmpty() ? "No schedules; " : "")
                + (work == Work.DONE_HERE ? "working off open jobs" : "leaving open jobs to others"));
        out.flush();
        ScheduledExecutorService ticking = Executors.newSingleThreadScheduledExecutor(task -> {
            Thread thread = new Thread(task, "parley-scheduler");
            thread.setDaemon(true);
            return thread;
        });
        try (Signals signals = Signals.handledBy(this::stop, this::stopNow)) {
            ticking.scheduleWithFixedDelay(() -> look(yes, out), 0, 1, TimeUnit.SECONDS);
            Duration pause = Duration.ofSeconds(1);
            while (!stopped.await(pause.toMillis(), TimeUnit.MILLISECONDS)) {
                pause = work == Work.LEFT_TO_OTHERS || workOff(yes, out) ? Duration.ofSeconds(1) : AFTER_FAILURE;
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } finally {
            ticking.shutdownNow();
            awaitEnd(ticking);
        }
        return ExitCode.STOPPED;
    }

    /** From any thread: begins nothing more, and lets calls in flight finish. */
    void stop() {
        log.info("Stopping: calls in flight may finish, nothing new is begun; a second signal ends at once");
        AvailabilityChangeEvent.publish(application, ReadinessState.REFUSING_TRAFFIC); // the doors close first
        stopped.countDown();
        runs.requestStop();
    }

    private void stopNow() {
        runs.stopNow();
        log.info("Stopping at once");
    }

    private Map<Path, Schedule> scheduled(List<Path> files) {
        Map<Path, Schedule> scheduled = jobFiles.schedules(files.isEmpty() ? shelf() : files);
        files.stream().filter(file -> !scheduled.containsKey(file)).findFirst().ifPresent(file -> {
            throw new ConfigurationException(
                    file + " has no schedule: add one, such as\n  schedule: {cron: \"0 0 2 * * *\","
                            + " zone: Europe/Berlin}\nor start it with parley run");
        });
        return scheduled;
    }

    private static List<Path> shelf() {
        if (!Files.isDirectory(JOBS)) {
            return List.of();
        }
        try (Stream<Path> files = Files.list(JOBS)) {
            return files.filter(file -> file.toString().endsWith(".yaml"))
                    .sorted()
                    .toList();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private void look(boolean yes, PrintWriter out) {
        try {
            scheduler.look(yes, out);
        } catch (RuntimeException e) { // the executor would never call again
            log.error("The scheduler goes on after a fault", e);
        }
    }

    /** @return whether all went well, be it that there was nothing to do */
    private boolean workOff(boolean yes, PrintWriter out) {
        try {
            for (BatchJob job : jobs.open()) {
                if (job.estimatedCost() == null) { // nobody has looked at its price yet
                    scheduler.pauseIfDear(job, yes, out);
                }
            }
            List<BatchJob> unfinished = launcher.unfinished();
            if (unfinished.isEmpty()) {
                return true;
            }
            long startedAt = System.nanoTime();
            GenerateRuns.Outcome outcome = runs.run(List.of(), GenerateRuns.Overrides.NONE);
            List<BatchJob> after =
                    unfinished.stream().map(job -> JobId.find(jobs, job.id())).toList();
            summary.print(unfinished, after, outcome, System.nanoTime() - startedAt, out);
            out.flush();
            if (outcome.failure() != null) {
                log.error("The run broke and is begun again", outcome.failure());
            }
            return outcome.failure() == null;
        } catch (DataAccessException | TransactionException e) {
            log.warn("The database does not answer, and is asked again: {}", e.getMessage());
        } catch (Exception e) {
            log.error("The run broke and is begun again", e);
        }
        return false;
    }

    private static void awaitEnd(ScheduledExecutorService ticking) {
        boolean interrupted = Thread.interrupted();
        try {
            if (!ticking.awaitTermination(10, TimeUnit.SECONDS)) {
                log.warn("A tick is not through; it is undone, and had by the next who looks");
            }
        } catch (InterruptedException e) {
            interrupted = true;
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
