package dev.parley.launch;

import com.fasterxml.jackson.annotation.JsonProperty;
import dev.parley.archive.JobLogs;
import dev.parley.generation.GenerationLogs;
import dev.parley.work.BatchJob;
import dev.parley.work.BatchJobs;
import java.io.PrintWriter;
import java.math.BigDecimal;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.Locale;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.springframework.beans.factory.BeanFactory;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import tools.jackson.databind.SerializationFeature;
import tools.jackson.databind.json.JsonMapper;

@Command(name = "status", description = "Shows the jobs, newest first, or one job.", mixinStandardHelpOptions = true)
class StatusCommand implements Action {
    private static final JsonMapper JSON =
            JsonMapper.builder().enable(SerializationFeature.INDENT_OUTPUT).build();

    @Parameters(arity = "0..1", paramLabel = "JOB", description = "The job's id.")
    private @Nullable UUID job;

    @Option(names = "--json", description = "As JSON.")
    private boolean json;

    @Option(names = "--limit", paramLabel = "N", description = "How many jobs at most (${DEFAULT-VALUE}).")
    private int limit = 20;

    /** The shape of {@code --json}; a field, and no stream of log lines, tells the last error. */
    record View(
            @JsonProperty("id") UUID id,
            @JsonProperty("name") String name,
            @JsonProperty("status") String status,
            @JsonProperty("statusReason") @Nullable String statusReason,
            @JsonProperty("priority") String priority,
            @JsonProperty("total") int total,
            @JsonProperty("completed") int completed,
            @JsonProperty("successful") int successful,
            @JsonProperty("failed") int failed,
            @JsonProperty("percentage") double percentage,
            @JsonProperty("successRate") double successRate,
            @JsonProperty("costUsd") BigDecimal costUsd,
            @JsonProperty("budgetUsd") @Nullable BigDecimal budgetUsd,

            @JsonProperty("estimatedCostUsd") @Nullable BigDecimal estimatedCostUsd,

            @JsonProperty("unknownCostCalls") long unknownCostCalls,
            @JsonProperty("possiblyPaidTwice") long possiblyPaidTwice,
            @JsonProperty("lastItemError") @Nullable String lastItemError,
            @JsonProperty("log") String log,
            @JsonProperty("createdAt") Instant createdAt,
            @JsonProperty("startedAt") @Nullable Instant startedAt,
            @JsonProperty("completedAt") @Nullable Instant completedAt) {}

    @Override
    public int run(BeanFactory beans, PrintWriter out) {
        BatchJobs jobs = beans.getBean(BatchJobs.class);
        JobLogs logs = beans.getBean(JobLogs.class);
        GenerationLogs ledger = beans.getBean(GenerationLogs.class);
        if (job != null) {
            View view = view(JobId.find(jobs, job), jobs, logs, ledger);
            if (json) {
                out.println(JSON.writeValueAsString(view));
            } else {
                print(view, out);
            }
            return ExitCode.OK;
        }
        List<BatchJob> newest = jobs.newestFirst(limit);
        if (json) {
            out.println(JSON.writeValueAsString(
                    newest.stream().map(one -> view(one, jobs, logs, ledger)).toList()));
        } else if (newest.isEmpty()) {
            out.println("No jobs yet; parley run jobs/demo.yaml makes the first one.");
        } else {
            out.printf(
                    "%-36s  %-10s  %13s  %6s  %9s  %-16s  %s%n",
                    "JOB", "STATUS", "DONE", "FAILED", "COST", "CREATED", "NAME");
            newest.forEach(one -> out.printf(
                    Locale.ROOT,
                    "%-36s  %-10s  %13s  %6d  %9s  %-16s  %s%n",
                    one.id(),
                    one.status().key(),
                    one.completedItems() + "/" + one.totalItems(),
                    one.failedItems(),
                    "$" + Money.of(one.actualCost()),
                    one.createdAt().truncatedTo(ChronoUnit.MINUTES).toString().replace(":00Z", "Z"),
                    one.name()));
        }
        return ExitCode.OK;
    }

    private static View view(BatchJob job, BatchJobs jobs, JobLogs logs, GenerationLogs ledger) {
        GenerationLogs.Totals totals = ledger.totals(job.id());
        return new View(
                job.id(),
                job.name(),
                job.status().key(),
                job.statusReason(),
                job.priority().key(),
                job.totalItems(),
                job.completedItems(),
                job.successfulItems(),
                job.failedItems(),
                job.percentage(),
                job.successRate(),
                job.actualCost(),
                job.budgetUsd(),
                job.estimatedCost(),
                totals.unknownCost(),
                totals.unknownOutcome(),
                jobs.lastItemError(job.id()),
                logs.locate(job.id()),
                job.createdAt(),
                job.startedAt(),
                job.completedAt());
    }

    private static void print(View job, PrintWriter out) {
        out.printf("Job %s \"%s\"%n", job.id(), job.name());
        row(out, "status", job.status() + (job.statusReason() == null ? "" : ": " + job.statusReason()));
        row(out, "progress", job.completed() + " of " + job.total() + " items through (" + job.percentage() + " %)");
        row(out, "successful", job.successful() + " (" + job.successRate() + " %)");
        row(out, "failed", String.valueOf(job.failed()));
        row(
                out,
                "cost",
                "$" + Money.of(job.costUsd()) + (job.budgetUsd() == null ? "" : " of $" + Money.of(job.budgetUsd())));
        row(
                out,
                "estimated",
                job.estimatedCostUsd() == null ? "no" : "$" + Money.of(job.estimatedCostUsd()) + " at most");
        row(
                out,
                "cost unknown",
                job.unknownCostCalls() + " calls; possibly paid twice: " + job.possiblyPaidTwice() + " at most");
        row(out, "last error", job.lastItemError() == null ? "none" : job.lastItemError());
        row(out, "created", String.valueOf(job.createdAt()));
        row(out, "started", job.startedAt() == null ? "not yet" : String.valueOf(job.startedAt()));
        row(out, "completed", job.completedAt() == null ? "not yet" : String.valueOf(job.completedAt()));
        row(out, "log", job.log());
    }

    private static void row(PrintWriter out, String name, String value) {
        out.printf("  %-12s %s%n", name, value);
    }
}
