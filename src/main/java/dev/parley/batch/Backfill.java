package dev.parley.batch;

import dev.parley.archive.ArchiveSettings;
import dev.parley.archive.JobLog;
import dev.parley.archive.JobLogs;
import dev.parley.archive.ObjectName;
import dev.parley.archive.ObjectStore;
import dev.parley.conversation.ConversationKey;
import dev.parley.conversation.ConversationPk;
import dev.parley.conversation.ConversationRecord;
import dev.parley.conversation.Conversations;
import dev.parley.database.SchemaCheck;
import dev.parley.generation.ConversationGenerator;
import dev.parley.generation.GenerationLogs;
import dev.parley.generation.GenerationResult;
import dev.parley.generation.GenerationResult.Generated;
import dev.parley.generation.GenerationResult.NotGenerated;
import dev.parley.generation.RawFiles;
import dev.parley.work.BatchItem;
import dev.parley.work.BatchJobs;
import dev.parley.work.BrokenItems;
import dev.parley.work.BrokenItems.Match;
import dev.parley.work.ItemParameters;
import dev.parley.work.JobSettings;
import dev.parley.work.Spending;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.Set;
import java.util.TreeMap;
import java.util.UUID;
import java.util.stream.Stream;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;
import org.springframework.batch.core.BatchStatus;
import org.springframework.batch.core.job.Job;
import org.springframework.batch.core.job.JobExecution;
import org.springframework.batch.core.job.builder.JobBuilder;
import org.springframework.batch.core.job.builder.SimpleJobBuilder;
import org.springframework.batch.core.job.parameters.JobParametersBuilder;
import org.springframework.batch.core.launch.JobOperator;
import org.springframework.batch.core.repository.JobRepository;
import org.springframework.batch.core.step.Step;
import org.springframework.batch.core.step.builder.StepBuilder;
import org.springframework.batch.infrastructure.item.Chunk;
import org.springframework.batch.infrastructure.item.ItemProcessor;
import org.springframework.batch.infrastructure.item.ItemReader;
import org.springframework.batch.infrastructure.item.ItemWriter;
import org.springframework.batch.infrastructure.item.database.JdbcCursorItemReader;
import org.springframework.batch.infrastructure.item.database.builder.JdbcCursorItemReaderBuilder;
import org.springframework.batch.infrastructure.repeat.RepeatStatus;
import org.springframework.stereotype.Component;
import org.springframework.transaction.PlatformTransactionManager;
import org.springframework.transaction.support.TransactionSynchronization;
import org.springframework.transaction.support.TransactionSynchronizationManager;

/**
 * The job {@code backfill}: mends what a broken past left, and never calls a model.
 *
 * <p>Items are linked to the conversations that were made for them, stored answers that nobody parsed are parsed, items that
 * nobody works on go back to the queue, and at the end completed items without a conversation fail and counters follow the
 * rows. Each run does what is left to do, so that a second one finds nothing.
 */
@Component
public class Backfill {
    private static final int CHUNK = 1_000;
    private static final int FILES = 100;
    private static final UUID NIL = new UUID(0, 0);

    /** What it can be asked for. */
    public enum Part {
        RELINK,
        REPARSE,
        RELEASE
    }

    /**
     * What was done, or in a dry run what would be.
     *
     * @param linked items that got their conversation
     * @param parsed items whose stored answer became a conversation; in a dry run those whose answer would be read
     * @param unreadable stored answers that are no conversation
     * @param released items that went back to the queue
     * @param missing completed items that have no conversation any more, and failed
     * @param recounted jobs whose counters were wrong; 0 in a dry run
     */
    public record Report(long linked, long parsed, long unreadable, long released, long missing, long recounted) {}

    private final JobOperator operator;
    private final JobRepository jobRepository;
    private final PlatformTransactionManager transactions;
    private final DataSource dataSource;
    private final BrokenItems items;
    private final BatchJobs jobs;
    private final Conversations conversations;
    private final GenerationLogs ledger;
    private final GenerateJob.Generation generation;
    private final ObjectStore store;
    private final String bucket;
    private final JobLogs logs;

    Backfill(
            JobOperator operator,
            JobRepository jobRepository,
            PlatformTransactionManager transactions,
            DataSource dataSource,
            BrokenItems items,
            BatchJobs jobs,
            Conversations conversations,
            GenerationLogs ledger,
            GenerateJob.Generation generation,
            ObjectStore store,
            ArchiveSettings archive,
            JobLogs logs) {
        this.operator = operator;
        this.jobRepository = jobRepository;
        this.transactions = transactions;
        this.dataSource = dataSource;
        this.items = items;
        this.jobs = jobs;
        this.conversations = conversations;
        this.ledger = ledger;
        this.generation = generation;
        this.store = store;
        this.bucket = archive.buckets().conversations();
        this.logs = logs;
    }

    /** Counts what {@link #run} would do, and changes nothing. */
    public Report preview(Set<Part> parts) throws Exception {
        long linked = parts.contains(Part.RELINK) ? items.countMatches(true) : 0;
        long parsed = parts.contains(Part.RELINK) && parts.contains(Part.REPARSE) ? items.countMatches(false) : 0;
        if (parts.contains(Part.REPARSE)) {
            try (UnparsedReader unparsed = new UnparsedReader()) {
                while (unparsed.read() != null) {
                    parsed++;
                }
            }
        }
        BrokenItems.Counts counts = items.counts();
        return new Report(
                linked,
                parsed,
                0,
                parts.contains(Part.RELEASE) ? items.countStuck() : 0,
                Math.max(0, counts.completed() - counts.linked() - items.countLosers()),
                0);
    }

    /**
     * Mends what is broken, as a Spring Batch job of its own.
     *
     * @throws IllegalStateException when the job broke, with the cause; what is done stays, and the next run goes on
     */
    public Report run(Set<Part> parts) throws Exception {
        try (Run run = new Run()) {
            JobExecution execution = operator.start(
                    run.job(parts),
                    new JobParametersBuilder()
                            .addString("runId", UUID.randomUUID().toString())
                            .addString("parts", parts.toString(), false)
                            .toJobParameters());
            if (execution.getStatus() != BatchStatus.COMPLETED) {
                throw new IllegalStateException(
                        "The backfill ended " + execution.getStatus(),
                        execution.getAllFailureExceptions().stream().findFirst().orElse(null));
            }
            return run.report();
        }
    }

    /** A broken item with a stored answer, and the user in whose folder that is. */
    private record Unparsed(BatchItem item, UUID user) {}

    /** Finds them by the names of the files, page by page. */
    private final class UnparsedReader implements ItemReader<Unparsed>, AutoCloseable {
        private final Stream<ObjectName> files = store.list(bucket, RawFiles.FOLDER);
        private final Iterator<Map<ConversationKey, UUID>> pages = RawFiles.pages(files, CHUNK);
        private final Queue<Unparsed> found = new ArrayDeque<>();

        @Override
        public @Nullable Unparsed read() {
            while (found.isEmpty() && pages.hasNext()) {
                Map<ConversationKey, UUID> page = pages.next();
                items.withKeys(page.keySet())
                        .forEach(item -> found.add(new Unparsed(item, page.getOrDefault(item.conversationKey(), NIL))));
            }
            return found.poll();
        }

        @Override
        public void close() {
            files.close();
        }
    }

    private record Parsed(Unparsed unparsed, GenerationResult result) {}

    /** One run; used by the step's own thread. */
    private final class Run implements AutoCloseable {
        private final Map<UUID, JobSettings> settings = new HashMap<>();
        private @Nullable UnparsedReader unparsed;
        private @Nullable ConversationGenerator generator;
        private @Nullable UUID loggedJob;
        private @Nullable JobLog log;
        private long linked;
        private long parsed;
        private long unreadable;
        private long released;
        private long missing;
        private long recounted;

        Report report() {
            return new Report(linked, parsed, unreadable, released, missing, recounted);
        }

        Job job(Set<Part> parts) {
            List<Step> steps = new ArrayList<>();
            if (parts.contains(Part.RELINK)) {
                steps.add(relink());
            }
            if (parts.contains(Part.REPARSE)) {
                steps.add(reparse());
            }
            if (parts.contains(Part.RELEASE)) {
                steps.add(tasklet("release", () -> released = items.releaseStuck()));
            }
            steps.add(tasklet("settle", () -> {
                missing = parts.contains(Part.RELINK) && parts.contains(Part.REPARSE) ? items.giveUp() : 0;
                recounted = items.recount();
            }));
            SimpleJobBuilder job = new JobBuilder("backfill", jobRepository).start(steps.get(0));
            steps.stream().skip(1).forEach(job::next);
            return job.next(new StepBuilder("validate", jobRepository)
                            .tasklet(
                                    (contribution, context) -> {
                                        new SchemaCheck(dataSource).validateConstraints();
                                        return RepeatStatus.FINISHED;
                                    },
                                    transactions)
                            .build())
                    .build();
        }

        private Step tasklet(String name, Runnable work) {
            return new StepBuilder(name, jobRepository)
                    .tasklet(
                            (contribution, context) -> {
                                work.run();
                                return RepeatStatus.FINISHED;
                            },
                            transactions)
                    .build();
        }

        private Step relink() {
            JdbcCursorItemReader<Match> matches = new JdbcCursorItemReaderBuilder<Match>()
                    .name("matches")
                    .dataSource(dataSource)
                    .sql(items.matches())
                    .rowMapper(Match::of)
                    .connectionAutoCommit(false) // else the driver reads all of them at once
                    .fetchSize(CHUNK)
                    .saveState(false)
                    .build();
            ItemWriter<Match> writer = chunk -> {
                items.link(chunk.getItems());
                afterCommit(() -> chunk.getItems().forEach(this::linked));
            };
            return new StepBuilder("relink", jobRepository)
                    .<Match, Match>chunk(CHUNK)
                    .transactionManager(transactions)
                    .reader(matches)
                    .writer(writer)
                    .build();
        }

        private void linked(Match match) {
            if (match.complete()) {
                linked++;
                line(match.job(), match.item(), "linked by its " + match.evidence() + ": conversation " + match.key());
            }
        }

        private Step reparse() {
            ItemReader<Unparsed> reader = () -> {
                if (unparsed == null) {
                    unparsed = new UnparsedReader(); // not before the step before has given items their keys
                }
                return unparsed.read();
            };
            ItemProcessor<Unparsed, Parsed> processor = one -> new Parsed(one, parse(one));
            return new StepBuilder("reparse", jobRepository)
                    .<Unparsed, Parsed>chunk(FILES)
                    .transactionManager(transactions)
                    .reader(reader)
                    .processor(processor)
                    .writer(this::record)
                    .build();
        }

        private GenerationResult parse(Unparsed one) {
            BatchItem item = one.item();
            ItemParameters parameters = ItemParameters.parse(item.parameters());
            JobSettings job = settings.computeIfAbsent(
                    item.jobId(), id -> jobs.find(id).orElseThrow().settings());
            ConversationGenerator using = generator;
            if (using == null) {
                using = generation.generator();
                generator = using;
            }
            return using.generate(
                    ConversationProcessor.request(
                            item, parameters, job, one.user().equals(NIL) ? null : one.user()),
                    generation.providers().storedAnswers(job.provider()));
        }

        private void record(Chunk<? extends Parsed> chunk) {
            List<ConversationRecord> rows = new ArrayList<>();
            for (Parsed one : chunk) {
                if (one.result() instanceof Generated generated) {
                    rows.add(generated.conversation());
                }
            }
            Map<ConversationKey, ConversationPk> keys = conversations.upsert(rows);
            List<Match> matches = new ArrayList<>();
            List<GenerationLogs.Entry> calls = new ArrayList<>();
            for (Parsed one : chunk) {
                BatchItem item = one.unparsed().item();
                ConversationPk pk = keys.get(item.conversationKey());
                if (pk != null) {
                    matches.add(new Match(item.id(), item.jobId(), pk, item.conversationKey(), "stored answer", true));
                    calls.add(new GenerationLogs.Entry(
                            item.jobId(),
                            item.id(),
                            item.conversationKey(),
                            Math.max(1, item.attempts()),
                            0,
                            one.result()));
                }
            }
            items.link(matches);
            Map<UUID, Spending> spendings =
                    new TreeMap<>(); // in the order of a run's writer, or the two could deadlock
            ledger.enterCalls(calls)
                    .forEach(call -> spendings.compute(
                            call.jobId(),
                            (job, spent) -> (spent == null ? Spending.NONE : spent).plus(call.costUsd())));
            spendings.forEach((job, spent) -> jobs.count(job, 0, 0, spent));
            afterCommit(() -> chunk.forEach(this::parsed));
        }

        private void parsed(Parsed one) {
            BatchItem item = one.unparsed().item();
            if (one.result() instanceof NotGenerated failed) {
                unreadable++;
                line(
                        item.jobId(),
                        item.id(),
                        "not parsed: " + failed.failure().code() + ": "
                                + failed.failure().detail());
            } else {
                parsed++;
                line(item.jobId(), item.id(), "parsed: conversation " + item.conversationKey());
            }
        }

        /** One log is open at a time: items come job by job, but for stored answers. */
        private void line(UUID job, UUID item, String what) {
            JobLog open = log;
            if (open == null || !job.equals(loggedJob)) {
                close();
                open = logs.open(job);
                log = open;
                loggedJob = job;
            }
            open.line("Item " + item.toString().substring(0, 8) + "... " + what);
        }

        private void afterCommit(Runnable action) {
            TransactionSynchronizationManager.registerSynchronization(new TransactionSynchronization() {
                @Override
                public void afterCommit() {
                    action.run();
                }
            });
        }

        @Override
        public void close() {
            JobLog open = log;
            if (open != null) {
                open.close();
                log = null;
            }
        }
    }
}
