package dev.parley.launch;

import dev.parley.catalog.InvalidFileException;
import dev.parley.launch.Schedules.Outcome;
import dev.parley.work.BatchJob;
import dev.parley.work.BatchJobs;
import dev.parley.work.BatchJobs.Enqueued;
import dev.parley.work.JobStatus;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.UUID;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.dao.DataAccessException;
import org.springframework.stereotype.Component;
import org.springframework.transaction.PlatformTransactionManager;
import org.springframework.transaction.TransactionException;
import org.springframework.transaction.support.TransactionTemplate;

/**
 * Does what scheduled job files ask for when their time comes: puts work into the work list, for whoever works it off.
 *
 * <p>A tick is had once in a cluster: taking it, enqueueing and what came of it are one transaction, so that one whose process
 * dies half way is another's. Used by one thread at a time.
 */
@Component
class Scheduler {
    private static final Logger log = LoggerFactory.getLogger(Scheduler.class);

    private final Schedules schedules;
    private final JobFiles jobFiles;
    private final BatchJobs jobs;
    private final Confirmation confirmation;
    private final ScheduleSettings settings;
    private final Clock clock;
    private final TransactionTemplate transaction;
    private final Map<String, Entry> entries = new LinkedHashMap<>();

    /** @param next when there may be something to do; null is never */
    private record Entry(
            Path file, Schedule schedule, @Nullable Instant next) {}

    Scheduler(
            Schedules schedules,
            JobFiles jobFiles,
            BatchJobs jobs,
            Confirmation confirmation,
            ScheduleSettings settings,
            Clock clock,
            PlatformTransactionManager transactions) {
        this.schedules = schedules;
        this.jobFiles = jobFiles;
        this.jobs = jobs;
        this.confirmation = confirmation;
        this.settings = settings;
        this.clock = clock;
        this.transaction = new TransactionTemplate(transactions);
    }

    /**
     * Makes the schedules of job files known; the first look does what was missed since somebody looked last.
     *
     * @throws ConfigurationException when two files have one name, by which a schedule is known
     * @throws InvalidFileException when a file is wrong; better now than in the night
     */
    void register(Map<Path, Schedule> scheduled) {
        Map<String, Entry> wanted = new LinkedHashMap<>();
        scheduled.forEach((file, schedule) -> {
            String name = file.getFileName().toString();
            Entry other = wanted.put(name, new Entry(file, schedule, Instant.MIN));
            if (other != null) {
                throw new ConfigurationException("Two schedules would be known as " + name + ": " + other.file()
                        + " and " + file + "; rename one of the files");
            }
        });
        jobFiles.read(List.copyOf(scheduled.keySet()));
        wanted.forEach((name, entry) -> schedules.register(name, entry.schedule(), clock.instant()));
        entries.clear();
        entries.putAll(wanted);
    }

    /**
     * Does what is due now. To be called about once a second; a database that is away is asked again then.
     *
     * @param yes whether a job may begin that may cost more than is begun without a question; otherwise it is paused
     */
    void look(boolean yes, PrintWriter out) {
        Instant now = clock.instant();
        for (String name : List.copyOf(entries.keySet())) {
            Entry entry = entries.get(name);
            if (entry == null || entry.next() == null || entry.next().isAfter(now)) {
                continue;
            }
            try {
                tick(name, entry, now, yes, out);
                entries.put(
                        name,
                        new Entry(
                                entry.file(), entry.schedule(), entry.schedule().next(now)));
            } catch (DataAccessException | TransactionException e) {
                log.warn("The tick of {} is tried again: {}", name, e.getMessage());
            }
        }
    }

    private void tick(String name, Entry entry, Instant now, boolean yes, PrintWriter out) {
        Instant lastTick = schedules.find(name).map(Schedules.Row::lastTick).orElse(now);
        Instant tick = entry.schedule().latest(lastTick, now);
        if (tick == null) {
            return;
        }
        boolean late = Duration.between(tick, now).compareTo(settings.tolerance()) > 0;
        Optional<String> told;
        try {
            told = inTransaction(name, tick, () -> fire(name, entry, late, yes, out));
        } catch (InvalidFileException | ConfigurationException e) {
            Result failed = new Result(Outcome.FAILED, Failures.redacted(String.valueOf(e.getMessage())), null);
            told = inTransaction(name, tick, () -> failed);
        }
        told.ifPresent(line -> {
            out.println(Text.time(now) + " " + line);
            out.flush();
        });
    }

    /** @param job null where it is about none */
    private record Result(
            Outcome outcome, String detail, @Nullable UUID job) {}

    /** What is told of it; empty when somebody else had the tick. */
    private Optional<String> inTransaction(String name, Instant tick, Supplier<Result> deed) {
        return Objects.requireNonNull(transaction.execute(status -> {
            if (!schedules.take(name, tick)) {
                return Optional.empty();
            }
            Result result = deed.get();
            schedules.record(name, result.outcome(), result.detail(), result.job());
            return Optional.of(
                    name + ", due " + Text.time(tick) + ", " + result.outcome().key() + ": " + result.detail());
        }));
    }

    private Result fire(String name, Entry entry, boolean late, boolean yes, PrintWriter out) {
        if (late && entry.schedule().missed() == Schedule.Missed.SKIP) {
            return new Result(Outcome.MISSED, "nobody was there at its time, and it is not made up for", null);
        }
        if (entry.schedule().eachRun() == Schedule.EachRun.NEW_JOB) {
            BatchJob former = former(name);
            if (former != null && (former.status().open() || former.status() == JobStatus.PAUSED)) {
                return new Result(
                        Outcome.OVERLAPPED,
                        "job " + former.id() + " is " + former.status().key() + " still, and another would overlap it",
                        former.id());
            }
        }
        boolean again = entry.schedule().eachRun() == Schedule.EachRun.NEW_JOB;
        Enqueued enqueued = jobFiles.enqueue(List.of(entry.file()), again).get(0);
        BatchJob job = JobId.find(jobs, enqueued.jobId());
        if (enqueued.created()) {
            pauseIfDear(job, yes, out);
            return new Result(Outcome.ENQUEUED, "job " + job.id() + " with " + job.totalItems() + " items", job.id());
        }
        return switch (job.status()) {
            case QUEUED, PROCESSING ->
                new Result(Outcome.PENDING, "job " + job.id() + " has " + job.remainingItems() + " to do", job.id());
            case PAUSED ->
                new Result(Outcome.OVERLAPPED, "job " + job.id() + " is paused: " + job.statusReason(), job.id());
            default ->
                new Result(
                        Outcome.NOTHING_PENDING,
                        "job " + job.id() + " is " + job.status().key(),
                        job.id());
        };
    }

    private @Nullable BatchJob former(String name) {
        UUID id = schedules.find(name).map(Schedules.Row::job).orElse(null);
        return id == null ? null : jobs.find(id).orElse(null);
    }

    /** Nobody is there to be asked. */
    void pauseIfDear(BatchJob job, boolean yes, PrintWriter out) {
        String why;
        try {
            why = confirmation.tooDear(List.of(job), null, out);
        } catch (ConfigurationException e) {
            why = String.valueOf(e.getMessage());
            jobs.pause(job.id(), why);
            return;
        }
        if (why != null && !yes) {
            jobs.pause(job.id(), why + "; parley resume begins it, serve --yes begins all");
        }
    }
}
