package dev.parley.launch;

import com.fasterxml.jackson.annotation.JsonRawValue;
import dev.parley.archive.JobLogs;
import dev.parley.archive.ObjectName;
import dev.parley.archive.ObjectStore;
import dev.parley.archive.StoreException;
import dev.parley.catalog.Catalog;
import dev.parley.catalog.Catalogs;
import dev.parley.catalog.EmotionalArc;
import dev.parley.catalog.Persona;
import dev.parley.catalog.PromptTemplate;
import dev.parley.catalog.TrainingTopic;
import dev.parley.conversation.ConversationDocument;
import dev.parley.conversation.ConversationLookup;
import dev.parley.conversation.ConversationLookup.Successes;
import dev.parley.conversation.ConversationPk;
import dev.parley.conversation.StoredConversation;
import dev.parley.generation.GenerationLogs;
import dev.parley.generation.LoggedCall;
import dev.parley.work.BatchJob;
import dev.parley.work.BatchJobs;
import dev.parley.work.ItemLookup;
import dev.parley.work.ItemParameters;
import dev.parley.work.ItemRow;
import dev.parley.work.ItemStatus;
import dev.parley.work.JobSeries;
import dev.parley.work.JobSeries.Pace;
import dev.parley.work.JobSeries.Series;
import dev.parley.work.JobStatus;
import dev.parley.work.ProviderBatches;
import java.math.BigDecimal;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.springframework.stereotype.Component;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.json.JsonMapper;

/**
 * What is to be seen of jobs, items and conversations. The records are the shapes of {@code --json}: every field is always
 * there, in this order, and absence is null; while nothing happens, two answers are the same bytes. None has a line of a log.
 * Times are UTC, money is US dollars. Thread-safe.
 */
@Component
public class Views {
    private final BatchJobs jobs;
    private final ItemLookup items;
    private final ConversationLookup conversations;
    private final GenerationLogs ledger;
    private final ProviderBatches batches;
    private final Catalogs catalogs;
    private final JobLogs logs;
    private final ObjectStore store;
    private final Schedules schedules;
    private final JobSeries series;
    private final Clock clock;

    Views(
            BatchJobs jobs,
            ItemLookup items,
            ConversationLookup conversations,
            GenerationLogs ledger,
            ProviderBatches batches,
            Catalogs catalogs,
            JobLogs logs,
            ObjectStore store,
            Schedules schedules,
            JobSeries series,
            Clock clock) {
        this.jobs = jobs;
        this.items = items;
        this.conversations = conversations;
        this.ledger = ledger;
        this.batches = batches;
        this.catalogs = catalogs;
        this.logs = logs;
        this.store = store;
        this.schedules = schedules;
        this.series = series;
        this.clock = clock;
    }

    /**
     * A job.
     *
     * @param status queued, processing, paused, completed, failed or cancelled
     * @param statusReason why it is paused, failed or cancelled
     * @param completed items that are through: successful and failed together
     * @param percentage of the items that are through, 0 to 100, one decimal
     * @param successRate of those that are through, 0 to 100, one decimal
     * @param unknownCostCalls calls that may have been billed, nobody knows with how much
     * @param possiblyPaidTwice calls of which nobody knows whether they were made, at most
     * @param lastItemError of the item that failed last
     * @param ratePerMinute items that got through in the last two minutes in which something happened; null while it is not open,
     *     like {@code remainingSeconds}, which it has to go at that rate, and {@code projectedCostUsd}, which it all will cost
     * @param inFlight items that somebody has in hand
     * @param schedule name of the scheduled job file that it comes from; null is none
     * @param delivery live, batch or batch-then-live
     * @param batches at the provider, by status; empty when there never was one
     * @param log where the job's log is kept
     * @param report where the report of its last run is; null when there is none
     */
    public record JobView(
            UUID id,
            String name,
            String status,
            @Nullable String statusReason,
            String priority,
            int total,
            int completed,
            int successful,
            int failed,
            double percentage,
            double successRate,
            BigDecimal costUsd,
            @Nullable BigDecimal budgetUsd,
            @Nullable BigDecimal estimatedCostUsd,
            long unknownCostCalls,
            long possiblyPaidTwice,
            @Nullable String lastItemError,
            @Nullable Double ratePerMinute,
            @Nullable Long remainingSeconds,
            @Nullable BigDecimal projectedCostUsd,
            int inFlight,
            @Nullable String schedule,
            String delivery,
            List<ProviderBatches.Overview> batches,
            String log,
            @Nullable String report,
            Instant createdAt,
            @Nullable Instant startedAt,
            @Nullable Instant completedAt) {
        /** The same with the report at another address. */
        public JobView reportedAt(@Nullable String address) {
            return new JobView(
                    id,
                    name,
                    status,
                    statusReason,
                    priority,
                    total,
                    completed,
                    successful,
                    failed,
                    percentage,
                    successRate,
                    costUsd,
                    budgetUsd,
                    estimatedCostUsd,
                    unknownCostCalls,
                    possiblyPaidTwice,
                    lastItemError,
                    ratePerMinute,
                    remainingSeconds,
                    projectedCostUsd,
                    inFlight,
                    schedule,
                    delivery,
                    batches,
                    log,
                    address,
                    createdAt,
                    startedAt,
                    completedAt);
        }

        boolean open() {
            return status.equals(JobStatus.QUEUED.key()) || status.equals(JobStatus.PROCESSING.key());
        }
    }

    /**
     * An item of a job.
     *
     * @param position 1..n within its job
     * @param status queued, processing, completed or failed
     * @param attempts how often it was tried
     * @param errorCode why it failed, or why it is queued again; {@link #errorMessage} and {@link #retryable} belong to it
     * @param conversationKey the business key, which it has from the beginning
     * @param conversationId the primary key of its conversation; null unless it is completed
     * @param availableAt when it may be tried; null unless it is queued
     * @param startedAt when it was last begun
     * @param processedAt when it was completed or failed
     */
    public record ItemView(
            UUID id,
            UUID job,
            int position,
            String status,
            @Nullable String topic,
            String tier,
            int attempts,
            @Nullable String errorCode,
            @Nullable String errorMessage,
            @Nullable Boolean retryable,
            UUID conversationKey,
            @Nullable UUID conversationId,
            @Nullable Instant availableAt,
            @Nullable Instant startedAt,
            @Nullable Instant processedAt) {
        static ItemView of(ItemRow item) {
            ConversationPk conversation = item.conversation();
            return new ItemView(
                    item.id(),
                    item.jobId(),
                    item.position(),
                    item.status().key(),
                    item.topic(),
                    item.tier(),
                    item.attempts(),
                    item.errorCode(),
                    item.errorMessage(),
                    item.retryable(),
                    item.conversationKey().value(),
                    conversation == null ? null : conversation.value(),
                    item.status() == ItemStatus.QUEUED ? item.availableAt() : null,
                    item.startedAt(),
                    item.processedAt());
        }
    }

    /**
     * Some items of a job, by position.
     *
     * @param next what to ask for the next ones with ({@code --after}); null when these are the last
     */
    public record ItemPage(List<ItemView> items, @Nullable Integer next) {}

    /**
     * A cause for which items of a job failed.
     *
     * @param example the message of one of them
     */
    public record CauseView(String code, boolean retryable, long items, String example) {}

    /**
     * A row of the catalog that an item or a conversation was made from.
     *
     * @param key null, like the name, where the catalog no longer has the row
     */
    public record Ingredient(
            @Nullable UUID id,
            @Nullable String key,
            @Nullable String name) {
        /** Its name, else its key, else its id. */
        String title() {
            return Objects.requireNonNullElseGet(
                    name == null || name.isBlank() ? key : name, () -> id == null ? "unknown" : id.toString());
        }
    }

    /** @param template null is one that is selected by arc and tier */
    public record Parameters(
            Ingredient persona,
            Ingredient emotionalArc,
            Ingredient trainingTopic,
            String tier,
            @Nullable Ingredient template) {}

    /**
     * A call to a provider, as the spend ledger has it.
     *
     * @param attempt the item's attempt, 1..n
     * @param status success, failed, rate_limited or timeout
     * @param inputTokens the whole prompt, cached or not
     * @param costUsd null when nobody knows
     */
    public record CallView(
            int attempt,
            Instant at,
            String provider,
            @Nullable String model,
            @Nullable String requestId,
            String status,
            @Nullable String stopReason,
            @Nullable String errorCode,
            @Nullable String errorMessage,
            long inputTokens,
            long outputTokens,
            @Nullable BigDecimal costUsd,
            @Nullable Long durationMs) {
        static CallView of(LoggedCall call) {
            Duration duration = call.duration();
            return new CallView(
                    call.attempt(),
                    call.at(),
                    call.provider(),
                    call.model(),
                    call.requestId(),
                    call.status(),
                    call.stopReason(),
                    call.errorCode(),
                    call.errorMessage(),
                    call.inputTokens() + call.cacheReadTokens() + call.cacheWriteTokens(),
                    call.outputTokens(),
                    call.costUsd(),
                    duration == null ? null : duration.toMillis());
        }
    }

    /**
     * In how many other conversations the same persona, arc and topic, each for itself and all three together, were
     * generated successfully; 1,000 stands for that or more.
     */
    public record Elsewhere(long persona, long emotionalArc, long trainingTopic, long combination) {}

    /**
     * Why an item is as it is, and what can be done.
     *
     * @param parameters null where they cannot be read; {@code parametersProblem} says why, and null otherwise
     * @param calls oldest first
     * @param costUsd of the calls whose cost is known
     * @param elsewhere null where the parameters cannot be read
     * @param retry the command that would try it again, or ask anew where an answer is stored; null unless it failed
     */
    public record Explanation(
            ItemView item,
            JobView job,
            @Nullable Parameters parameters,
            @Nullable String parametersProblem,
            List<CallView> calls,
            BigDecimal costUsd,
            @Nullable Elsewhere elsewhere,
            @Nullable String retry) {
        /** The same with its job shown otherwise. */
        public Explanation of(JobView job) {
            return new Explanation(item, job, parameters, parametersProblem, calls, costUsd, elsewhere, retry);
        }
    }

    /**
     * A conversation.
     *
     * @param key the business key
     * @param id the primary key
     * @param status draft, generated, pending_review, approved, rejected, needs_revision or archived
     * @param processingStatus queued, processing, raw_stored, completed, failed or parse_failed
     * @param findings what a reviewer should know, as it was found; null when nothing was looked at
     * @param rawFile where the model's answer is, byte for byte
     * @param file where the document is
     * @param turns as the document has them; empty when it cannot be shown
     * @param problem why it cannot be shown
     */
    public record ConversationView(
            UUID key,
            UUID id,
            @Nullable String title,
            Ingredient persona,
            Ingredient emotionalArc,
            Ingredient trainingTopic,
            @Nullable String tier,
            String status,
            String processingStatus,
            @Nullable BigDecimal qualityScore,
            boolean requiresManualReview,
            @JsonRawValue @Nullable String findings,
            @Nullable String model,
            @Nullable BigDecimal costUsd,
            @Nullable String rawFile,
            @Nullable String file,
            Instant createdAt,
            List<ConversationDocument.Turn> turns,
            @Nullable String problem) {}

    /**
     * A scheduled job file.
     *
     * @param name of the file, without its folder
     * @param eachRun new-job or pending-only
     * @param missed skip or run-once
     * @param lastTick the last one that was had; when the schedule was first seen, before there was one
     * @param outcome of that tick: enqueued, pending, nothing-pending, overlapped, missed or failed; null before there was one
     * @param job the last one that a tick was about
     * @param nextTick null when there is none any more
     */
    public record ScheduleView(
            String name,
            String cron,
            String zone,
            String eachRun,
            String missed,
            Instant lastTick,
            @Nullable String outcome,
            @Nullable String detail,
            @Nullable UUID job,
            @Nullable Instant nextTick) {}

    /** By name. */
    public List<ScheduleView> schedules() {
        Instant now = clock.instant();
        return schedules.all().stream()
                .map(row -> new ScheduleView(
                        row.name(),
                        row.cron(),
                        row.zone(),
                        row.eachRun(),
                        row.missed(),
                        row.lastTick(),
                        row.outcome(),
                        row.detail(),
                        row.job(),
                        Schedule.next(row.cron(), row.zone(), now)))
                .toList();
    }

    /**
     * Newest first.
     *
     * @param status null is any
     * @param after only jobs older than this one, the last that was shown; null begins
     */
    public List<JobView> jobs(@Nullable JobStatus status, @Nullable UUID after, int limit) {
        return views(jobs.newestFirst(status, after, limit));
    }

    /** Those of these jobs that are there, oldest first. */
    public List<JobView> among(Collection<UUID> ids) {
        return ids.isEmpty() ? List.of() : views(jobs.among(ids));
    }

    public Optional<JobView> job(UUID id) {
        return jobs.find(id).map(job -> views(List.of(job)).get(0));
    }

    /** Empty where there is no such job. */
    public Optional<ItemPage> items(ItemLookup.Query query) {
        BatchJob job = jobs.find(query.job()).orElse(null);
        if (job == null) {
            return Optional.empty();
        }
        boolean none = query.status() == ItemStatus.COMPLETED && job.successfulItems() == 0;
        List<ItemRow> rows = none ? List.of() : items.page(query); // no index tells that, not even in a million rows
        Integer next =
                rows.size() < query.limit() ? null : rows.get(rows.size() - 1).position();
        return Optional.of(new ItemPage(rows.stream().map(ItemView::of).toList(), next));
    }

    /** How a job went over time; empty where there is no such job. */
    public Optional<Series> series(UUID job) {
        return jobs.find(job).map(found -> series.of(job));
    }

    /** The most frequent cause first. */
    public List<CauseView> failures(UUID job) {
        return jobs.failuresByCause(job).stream()
                .map(cause -> new CauseView(cause.code(), cause.retryable(), cause.items(), cause.example()))
                .toList();
    }

    public Optional<Explanation> explain(UUID item) {
        return items.find(item).map(this::explanation);
    }

    /** A file of a conversation. */
    public enum ConversationFile {
        /** The model's answer, byte for byte. */
        RAW,
        /** The document. */
        FINAL
    }

    /**
     * The bytes of a file of a conversation; empty where there is no such conversation or it has none.
     *
     * @param key either key of the conversation
     */
    public Optional<byte[]> file(UUID key, ConversationFile which) {
        return conversations
                .find(key)
                .flatMap(conversation -> Optional.ofNullable(
                                which == ConversationFile.RAW ? conversation.rawPath() : conversation.filePath())
                        .flatMap(path -> store.read(new ObjectName(conversation.bucket(), path))));
    }

    /** The report of a job, as HTML; empty where there is none. */
    public Optional<byte[]> report(UUID job) {
        return store.read(logs.reportName(job));
    }

    /** @param key either key of the conversation */
    public Optional<ConversationView> conversation(UUID key) {
        return conversations.find(key).map(this::view);
    }

    private Explanation explanation(ItemRow item) {
        ItemParameters parameters = null;
        String problem = null;
        try {
            parameters = ItemParameters.parse(item.parameters());
        } catch (IllegalArgumentException e) {
            problem = e.getMessage();
        }
        List<LoggedCall> calls = ledger.callsOf(item.id());
        return new Explanation(
                ItemView.of(item),
                job(item.jobId()).orElseThrow(),
                parameters == null ? null : named(parameters, catalogs.read()),
                problem,
                calls.stream().map(CallView::of).toList(),
                calls.stream()
                        .map(LoggedCall::costUsd)
                        .filter(Objects::nonNull)
                        .reduce(BigDecimal.ZERO, BigDecimal::add),
                parameters == null ? null : elsewhere(parameters, item),
                item.status() == ItemStatus.FAILED ? retry(item, calls) : null);
    }

    /** An answer that is stored would be read again, and come to the same: only an item of its own asks anew. */
    private static String retry(ItemRow item, List<LoggedCall> calls) {
        boolean answered =
                !calls.isEmpty() && calls.get(calls.size() - 1).status().equals("success");
        return answered ? "parley retry --params '" + item.parameters() + "'" : "parley retry --item " + item.id();
    }

    private Elsewhere elsewhere(ItemParameters parameters, ItemRow item) {
        Successes successes = conversations.successes(
                parameters.personaId(),
                parameters.emotionalArcId(),
                parameters.trainingTopicId(),
                item.conversationKey());
        return new Elsewhere(successes.persona(), successes.arc(), successes.topic(), successes.combination());
    }

    private static Parameters named(ItemParameters parameters, Catalog catalog) {
        UUID template = parameters.templateId();
        return new Parameters(
                persona(parameters.personaId(), catalog),
                arc(parameters.emotionalArcId(), catalog),
                topic(parameters.trainingTopicId(), catalog),
                parameters.tier().key(),
                template == null
                        ? null
                        : ingredient(template, catalog::template, PromptTemplate::name, PromptTemplate::name));
    }

    private static Ingredient persona(@Nullable UUID id, Catalog catalog) {
        return ingredient(id, catalog::persona, Persona::key, Persona::name);
    }

    private static Ingredient arc(@Nullable UUID id, Catalog catalog) {
        return ingredient(id, catalog::arc, EmotionalArc::key, EmotionalArc::name);
    }

    private static Ingredient topic(@Nullable UUID id, Catalog catalog) {
        return ingredient(id, catalog::topic, TrainingTopic::key, TrainingTopic::name);
    }

    private static <T> Ingredient ingredient(
            @Nullable UUID id, Function<UUID, Optional<T>> find, Function<T, String> key, Function<T, String> name) {
        return Optional.ofNullable(id)
                .flatMap(find)
                .map(row -> new Ingredient(id, key.apply(row), name.apply(row)))
                .orElse(new Ingredient(id, null, null));
    }

    private ConversationView view(StoredConversation conversation) {
        Catalog catalog = catalogs.read();
        List<ConversationDocument.Turn> turns = List.of();
        String problem = null;
        try {
            turns = turns(conversation);
        } catch (StoreException | JacksonException | IllegalStateException e) {
            problem = e instanceof JacksonException
                    ? "its file is no conversation document: " + ((JacksonException) e).getOriginalMessage()
                    : e.getMessage();
        }
        return new ConversationView(
                conversation.key().value(),
                conversation.pk().value(),
                conversation.title(),
                persona(conversation.personaId(), catalog),
                arc(conversation.emotionalArcId(), catalog),
                topic(conversation.trainingTopicId(), catalog),
                conversation.tier(),
                conversation.status(),
                conversation.processingStatus(),
                conversation.qualityScore(),
                conversation.requiresManualReview(),
                conversation.findings(),
                conversation.model(),
                conversation.costUsd(),
                located(conversation, conversation.rawPath()),
                located(conversation, conversation.filePath()),
                conversation.createdAt(),
                turns,
                problem);
    }

    private List<ConversationDocument.Turn> turns(StoredConversation conversation) {
        String path = conversation.filePath();
        if (path == null) {
            throw new IllegalStateException(
                    conversation.parseError() == null
                            ? "it has no document"
                            : "it has no document: " + conversation.parseError());
        }
        ObjectName file = new ObjectName(conversation.bucket(), path);
        byte[] bytes = store.read(file)
                .orElseThrow(() -> new IllegalStateException("its file is not there: " + store.locate(file)));
        return JsonMapper.shared().readValue(bytes, ConversationDocument.class).turns();
    }

    private @Nullable String located(StoredConversation conversation, @Nullable String path) {
        return path == null ? null : store.locate(new ObjectName(conversation.bucket(), path));
    }

    private List<JobView> views(List<BatchJob> rows) {
        List<UUID> ids = rows.stream().map(BatchJob::id).toList();
        Map<UUID, String> errors = jobs.lastItemErrors(ids);
        Map<UUID, Long> unknown = ledger.unknownOutcomes(ids);
        Map<UUID, Pace> paces = series.paces(rows);
        Map<UUID, Integer> held = jobs.held(ids);
        Set<String> scheduled = schedules.names();
        Map<UUID, List<ProviderBatches.Overview>> sent = batches.overview(ids);
        return rows.stream()
                .map(job -> view(
                        job,
                        errors.get(job.id()),
                        unknown.getOrDefault(job.id(), 0L),
                        paces.getOrDefault(job.id(), Pace.UNKNOWN),
                        held.getOrDefault(job.id(), 0),
                        scheduled,
                        sent.getOrDefault(job.id(), List.of())))
                .toList();
    }

    private JobView view(
            BatchJob job,
            @Nullable String lastItemError,
            long possiblyPaidTwice,
            Pace pace,
            int inFlight,
            Set<String> scheduled,
            List<ProviderBatches.Overview> sent) {
        String file = job.source() == null ? "" : job.source().replaceFirst("@.*", "");
        return new JobView(
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
                job.unknownCostCalls(),
                possiblyPaidTwice,
                lastItemError,
                pace.ratePerMinute(),
                pace.remainingSeconds(),
                pace.projectedCostUsd(),
                inFlight,
                scheduled.contains(file) ? file : null,
                job.settings().delivery().key(),
                sent,
                logs.locate(job.id()),
                job.reportedAt() == null ? null : store.locate(logs.reportName(job.id())),
                job.createdAt(),
                job.startedAt(),
                job.completedAt());
    }
}
