package dev.parley.launch;

import dev.parley.batch.BatchCancellation;
import dev.parley.work.BatchJob;
import dev.parley.work.BatchJobs;
import dev.parley.work.Priority;
import java.io.PrintWriter;
import java.math.BigDecimal;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.springframework.beans.factory.BeanFactory;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Commands that change the state of a job, in whatever processes work on it. */
final class JobCommands {
    private static final String OPEN = "only a queued job or one in processing can";
    private static final String UNFINISHED = "only a job that is queued, in processing or paused can";

    private JobCommands() {}

    /** A change that a job's state allows or not. */
    private interface Change {
        boolean apply(BatchJobs jobs, UUID id);
    }

    /** @param verb as in "is paused" */
    private static int change(
            BeanFactory beans, PrintWriter out, UUID id, String verb, String possible, Change change) {
        BatchJobs jobs = beans.getBean(BatchJobs.class);
        BatchJob before = JobId.find(jobs, id);
        if (!change.apply(jobs, id)) {
            throw new ConfigurationException(
                    "Job " + id + " is " + before.status().key() + " and cannot be " + verb + "; " + possible + ".");
        }
        out.println("Job " + id + " \"" + before.name() + "\" is " + verb + ".");
        return ExitCode.OK;
    }

    private static boolean endBatches(BeanFactory beans, PrintWriter out, UUID id) {
        int told = beans.getBean(BatchCancellation.class).cancel(id);
        if (told > 0) {
            out.println(told + (told == 1 ? " batch was" : " batches were")
                    + " cancelled at the provider; a run takes what was answered: parley run --job " + id);
        }
        return true;
    }

    @Command(
            name = "pause",
            description = "Stops the claiming of a job's items; calls in flight finish.",
            mixinStandardHelpOptions = true,
            versionProvider = Version.class)
    static class Pause implements Action {
        @Parameters(paramLabel = "JOB", description = "The job's id.")
        private UUID job = new UUID(0, 0);

        @Option(names = "--reason", description = "Kept with the job.", defaultValue = "paused by an operator")
        private String reason = "";

        @Override
        public int run(BeanFactory beans, PrintWriter out) {
            return change(
                    beans,
                    out,
                    job,
                    "paused",
                    OPEN,
                    (jobs, id) -> jobs.pause(id, reason) && endBatches(beans, out, id));
        }
    }

    @Command(
            name = "resume",
            description = "Reopens a paused job; a run, here or elsewhere, works it off.",
            mixinStandardHelpOptions = true,
            versionProvider = Version.class)
    static class Resume implements Action {
        @Parameters(paramLabel = "JOB", description = "The job's id.")
        private UUID job = new UUID(0, 0);

        @Option(names = "--budget", paramLabel = "USD", description = "What the whole job may cost from now on.")
        private @Nullable BigDecimal budget;

        @Override
        public int run(BeanFactory beans, PrintWriter out) {
            BigDecimal raised = budget;
            if (raised != null && raised.signum() <= 0) {
                throw new ConfigurationException("--budget " + raised + " is not more than 0");
            }
            return change(
                    beans,
                    out,
                    job,
                    "resumed",
                    "only a paused job can",
                    (jobs, id) -> (raised == null || jobs.setBudget(id, raised)) && jobs.resume(id));
        }
    }

    @Command(
            name = "prioritize",
            description = "Changes whose items are claimed first, in every run, from the next claim on.",
            mixinStandardHelpOptions = true,
            versionProvider = Version.class)
    static class Prioritize implements Action {
        @Parameters(index = "0", paramLabel = "JOB", description = "The job's id.")
        private UUID job = new UUID(0, 0);

        @Parameters(index = "1", paramLabel = "PRIORITY", description = "low, normal or high.")
        private Priority priority = Priority.NORMAL;

        @Override
        public int run(BeanFactory beans, PrintWriter out) {
            return change(
                    beans,
                    out,
                    job,
                    "of " + priority.key() + " priority",
                    UNFINISHED,
                    (jobs, id) -> jobs.prioritize(id, priority));
        }
    }

    @Command(
            name = "cancel",
            description = "Fails what is still queued, with the code 'cancelled'; what succeeded stays.",
            mixinStandardHelpOptions = true,
            versionProvider = Version.class)
    static class Cancel implements Action {
        @Parameters(paramLabel = "JOB", description = "The job's id.")
        private UUID job = new UUID(0, 0);

        @Option(names = "--reason", description = "Kept with job and items.", defaultValue = "cancelled by an operator")
        private String reason = "";

        @Override
        public int run(BeanFactory beans, PrintWriter out) {
            return change(
                    beans,
                    out,
                    job,
                    "cancelled",
                    UNFINISHED,
                    (jobs, id) -> jobs.cancel(id, reason) && endBatches(beans, out, id));
        }
    }
}
