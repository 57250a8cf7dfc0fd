package dev.parley.launch;

import com.fasterxml.jackson.annotation.JsonProperty;
import dev.parley.batch.Backfill;
import dev.parley.batch.Backfill.Part;
import dev.parley.batch.Backfill.Report;
import dev.parley.work.BatchJobs;
import dev.parley.work.BrokenItems;
import dev.parley.work.ItemParameters;
import dev.parley.work.NewJob;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.springframework.beans.factory.BeanFactory;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
        name = "backfill",
        description = {
            "Mends what a broken past left, without a call: links items with conversations that were made for them, parses"
                    + " stored answers, gives back items that nobody works on.",
            "With job files, also enqueues the combinations that no item covers."
        },
        mixinStandardHelpOptions = true,
        versionProvider = Version.class)
class BackfillCommand implements Action {
    @Parameters(arity = "0..*", paramLabel = "JOBFILE", description = "Enqueues what these name and no item covers.")
    private List<Path> files = List.of();

    @Option(names = "--only", split = ",", paramLabel = "PART", description = "Only these of relink, reparse, release.")
    private @Nullable Set<Part> only;

    @Option(names = "--dry-run", description = "Says what would be done and what it would cost; changes nothing.")
    private boolean dryRun;

    @Option(names = "--json", description = "As JSON.")
    private boolean json;

    /**
     * The shape of {@code --json}.
     *
     * @param dryRun whether nothing was done
     * @param enqueued a job for each file that names something missing
     */
    record View(
            @JsonProperty("dryRun") boolean dryRun,
            @JsonProperty("linked") long linked,
            @JsonProperty("parsed") long parsed,
            @JsonProperty("unreadable") long unreadable,
            @JsonProperty("released") long released,
            @JsonProperty("conversationMissing") long conversationMissing,
            @JsonProperty("recountedJobs") long recountedJobs,
            @JsonProperty("enqueued") List<Enqueued> enqueued) {}

    /** @param job null in a dry run, and where nothing is missing */
    record Enqueued(
            @JsonProperty("name") String name,
            @JsonProperty("items") int items,
            @JsonProperty("covered") int covered,
            @JsonProperty("job") @Nullable UUID job) {}

    @Override
    public void check() {
        JobFiles.refuseMissing(files);
    }

    @Override
    public int run(BeanFactory beans, PrintWriter out) throws Exception {
        Set<Part> parts = only == null ? EnumSet.allOf(Part.class) : only;
        Backfill backfill = beans.getBean(Backfill.class);
        Report report;
        try {
            report = dryRun ? backfill.preview(parts) : backfill.run(parts);
        } catch (IllegalStateException e) {
            throw new RunBrokenException(e.getCause() == null ? e : e.getCause());
        }
        List<Enqueued> enqueued = new ArrayList<>();
        for (NewJob job : beans.getBean(JobFiles.class).read(files)) {
            enqueued.add(missing(job, beans, out));
        }
        if (json) {
            Json.print(
                    out,
                    new View(
                            dryRun,
                            report.linked(),
                            report.parsed(),
                            report.unreadable(),
                            report.released(),
                            report.missing(),
                            report.recounted(),
                            enqueued));
        } else {
            print(report, enqueued, out);
        }
        return report.unreadable() > 0 ? ExitCode.FAILED_ITEMS : ExitCode.OK;
    }

    private void print(Report report, List<Enqueued> enqueued, PrintWriter out) {
        String did = dryRun ? "would be " : "";
        Text.row(out, "relink", report.linked() + " items " + did + "linked with their conversation, no call made");
        Text.row(
                out,
                "reparse",
                dryRun
                        ? report.parsed() + " stored answers would be parsed, no call made"
                        : report.parsed() + " stored answers parsed, " + report.unreadable() + " cannot be");
        Text.row(out, "release", report.released() + " items " + did + "back in the queue");
        if (report.missing() > 0) {
            Text.row(
                    out,
                    "missing",
                    report.missing() + " completed items " + did + "failed as conversation_missing"
                            + (dryRun ? ", unless a stored answer is found" : ""));
        }
        if (!dryRun) {
            Text.row(out, "recount", report.recounted() + " jobs had counters that differed from their items");
        }
        for (Enqueued one : enqueued) {
            Text.row(
                    out,
                    "enqueue",
                    "\"" + one.name() + "\": " + one.items() + " of " + (one.items() + one.covered())
                            + " combinations are covered by no item"
                            + (one.job() == null ? "" : "; parley run --job " + one.job() + " works them off"));
        }
    }

    private Enqueued missing(NewJob job, BeanFactory beans, PrintWriter out) {
        Set<List<Object>> covered = beans.getBean(BrokenItems.class).coveredParameters().stream()
                .flatMap(BackfillCommand::combination)
                .collect(Collectors.toSet());
        List<NewJob.Item> missing = job.items().stream()
                .filter(item -> !covered.contains(combination(item.parameters())))
                .toList();
        int rest = job.items().size() - missing.size();
        NewJob smaller = new NewJob(
                job.name(),
                job.description(),
                null, // a job of its own, whatever became of the file's
                job.tier(),
                job.priority(),
                job.errorHandling(),
                job.settings(),
                job.concurrency(),
                job.budgetUsd(),
                job.createdBy(),
                missing);
        if (!missing.isEmpty() && !json) {
            beans.getBean(Confirmation.class).tell(smaller, smaller.settings().delivery(), out);
        }
        return new Enqueued(
                job.name(),
                missing.size(),
                rest,
                missing.isEmpty() || dryRun
                        ? null
                        : beans.getBean(BatchJobs.class).enqueue(smaller, false).jobId());
    }

    private static Stream<List<Object>> combination(String parameters) {
        try {
            return Stream.of(combination(ItemParameters.parse(parameters)));
        } catch (IllegalArgumentException invalid) {
            return Stream.empty(); // covers nothing
        }
    }

    private static List<Object> combination(ItemParameters item) {
        return List.of(item.personaId(), item.emotionalArcId(), item.trainingTopicId(), item.tier());
    }
}
