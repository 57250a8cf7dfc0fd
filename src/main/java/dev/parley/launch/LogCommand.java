package dev.parley.launch;

import dev.parley.archive.JobLogs;
import dev.parley.work.BatchJobs;
import java.io.PrintWriter;
import java.util.Iterator;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import org.springframework.beans.factory.BeanFactory;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
        name = "log",
        description = "Prints the log of a job.",
        mixinStandardHelpOptions = true,
        versionProvider = Version.class)
class LogCommand implements Action {
    /** A log is published once in five seconds at most. */
    private static final int SECONDS_BETWEEN_LOOKS = 2;

    @Parameters(paramLabel = "JOB", description = "The job's id, as parley status shows it.")
    private UUID job = new UUID(0, 0);

    @Option(
            names = "--follow",
            description = "Goes on with the lines that are added, as they are published, until nothing is left to do.")
    private boolean follow;

    @Override
    public int run(BeanFactory beans, PrintWriter out) throws Exception {
        JobLogs logs = beans.getBean(JobLogs.class);
        BatchJobs jobs = beans.getBean(BatchJobs.class);
        String printed = "";
        while (true) {
            boolean open = JobId.find(jobs, job).status().open();
            Optional<String> text = logs.read(job);
            boolean news = !text.orElse("").equals(printed);
            if (text.isPresent()) {
                printNews(printed, text.get(), out);
                printed = text.get();
            } else if (!follow || !open) {
                throw new ConfigurationException("Job " + job + " has no log yet; it will be " + logs.locate(job));
            }
            if (!follow || (!open && !news)) { // a run closes its log a moment after its job
                return ExitCode.OK;
            }
            TimeUnit.SECONDS.sleep(SECONDS_BETWEEN_LOOKS);
        }
    }

    /** Lines of other processes are added where their time is, so not only at the end; what was there stays, in its order. */
    static void printNews(String before, String now, PrintWriter out) {
        Iterator<String> known = before.lines().iterator();
        String next = known.hasNext() ? known.next() : null;
        for (Iterator<String> lines = now.lines().iterator(); lines.hasNext(); ) {
            String line = lines.next();
            if (line.equals(next)) {
                next = known.hasNext() ? known.next() : null;
            } else {
                out.println(line);
            }
        }
        out.flush();
    }
}
