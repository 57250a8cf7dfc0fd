package dev.parley.launch;

import dev.parley.catalog.Tier;
import dev.parley.export.Compression;
import dev.parley.export.DataCard;
import dev.parley.export.ExportFormat;
import dev.parley.export.ExportRequest;
import dev.parley.export.Exports;
import dev.parley.export.RefusedException;
import dev.parley.export.Selection;
import dev.parley.work.BatchJobs;
import java.io.PrintWriter;
import java.math.BigDecimal;
import java.time.DateTimeException;
import java.time.Instant;
import java.time.LocalDate;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.springframework.beans.factory.BeanFactory;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.TypeConversionException;

@Command(
        name = "export",
        description = {
            "Makes training files of conversations, with a manifest that says what is in them.",
            "Asking for the same again goes on with an export that was broken off."
        },
        mixinStandardHelpOptions = true,
        versionProvider = Version.class)
class ExportCommand implements Action {
    @Option(
            names = "--format",
            required = true,
            paramLabel = "F",
            description = "chat-jsonl, sharegpt-jsonl, training-jsonl, csv or parquet.")
    private ExportFormat format = ExportFormat.CHAT_JSONL;

    @Option(names = "--output", paramLabel = "DIR", description = "A folder, or gs://bucket/path.")
    private @Nullable String output;

    @Option(names = "--preview", paramLabel = "N", description = "Only show the first N records; nothing is written.")
    private @Nullable Integer preview;

    @Option(names = "--job", paramLabel = "ID", description = "Only what this job made; may be repeated.")
    private List<UUID> jobs = List.of();

    @Option(
            names = "--status",
            paramLabel = "S",
            description =
                    "Only of this status, such as approved; may be repeated. Without: all but rejected and archived.")
    private List<String> statuses = List.of();

    @Option(names = "--min-score", paramLabel = "X", description = "Only with a quality score of X, 0 to 10, or more.")
    private @Nullable BigDecimal minScore;

    @Option(names = "--max-score", paramLabel = "X", description = "Only with a quality score of X or less.")
    private @Nullable BigDecimal maxScore;

    @Option(names = "--tier", paramLabel = "T", description = "Only template, scenario or edge_case.")
    private @Nullable Tier tier;

    @Option(
            names = "--from",
            paramLabel = "TIME",
            description = "Only created then or later: 2026-11-21, or with a time.")
    private @Nullable Instant from;

    @Option(names = "--until", paramLabel = "TIME", description = "Only created before.")
    private @Nullable Instant until;

    @Option(
            names = "--validation",
            paramLabel = "SHARE",
            description = "What goes into the validation files (${DEFAULT-VALUE}); 0 makes none.")
    private double validation = 0.05;

    @Option(names = "--seed", description = "Another one splits otherwise (${DEFAULT-VALUE}).")
    private String seed = "parley";

    @Option(
            names = "--deduplicate",
            arity = "0..1",
            fallbackValue = "0.9",
            paramLabel = "SIMILARITY",
            description = "Leave out what is this similar, up to 1, to an earlier conversation (0.9).")
    private @Nullable Double similarity;

    @Option(
            names = "--compression",
            paramLabel = "C",
            description = "none, gzip or zstd; without: zstd within Parquet, none otherwise.")
    private @Nullable Compression compression;

    @Option(names = "--shard-size", paramLabel = "N", description = "Conversations a set of files (${DEFAULT-VALUE}).")
    private int shardSize = 50_000;

    @Option(names = "--system-prompt", paramLabel = "TEXT", description = "Begins every conversation.")
    private @Nullable String systemPrompt;

    /** A day begins at midnight UTC. */
    static Instant time(String text) {
        try {
            return text.contains("T")
                    ? OffsetDateTime.parse(text).toInstant()
                    : LocalDate.parse(text).atStartOfDay(ZoneOffset.UTC).toInstant();
        } catch (DateTimeException e) {
            throw new TypeConversionException("'" + text + "' is no time: 2026-11-21, or 2026-11-21T18:00:00+01:00");
        }
    }

    @Override
    public void check() {
        request();
        if ((output == null || output.isBlank()) && preview == null) {
            throw new ConfigurationException("--output is missing: a folder, or gs://bucket/path; or --preview N");
        }
        if (preview != null) {
            ConfigurationException.unlessWithin("--preview", preview, 1, Integer.MAX_VALUE);
        }
    }

    private ExportRequest request() {
        try {
            return new ExportRequest(
                    format,
                    compression != null
                            ? compression
                            : format == ExportFormat.PARQUET ? Compression.ZSTD : Compression.NONE,
                    new Selection(jobs, statuses, minScore, maxScore, tier, from, until),
                    validation,
                    seed,
                    similarity,
                    shardSize,
                    systemPrompt);
        } catch (IllegalArgumentException e) {
            throw new ConfigurationException("export: " + e.getMessage());
        }
    }

    @Override
    public int run(BeanFactory beans, PrintWriter out) throws Exception {
        jobs.forEach(job -> JobId.find(beans.getBean(BatchJobs.class), job));
        Exports exports = beans.getBean(Exports.class);
        try {
            if (preview != null) {
                exports.preview(request(), preview).forEach(out::print);
                return ExitCode.OK;
            }
            long begun = System.nanoTime();
            Exports.Outcome outcome;
            try (Signals signals = Signals.handledBy(exports::requestStop, exports::requestStop);
                    Progress progress = Progress.ofExport(exports, out)) {
                outcome = exports.run(request(), Objects.requireNonNull(output));
            }
            return print(outcome, (System.nanoTime() - begun) / 1e9, out);
        } catch (RefusedException e) {
            throw new ConfigurationException(String.valueOf(e.getMessage()));
        }
    }

    private static int print(Exports.Outcome outcome, double seconds, PrintWriter out) {
        DataCard card = outcome.card();
        if (card == null) {
            out.println("Stopped; the same command goes on from the last finished set of files.");
            return ExitCode.STOPPED;
        }
        DataCard.Counts counts = card.counts();
        out.printf(
                Locale.ROOT,
                "Exported %,d of %,d conversations to %s%n",
                counts.exported(),
                counts.selected(),
                outcome.location());
        if (outcome.resumedAt() > 0) {
            Text.row(
                    out,
                    "resumed",
                    String.format(Locale.ROOT, "after %,d that were finished before", outcome.resumedAt()));
        }
        Text.row(
                out,
                "split",
                String.format(Locale.ROOT, "%,d train, %,d validation", counts.train(), counts.validation()));
        if (card.request().similarity() != null) {
            Text.row(out, "left out", String.format(Locale.ROOT, "%,d near-duplicates", counts.nearDuplicates()));
        }
        if (counts.unreadable() > 0) {
            Text.row(
                    out,
                    "left out",
                    String.format(
                            Locale.ROOT,
                            "%,d whose document is not there or is none; the log and manifest.json name them",
                            counts.unreadable()));
        }
        long bytes = card.files().stream().mapToLong(DataCard.File::bytes).sum();
        Text.row(
                out,
                "files",
                String.format(Locale.ROOT, "%d, %,d bytes, and %s", card.files().size(), bytes, DataCard.NAME));
        long done = counts.selected() - outcome.resumedAt();
        Text.row(out, "time", String.format(Locale.ROOT, "%.1f s, %,.0f conversations/s", seconds, done / seconds));
        return counts.unreadable() > 0 ? ExitCode.FAILED_ITEMS : ExitCode.OK;
    }
}
