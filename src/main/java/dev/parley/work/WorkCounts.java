package dev.parley.work;

import java.math.BigDecimal;
import java.util.List;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.stereotype.Repository;

/** How much work there is, of all jobs and in all processes together; cheap whatever the number of items. Thread-safe. */
@Repository
public class WorkCounts {
    private static final String JOBS = """
            SELECT status, count(*), sum(total_items), sum(successful_items), sum(failed_items), sum(actual_cost)
              FROM batch_jobs
             GROUP BY status
            """;

    /** Items in processing are few, and are asked for job by job: the index has them so. */
    private static final String HELD = """
            SELECT count(*), COALESCE(sum(CASE WHEN i.lease_until < CURRENT_TIMESTAMP THEN 1 ELSE 0 END), 0)
              FROM batch_items i
             WHERE i.status = 'processing'
               AND i.batch_job_id IN (SELECT id FROM batch_jobs WHERE status IN ('queued', 'processing', 'paused'))
            """;

    private final JdbcClient jdbc;

    public WorkCounts(JdbcClient jdbc) {
        this.jdbc = jdbc;
    }

    /** The jobs of one status together. Items that are neither successful nor failed are queued or in processing. */
    public record Jobs(JobStatus status, long jobs, long items, long successful, long failed, BigDecimal costUsd) {}

    /**
     * @param jobs statuses without a job are not there
     * @param held items in processing
     * @param expired of these, whose lease has run out; on PostgreSQL their process may live all the same
     */
    public record Counts(List<Jobs> jobs, long held, long expired) {}

    public Counts counts() {
        List<Jobs> all = jdbc.sql(JOBS)
                .query((row, n) -> new Jobs(
                        JobStatus.of(row.getString(1)),
                        row.getLong(2),
                        row.getLong(3),
                        row.getLong(4),
                        row.getLong(5),
                        row.getBigDecimal(6)))
                .list();
        return jdbc.sql(HELD)
                .query((row, n) -> new Counts(all, row.getLong(1), row.getLong(2)))
                .single();
    }
}
