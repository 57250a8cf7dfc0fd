package dev.parley.launch;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.parley.archive.JobLogs;
import dev.parley.work.BatchJobs;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
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
        Path printed = Files.createTempFile("parley-log", null); // a log may be larger than the memory
        Path now = Files.createTempFile("parley-log", null);
        try {
            while (true) {
                boolean open = JobId.find(jobs, job).status().open();
                boolean there = logs.download(job, now);
                if (!there && (!follow || !open)) {
                    throw new ConfigurationException("Job " + job + " has no log yet; it will be " + logs.locate(job));
                }
                boolean news = printNews(printed, now, out);
                if (!follow || (!open && !news)) { // a run closes its log a moment after its job
                    return ExitCode.OK;
                }
                Files.copy(now, printed, StandardCopyOption.REPLACE_EXISTING);
                TimeUnit.SECONDS.sleep(SECONDS_BETWEEN_LOOKS);
            }
        } finally {
            Files.deleteIfExists(printed);
            Files.deleteIfExists(now);
        }
    }

    /** Lines of other processes are added where their time is, so not only at the end; what was there stays, in its order. */
    private static boolean printNews(Path before, Path now, PrintWriter out) throws IOException {
        boolean news = false;
        try (BufferedReader known = reader(before);
                BufferedReader lines = reader(now)) {
            String next = known.readLine();
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                if (line.equals(next)) {
                    next = known.readLine();
                } else {
                    out.println(line);
                    news = true;
                }
            }
        }
        out.flush();
        return news;
    }

    private static BufferedReader reader(Path file) throws IOException {
        return new BufferedReader(new InputStreamReader(Files.newInputStream(file), UTF_8)); // bad bytes do not end it
    }
}
