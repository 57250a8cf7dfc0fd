package dev.parley.launch;

import com.fasterxml.jackson.annotation.JsonProperty;
import dev.parley.archive.JobLogs;
import dev.parley.generation.GenerationLogs;
import dev.parley.work.BatchJob;
import dev.parley.work.BatchJobs;
import dev.parley.work.JobStatus;
import dev.parley.work.ProviderBatches;
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
import tools.jackson.core.StreamWriteFeature;
import tools.jackson.databind.MapperFeature;
import tools.jackson.databind.SerializationFeature;
import tools.jackson.databind.json.JsonMapper;

@Command(
        name = "status",
        description = "Shows the jobs, newest first, or one job.",
        mixinStandardHelpOptions = true,
        versionProvider = Version.class)
class StatusCommand implements Action {
    private static final int NAME_WIDTH = 17; // what the other columns leave of a line

    private static final JsonMapper JSON = JsonMapper.builder()
            .enable(SerializationFeature.INDENT_OUTPUT)
            .enable(StreamWriteFeature.WRITE_BIGDECIMAL_AS_PLAIN)
            .disable(MapperFeature.SORT_PROPERTIES_ALPHABETICALLY)
            .build();

    @Parameters(arity = "0..1", paramLabel = "JOB", description = "The job's id.")
    private @Nullable UUID job;

    @Option(names = "--json", description = "As JSON.")
    private boolean json;

    @Option(names = "--limit", paramLabel = "N", description = "How many jobs at most (${DEFAULT-VALUE}).")
    private int limit = 20;

    @Option(
            names = "--status",
            paramLabel = "S",
            description = "Only queued, processing, paused, completed, failed or cancelled jobs.")
    private @Nullable JobStatus status;

    /**
     * The shape of {@code --json}: one of these for a job, a list of them without. Every field is always there, in this order;
     * while nothing happens to a job, two answers are the same bytes. A field, and no stream of log lines, tells the last error.
     *
     * @param completed items that are through: successful and failed together
     * @param percentage of the items that are through, 0 to 100, one decimal
     * @param successRate of those that are through, 0 to 100, one decimal
     * @param statusReason why it is paused, failed or cancelled
     * @param log where the job's log is kept
     */
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
    public void check() {
        if (limit < 1) {
            throw new ConfigurationException("--limit is " + limit + "; should be 1 or more");
        }
    }

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
                BatchesText.lines(beans.getBean(ProviderBatches.class).overview(job))
                        .forEach(line -> Text.row(out, "batches", line));
            }
            return ExitCode.OK;
        }
        List<BatchJob> newest = status == null ? jobs.newestFirst(limit) : jobs.newestFirst(status, limit);
        if (json) {
            out.println(JSON.writeValueAsString(
                    newest.stream().map(one -> view(one, jobs, logs, ledger)).toList()));
        } else if (newest.isEmpty()) {
            out.println(
                    status == null
                            ? "No jobs yet; parley run jobs/demo.yaml makes the first one."
                            : "No job is " + status.key() + ".");
        } else {
            out.printf("%-36s  %-10s  %11s  %6s  %8s  %s%n", "JOB", "STATUS", "DONE", "FAILED", "COST", "NAME");
            newest.forEach(one -> out.println(String.format(
                            Locale.ROOT,
                            "%-36s  %-10s  %11s  %6d  %8s  %s",
                            one.id(),
                            one.status().key(),
                            one.completedItems() + "/" + one.totalItems(),
                            one.failedItems(),
                            "$" + Money.of(one.actualCost()),
                            Text.shortened(one.name(), NAME_WIDTH))
                    .stripTrailing()));
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
        Text.row(out, "status", job.status() + (job.statusReason() == null ? "" : ": " + job.statusReason()));
        Text.row(
                out,
                "progress",
                job.completed() + " of " + job.total() + " items through (" + job.percentage() + " %)");
        Text.row(out, "successful", job.successful() + " (" + job.successRate() + " %)");
        Text.row(out, "failed", String.valueOf(job.failed()));
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
        Text.row(out, "created", time(job.createdAt()));
        Text.row(out, "started", time(job.startedAt()));
        Text.row(out, "completed", time(job.completedAt()));
        Text.row(out, "log", job.log());
    }

    private static String time(@Nullable Instant time) {
        return time == null ? "not yet" : time.truncatedTo(ChronoUnit.SECONDS).toString();
    }
}
