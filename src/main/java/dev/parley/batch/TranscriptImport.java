package dev.parley.batch;

import dev.parley.tracking.TranscriptLine;
import dev.parley.tracking.Transcripts;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.springframework.batch.core.BatchStatus;
import org.springframework.batch.core.job.Job;
import org.springframework.batch.core.job.JobExecution;
import org.springframework.batch.core.job.builder.JobBuilder;
import org.springframework.batch.core.job.parameters.JobParameters;
import org.springframework.batch.core.job.parameters.JobParametersBuilder;
import org.springframework.batch.core.launch.JobOperator;
import org.springframework.batch.core.repository.JobRepository;
import org.springframework.batch.core.step.Step;
import org.springframework.batch.core.step.StepExecution;
import org.springframework.batch.core.step.builder.StepBuilder;
import org.springframework.batch.infrastructure.item.Chunk;
import org.springframework.batch.infrastructure.item.ExecutionContext;
import org.springframework.batch.infrastructure.item.ItemWriter;
import org.springframework.batch.infrastructure.item.file.FlatFileItemReader;
import org.springframework.batch.infrastructure.item.file.FlatFileItemWriter;
import org.springframework.core.io.FileSystemResource;
import org.springframework.stereotype.Component;
import org.springframework.transaction.PlatformTransactionManager;
import tools.jackson.databind.json.JsonMapper;

/**
 * The Spring Batch job {@code import-transcripts}: reads a file of transcripts line by line and stores it in chunks.
 *
 * <p>An import that was broken off goes on behind its last chunk when the same file is imported again; one that was finished
 * begins anew, and finds everything there already. Lines that cannot be stored go to a file beside it, with the reason.
 */
@Component
public class TranscriptImport {
    private static final String JOB = "import-transcripts";
    private static final int CHUNK = 500;
    private static final String REFUSED = "refused";

    private final JobOperator operator;
    private final JobRepository jobRepository;
    private final PlatformTransactionManager transactions;
    private final Transcripts transcripts;

    TranscriptImport(
            JobOperator operator,
            JobRepository jobRepository,
            PlatformTransactionManager transactions,
            Transcripts transcripts) {
        this.operator = operator;
        this.jobRepository = jobRepository;
        this.transactions = transactions;
        this.transcripts = transcripts;
    }

    /**
     * @param resumed whether it went on with an import that had been broken off
     * @param lines that were read by this run
     * @param inserted sessions and messages that were new
     * @param refused lines that are in the reject file, also of the runs before it was broken off
     * @param rejects that file
     * @param failure why the import was broken off; null when it was not
     */
    public record Outcome(
            boolean resumed,
            long lines,
            long inserted,
            long refused,
            Path rejects,
            @Nullable Throwable failure) {}

    /** @param line null when it is none */
    private record Read(
            int number,
            String text,
            @Nullable TranscriptLine line,
            @Nullable String wrong) {
        static Read of(String text, int number) {
            try {
                return new Read(number, text, TranscriptLine.parse(text, number), null);
            } catch (IllegalArgumentException e) {
                return new Read(number, text, null, String.valueOf(e.getMessage()));
            }
        }

        Read refused(String why) {
            return new Read(number, text, null, why);
        }
    }

    /** @throws IOException when the file cannot be read */
    public Outcome run(Path file) throws Exception {
        Path rejects = file.resolveSibling(file.getFileName() + ".rejected");
        JobParameters parameters = parameters(file);
        JobExecution before = jobRepository.getLastJobExecution(JOB, parameters);
        if (before != null && before.isRunning()) {
            operator.recover(before); // its process died without a word
        }
        LineWriter writer = new LineWriter(rejectWriter(rejects));
        JobExecution execution = operator.start(job(file, writer), parameters);
        StepExecution step = execution.getStepExecutions().iterator().next();
        return new Outcome(
                before != null,
                step.getReadCount(),
                writer.inserted,
                step.getExecutionContext().getLong(REFUSED, 0),
                rejects,
                execution.getStatus() == BatchStatus.COMPLETED ? null : failure(execution));
    }

    private static Throwable failure(JobExecution execution) {
        return execution.getAllFailureExceptions().stream()
                .findFirst()
                .orElseGet(() -> new IllegalStateException("the import ended " + execution.getExitStatus()));
    }

    /** Those of the last import of this very file if it was broken off, else new ones. */
    private JobParameters parameters(Path file) throws IOException {
        for (long run = 1; ; run++) {
            JobParameters parameters = new JobParametersBuilder()
                    .addString("file", file.toAbsolutePath().normalize().toString())
                    .addLong("size", Files.size(file))
                    .addString("modified", Files.getLastModifiedTime(file).toString())
                    .addLong("run", run)
                    .toJobParameters();
            JobExecution last = jobRepository.getLastJobExecution(JOB, parameters);
            if (last == null || last.getStatus() != BatchStatus.COMPLETED) {
                return parameters;
            }
        }
    }

    private static FlatFileItemWriter<Read> rejectWriter(Path rejects) {
        FlatFileItemWriter<Read> rejected =
                new FlatFileItemWriter<>(new FileSystemResource(rejects), TranscriptImport::reject);
        rejected.setName("rejects");
        rejected.setEncoding("UTF-8");
        rejected.setShouldDeleteIfEmpty(true);
        return rejected;
    }

    private Job job(Path file, LineWriter writer) {
        FlatFileItemReader<Read> reader = new FlatFileItemReader<>(new FileSystemResource(file), Read::of);
        reader.setName("transcripts");
        reader.setEncoding("UTF-8");
        reader.setComments(new String[0]);
        Step step = new StepBuilder("import-lines", jobRepository)
                        .<Read, Read>chunk(CHUNK)
                        .transactionManager(transactions)
                        .reader(reader)
                        .processor(read -> read.text().isBlank() ? null : read)
                        .writer(writer)
                        .stream(writer.rejected)
                        .listener(writer)
                        .build();
        return new JobBuilder(JOB, jobRepository).start(step).build();
    }

    private static String reject(Read read) {
        Map<String, Object> reject = new LinkedHashMap<>();
        reject.put("line", read.number());
        reject.put("reason", read.wrong());
        reject.put("text", read.text());
        return JsonMapper.shared().writeValueAsString(reject);
    }

    /** Stores what can be stored of a chunk, in its transaction, and keeps the rest. Used by the step's own thread. */
    private final class LineWriter
            implements ItemWriter<Read>, org.springframework.batch.core.listener.StepExecutionListener {
        private final FlatFileItemWriter<Read> rejected;
        private @Nullable StepExecution step;
        private long inserted; // by this run, at most: what a failed chunk rolls back is still in it

        LineWriter(FlatFileItemWriter<Read> rejected) {
            this.rejected = rejected;
        }

        @Override
        public void beforeStep(StepExecution stepExecution) {
            this.step = stepExecution;
        }

        @Override
        public void write(Chunk<? extends Read> chunk) throws Exception {
            Map<TranscriptLine, Read> lines = new LinkedHashMap<>();
            List<Read> refused = new ArrayList<>();
            for (Read read : chunk) {
                if (read.line() == null) {
                    refused.add(read);
                } else {
                    lines.put(read.line(), read);
                }
            }
            Transcripts.Outcome stored = transcripts.store(lines.keySet());
            stored.refused().forEach((line, why) -> {
                Read read = lines.get(line);
                if (read != null) {
                    refused.add(read.refused(why));
                }
            });
            if (!refused.isEmpty()) {
                rejected.write(new Chunk<>(refused));
            }
            inserted += stored.inserted();
            if (step != null) { // kept with the chunk, for a run that goes on
                ExecutionContext context = step.getExecutionContext();
                context.putLong(REFUSED, context.getLong(REFUSED, 0) + refused.size());
            }
        }
    }
}
