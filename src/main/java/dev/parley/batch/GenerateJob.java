package dev.parley.batch;

import dev.parley.archive.ArchiveSettings;
import dev.parley.archive.JobLogs;
import dev.parley.archive.ObjectStore;
import dev.parley.batch.GenerateRuns.Overrides;
import dev.parley.catalog.Catalogs;
import dev.parley.conversation.Conversations;
import dev.parley.generation.ConversationGenerator;
import dev.parley.generation.GenerationLogs;
import dev.parley.generation.GenerationSettings;
import dev.parley.generation.Pricing;
import dev.parley.provider.Cost;
import dev.parley.provider.ModelProviders;
import dev.parley.provider.Prices;
import dev.parley.step.ConcurrentChunkStep;
import dev.parley.work.BatchItems;
import dev.parley.work.BatchJob;
import dev.parley.work.BatchJobs;
import dev.parley.work.JobSeries;
import dev.parley.work.ProviderBatches;
import dev.parley.work.Worker;
import java.nio.file.Path;
import java.time.Clock;
import java.util.List;
import java.util.Objects;
import java.util.UUID;
import java.util.concurrent.ThreadLocalRandom;
import org.springframework.batch.core.job.Job;
import org.springframework.batch.core.job.builder.JobBuilder;
import org.springframework.batch.core.listener.StepExecutionListener;
import org.springframework.batch.core.repository.JobRepository;
import org.springframework.context.ApplicationEventPublisher;
import org.springframework.stereotype.Component;
import org.springframework.transaction.PlatformTransactionManager;
import org.springframework.transaction.support.TransactionTemplate;

/**
 * How the job {@code generate} is put together: one step that claims, thinks and records. It is built anew for each run, for
 * whose jobs it serves, how many lanes it has and for which worker it claims are the run's.
 */
@Component
class GenerateJob {
    private final JobRepository jobRepository;
    private final PlatformTransactionManager transactions;
    private final GenerateSettings settings;
    private final BatchItems items;
    private final BatchJobs jobs;
    private final JobSeries series;
    private final Conversations conversations;
    private final GenerationLogs ledger;
    private final Generation generation;
    private final JobLogs logs;
    private final GenerationRecorder recorder;
    private final ApplicationEventPublisher events;
    private final ProviderBatches batches;
    private final BatchSettings batchSettings;

    /** What a conversation is made with. */
    @Component
    record Generation(
            Catalogs catalogs,
            ObjectStore store,
            ArchiveSettings archive,
            GenerationSettings settings,
            ModelProviders providers,
            Prices prices,
            CallMeters meters,
            ItemTraces traces,
            Clock clock) {
        ConversationGenerator generator() {
            Pricing pricing = (model, usage, batched, at) -> {
                Cost cost = batched ? prices.batchCost(model, usage, at) : prices.cost(model, usage, at);
                return new Pricing.Price(
                        cost.known() ? cost.usd() : null, cost.priceVersion() + (batched ? ", batch" : ""));
            };
            return new ConversationGenerator(
                    catalogs.read(),
                    traces.traced(store),
                    archive.buckets().conversations(),
                    Path.of(archive.data(), "answers"),
                    settings,
                    pricing,
                    clock);
        }
    }

    GenerateJob(
            JobRepository jobRepository,
            PlatformTransactionManager transactions,
            GenerateSettings settings,
            BatchItems items,
            BatchJobs jobs,
            JobSeries series,
            Conversations conversations,
            GenerationLogs ledger,
            Generation generation,
            JobLogs logs,
            GenerationRecorder recorder,
            ProviderBatches batches,
            BatchSettings batchSettings,
            ApplicationEventPublisher events) {
        this.jobRepository = jobRepository;
        this.transactions = transactions;
        this.settings = settings;
        this.items = items;
        this.jobs = jobs;
        this.series = series;
        this.conversations = conversations;
        this.ledger = ledger;
        this.generation = generation;
        this.logs = logs;
        this.recorder = recorder;
        this.events = events;
        this.batches = batches;
        this.batchSettings = batchSettings;
    }

    /** The parts that the run itself has to do with. */
    record Built(
            Job job,
            ConcurrentChunkStep<PendingItem, ItemOutcome> step,
            ConversationProcessor processor,
            OutcomeWriter writer,
            JobLogListener jobLog,
            BatchDelivery delivery) {}

    /** @param stopBeforehand heeds a stop that came before the step could be told */
    Built build(List<UUID> jobIds, Overrides overrides, Worker worker, StepExecutionListener stopBeforehand) {
        int concurrency = concurrency(jobIds, overrides);
        JobLogListener jobLog = new JobLogListener(logs, jobs, jobIds, events::publishEvent);
        RetryPolicy retries =
                new RetryPolicy(settings, () -> ThreadLocalRandom.current().nextDouble());
        PendingItemReader reader = new PendingItemReader(
                items,
                jobs,
                jobIds,
                concurrency,
                worker::owner,
                generation.providers()::pause,
                generation.traces(),
                System::nanoTime);
        OutcomeWriter writer = new OutcomeWriter(
                conversations,
                items,
                jobs,
                series,
                ledger,
                retries,
                new TransactionTemplate(transactions),
                jobLog,
                generation.traces(),
                reader::recorded);
        ConversationProcessor processor =
                new ConversationProcessor(generation, jobs, retries, overrides.provider(), reader::lookNow, recorder);
        BatchDelivery delivery = delivery(jobIds, overrides, worker, processor, reader::recorded);
        reader.alsoFrom(delivery);
        var step = ConcurrentChunkStep.<PendingItem, ItemOutcome>named("generate-items", jobRepository, transactions)
                .reader(reader)
                .processor(processor)
                .writer(writer)
                .readerWaits(reader::isWaiting)
                .retryWrites(Outage::afterFailedWrite)
                .onWriteFailure(writer::writeFailed)
                .concurrency(concurrency) // calls in flight; none waits for another
                .chunk(settings.chunkSize(), settings.linger())
                .grace(settings.grace())
                .listener(jobLog)
                .listener(stopBeforehand)
                .build();
        return new Built(
                new JobBuilder("generate", jobRepository).start(step).build(),
                step,
                processor,
                writer,
                jobLog,
                delivery);
    }

    private BatchDelivery delivery(
            List<UUID> jobIds, Overrides overrides, Worker worker, ConversationProcessor processor, Runnable onNews) {
        ModelProviders providers = generation.providers();
        Handover lanes = new Handover(items, onNews);
        return new BatchDelivery(
                batches,
                jobs,
                new BatchSubmission(
                        batches, items, jobs, providers, processor, lanes, batchSettings, overrides.provider()),
                new BatchResults(batches, items, jobs, providers, lanes, batchSettings),
                lanes,
                batchSettings,
                jobIds,
                worker::owner,
                onNews);
    }

    /** The command line's, else the largest of the jobs', else the configured one. */
    private int concurrency(List<UUID> jobIds, Overrides overrides) {
        if (overrides.concurrency() != null) {
            return overrides.concurrency();
        }
        List<BatchJob> served = jobIds.isEmpty()
                ? jobs.open()
                : jobIds.stream().flatMap(id -> jobs.find(id).stream()).toList();
        return served.stream()
                .map(BatchJob::concurrency)
                .filter(Objects::nonNull)
                .mapToInt(Integer::intValue)
                .max()
                .orElse(settings.concurrency());
    }
}
