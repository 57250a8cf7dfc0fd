package dev.parley.archive;

import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;

/** The thread that publishes job logs while jobs run. */
final class JobLogFlusher implements AutoCloseable {
    private final ScheduledExecutorService thread = Executors.newSingleThreadScheduledExecutor(task -> {
        Thread flusher = new Thread(task, "job-log");
        flusher.setDaemon(true);
        return flusher;
    });

    private final ScheduledFuture<?> ticks;

    JobLogFlusher(JobLogs logs) {
        ticks = thread.scheduleWithFixedDelay(logs::tick, 1, 1, TimeUnit.SECONDS);
    }

    /** Lets a write that is under way end by itself; the logs' own close waits for it. */
    @Override
    public void close() {
        ticks.cancel(false);
        thread.shutdown();
    }
}
