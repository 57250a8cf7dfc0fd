package dev.parley.launch;

import dev.parley.launch.Views.ItemPage;
import dev.parley.work.ItemLookup;
import dev.parley.work.ItemStatus;
import java.io.PrintWriter;
import java.util.Objects;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.springframework.beans.factory.BeanFactory;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
        name = "items",
        description = "Lists the items of a job, by position.",
        mixinStandardHelpOptions = true,
        versionProvider = Version.class)
class ItemsCommand implements Action {
    @Parameters(paramLabel = "JOB", description = "The job's id, as parley status shows it.")
    private UUID job = new UUID(0, 0);

    @Option(names = "--status", paramLabel = "S", description = "Only queued, processing, completed or failed items.")
    private @Nullable ItemStatus status;

    @Option(names = "--code", paramLabel = "C", description = "Only items with this error code, such as rate_limited.")
    private @Nullable String code;

    @Option(names = "--limit", paramLabel = "N", description = "How many items at most (${DEFAULT-VALUE}).")
    private int limit = 50;

    @Option(names = "--after", paramLabel = "POSITION", description = "Only items of a higher position.")
    private int after;

    @Option(names = "--json", description = "As JSON.")
    private boolean json;

    @Override
    public void check() {
        ConfigurationException.unlessWithin("--limit", limit, 1, 10_000);
    }

    @Override
    public int run(BeanFactory beans, PrintWriter out) {
        ItemPage page = beans.getBean(Views.class)
                .items(new ItemLookup.Query(job, status, code, after, limit))
                .orElseThrow(() -> JobId.unknown(job));
        if (json) {
            Json.print(out, page);
        } else if (page.items().isEmpty()) {
            out.println(after == 0 ? "No such items." : "No such items after position " + after + ".");
        } else {
            Table table = new Table()
                    .number("#")
                    .text("ITEM")
                    .text("STATUS")
                    .number("TRIES")
                    .spare()
                    .text("CODE")
                    .text("ABOUT");
            page.items()
                    .forEach(item -> table.row(
                            item.position(),
                            item.id(),
                            item.status(),
                            item.attempts(),
                            Objects.requireNonNullElse(item.errorCode(), ""),
                            Objects.requireNonNullElse(
                                    item.errorMessage() == null ? item.topic() : item.errorMessage(), "")));
            table.print(out, beans.getBean(Terminal.class).width());
            if (page.next() != null) {
                out.println("More with --after " + page.next());
            }
        }
        return ExitCode.OK;
    }
}
