package dev.parley.launch;

import dev.parley.work.BatchJobs;
import dev.parley.work.BatchJobs.Tally;
import java.io.PrintWriter;
import java.time.Duration;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.dao.DataAccessException;

/** Shows how far the jobs are: a bar on a terminal, otherwise a line when there is news, never more than one in ten seconds. */
final class Progress implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(Progress.class);
    private static final long BETWEEN_LINES = Duration.ofSeconds(10).toNanos();

    private final BatchJobs jobs;
    private final List<UUID> ids;
    private final PrintWriter out;
    private final @Nullable ProgressBar bar;
    private final ScheduledExecutorService looks = Executors.newSingleThreadScheduledExecutor(task -> {
        Thread thread = new Thread(task, "parley-progress");
        thread.setDaemon(true);
        return thread;
    });
    private long lineAt = System.nanoTime();
    private int shown = -1;

    private Progress(BatchJobs jobs, List<UUID> ids, PrintWriter out, boolean terminal) {
        this.jobs = jobs;
        this.ids = ids;
        this.out = out;
        Tally tally = jobs.tally(ids);
        this.bar = terminal
                ? new ProgressBarBuilder()
                        .setTaskName("Generating")
                        .setInitialMax(tally.total())
                        .startsFrom(tally.completed(), Duration.ZERO)
                        .setUpdateIntervalMillis(250)
                        .build()
                : null;
        looks.scheduleWithFixedDelay(this::look, 250, 250, TimeUnit.MILLISECONDS);
    }

    static Progress of(BatchJobs jobs, List<UUID> ids, PrintWriter out) {
        return new Progress(jobs, ids, out, System.console() != null && System.getenv("TERM") != null);
    }

    private void look() {
        try {
            show(jobs.tally(ids));
        } catch (DataAccessException e) {
            log.debug("No progress to show: {}", e.getMessage());
        }
    }

    private void show(Tally tally) {
        if (bar != null) {
            bar.stepTo(tally.completed());
            bar.setExtraMessage(
                    (tally.failed() > 0 ? " " + tally.failed() + " failed" : "") + " $" + Money.of(tally.costUsd()));
        } else if (tally.completed() != shown && System.nanoTime() - lineAt >= BETWEEN_LINES) {
            shown = tally.completed();
            lineAt = System.nanoTime();
            out.println(tally.completed() + " of " + tally.total() + " items through, " + tally.failed() + " failed, $"
                    + Money.of(tally.costUsd()));
            out.flush();
        }
    }

    @Override
    public void close() {
        looks.shutdownNow();
        if (bar != null) {
            look();
            bar.close();
        }
    }
}
