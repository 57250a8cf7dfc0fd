package dev.parley.launch;

import dev.parley.launch.Views.JobView;
import dev.parley.launch.Views.ScheduleView;
import dev.parley.work.JobStatus;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.time.Clock;
import java.time.Instant;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.springframework.beans.factory.BeanFactory;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
        name = "status",
        description = "Shows the jobs, newest first, or one job.",
        mixinStandardHelpOptions = true,
        versionProvider = Version.class)
class StatusCommand implements Action {
    private static final int BAR = 40;

    /** What this does to a terminal: the cursor goes to the upper left corner, and what was there is cleared. */
    private static final String CLEAR = "\033[H\033[J";

    @Parameters(arity = "0..1", paramLabel = "JOB", description = "The job's id.")
    private @Nullable UUID job;

    @Option(
            names = "--watch",
            description =
                    "Goes on showing what changes; with JOB until it has nothing left to do, without until Ctrl-C.")
    private boolean watch;

    @Option(names = "--json", description = "As JSON; with --watch a line whenever something has changed.")
    private boolean json;

    @Option(names = "--limit", paramLabel = "N", description = "How many jobs at most (${DEFAULT-VALUE}).")
    private int limit = 20;

    @Option(names = "--schedules", description = "Shows the scheduled job files instead of jobs.")
    private boolean schedules;

    @Option(
            names = "--status",
            paramLabel = "S",
            description = "Only queued, processing, paused, completed, failed or cancelled jobs.")
    private @Nullable JobStatus status;

    @Override
    public void check() {
        ConfigurationException.unlessWithin("--limit", limit, 1, Integer.MAX_VALUE);
        if (schedules && (job != null || status != null)) {
            throw new ConfigurationException("--schedules shows no jobs; leave out JOB and --status");
        }
    }

    @Override
    public int run(BeanFactory beans, PrintWriter out) throws Exception {
        Views views = beans.getBean(Views.class);
        Terminal terminal = beans.getBean(Terminal.class);
        Clock clock = beans.getBean(Clock.class);
        String shown = "";
        while (true) {
            List<JobView> jobs = jobs(views);
            List<ScheduleView> scheduled = job == null && status == null ? views.schedules() : List.of();
            String answer = answer(jobs, scheduled, clock.instant(), terminal.width());
            if (!answer.equals(shown)) {
                boolean again = !shown.isEmpty();
                boolean redraw = watch && !json && terminal.isInteractive();
                out.print((redraw ? CLEAR : again && !json ? "\n" : "") + answer);
                out.flush();
                shown = answer;
            }
            if (!watch || (job != null && jobs.stream().noneMatch(JobView::open))) {
                return ExitCode.OK;
            }
            TimeUnit.SECONDS.sleep(1);
        }
    }

    private List<JobView> jobs(Views views) {
        UUID one = job;
        if (one != null) {
            return List.of(views.job(one).orElseThrow(() -> JobId.unknown(one)));
        }
        return schedules ? List.of() : views.jobs(status, null, limit);
    }

    private String answer(List<JobView> jobs, List<ScheduleView> scheduled, Instant now, int width) {
        StringWriter text = new StringWriter();
        PrintWriter out = new PrintWriter(text);
        if (json) {
            Object value = schedules ? scheduled : job == null ? jobs : jobs.get(0);
            if (watch) {
                out.println(Json.line(value));
            } else {
                Json.print(out, value);
            }
        } else if (job != null) {
            print(jobs.get(0), now, out);
        } else if (schedules) {
            if (scheduled.isEmpty()) {
                out.println("No schedules yet; parley serve JOBFILE makes that of a job file known.");
            }
            printSchedules(scheduled, out, width);
        } else if (jobs.isEmpty()) {
            out.println(
                    status == null
                            ? "No jobs yet; parley run jobs/demo.yaml makes the first one."
                            : "No job is " + status.key() + ".");
        } else {
            Table table = new Table()
                    .text("JOB")
                    .text("STATUS")
                    .number("DONE")
                    .number("%")
                    .spare()
                    .number("FAILED")
                    .number("COST")
                    .spare()
                    .text("NAME");
            jobs.forEach(one -> table.row(
                    one.id(),
                    one.status(),
                    one.completed() + "/" + one.total(),
                    one.percentage(),
                    one.failed(),
                    "$" + Money.of(one.costUsd()),
                    one.name()));
            table.print(out, width);
            printSchedules(scheduled, out, width);
        }
        return text.toString();
    }

    private static String rate(JobView job) {
        return job.ratePerMinute() + " items a minute"
                + (job.remainingSeconds() == null ? "" : ", " + Text.duration(job.remainingSeconds()) + " left")
                + (job.projectedCostUsd() == null ? "" : ", $" + Money.of(job.projectedCostUsd()) + " in all");
    }

    private void printSchedules(List<ScheduleView> scheduled, PrintWriter out, int width) {
        if (scheduled.isEmpty()) {
            return;
        }
        if (!schedules) {
            out.println();
        }
        Table table = new Table()
                .text("SCHEDULE")
                .text("CRON")
                .spare()
                .text("NEXT")
                .text("LAST")
                .spare()
                .text("OUTCOME");
        scheduled.forEach(one -> table.row(
                one.name(),
                one.cron() + (one.zone().equals("UTC") ? "" : " " + one.zone()),
                one.nextTick() == null ? "never" : Text.time(one.nextTick()),
                one.outcome() == null ? "none yet" : Text.time(one.lastTick()),
                one.outcome() == null ? "" : one.outcome() + ": " + one.detail()));
        table.print(out, width);
    }

    private static void print(JobView job, Instant now, PrintWriter out) {
        out.printf("Job %s \"%s\"%n", job.id(), job.name());
        Text.row(out, "status", job.status() + (job.statusReason() == null ? "" : ": " + job.statusReason()));
        Text.row(out, "priority", job.priority());
        int filled = (int) (BAR * job.percentage() / 100);
        Text.row(out, "progress", "#".repeat(filled) + "-".repeat(BAR - filled) + " " + job.percentage() + " %");
        Text.row(out, "", job.completed() + " of " + job.total() + " items through");
        if (job.ratePerMinute() != null) {
            Text.row(out, "rate", rate(job));
        }
        Text.row(out, "successful", job.successful() + " (" + job.successRate() + " %)");
        Text.row(out, "failed", String.valueOf(job.failed()));
        BatchesText.lines(job.batches(), now).forEach(line -> Text.row(out, "batches", line));
        Text.row(
                out,
                "cost",
                "$" + Money.of(job.costUsd()) + (job.budgetUsd() == null ? "" : " of $" + Money.of(job.budgetUsd())));
        Text.row(
                out,
                "estimated",
                job.estimatedCostUsd() == null ? "no" : "$" + Money.of(job.estimatedCostUsd()) + " at most");
        Text.row(
                out,
                "cost unknown",
                job.unknownCostCalls() + " calls; possibly paid twice: " + job.possiblyPaidTwice() + " at most");
        Text.row(out, "last error", job.lastItemError() == null ? "none" : job.lastItemError());
        Text.row(out, "created", Text.time(job.createdAt()));
        Text.row(out, "started", Text.time(job.startedAt()));
        Text.row(out, "completed", Text.time(job.completedAt()));
        Text.row(out, "log", job.log());
        if (job.report() != null) {
            Text.row(out, "report", job.report());
        }
    }
}
