package dev.parley.launch;

import java.io.PrintWriter;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.springframework.beans.factory.BeanFactory;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
        name = "query",
        description = "Shows rows of a table, the newest first, as JSON.",
        mixinStandardHelpOptions = true,
        versionProvider = Version.class)
class QueryCommand implements Action {
    @Parameters(paramLabel = "TABLE", description = "Such as batch_jobs; another name lists them.")
    private String table = "";

    @Option(
            names = "--where",
            paramLabel = "CONDITION",
            description = "Such as status=failed, with = != < <= > >=; may be repeated, and all have to be met.")
    private List<String> where = List.of();

    @Option(names = "--limit", paramLabel = "N", description = "How many rows at most (${DEFAULT-VALUE}).")
    private int limit = 5;

    /** The shape of the answer. A query that is refused has none: it is told on standard error, with exit code 2. */
    record Answer(boolean success, List<Map<String, @Nullable Object>> data) {}

    @Override
    public void check() {
        ConfigurationException.unlessWithin("--limit", limit, 1, 10_000);
    }

    @Override
    public int run(BeanFactory beans, PrintWriter out) {
        Json.print(out, new Answer(true, beans.getBean(TableQuery.class).rows(table, where, limit)));
        return ExitCode.OK;
    }
}
