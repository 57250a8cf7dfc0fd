package dev.parley.launch;

import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.springframework.beans.factory.BeanFactory;
import picocli.CommandLine.Command;
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

    @Option(names = "--concurrency", paramLabel = "N", description = "Calls in flight at most.")
    private @Nullable Integer concurrency;

    @Option(
            names = "--provider",
            paramLabel = "P",
            description = "anthropic, openai or offline, whatever the job says.")
    private @Nullable String provider;

    @Option(names = "--again", description = "Make new jobs of the files, even if they were enqueued before.")
    private boolean again;

    @Option(names = "--yes", description = "Answer yes to every question.")
    private boolean yes;

    @Override
    public void check() {
        if (concurrency != null && (concurrency < 1 || concurrency > 10_000)) {
            throw new ConfigurationException("--concurrency is " + concurrency + "; should be from 1 to 10000");
        }
        JobFiles.refuseMissing(files);
    }

    @Override
    public int run(BeanFactory beans, PrintWriter out) throws Exception {
        return beans.getBean(Launcher.class)
                .run(files, jobs, new Launcher.Options(concurrency, provider, again, yes), out);
    }
}
