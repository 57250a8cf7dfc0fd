package dev.parley.launch;

import dev.parley.launch.Views.CauseView;
import dev.parley.work.BatchJob;
import dev.parley.work.BatchJobs;
import java.io.PrintWriter;
import java.util.List;
import java.util.UUID;
import org.springframework.beans.factory.BeanFactory;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
        name = "failures",
        description = "Groups the failed items of a job by cause, the most frequent first.",
        mixinStandardHelpOptions = true,
        versionProvider = Version.class)
class FailuresCommand implements Action {
    @Parameters(paramLabel = "JOB", description = "The job's id, as parley status shows it.")
    private UUID job = new UUID(0, 0);

    @Option(names = "--json", description = "As JSON.")
    private boolean json;

    @Override
    public int run(BeanFactory beans, PrintWriter out) {
        BatchJob row = JobId.find(beans.getBean(BatchJobs.class), job);
        List<CauseView> causes = beans.getBean(Views.class).failures(job);
        if (json) {
            Json.print(out, causes);
            return ExitCode.OK;
        }
        out.printf(
                "Job %s \"%s\": %d of %d items failed%n",
                job, row.name(), causes.stream().mapToLong(CauseView::items).sum(), row.totalItems());
        if (!causes.isEmpty()) {
            out.println();
            Table table =
                    new Table().number("ITEMS").text("CODE").text("RETRYABLE").text("FOR EXAMPLE");
            causes.forEach(
                    cause -> table.row(cause.items(), cause.code(), cause.retryable() ? "yes" : "no", cause.example()));
            table.print(out, beans.getBean(Terminal.class).width());
            out.println();
            out.println("The items of one cause: parley items " + job + " --code "
                    + causes.get(0).code());
        }
        return ExitCode.OK;
    }
}
