package dev.parley.launch;

import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.UUID;
import org.springframework.beans.factory.BeanFactory;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
        name = "run",
        description = {
            "Enqueues job files and works them off; without files or --job, all open jobs.",
            "Several processes may run the same job at once."
        },
        mixinStandardHelpOptions = true,
        versionProvider = Version.class)
class RunCommand implements Action {
    @Parameters(arity = "0..*", paramLabel = "JOBFILE", description = "Job files, such as jobs/demo.yaml.")
    private List<Path> files = List.of();

    @Option(names = "--job", paramLabel = "ID", description = "A job that is enqueued already; may be repeated.")
    private List<UUID> jobs = List.of();

    @Option(names = "--again", description = "Make new jobs of the files, even if they were enqueued before.")
    private boolean again;

    @Mixin
    private RunOptions options = new RunOptions();

    @Override
    public void check() {
        options.check();
        JobFiles.refuseMissing(files);
    }

    @Override
    public int run(BeanFactory beans, PrintWriter out) throws Exception {
        return beans.getBean(Launcher.class).run(files, jobs, options.with(again), out);
    }
}
