package dev.parley.export;

import dev.parley.archive.ArchiveSettings;
import dev.parley.archive.ObjectName;
import dev.parley.archive.ObjectStore;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.LocalDateTime;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Objects;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;
import org.springframework.batch.core.BatchStatus;
import org.springframework.batch.core.job.Job;
import org.springframework.batch.core.job.JobExecution;
import org.springframework.batch.core.job.builder.JobBuilder;
import org.springframework.batch.core.job.parameters.JobParameters;
import org.springframework.batch.core.job.parameters.JobParametersBuilder;
import org.springframework.batch.core.launch.JobOperator;
import org.springframework.batch.core.listener.ExecutionContextPromotionListener;
import org.springframework.batch.core.listener.StepExecutionListener;
import org.springframework.batch.core.repository.JobRepository;
import org.springframework.batch.core.step.Step;
import org.springframework.batch.core.step.StepExecution;
import org.springframework.batch.core.step.builder.ChunkOrientedStepBuilder;
import org.springframework.batch.core.step.builder.StepBuilder;
import org.springframework.batch.infrastructure.repeat.RepeatStatus;
import org.springframework.scheduling.concurrent.ThreadPoolTaskExecutor;
import org.springframework.stereotype.Component;
import org.springframework.transaction.PlatformTransactionManager;
import tools.jackson.databind.SerializationFeature;
import tools.jackson.databind.json.JsonMapper;

/**
 * Makes exports, each as an instance of the Spring Batch job {@code export}, and tells the quality of conversations.
 *
 * <p>An export that was stopped, failed or was killed is gone on with by asking for the same again: from its last finished set
 * of files, and with the same bytes as if nothing had happened.
 */
@Component
public class Exports {
    private static final String JOB = "export";
    private static final String ID = "exportId";
    private static final String FILES_STEP = "export-files";
    private static final String BUCKET_FORM = "gs://";
    private static final String WORKPLACE = ".parley-export";

    private static final JsonMapper JSON =
            TextLines.JSON.rebuild().enable(SerializationFeature.INDENT_OUTPUT).build();

    private final JobOperator operator;
    private final JobRepository repository;
    private final PlatformTransactionManager transactions;
    private final ConversationPages pages;
    private final ObjectStore store;
    private final ArchiveSettings archive;
    private final ExportSettings settings;
    private final Clock clock;
    private final AtomicLong progress = new AtomicLong();
    private volatile long total;
    private volatile boolean stopRequested;
    private volatile @Nullable StepExecution running;

    Exports(
            JobOperator operator,
            JobRepository repository,
            PlatformTransactionManager transactions,
            ConversationPages pages,
            ObjectStore store,
            ArchiveSettings archive,
            ExportSettings settings,
            Clock clock) {
        this.operator = operator;
        this.repository = repository;
        this.transactions = transactions;
        this.pages = pages;
        this.store = store;
        this.archive = archive;
        this.settings = settings;
        this.clock = clock;
    }

    /**
     * @param card what was made; null when it was stopped
     * @param location where a person finds it
     * @param resumedAt how many conversations an earlier attempt had finished
     */
    public record Outcome(@Nullable DataCard card, String location, long resumedAt) {}

    /**
     * Makes an export, or goes on with one. One at a time.
     *
     * @param output a folder, or {@code gs://bucket/path} with the store of that kind
     * @throws RefusedException when nothing is selected, when something is there already, or when an unfinished export of
     *     another kind is
     */
    public Outcome run(ExportRequest asked, String output) throws Exception {
        Destination destination = destination(output);
        try (Workplace workplace = Workplace.enter(workplace(destination))) {
            Workplace.Begun begun = workplace.isBegun()
                    ? sameAs(asked, workplace.begun(), workplace)
                    : begin(asked, destination, workplace);
            total = pages.count(begun.request().selection());
            JobExecution last = last(begun.id());
            long resumedAt = readBy(last);
            JobExecution execution = last != null && last.getStatus() == BatchStatus.COMPLETED
                    ? last // and was killed when it was about to say so
                    : execute(begun, destination, workplace);
            if (execution.getStatus() == BatchStatus.STOPPED) {
                return new Outcome(null, destination.locate(), resumedAt);
            }
            if (execution.getStatus() != BatchStatus.COMPLETED) {
                throw failure(execution);
            }
            workplace.remove();
            return new Outcome(
                    DataCard.of(begun.request(), ExportState.of(execution.getExecutionContext())),
                    destination.locate(),
                    resumedAt);
        }
    }

    private JobExecution execute(Workplace.Begun begun, Destination destination, Workplace workplace) throws Exception {
        ExportRequest request = begun.request();
        try (NearDuplicates duplicates = request.similarity() == null
                        ? null
                        : new NearDuplicates(workplace.duplicates(), request.similarity());
                Signatures signatures = new Signatures();
                Lanes lanes = new Lanes(settings.concurrency())) {
            Job job = job(request, destination, workplace, duplicates, signatures, lanes);
            return operator.start(job, parameters(begun, destination));
        } finally {
            running = null;
            stopRequested = false; // it was this export's
        }
    }

    /** Asks the export to end after the chunk that it is at; asking for the same again goes on. From any thread. */
    public void requestStop() {
        stopRequested = true;
        StepExecution step = running;
        if (step != null) {
            step.setTerminateOnly();
        }
    }

    /** Conversations that are through, and how many there are; from any thread. */
    public long done() {
        return progress.get();
    }

    public long total() {
        return total;
    }

    /** The first records that an export would hold, as lines of text; Parquet's rows as JSON. */
    public List<String> preview(ExportRequest asked, int records) {
        DocumentProcessor processor = new DocumentProcessor(store, null, null);
        TextLines text = new TextLines(asked);
        PageReader reader = new PageReader(pages, asked.selection(), Math.min(records, settings.chunkSize()));
        List<String> lines = new ArrayList<>();
        String header = asked.format() == ExportFormat.CSV ? text.header("", 0) : "";
        for (PageReader.Read read = reader.read(); read != null && lines.size() < records; read = reader.read()) {
            Exported exported = processor.process(read);
            if (exported.document() != null) {
                lines.addAll(text.of(exported.row(), exported.document()));
            }
        }
        if (lines.isEmpty()) {
            throw nothingSelected();
        }
        List<String> shown = new ArrayList<>(lines.subList(0, Math.min(records, lines.size())));
        if (!header.isEmpty()) {
            shown.add(0, header);
        }
        return shown;
    }

    /**
     * What there is to say of all that a job has made.
     *
     * @param similarity from which a conversation counts as a near-duplicate of an earlier one, above 0 and up to 1
     */
    public Quality quality(UUID job, double similarity) throws IOException {
        Selection selection = Selection.ofJob(job);
        QualityTally tally = new QualityTally();
        long unreadable = 0;
        long duplicates = 0;
        Path folder = Files.createDirectories(Path.of(archive.data(), "export"));
        Path file = Files.createTempFile(folder, "quality", null);
        Files.delete(file); // an empty file is no store
        try (NearDuplicates seen = new NearDuplicates(file, similarity);
                Signatures signatures = new Signatures()) {
            DocumentProcessor processor = new DocumentProcessor(store, null, signatures);
            PageReader reader = new PageReader(pages, selection, settings.chunkSize());
            long number = 0;
            for (PageReader.Read read = reader.read(); read != null; read = reader.read()) {
                Exported exported = processor.process(read);
                if (exported.document() == null || exported.signature() == null) {
                    unreadable++;
                } else {
                    tally.add(exported.row(), exported.document().turns());
                    duplicates += seen.isDuplicate(number++, exported.signature()) ? 1 : 0;
                }
            }
        } finally {
            Files.deleteIfExists(file);
        }
        return Quality.of(tally, unreadable, duplicates, pages.needingReviewWithoutDocument(job));
    }

    private Destination destination(String output) {
        if (!output.startsWith(BUCKET_FORM)) {
            return new Destination.Folder(Path.of(output).normalize());
        }
        if (archive.store() != ArchiveSettings.Store.GCS) {
            throw new RefusedException(
                    output + " is in Google Cloud Storage, and parley.store is local; set PARLEY_STORE=gcs");
        }
        String[] parts =
                output.substring(BUCKET_FORM.length()).replaceAll("/+$", "").split("/", 2);
        try {
            if (parts.length < 2) {
                throw new IllegalArgumentException("a path within the bucket is missing");
            }
            ObjectName name = new ObjectName(parts[0], parts[1]);
            return new Destination.Bucket(store, name.bucket(), name.path());
        } catch (IllegalArgumentException e) {
            throw new RefusedException(output + " should be like gs://bucket/path: " + e.getMessage());
        }
    }

    private Path workplace(Destination destination) {
        if (destination instanceof Destination.Folder local) {
            return local.path().resolve(WORKPLACE);
        }
        byte[] name = Split.sha256().digest(destination.locate().getBytes(StandardCharsets.UTF_8));
        return Path.of(archive.data(), "export", HexFormat.of().formatHex(name, 0, 8));
    }

    private Workplace.Begun begin(ExportRequest asked, Destination destination, Workplace workplace)
            throws IOException {
        ExportRequest request =
                asked.with(asked.selection().until(clock.instant())); // what comes meanwhile is not in it
        if (pages.count(request.selection()) == 0) {
            throw refused(workplace, nothingSelected());
        }
        if (destination instanceof Destination.Bucket bucket) {
            bucket.store().ensureBucket(bucket.bucket());
        }
        if (destination.isTaken()) {
            throw refused(
                    workplace,
                    new RefusedException(
                            destination.locate()
                                    + " holds an export already, and nothing is overwritten; name another place, or remove it"));
        }
        Workplace.Begun begun = new Workplace.Begun(UUID.randomUUID().toString(), request);
        workplace.begin(begun);
        return begun;
    }

    private static RefusedException refused(Workplace workplace, RefusedException why) throws IOException {
        workplace.remove();
        return why;
    }

    private static RefusedException nothingSelected() {
        return new RefusedException("No conversation is selected; parley status lists the jobs");
    }

    private static Workplace.Begun sameAs(ExportRequest asked, Workplace.Begun begun, Workplace workplace) {
        ExportRequest now = asked.selection().until() == null
                ? asked.with(asked.selection()
                        .until(Objects.requireNonNull(
                                begun.request().selection().until())))
                : asked;
        List<String> differences = Workplace.differences(now, begun.request());
        if (!differences.isEmpty()) {
            throw new RefusedException("An export is unfinished there that was asked for with another "
                    + String.join(", ", differences) + "; ask for the same again to finish it, or remove "
                    + workplace.folder() + " to begin anew");
        }
        return begun;
    }

    /**
     * The last execution of it, ready to be gone on with. A process that died has left it as started, and the lock says that
     * it is dead; one that lost its database at the wrong moment, as unknown. Either way what was committed holds.
     */
    private @Nullable JobExecution last(String id) {
        JobExecution last = repository.getLastJobExecution(
                JOB, new JobParametersBuilder().addString(ID, id).toJobParameters());
        if (last == null || !isBroken(last.getStatus())) {
            return last;
        }
        LocalDateTime now = LocalDateTime.now(clock);
        for (StepExecution step : last.getStepExecutions()) {
            if (isBroken(step.getStatus())) {
                step.setStatus(BatchStatus.FAILED);
                step.setEndTime(now);
                repository.update(step);
            }
        }
        last.setStatus(BatchStatus.FAILED);
        last.setEndTime(now);
        repository.update(last);
        return last;
    }

    private static boolean isBroken(BatchStatus status) {
        return status.isRunning() || status == BatchStatus.UNKNOWN;
    }

    /** An execution brings its steps without their contexts. */
    private long readBy(@Nullable JobExecution last) {
        StepExecution step = last == null ? null : repository.getLastStepExecution(last.getJobInstance(), FILES_STEP);
        return step == null ? 0 : ExportState.of(step.getExecutionContext()).read;
    }

    private static JobParameters parameters(Workplace.Begun begun, Destination destination) {
        return new JobParametersBuilder()
                .addString(ID, begun.id())
                .addString("format", begun.request().format().toString(), false)
                .addString("output", destination.locate(), false)
                .toJobParameters();
    }

    private Job job(
            ExportRequest request,
            Destination destination,
            Workplace workplace,
            @Nullable NearDuplicates duplicates,
            Signatures signatures,
            Lanes lanes) {
        ExecutionContextPromotionListener stateForTheCard = new ExecutionContextPromotionListener();
        stateForTheCard.setKeys(new String[] {ExportState.KEY});
        Step files = new ChunkOrientedStepBuilder<PageReader.Read, Exported>(
                        FILES_STEP, repository, settings.chunkSize())
                .reader(new PageReader(pages, request.selection(), settings.chunkSize()))
                .processor(new DocumentProcessor(
                        store,
                        request.format() == ExportFormat.PARQUET ? null : new TextLines(request),
                        duplicates == null ? null : signatures))
                .writer(new ShardWriter(request, workplace.folder(), destination, duplicates, progress))
                .transactionManager(transactions)
                .taskExecutor(lanes.executor())
                .listener(stateForTheCard)
                .listener(new Stoppable())
                .build();
        Step card = new StepBuilder("export-manifest", repository)
                .tasklet(
                        (contribution, context) -> {
                            StepExecution step = context.getStepContext().getStepExecution();
                            ExportState state =
                                    ExportState.of(step.getJobExecution().getExecutionContext());
                            Path file = workplace.folder().resolve(DataCard.NAME);
                            Files.write(file, JSON.writeValueAsBytes(DataCard.of(request, state)));
                            destination.put(file, DataCard.NAME);
                            return RepeatStatus.FINISHED;
                        },
                        transactions)
                .build();
        return new JobBuilder(JOB, repository).start(files).next(card).build();
    }

    private static Exception failure(JobExecution execution) {
        Throwable failure = execution.getAllFailureExceptions().stream()
                .findFirst()
                .orElseGet(() -> new IllegalStateException("The export ended " + execution.getStatus() + ": "
                        + execution.getExitStatus().getExitDescription()));
        return failure instanceof Exception exception ? exception : new IllegalStateException(failure);
    }

    /** A stop that comes from outside finds the step here. */
    private final class Stoppable implements StepExecutionListener {
        @Override
        public void beforeStep(StepExecution step) {
            running = step;
            if (stopRequested) {
                step.setTerminateOnly();
            }
        }
    }

    /** The threads that load documents. */
    private static final class Lanes implements AutoCloseable {
        private final ThreadPoolTaskExecutor executor = new ThreadPoolTaskExecutor();

        Lanes(int concurrency) {
            executor.setCorePoolSize(concurrency);
            executor.setThreadNamePrefix("parley-export-");
            executor.setDaemon(true);
            executor.initialize();
        }

        ThreadPoolTaskExecutor executor() {
            return executor;
        }

        @Override
        public void close() {
            executor.shutdown();
        }
    }
}
