package dev.parley.archive;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Clock;
import java.util.UUID;

/** A process of its own that writes to a job's log in a local store; its input's next byte lets it close the log. */
final class JobLogProcess {
    private JobLogProcess() {}

    /**
     * Says "ready" when its lines are written.
     *
     * @param args data folder, job, a name to tell its lines by, how many lines
     */
    public static void main(String[] args) throws IOException {
        Path data = Path.of(args[0]);
        JobLogs logs = new JobLogs(ArchiveFixtures.localStore(data), ArchiveFixtures.settings(data), Clock.systemUTC());
        try (JobLog log = logs.open(UUID.fromString(args[1]))) {
            for (int i = 0; i < Integer.parseInt(args[3]); i++) {
                log.line(args[2] + " line " + i);
            }
            System.out.println("\nready");
            int unused = System.in.read();
        }
    }
}
