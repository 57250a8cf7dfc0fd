package dev.parley.serve;

import dev.parley.launch.Views;
import dev.parley.launch.Views.JobView;
import dev.parley.work.JobStatus;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.springframework.stereotype.Component;

/** Jobs as they are shown over HTTP: a report is an address here. */
@Component
class ShownJobs {
    private final Views views;

    ShownJobs(Views views) {
        this.views = views;
    }

    List<JobView> jobs(@Nullable JobStatus status, @Nullable UUID after, int limit) {
        return views.jobs(status, after, limit).stream()
                .map(ShownJobs::addressed)
                .toList();
    }

    /** @throws UnknownException when there is no such job */
    JobView job(UUID id) {
        return views.job(id).map(ShownJobs::addressed).orElseThrow(() -> unknown(id));
    }

    List<JobView> among(Collection<UUID> ids) {
        return views.among(ids).stream().map(ShownJobs::addressed).toList();
    }

    /** In the order of {@link #jobs}. */
    static List<JobView> newestOf(Collection<JobView> jobs, int limit) {
        return jobs.stream()
                .sorted(Comparator.comparing(JobView::createdAt)
                        .thenComparing(job -> job.id().toString())
                        .reversed())
                .limit(limit)
                .toList();
    }

    static JobView addressed(JobView job) {
        return job.reportedAt(job.report() == null ? null : "/api/jobs/" + job.id() + "/report");
    }

    static UnknownException unknown(UUID id) {
        return new UnknownException("There is no job " + id + "; GET /api/jobs lists them");
    }
}
