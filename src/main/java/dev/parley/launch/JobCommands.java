package dev.parley.launch;

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
    private JobCommands() {}

    private static int tell(JobControl.Changed changed, PrintWriter out) {
        out.println(changed);
        return ExitCode.OK;
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
            return tell(beans.getBean(JobControl.class).pause(job, reason), out);
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
            return tell(beans.getBean(JobControl.class).resume(job, raised), out);
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
            return tell(beans.getBean(JobControl.class).prioritize(job, priority), out);
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
            return tell(beans.getBean(JobControl.class).cancel(job, reason), out);
        }
    }
}
