package dev.parley.launch;

import dev.parley.work.NewJob;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import org.springframework.beans.factory.BeanFactory;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

@Command(
        name = "estimate",
        description = "Says what job files would cost, without enqueueing or spending anything.",
        mixinStandardHelpOptions = true)
class EstimateCommand implements Action {
    @Parameters(arity = "1..*", paramLabel = "JOBFILE", description = "Job files, such as jobs/demo.yaml.")
    private List<Path> files = List.of();

    @Override
    public int run(BeanFactory beans, PrintWriter out) {
        Confirmation confirmation = beans.getBean(Confirmation.class);
        for (NewJob job : beans.getBean(JobFiles.class).read(files)) {
            confirmation.tell(job, out);
        }
        return ExitCode.OK;
    }
}
