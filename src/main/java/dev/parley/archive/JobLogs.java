package dev.parley.archive;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The logs of jobs: {@code {jobId}/log.txt} in the bucket for logs, every line of every process and every run of the job.
 * Thread-safe.
 *
 * <p><b>How several processes write one object.</b> A job's log is a set of lines that only grows. Each process keeps its
 * own lines in a spool file of its own, and publishing means: read the object, add those lines of the spool that it lacks,
 * put it back only if nobody else has written in between, else once more. So it does not matter who publishes what, when
 * or how often, and no process needs to know of another, nor to remember what it has published: three that finish at once
 * take turns; a second run, here or elsewhere, finds the first one's lines in the object; after a {@code kill -9} the spool
 * is still there and its lock is free, and whichever process of that machine next publishes this job's log, opens one, or
 * looks every ten minutes, adds its lines and deletes it.
 *
 * <p>It rests on no two lines being equal, which their timestamps see to: those of one spool rise by at least a
 * microsecond from line to line, and the last three digits, nanoseconds that no clock here tells, are the spool's own.
 *
 * <p>A log that cannot be written is a warning, once per cause, and never a failure.
 */
public class JobLogs implements AutoCloseable {
    private static final Logger logger = LoggerFactory.getLogger(JobLogs.class);
    private static final String CONTENT_TYPE = "text/plain; charset=utf-8";
    private static final Duration LOOK_FOR_LEFTOVERS_EVERY = Duration.ofMinutes(10);

    private final ObjectStore store;
    private final String bucket;
    private final Clock clock;
    private final Supplier<UUID> spoolIds;
    private final SpoolFolder spools;
    private final Set<JobLog> open = ConcurrentHashMap.newKeySet();
    private final AtomicBoolean bucketSeen = new AtomicBoolean();
    private volatile @Nullable Instant lookedForLeftovers;

    public JobLogs(ObjectStore store, ArchiveSettings settings, Clock clock) {
        this(store, settings, clock, UUID::randomUUID);
    }

    JobLogs(ObjectStore store, ArchiveSettings settings, Clock clock, Supplier<UUID> spoolIds) {
        this.store = store;
        this.bucket = settings.buckets().logs();
        this.clock = clock;
        this.spoolIds = spoolIds;
        this.spools = new SpoolFolder(Path.of(settings.data(), "spool"));
    }

    /** Opens the job's log to add lines to it; never fails and does not touch the store. To be closed. */
    public JobLog open(UUID jobId) {
        UUID spoolId = spoolIds.get();
        LogSpool spool = Uninterrupted.call(() -> {
            try {
                return spools.create(jobId, spoolId);
            } catch (IOException e) {
                logger.warn(
                        "The log of job {} is kept in memory only, its spool cannot be made: {}", jobId, e.toString());
                return LogSpool.inMemory(spools.path(jobId, spoolId));
            }
        });
        JobLog log = new JobLog(this, jobId, spool, Math.floorMod(spoolId.hashCode(), 1000), clock);
        open.add(log);
        return log;
    }

    /**
     * Copies the log as published, which may be larger than the memory, over a file. While the job runs, its last lines may
     * be missing.
     *
     * @return false when there is none yet
     */
    public boolean download(UUID jobId, Path file) {
        return store.download(objectName(jobId), file);
    }

    public ObjectName objectName(UUID jobId) {
        return new ObjectName(bucket, jobId + "/log.txt");
    }

    /** Of the report beside the log. */
    public ObjectName reportName(UUID jobId) {
        return new ObjectName(bucket, jobId + "/report.html");
    }

    /** Where a person finds it: a path or a {@code gs://} address. */
    public String locate(UUID jobId) {
        return store.locate(objectName(jobId));
    }

    /** Publishes what is due, and what dead processes left behind. To be called about once a second; never fails. */
    public void tick() {
        if (open.isEmpty()) {
            return;
        }
        Instant now = clock.instant();
        Instant looked = lookedForLeftovers;
        if (looked == null || Duration.between(looked, now).abs().compareTo(LOOK_FOR_LEFTOVERS_EVERY) >= 0) {
            lookedForLeftovers = now;
            publishLeftovers();
        }
        open.forEach(JobLog::tick);
    }

    /** Closes every log that is still open. */
    @Override
    public void close() {
        open.forEach(JobLog::close);
    }

    private void publishLeftovers() {
        try {
            for (UUID jobId : spools.jobs()) {
                publish(jobId, null);
            }
        } catch (IOException | RuntimeException e) { // a log is never a reason to fail
            logger.warn("Job logs left behind by processes that died are not published yet: {}", e.toString());
        }
    }

    /**
     * Adds these lines, and those that dead processes of this machine left, to the job's log.
     *
     * @param own null for none
     * @return the log's size in bytes; empty when there was nothing to add
     */
    OptionalLong publish(UUID jobId, @Nullable SpoolPart own) throws IOException {
        List<LeftSpool> adopted = spools.adopt(jobId);
        boolean published = false;
        try {
            List<SpoolPart> lines = new ArrayList<>();
            if (own != null) {
                lines.add(own);
            }
            for (LeftSpool spool : adopted) {
                lines.add(spool.content());
            }
            if (lines.isEmpty()) {
                return OptionalLong.empty();
            }
            if (!bucketSeen.get()) {
                store.ensureBucket(bucket);
                bucketSeen.set(true);
            }
            long size = store.update(
                    objectName(jobId),
                    CONTENT_TYPE,
                    (there, next) -> LogLines.merge(
                            there, lines.stream().map(SpoolPart::open).toList(), next));
            published = true;
            if (!adopted.isEmpty()) {
                logger.info("Added to the log of job {} the lines that were left in {} spools", jobId, adopted.size());
            }
            return OptionalLong.of(size);
        } finally {
            for (LeftSpool spool : adopted) {
                spools.release(jobId, spool, published);
            }
        }
    }

    void closed(JobLog log, UUID jobId, LogSpool spool, boolean published) {
        open.remove(log);
        try {
            spools.release(jobId, spool, published);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
