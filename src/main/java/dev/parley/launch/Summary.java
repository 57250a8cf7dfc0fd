package dev.parley.launch;

import dev.parley.archive.ArchiveSettings;
import dev.parley.archive.JobLogs;
import dev.parley.archive.ObjectName;
import dev.parley.archive.ObjectStore;
import dev.parley.batch.GenerateRuns;
import dev.parley.conversation.ConversationDocument;
import dev.parley.conversation.ConversationDocument.Turn;
import dev.parley.conversation.Conversations;
import dev.parley.generation.GenerationLogs;
import dev.parley.work.BatchJob;
import dev.parley.work.BatchJobs;
import dev.parley.work.BatchJobs.Cause;
import dev.parley.work.JobStatus;
import java.io.PrintWriter;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.UUID;
import org.springframework.stereotype.Component;
import tools.jackson.databind.json.JsonMapper;

/** What a run tells the person who started it, at its end. */
@Component
class Summary {
    private static final int WIDTH = 100;

    private final BatchJobs jobs;
    private final GenerationLogs ledger;
    private final Conversations conversations;
    private final ObjectStore store;
    private final ArchiveSettings archive;
    private final JobLogs logs;

    Summary(
            BatchJobs jobs,
            GenerationLogs ledger,
            Conversations conversations,
            ObjectStore store,
            ArchiveSettings archive,
            JobLogs logs) {
        this.jobs = jobs;
        this.ledger = ledger;
        this.conversations = conversations;
        this.store = store;
        this.archive = archive;
        this.logs = logs;
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
        out.printf(
                Locale.ROOT,
                "Job %s \"%s\" %s: %d of %d items successful (%s %%), %d failed%n",
                job.id(),
                job.name(),
                job.status().key(),
                job.successfulItems(),
                job.totalItems(),
                job.successRate(),
                job.failedItems());
        if (job.status() == JobStatus.PAUSED) {
            row(out, "paused", job.statusReason() + "; when that is mended: parley resume " + job.id());
        }
        for (Cause cause : jobs.failuresByCause(job.id())) {
            row(
                    out,
                    "failed",
                    cause.items() + " × " + cause.code() + (cause.retryable() ? " (retryable)" : "") + ": "
                            + shortened(cause.example()));
        }
        GenerationLogs.Totals totals = ledger.totals(job.id());
        row(
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
        row(out, "cost", Money.spent(job));
        if (totals.unknownCost() > 0) {
            row(
                    out,
                    "",
                    "and what " + totals.unknownCost() + " calls cost that may have been billed without telling it");
        }
        if (totals.unknownOutcome() > 0) {
            row(out, "", "possibly paid twice: " + totals.unknownOutcome() + " at most");
        }
        int done = job.completedItems() - before.completedItems();
        double seconds = nanos / 1e9;
        row(out, "time", String.format(Locale.ROOT, "%.1f s, %.1f items/s", seconds, done / seconds));
        row(out, "files", store.locate(archive.buckets().conversations()));
        row(out, "log", logs.locate(job.id()));
        example(job.id(), out);
    }

    /** The first turns of the first conversation: what the money was spent on. */
    private void example(UUID job, PrintWriter out) {
        Optional<ObjectName> file = conversations
                .firstFileOf(job)
                .map(path -> new ObjectName(archive.buckets().conversations(), path));
        file.flatMap(store::read).ifPresent(bytes -> {
            ConversationDocument document = JsonMapper.shared().readValue(bytes, ConversationDocument.class);
            row(out, "for example", store.locate(file.get()));
            for (Turn turn :
                    document.turns().subList(0, Math.min(2, document.turns().size()))) {
                out.println("    " + turn.role() + ": " + shortened(turn.content()));
            }
        });
    }

    private static void row(PrintWriter out, String name, String value) {
        out.printf(Locale.ROOT, "  %-12s %s%n", name, value);
    }

    private static String shortened(String text) {
        String line = text.strip().replaceAll("\\s+", " ");
        return line.length() <= WIDTH ? line : line.substring(0, WIDTH - 1) + "…";
    }
}
