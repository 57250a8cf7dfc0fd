package dev.parley.launch;

import dev.parley.export.Exports;
import dev.parley.export.Quality;
import dev.parley.work.BatchJob;
import dev.parley.work.BatchJobs;
import java.io.PrintWriter;
import java.math.BigDecimal;
import java.util.Locale;
import java.util.Map;
import java.util.UUID;
import java.util.stream.Collectors;
import org.springframework.beans.factory.BeanFactory;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
        name = "quality",
        description = "Shows the quality of a job's conversations at a glance.",
        mixinStandardHelpOptions = true,
        versionProvider = Version.class)
class QualityCommand implements Action {
    private static final int KINDS = 5;
    private static final int BAR = 40;

    @Parameters(paramLabel = "JOB", description = "The job's id, as parley status shows it.")
    private UUID job = new UUID(0, 0);

    @Option(names = "--json", description = "As JSON, with all that was counted.")
    private boolean json;

    @Option(
            names = "--similarity",
            paramLabel = "S",
            description = "From which a conversation is a near-duplicate, up to 1 (${DEFAULT-VALUE}).")
    private double similarity = 0.9;

    @Override
    public void check() {
        if (!(similarity > 0 && similarity <= 1)) {
            throw new ConfigurationException("--similarity is " + similarity + "; should be above 0 and at most 1");
        }
    }

    @Override
    public int run(BeanFactory beans, PrintWriter out) throws Exception {
        BatchJob found = JobId.find(beans.getBean(BatchJobs.class), job);
        Quality quality = beans.getBean(Exports.class).quality(job, similarity);
        if (json) {
            Json.print(out, quality);
        } else {
            out.printf("Job %s \"%s\": %,d conversations%n", found.id(), found.name(), quality.conversations());
            print(quality, out);
        }
        return quality.unreadable() > 0 ? ExitCode.FAILED_ITEMS : ExitCode.OK;
    }

    private static void print(Quality quality, PrintWriter out) {
        histogram("score", quality.score().mean(), quality.score().histogram(), 1, out);
        histogram("turns", quality.turns().mean(), quality.turns().histogram(), 1, out);
        histogram(
                "characters", quality.characters().mean(), quality.characters().histogram(), 1_000, out);
        for (Quality.Arc arc : quality.arcs()) {
            Text.row(
                    out,
                    "arc",
                    String.format(
                            Locale.ROOT,
                            "%s: %,d of %,d (%s) end with %s, %,d of them as strongly as wanted; ended with %s",
                            arc.key(),
                            arc.reached(),
                            arc.conversations(),
                            percent(arc.reachedShare()),
                            arc.target(),
                            arc.withinIntensity(),
                            most(arc.endedWith())));
        }
        Text.row(
                out,
                "findings",
                quality.findings().isEmpty()
                        ? "none"
                        : most(quality.findings()) + "; in " + percent(quality.withFindings()) + " of them");
        Text.row(out, "status", most(quality.statuses()));
        Text.row(out, "duplicates", String.format(Locale.ROOT, "%,d near-duplicates", quality.duplicates()));
        Text.row(
                out,
                "review",
                String.format(
                        Locale.ROOT,
                        "%,d (%s) need a person",
                        quality.requireManualReview(),
                        percent(quality.requireManualReviewShare())));
        if (quality.unreadable() > 0) {
            Text.row(
                    out,
                    "unreadable",
                    String.format(Locale.ROOT, "%,d documents are not there or are none", quality.unreadable()));
        }
    }

    private static void histogram(
            String name,
            @org.jspecify.annotations.Nullable BigDecimal mean,
            Map<Integer, Long> counts,
            int step,
            PrintWriter out) {
        Text.row(out, name, mean == null ? "none" : String.format(Locale.ROOT, "%,.2f on average", mean));
        long most = counts.values().stream().mapToLong(Long::longValue).max().orElse(1);
        counts.forEach((value, count) ->
                out.printf(Locale.ROOT, "    %,8d%s  %,9d  %s%n", value, step == 1 ? " " : "+", count, "#".repeat((int)
                                Math.max(1, count * BAR / most))));
    }

    private static String most(Map<String, Long> counts) {
        return Quality.most(counts, KINDS).entrySet().stream()
                        .map(entry -> String.format(Locale.ROOT, "%s %,d", entry.getKey(), entry.getValue()))
                        .collect(Collectors.joining(", "))
                + (counts.size() > KINDS ? ", …" : "");
    }

    private static String percent(BigDecimal share) {
        return share.movePointRight(2).setScale(1, java.math.RoundingMode.HALF_UP) + " %";
    }
}
