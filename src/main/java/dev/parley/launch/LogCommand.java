package dev.parley.launch;

import dev.parley.archive.JobLogs;
import dev.parley.work.BatchJobs;
import java.io.PrintWriter;
import java.util.Optional;
import java.util.UUID;
import org.springframework.beans.factory.BeanFactory;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

@Command(
        name = "log",
        description = "Prints the log of a job.",
        mixinStandardHelpOptions = true,
        versionProvider = Version.class)
class LogCommand implements Action {
    @Parameters(paramLabel = "JOB", description = "The job's id, as parley status shows it.")
    private UUID job = new UUID(0, 0);

    @Override
    public int run(BeanFactory beans, PrintWriter out) {
        JobLogs logs = beans.getBean(JobLogs.class);
        Optional<String> text =
                logs.read(JobId.find(beans.getBean(BatchJobs.class), job).id());
        if (text.isEmpty()) {
            throw new ConfigurationException("Job " + job + " has no log yet; it will be " + logs.locate(job));
        }
        out.print(text.get());
        return ExitCode.OK;
    }
}
