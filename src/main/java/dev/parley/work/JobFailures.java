package dev.parley.work;

import dev.parley.work.BatchJobs.Cause;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.stereotype.Repository;

/**
 * The table {@code job_failures}: a job's failed items counted by cause, so that whoever looks at a job of a million need not
 * count them. Counted where the job is, under the lock on its row. Where it does not add up to the job's own counter, as after
 * rows were changed by hand, the items are counted after all. Thread-safe.
 */
@Repository
class JobFailures {
    private static final String ADD = """
            UPDATE job_failures
               SET items = items + :items, example = GREATEST(example, :example)
             WHERE job_id = :job AND error_code = :code AND retryable = :retryable
            """;

    private static final String BEGIN = """
            INSERT INTO job_failures (job_id, error_code, retryable, items, example)
            VALUES (:job, :code, :retryable, :items, :example)
            """;

    /** The item that the example was of may be among those that are taken. */
    private static final String TAKE = """
            UPDATE job_failures
               SET items = items - :items,
                   example = COALESCE((SELECT error_message
                                         FROM batch_items
                                        WHERE batch_job_id = :job AND error_code = :code AND status = 'failed'
                                          AND COALESCE(retryable, FALSE) = :retryable
                                        LIMIT 1), example)
             WHERE job_id = :job AND error_code = :code AND retryable = :retryable
            """;

    private static final String FORGET = "DELETE FROM job_failures WHERE job_id = :job AND items <= 0";

    private static final String CLEAR = "DELETE FROM job_failures WHERE job_id = :job";

    private static final String COUNT = """
            SELECT error_code, COALESCE(retryable, FALSE) AS retryable, count(*) AS items, max(error_message) AS example
              FROM batch_items
             WHERE batch_job_id = :job AND status = 'failed'
             GROUP BY error_code, COALESCE(retryable, FALSE)
             ORDER BY items DESC, error_code, retryable
            """;

    private static final String COUNTED = """
            SELECT f.error_code, f.retryable, f.items, f.example, j.failed_items
              FROM batch_jobs j
              LEFT JOIN job_failures f ON f.job_id = j.id
             WHERE j.id = :job
             ORDER BY f.items DESC, f.error_code, f.retryable
            """;

    private final JdbcClient jdbc;

    JobFailures(JdbcClient jdbc) {
        this.jdbc = jdbc;
    }

    /** Adds items that have just failed. */
    void add(UUID job, Collection<Cause> causes) {
        Map<List<Object>, Cause> sums = new LinkedHashMap<>();
        causes.forEach(cause -> sums.merge(
                List.of(cause.code(), cause.retryable()),
                cause,
                (one, other) -> new Cause(
                        one.code(),
                        one.retryable(),
                        one.items() + other.items(),
                        one.example().compareTo(other.example()) < 0 ? other.example() : one.example())));
        sums.values().forEach(cause -> {
            if (write(ADD, job, cause) == 0) {
                write(BEGIN, job, cause);
            }
        });
    }

    /** Takes items that have just ceased to be failed. */
    void take(UUID job, Collection<Cause> causes) {
        causes.forEach(cause -> jdbc.sql(TAKE)
                .param("job", job)
                .param("code", cause.code())
                .param("retryable", cause.retryable())
                .param("items", cause.items())
                .update());
        jdbc.sql(FORGET).param("job", job).update();
    }

    /** Counts them anew. */
    void recount(UUID job) {
        jdbc.sql(CLEAR).param("job", job).update();
        counted(job).forEach(cause -> write(BEGIN, job, cause));
    }

    private int write(String sql, UUID job, Cause cause) {
        return jdbc.sql(sql)
                .param("job", job)
                .param("code", cause.code())
                .param("retryable", cause.retryable())
                .param("items", cause.items())
                .param("example", cause.example())
                .update();
    }

    /** The most frequent first. */
    List<Cause> of(UUID job) {
        List<Cause> causes = new ArrayList<>();
        long failed = jdbc
                .sql(COUNTED)
                .param("job", job)
                .query((row, n) -> {
                    if (row.getString("error_code") != null) {
                        causes.add(cause(row));
                    }
                    return row.getLong("failed_items");
                })
                .list()
                .stream()
                .findFirst()
                .orElse(0L);
        return causes.stream().mapToLong(Cause::items).sum() == failed ? causes : counted(job);
    }

    private List<Cause> counted(UUID job) {
        return jdbc.sql(COUNT).param("job", job).query((row, n) -> cause(row)).list();
    }

    static Cause cause(ResultSet row) throws SQLException {
        return new Cause(
                row.getString("error_code"),
                row.getBoolean("retryable"),
                row.getLong("items"),
                row.getString("example"));
    }
}
