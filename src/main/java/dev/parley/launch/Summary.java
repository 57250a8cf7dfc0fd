package dev.parley.launch;

import dev.parley.archive.ArchiveSettings;
import dev.parley.archive.JobLogs;
import dev.parley.archive.ObjectName;
import dev.parley.archive.ObjectStore;
import dev.parley.archive.StoreException;
import dev.parley.batch.GenerateRuns;
import dev.parley.conversation.ConversationDocument;
import dev.parley.conversation.Conversations;
import dev.parley.generation.GenerationLogs;
import dev.parley.work.BatchItems;
import dev.parley.work.BatchJob;
import dev.parley.work.BatchJobs;
import dev.parley.work.BatchJobs.Cause;
import dev.parley.work.JobStatus;
import dev.parley.work.ProviderBatches;
import java.io.PrintWriter;
import java.time.Clock;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.UUID;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.stereotype.Component;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.json.JsonMapper;

/** What a run tells the person who started it, at its end. */
@Component
class Summary {
    private static final Logger log = LoggerFactory.getLogger(Summary.class);

    /** Of what a person is shown of a conversation or an error: two lines. */
    private static final int EXCERPT = 160;

    private final BatchJobs jobs;
    private final BatchItems items;
    private final GenerationLogs ledger;
    private final Conversations conversations;
    private final ObjectStore store;
    private final ArchiveSettings archive;
    private final JobLogs logs;
    private final ProviderBatches batches;
    private final Clock clock;

    Summary(
            BatchJobs jobs,
            BatchItems items,
            GenerationLogs ledger,
            Conversations conversations,
            ObjectStore store,
            ArchiveSettings archive,
            JobLogs logs,
            ProviderBatches batches,
            Clock clock) {
        this.jobs = jobs;
        this.items = items;
        this.ledger = ledger;
        this.conversations = conversations;
        this.store = store;
        this.archive = archive;
        this.logs = logs;
        this.batches = batches;
        this.clock = clock;
    }

    /**
     * @param before the jobs as they stood before the run
     * @param after the same jobs, in the same order
     * @param nanos how long the run took
     */
    void print(List<BatchJob> before, List<BatchJob> after, GenerateRuns.Outcome outcome, long nanos, PrintWriter out) {
        for (int i = 0; i < after.size(); i++) {
            print(before.get(i), after.get(i), nanos, out);
        }
        if (outcome.lostClaims() > 0) {
            out.println(
                    outcome.lostClaims() + " results came too late and were discarded: another process had the items.");
        }
        if (outcome.stopped()) {
            out.println("Stopped; the same command goes on from here.");
        }
    }

    private void print(BatchJob before, BatchJob job, long nanos, PrintWriter out) {
        out.println();
        out.printf("Job %s \"%s\"%n", job.id(), job.name());
        Text.row(
                out,
                job.status().key(),
                job.successfulItems() + " of " + job.totalItems() + " items successful (" + job.successRate() + " %), "
                        + job.failedItems() + " failed"
                        + (job.remainingItems() > 0 ? ", " + job.remainingItems() + " to do" : ""));
        if (job.status() == JobStatus.PAUSED) {
            Text.row(out, "because", job.statusReason() + "; when that is mended: parley resume " + job.id());
        }
        for (Cause cause : jobs.failuresByCause(job.id())) {
            Text.row(
                    out,
                    "failed",
                    cause.items() + " × " + cause.code() + (cause.retryable() ? " (retryable)" : "") + ": "
                            + shortened(cause.example()));
        }
        GenerationLogs.Totals totals = ledger.totals(job.id());
        Text.row(
                out,
                "tokens",
                String.format(
                        Locale.ROOT,
                        "%,d in (%,d from the cache, %,d written to it), %,d out, in %,d calls",
                        totals.inputTokens(),
                        totals.cacheReadTokens(),
                        totals.cacheWriteTokens(),
                        totals.outputTokens(),
                        totals.calls()));
        BatchesText.lines(batches.overview(List.of(job.id())).getOrDefault(job.id(), List.of()), clock.instant())
                .forEach(line -> Text.row(out, "batches", line));
        Text.row(out, "cost", Money.spent(job));
        if (totals.unknownCost() > 0) {
            Text.row(
                    out,
                    "",
                    "and what " + totals.unknownCost() + " calls cost that may have been billed without telling it");
        }
        if (totals.unknownOutcome() > 0) {
            Text.row(out, "", "possibly paid twice: " + totals.unknownOutcome() + " at most");
        }
        int done = job.completedItems() - before.completedItems();
        double seconds = nanos / 1e9;
        Text.row(out, "time", String.format(Locale.ROOT, "%.1f s, %.1f items/s", seconds, done / seconds));
        Text.row(out, "files", store.locate(archive.buckets().conversations()));
        Text.row(out, "log", logs.locate(job.id()));
        if (job.reportedAt() != null) {
            Text.row(out, "report", store.locate(logs.reportName(job.id())));
        }
        example(job.id(), out);
    }

    /** The first turns of the first conversation: what the money was spent on. */
    private void example(UUID job, PrintWriter out) {
        Optional<ObjectName> file = items.firstConversationOf(job)
                .flatMap(conversations::fileOf)
                .map(path -> new ObjectName(archive.buckets().conversations(), path));
        try {
            file.flatMap(store::read).ifPresent(bytes -> {
                ConversationDocument document = JsonMapper.shared().readValue(bytes, ConversationDocument.class);
                Text.row(out, "for example", store.locate(file.get()));
                document.turns().stream()
                        .limit(2)
                        .forEach(turn -> Text.row(out, "  " + turn.role(), shortened(turn.content())));
            });
        } catch (StoreException | JacksonException e) {
            log.warn("No example to show: {}", e.getMessage());
        }
    }

    private static String shortened(String text) {
        return Text.shortened(text, EXCERPT);
    }
}
