package dev.parley.launch;

import dev.parley.export.Exports;
import dev.parley.work.BatchJobs;
import dev.parley.work.BatchJobs.Tally;
import java.io.PrintWriter;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.UUID;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
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

    /**
     * How far it is.
     *
     * @param done items that are through, of {@code total}
     * @param more for the bar, @param line for where there is none
     */
    private record State(long done, long total, String more, String line) {}

    private final Supplier<State> looked;
    private final PrintWriter out;
    private final @Nullable ProgressBar bar;
    private final ScheduledExecutorService looks = Executors.newSingleThreadScheduledExecutor(task -> {
        Thread thread = new Thread(task, "parley-progress");
        thread.setDaemon(true);
        return thread;
    });
    private long lineAt = System.nanoTime();
    private long shown = -1;

    private Progress(String task, Supplier<State> looked, PrintWriter out, boolean terminal) {
        this.looked = looked;
        this.out = out;
        State state = looked.get();
        this.bar = terminal
                ? new ProgressBarBuilder()
                        .setTaskName(task)
                        .setInitialMax(state.total())
                        .startsFrom(state.done(), Duration.ZERO)
                        .setUpdateIntervalMillis(250)
                        .build()
                : null;
        looks.scheduleWithFixedDelay(this::look, 250, 250, TimeUnit.MILLISECONDS);
    }

    static Progress of(BatchJobs jobs, List<UUID> ids, PrintWriter out) {
        return new Progress(
                "Generating",
                () -> {
                    Tally tally = jobs.tally(ids);
                    String cost = "$" + Money.of(tally.costUsd());
                    return new State(
                            tally.completed(),
                            tally.total(),
                            (tally.failed() > 0 ? " " + tally.failed() + " failed " : " ") + cost,
                            tally.completed() + " of " + tally.total() + " items through, " + tally.failed()
                                    + " failed, " + cost);
                },
                out,
                isTerminal());
    }

    static Progress ofExport(Exports exports, PrintWriter out) {
        return new Progress(
                "Exporting",
                () -> new State(
                        exports.done(),
                        exports.total(),
                        "",
                        String.format(
                                Locale.ROOT, "%,d of %,d conversations exported", exports.done(), exports.total())),
                out,
                isTerminal());
    }

    private static boolean isTerminal() {
        return System.console() != null && System.getenv("TERM") != null;
    }

    private void look() {
        try {
            show(looked.get());
        } catch (DataAccessException e) {
            log.debug("No progress to show: {}", e.getMessage());
        }
    }

    private void show(State state) {
        if (bar != null) {
            bar.maxHint(state.total());
            bar.stepTo(state.done());
            bar.setExtraMessage(state.more());
        } else if (state.done() != shown && System.nanoTime() - lineAt >= BETWEEN_LINES) {
            shown = state.done();
            lineAt = System.nanoTime();
            out.println(state.line());
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
