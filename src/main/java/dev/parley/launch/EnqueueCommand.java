package dev.parley.launch;

import dev.parley.work.BatchJob;
import dev.parley.work.BatchJobs;
import dev.parley.work.BatchJobs.Enqueued;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import org.springframework.beans.factory.BeanFactory;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
        name = "enqueue",
        description = "Puts the items of job files into the work list; a run, here or elsewhere, works them off.",
        mixinStandardHelpOptions = true,
        versionProvider = Version.class)
class EnqueueCommand implements Action {
    @Parameters(arity = "1..*", paramLabel = "JOBFILE", description = "Job files, such as jobs/demo.yaml.")
    private List<Path> files = List.of();

    @Option(names = "--again", description = "As a new job, even if the same file was enqueued before.")
    private boolean again;

    @Override
    public void check() {
        JobFiles.refuseMissing(files);
    }

    @Override
    public int run(BeanFactory beans, PrintWriter out) {
        BatchJobs jobs = beans.getBean(BatchJobs.class);
        beans.getBean(JobFiles.class).enqueue(files, again).forEach(enqueued -> out.println(line(jobs, enqueued)));
        return ExitCode.OK;
    }

    /** What a person wants to know of a job that was just asked for. */
    static String line(BatchJobs jobs, Enqueued enqueued) {
        BatchJob job = JobId.find(jobs, enqueued.jobId());
        return "Job " + job.id() + " \"" + job.name() + "\": "
                + (enqueued.created()
                        ? job.totalItems() + " items enqueued"
                        : "enqueued before, and is " + job.status().key() + ": " + job.completedItems() + " of "
                                + job.totalItems() + " items through\n  --again makes a new job of the file.");
    }
}
