package dev.parley.launch;

import dev.parley.work.ItemParameters;
import java.io.PrintWriter;
import java.util.List;
import java.util.UUID;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.springframework.beans.factory.BeanFactory;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

@Command(
        name = "retry",
        description = {
            "Gives failed items another round, and works them off.",
            "What is stored of an item's answer is used again; only what is missing is asked for."
        },
        mixinStandardHelpOptions = true,
        versionProvider = Version.class)
class RetryCommand implements Action {
    @Option(names = "--job", paramLabel = "ID", description = "The failed items of a job that may succeed later.")
    private @Nullable UUID job;

    @Option(names = "--all", description = "With --job: all failed items, also those that would fail again.")
    private boolean all;

    @Option(
            names = "--code",
            paramLabel = "CODE",
            split = ",",
            description = "With --job: those that failed for one of these causes, such as rate_limited,refused.")
    private List<String> codes = List.of();

    @Option(names = "--item", paramLabel = "ID", description = "A failed item, of whatever job; may be repeated.")
    private List<UUID> items = List.of();

    @Option(
            names = "--params",
            paramLabel = "JSON",
            description = "One new item of these parameters, in a job of its own, as items have them.")
    private @Nullable String parameters;

    @Option(
            names = "--parse-only",
            description = "Make no call: parse the stored answers again, after a fix or a change by hand.")
    private boolean parseOnly;

    @Mixin
    private RunOptions options = new RunOptions();

    @Override
    public void check() {
        options.check();
        long ways = Stream.of(job != null, !items.isEmpty(), parameters != null)
                .filter(given -> given)
                .count();
        if (ways != 1) {
            throw new ConfigurationException("retry needs one of --job ID, --item ID and --params JSON");
        }
        if (job == null && (all || !codes.isEmpty())) {
            throw new ConfigurationException(
                    (all ? "--all" : "--code") + " chooses among the items of a job: say --job ID");
        }
        if (all && !codes.isEmpty()) {
            throw new ConfigurationException("--all and --code exclude each other");
        }
        if (parameters != null) {
            if (parseOnly) {
                throw new ConfigurationException("--parse-only needs a stored answer, and a new item has none");
            }
            parsed(parameters);
        }
        codes.forEach(RetryList::requireKnown);
    }

    private static ItemParameters parsed(String json) {
        try {
            return ItemParameters.parse(json);
        } catch (IllegalArgumentException e) {
            throw new ConfigurationException("--params: " + e.getMessage()
                    + "\nIt should look like {\"persona_id\": UUID, \"emotional_arc_id\": UUID,"
                    + " \"training_topic_id\": UUID, \"tier\": \"template\", \"templateId\": UUID}");
        }
    }

    @Override
    public int run(BeanFactory beans, PrintWriter out) {
        Launcher launcher = beans.getBean(Launcher.class);
        Launcher.Options how = options.with(false);
        RetryList retries = beans.getBean(RetryList.class);
        if (parameters != null) {
            ItemParameters item = parsed(parameters);
            return launcher.retry(() -> retries.enqueue(item, out), false, how, out);
        }
        UUID ofJob = job;
        return launcher.retry(
                () -> ofJob == null
                        ? retries.requeue(items, parseOnly, out)
                        : retries.requeue(ofJob, all, codes, parseOnly, out),
                parseOnly,
                how,
                out);
    }
}
