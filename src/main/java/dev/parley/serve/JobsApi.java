package dev.parley.serve;

import dev.parley.export.Exports;
import dev.parley.export.Quality;
import dev.parley.launch.JobControl;
import dev.parley.launch.JobOrder;
import dev.parley.launch.JobOrders;
import dev.parley.launch.JobOrders.Quote;
import dev.parley.launch.Previews;
import dev.parley.launch.Previews.Deed;
import dev.parley.launch.Previews.Preview;
import dev.parley.launch.RetryList;
import dev.parley.launch.Views;
import dev.parley.launch.Views.CauseView;
import dev.parley.launch.Views.ItemPage;
import dev.parley.launch.Views.JobView;
import dev.parley.work.FailedItems;
import dev.parley.work.ItemLookup;
import dev.parley.work.ItemStatus;
import dev.parley.work.JobSeries.Series;
import dev.parley.work.JobStatus;
import dev.parley.work.Priority;
import io.swagger.v3.oas.annotations.Operation;
import io.swagger.v3.oas.annotations.Parameter;
import io.swagger.v3.oas.annotations.tags.Tag;
import jakarta.validation.constraints.Max;
import jakarta.validation.constraints.Min;
import java.io.IOException;
import java.math.BigDecimal;
import java.net.URI;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.springframework.http.MediaType;
import org.springframework.http.ResponseEntity;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestBody;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.RestController;

/** Jobs, as the page and other programs read and change them. */
@RestController
@RequestMapping("/api/jobs")
@Tag(name = "jobs", description = "Jobs: how far they are, what fails, how they went, and what can be done with them")
class JobsApi {
    /** As the command {@code quality} does unless it is told otherwise. */
    private static final double SIMILARITY = 0.9;

    private final ShownJobs shown;
    private final Views views;
    private final Exports exports;
    private final JobControl control;
    private final RetryList retries;
    private final Previews previews;
    private final JobOrders orders;

    JobsApi(
            ShownJobs shown,
            Views views,
            Exports exports,
            JobControl control,
            RetryList retries,
            Previews previews,
            JobOrders orders) {
        this.shown = shown;
        this.views = views;
        this.exports = exports;
        this.control = control;
        this.retries = retries;
        this.previews = previews;
        this.orders = orders;
    }

    /** @param next what to ask for the next ones with ({@code after}); null when these are the last */
    record JobPage(List<JobView> jobs, @Nullable UUID next) {}

    /** The most frequent first. */
    record Causes(List<CauseView> causes) {}

    /** @param reason kept with the job; null takes a general one */
    record Reason(@Nullable String reason) {}

    /** @param budgetUsd what the whole job may cost from now on; null leaves it */
    record Resumption(@Nullable BigDecimal budgetUsd) {}

    record Rank(Priority priority) {}

    /**
     * Which failed items.
     *
     * @param codes those that failed with one of these
     * @param all without codes: also those that would fail again; otherwise only those that may succeed later
     * @param items these alone, by id
     */
    record Selection(
            @Nullable List<String> codes,
            @Nullable Boolean all,
            @Nullable List<UUID> items) {
        FailedItems chosen() {
            return RetryList.chosen(
                    Boolean.TRUE.equals(all), codes == null ? List.of() : codes, items == null ? List.of() : items);
        }
    }

    /** @param items that are queued again */
    record RetriedItems(int items, JobView job) {}

    /** @param codes and {@code all} and {@code items} only for a retry, as there */
    record Intention(
            Deed action,
            @Nullable List<String> codes,
            @Nullable Boolean all,
            @Nullable List<UUID> items) {}

    @Operation(summary = "Jobs, newest first")
    @GetMapping
    JobPage jobs(
            @Parameter(description = "Only queued, processing, paused, completed, failed or cancelled jobs")
                    @RequestParam(required = false)
                    @Nullable
                    JobStatus status,
            @Parameter(description = "Only jobs older than this one: `next` of the page before")
                    @RequestParam(required = false)
                    @Nullable
                    UUID after,
            @Parameter(description = "How many at most") @RequestParam(defaultValue = "20") @Min(1) @Max(200)
                    int limit) {
        List<JobView> jobs = shown.jobs(status, after, limit);
        return new JobPage(
                jobs, jobs.size() < limit ? null : jobs.get(jobs.size() - 1).id());
    }

    @Operation(summary = "A job")
    @GetMapping("/{id}")
    JobView job(@Parameter(description = "The job's id") @PathVariable UUID id) {
        return shown.job(id);
    }

    @Operation(summary = "The items of a job, by position")
    @GetMapping("/{id}/items")
    ItemPage items(
            @Parameter(description = "The job's id") @PathVariable UUID id,
            @Parameter(description = "Only queued, processing, completed or failed items")
                    @RequestParam(required = false)
                    @Nullable
                    ItemStatus status,
            @Parameter(description = "Only items with this error code, such as rate_limited")
                    @RequestParam(required = false)
                    @Nullable
                    String code,
            @Parameter(description = "Only items of a higher position: `next` of the page before")
                    @RequestParam(defaultValue = "0")
                    @Min(0)
                    int after,
            @Parameter(description = "How many at most") @RequestParam(defaultValue = "50") @Min(1) @Max(1_000)
                    int limit) {
        return views.items(new ItemLookup.Query(id, status, code, after, limit))
                .orElseThrow(() -> ShownJobs.unknown(id));
    }

    @Operation(summary = "The failed items of a job, grouped by cause, the most frequent first")
    @GetMapping("/{id}/failures")
    Causes failures(@Parameter(description = "The job's id") @PathVariable UUID id) {
        shown.job(id);
        return new Causes(views.failures(id));
    }

    @Operation(
            summary = "How a job went over time",
            description =
                    "Items that got through, the latency of calls, calls in flight and the money spent, in at most 241"
                            + " steps of equal length.")
    @GetMapping("/{id}/series")
    Series series(@Parameter(description = "The job's id") @PathVariable UUID id) {
        return views.series(id).orElseThrow(() -> ShownJobs.unknown(id));
    }

    @Operation(
            summary = "The quality of a job's conversations at a glance",
            description = "Reads every document of the job; that takes a while for a large one.")
    @GetMapping("/{id}/quality")
    Quality quality(@Parameter(description = "The job's id") @PathVariable UUID id) throws IOException {
        shown.job(id);
        return exports.quality(id, SIMILARITY);
    }

    @Operation(summary = "The report of a job's last run, a page that needs nothing else")
    @GetMapping(path = "/{id}/report", produces = MediaType.TEXT_HTML_VALUE)
    ResponseEntity<byte[]> report(@Parameter(description = "The job's id") @PathVariable UUID id) {
        return views.report(id)
                .map(Downloads::report)
                .orElseThrow(() ->
                        new UnknownException("Job " + id + " has no report; one is written when a run of it ends"));
    }

    @Operation(summary = "Stops the claiming of a job's items; calls in flight finish")
    @PostMapping("/{id}/pause")
    JobView pause(
            @Parameter(description = "The job's id") @PathVariable UUID id,
            @RequestBody(required = false) @Nullable Reason reason) {
        control.pause(id, reason(reason, "paused by an operator"));
        return shown.job(id);
    }

    @Operation(summary = "Reopens a paused job; a run, here or elsewhere, works it off")
    @PostMapping("/{id}/resume")
    JobView resume(
            @Parameter(description = "The job's id") @PathVariable UUID id,
            @RequestBody(required = false) @Nullable Resumption resumption) {
        BigDecimal budget = resumption == null ? null : resumption.budgetUsd();
        if (budget != null && budget.signum() <= 0) {
            throw new BadRequestException("budgetUsd is " + budget.toPlainString() + "; should be more than 0");
        }
        control.resume(id, budget);
        return shown.job(id);
    }

    @Operation(summary = "Fails what is still queued, with the code 'cancelled'; what succeeded stays")
    @PostMapping("/{id}/cancel")
    JobView cancel(
            @Parameter(description = "The job's id") @PathVariable UUID id,
            @RequestBody(required = false) @Nullable Reason reason) {
        control.cancel(id, reason(reason, "cancelled by an operator"));
        return shown.job(id);
    }

    @Operation(summary = "Changes whose items are claimed first, in every run, from the next claim on")
    @PostMapping("/{id}/priority")
    JobView prioritize(@Parameter(description = "The job's id") @PathVariable UUID id, @RequestBody Rank rank) {
        if (rank.priority() == null) {
            throw new BadRequestException("priority is missing; should be low, normal or high");
        }
        control.prioritize(id, rank.priority());
        return shown.job(id);
    }

    @Operation(
            summary = "Gives failed items another round",
            description = "What is stored of an item's answer is used again; only what is missing is asked for.")
    @PostMapping("/{id}/retry")
    RetriedItems retry(
            @Parameter(description = "The job's id") @PathVariable UUID id, @RequestBody Selection selection) {
        int items = retries.requeue(id, selection.chosen(), false);
        return new RetriedItems(items, shown.job(id));
    }

    @Operation(
            summary = "What a retry, pause, resume or cancel would do, and what it may cost",
            description = "Changes nothing.")
    @PostMapping("/{id}/preview")
    Preview preview(@Parameter(description = "The job's id") @PathVariable UUID id, @RequestBody Intention intention) {
        if (intention.action() == null) {
            throw new BadRequestException("action is missing; should be pause, resume, cancel or retry");
        }
        return previews.of(
                id, intention.action(), new Selection(intention.codes(), intention.all(), intention.items()).chosen());
    }

    @Operation(summary = "What a new job would come to, and what speaks against it", description = "Changes nothing.")
    @PostMapping("/estimate")
    Quote estimate(@RequestBody JobOrder order) {
        return orders.quote(order);
    }

    @Operation(
            summary = "Enqueues a new job",
            description = "A job that may cost more than is begun without a question is enqueued paused, unless"
                    + " `confirmedUsd` covers it.")
    @PostMapping
    ResponseEntity<JobView> enqueue(@RequestBody JobOrder order) {
        JobView job = shown.job(orders.enqueue(order));
        return ResponseEntity.created(URI.create("/api/jobs/" + job.id())).body(job);
    }

    private static String reason(@Nullable Reason reason, String otherwise) {
        return reason == null || reason.reason() == null || reason.reason().isBlank() ? otherwise : reason.reason();
    }
}
