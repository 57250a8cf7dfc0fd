package dev.parley.launch;

import dev.parley.work.Delivery;
import dev.parley.work.NewJob;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.springframework.beans.factory.BeanFactory;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
        name = "estimate",
        description = "Says what job files would cost, without enqueueing or spending anything.",
        mixinStandardHelpOptions = true)
class EstimateCommand implements Action {
    @Parameters(arity = "1..*", paramLabel = "JOBFILE", description = "Job files, such as jobs/demo.yaml.")
    private List<Path> files = List.of();

    @Option(
            names = "--delivery",
            paramLabel = "D",
            description = "live, batch or batch-then-live, whatever the files say.")
    private @Nullable Delivery delivery;

    @Override
    public int run(BeanFactory beans, PrintWriter out) {
        Confirmation confirmation = beans.getBean(Confirmation.class);
        for (NewJob job : beans.getBean(JobFiles.class).read(files)) {
            confirmation.tell(job, delivery == null ? job.settings().delivery() : delivery, out);
        }
        return ExitCode.OK;
    }
}
