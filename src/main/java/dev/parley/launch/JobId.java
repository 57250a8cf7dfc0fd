package dev.parley.launch;

import dev.parley.work.BatchJob;
import dev.parley.work.BatchJobs;
import java.util.UUID;

/** A job as the command line names it. */
final class JobId {
    private JobId() {}

    /** @throws ConfigurationException when there is no such job */
    static BatchJob find(BatchJobs jobs, UUID id) {
        return jobs.find(id)
                .orElseThrow(() -> new ConfigurationException(
                        "There is no job " + id + " in this database; parley status lists the jobs."));
    }
}
