package dev.parley.archive;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.HashSet;
import java.util.OptionalLong;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.locks.ReentrantLock;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One process's hold on the log of a job. Thread-safe: lines are appended to a local file under one lock, and published by
 * the flusher under another, so no line waits for the store.
 *
 * <p>The whole object is written again each time, hence only when it has grown by a quarter and 20 KB, or has had news for
 * a minute; never more than once in five seconds; and at the close. Growing by a quarter each time, all writes together
 * come to at most five times the final size.
 */
public class JobLog implements AutoCloseable {
    private static final Logger logger = LoggerFactory.getLogger(JobLog.class);
    private static final int GROWTH_BYTES = 20 * 1024;
    private static final int GROWTH_PART = 4;
    private static final Duration AT_LATEST = Duration.ofSeconds(60);
    private static final Duration AT_MOST_EVERY = Duration.ofSeconds(5);

    private final JobLogs logs;
    private final UUID jobId;
    private final int nanos;
    private final Clock clock;
    private final Set<String> warned = new HashSet<>(); // guarded by itself

    private final ReentrantLock appending = new ReentrantLock();
    private final LogSpool spool; // guarded by appending, as the next two
    private Instant lastLine = Instant.MIN;
    private boolean closed;

    private final ReentrantLock publishing = new ReentrantLock();
    private Instant published; // guarded by publishing, as the next three
    private Instant tried = Instant.EPOCH;
    private long spoolPublished;
    private long logSize;

    JobLog(JobLogs logs, UUID jobId, LogSpool spool, int nanos, Clock clock) {
        this.logs = logs;
        this.jobId = jobId;
        this.spool = spool;
        this.nanos = nanos;
        this.clock = clock;
        this.published = clock.instant();
    }

    /** Adds a line with the time now. Line ends and control characters in it are escaped. Never fails. */
    public void line(String message) {
        appending.lock();
        try {
            if (closed) {
                logger.warn(
                        "Job {}: a line came after its log was closed: {}",
                        jobId,
                        LogLines.line(clock.instant(), message));
                return;
            }
            Instant time = clock.instant().truncatedTo(ChronoUnit.MICROS);
            if (!time.isAfter(lastLine)) {
                time = lastLine.plus(1, ChronoUnit.MICROS);
            }
            lastLine = time;
            spool.append((LogLines.line(time.plusNanos(nanos), message) + "\n").getBytes(UTF_8));
        } catch (IOException e) {
            warn("Lines of the log of job " + jobId + " are kept in memory, " + spool.path() + " cannot be written", e);
        } finally {
            appending.unlock();
        }
    }

    /** Publishes the lines so far if that is due. */
    void tick() {
        publishing.lock();
        try {
            if (isDue(clock.instant())) {
                publish();
            }
        } finally {
            publishing.unlock();
        }
    }

    private boolean isDue(Instant now) {
        long news = spoolSize() - spoolPublished;
        return news > 0
                && hasPassed(AT_MOST_EVERY, tried, now)
                && (news >= logSize / GROWTH_PART + GROWTH_BYTES || hasPassed(AT_LATEST, published, now));
    }

    /** Also when the clock was set back by as much: better early than never. */
    private static boolean hasPassed(Duration duration, Instant since, Instant now) {
        return Duration.between(since, now).abs().compareTo(duration) >= 0;
    }

    /** Publishes the last lines. If that fails they stay in the spool for the next process that can. Never fails. */
    @Override
    public void close() {
        publishing.lock();
        try {
            appending.lock();
            try {
                if (closed) {
                    return;
                }
                closed = true;
            } finally {
                appending.unlock();
            }
            boolean complete = Uninterrupted.call(this::publish);
            if (!complete) {
                logger.warn(
                        "The end of the log of job {} is not published; it is in {}, to be added by the next run here{}",
                        jobId,
                        spool.path(),
                        spool.sizeInMemory() == 0 ? "" : ", but for " + spool.sizeInMemory() + " bytes that are lost");
            }
            logs.closed(this, jobId, spool, complete);
        } catch (RuntimeException e) { // a log is never a reason to fail
            logger.warn("The log of job {} was not closed properly: {}", jobId, e.toString());
        } finally {
            publishing.unlock();
        }
    }

    private boolean publish() {
        tried = clock.instant();
        try {
            SpoolPart lines = spoolContent();
            OptionalLong size = logs.publish(jobId, lines.size() > spoolPublished ? lines : null);
            published = tried;
            spoolPublished = lines.size();
            size.ifPresent(bytes -> logSize = bytes);
            return true;
        } catch (IOException | RuntimeException e) { // a log is never a reason to fail
            warn("The log of job " + jobId + " is not published yet", e);
            return false;
        }
    }

    private long spoolSize() {
        appending.lock();
        try {
            return spool.size();
        } finally {
            appending.unlock();
        }
    }

    private SpoolPart spoolContent() {
        appending.lock();
        try {
            return spool.content(appending);
        } finally {
            appending.unlock();
        }
    }

    private void warn(String what, Exception cause) {
        synchronized (warned) {
            if (!warned.add(what + cause.getMessage())) {
                return;
            }
        }
        logger.warn("{}: {}", what, cause.toString());
    }
}
