package dev.parley.work;

import java.math.BigDecimal;
import java.math.RoundingMode;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.springframework.jdbc.core.RowCallbackHandler;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.stereotype.Repository;
import tools.jackson.core.type.TypeReference;
import tools.jackson.databind.json.JsonMapper;

/**
 * The table {@code job_series}: how a job went over time, and how fast it goes. Thread-safe.
 *
 * <p>A row is a second in a job's first four minutes, ten seconds until its fortieth, a minute from then on; so a job of any
 * size is some hundred to some thousand rows. They are counted where the job is, under the lock on its row.
 */
@Repository
public class JobSeries {
    private static final JsonMapper JSON = JsonMapper.shared();
    private static final TypeReference<TreeMap<Integer, Integer>> LATENCIES = new TypeReference<>() {};

    /** Points that are drawn of a job at most. */
    private static final int POINTS = 240;

    /** A pace that nothing has been added to for so long says nothing about the future. */
    private static final Duration STALE = Duration.ofMinutes(5);

    /** Of points, in seconds; each holds a whole number of rows. */
    private static final List<Integer> STEPS =
            List.of(1, 10, 60, 120, 300, 600, 1_800, 3_600, 7_200, 14_400, 43_200, 86_400);

    private static final String LATEST = """
            SELECT CURRENT_TIMESTAMP AS now, COALESCE(j.started_at, j.created_at) AS started_at,
                   s.begins_at, s.ends_at, s.successful, s.failed, s.cost_usd, s.latencies
              FROM batch_jobs j
              LEFT JOIN job_series s ON s.job_id = j.id
                                    AND s.begins_at = (SELECT max(begins_at) FROM job_series WHERE job_id = :job)
             WHERE j.id = :job
            """;

    private static final String ADD = """
            INSERT INTO job_series (job_id, begins_at, ends_at, successful, failed, cost_usd, latencies)
            VALUES (:job, :begins, :ends, :successful, :failed, :cost, :latencies)
            """;

    private static final String CHANGE = """
            UPDATE job_series
               SET ends_at = :ends, successful = :successful, failed = :failed, cost_usd = :cost, latencies = :latencies
             WHERE job_id = :job AND begins_at = :begins
            """;

    private static final String ALL = """
            SELECT begins_at, ends_at, successful, failed, cost_usd, latencies
              FROM job_series
             WHERE job_id = :job
             ORDER BY begins_at
            """;

    private static final String RECENT = """
            SELECT s.job_id, min(s.begins_at) AS first, max(s.ends_at) AS last, sum(s.successful + s.failed) AS items
              FROM job_series s
              JOIN (SELECT job_id, max(begins_at) AS begins_at
                      FROM job_series
                     WHERE job_id IN (:jobs)
                     GROUP BY job_id) latest ON latest.job_id = s.job_id
             WHERE s.begins_at > latest.begins_at - INTERVAL '2' MINUTE
             GROUP BY s.job_id
            """;

    private final JdbcClient jdbc;
    private final Clock clock;

    public JobSeries(JdbcClient jdbc, Clock clock) {
        this.jdbc = jdbc;
        this.clock = clock;
    }

    /**
     * A point of a job's course.
     *
     * @param at when it begins; it lasts a step
     * @param completed items that became successful in it; {@code failed} likewise
     * @param p50Ms what half of the calls that ended in it took at most, to about 5 %; null when none ended
     * @param p95Ms what 95 % of them took at most
     * @param inFlight calls at once, on average
     * @param costUsd what the job had cost by its end
     */
    public record Point(
            Instant at,
            int completed,
            int failed,
            @Nullable Long p50Ms,
            @Nullable Long p95Ms,
            double inFlight,
            BigDecimal costUsd) {}

    /** @param points oldest first, without a gap; 241 at most */
    public record Series(int stepSeconds, List<Point> points) {}

    /**
     * How a job that is open goes on, if it goes on as in the last two minutes in which something happened. Each is null when
     * nobody can know.
     *
     * @param ratePerMinute items
     * @param projectedCostUsd of the whole job
     */
    public record Pace(
            @Nullable Double ratePerMinute,
            @Nullable Long remainingSeconds,
            @Nullable BigDecimal projectedCostUsd) {
        public static final Pace UNKNOWN = new Pace(null, null, null);
    }

    /**
     * Adds what {@link BatchJobs#count} has just counted, in the same transaction: its lock on the job's row is this one's too.
     *
     * @param durations of the calls
     */
    public void add(UUID job, int successful, int failed, BigDecimal costUsd, Collection<Duration> durations) {
        jdbc.sql(LATEST)
                .param("job", job)
                .query((row, n) -> {
                    Instant now = instant(row, "now");
                    long width = width(Duration.between(instant(row, "started_at"), now));
                    Instant begins = Instant.ofEpochSecond(Math.floorDiv(now.getEpochSecond(), width) * width);
                    Row added = new Row(begins, now, successful, failed, costUsd, classes(durations));
                    Row latest = row.getObject("begins_at") == null ? null : Row.of(row);
                    return latest == null || latest.begins.isBefore(begins) ? added : latest.plus(added);
                })
                .list()
                .forEach(row -> {
                    if (write(CHANGE, job, row) == 0) {
                        write(ADD, job, row);
                    }
                });
    }

    private int write(String sql, UUID job, Row row) {
        return jdbc.sql(sql)
                .param("job", job)
                .param("begins", row.begins.atOffset(ZoneOffset.UTC))
                .param("ends", row.ends.atOffset(ZoneOffset.UTC))
                .param("successful", row.successful)
                .param("failed", row.failed)
                .param("cost", row.costUsd)
                .param("latencies", JSON.writeValueAsString(row.latencies))
                .update();
    }

    /** The course of a job; no point when nothing has come of it yet. */
    public Series of(UUID job) {
        List<Row> rows =
                jdbc.sql(ALL).param("job", job).query((row, n) -> Row.of(row)).list();
        if (rows.isEmpty()) {
            return new Series(STEPS.get(0), List.of());
        }
        return new Course(rows).series();
    }

    /** The pace of those of some jobs that are open. */
    public Map<UUID, Pace> paces(Collection<BatchJob> jobs) {
        Map<UUID, BatchJob> open = new HashMap<>();
        jobs.stream().filter(job -> job.status().open()).forEach(job -> open.put(job.id(), job));
        Map<UUID, Pace> paces = new HashMap<>();
        if (!open.isEmpty()) {
            jdbc.sql(RECENT).param("jobs", open.keySet()).query((RowCallbackHandler) row -> {
                BatchJob job = open.get(row.getObject("job_id", UUID.class));
                paces.put(job.id(), pace(job, instant(row, "first"), instant(row, "last"), row.getLong("items")));
            });
        }
        return paces;
    }

    private Pace pace(BatchJob job, Instant first, Instant last, long items) {
        BigDecimal projected = job.completedItems() == 0
                ? null
                : job.actualCost()
                        .multiply(BigDecimal.valueOf(job.totalItems()))
                        .divide(BigDecimal.valueOf(job.completedItems()), 4, RoundingMode.HALF_UP);
        Instant started = job.startedAt() == null || job.startedAt().isBefore(first) ? first : job.startedAt();
        double seconds = Math.max(1, Duration.between(started, last).toMillis() / 1000.0);
        if (items == 0 || Duration.between(last, clock.instant()).compareTo(STALE) > 0) {
            return new Pace(null, null, projected);
        }
        return new Pace(
                Math.round(items * 600 / seconds) / 10.0,
                (long) Math.ceil(job.remainingItems() * seconds / items),
                projected);
    }

    private static long width(Duration since) {
        return since.toMinutes() < 4 ? 1 : since.toMinutes() < 40 ? 10 : 60;
    }

    private static Instant instant(ResultSet row, String column) throws SQLException {
        return row.getObject(column, OffsetDateTime.class).toInstant();
    }

    /** Classes are 9 % wide, eight between a duration and its double; 0 is less than a millisecond. */
    private static SortedMap<Integer, Integer> classes(Collection<Duration> durations) {
        SortedMap<Integer, Integer> classes = new TreeMap<>();
        for (Duration duration : durations) {
            long millis = duration.toMillis();
            classes.merge(millis < 1 ? 0 : 1 + (int) Math.floor(8 * Math.log(millis) / Math.log(2)), 1, Integer::sum);
        }
        return classes;
    }

    private static double millis(int latencyClass) {
        return latencyClass == 0 ? 0 : Math.pow(2, (latencyClass - 0.5) / 8);
    }

    /** @param ends when the last of it was counted */
    private record Row(
            Instant begins,
            Instant ends,
            int successful,
            int failed,
            BigDecimal costUsd,
            SortedMap<Integer, Integer> latencies) {
        static Row of(ResultSet row) throws SQLException {
            return new Row(
                    instant(row, "begins_at"),
                    instant(row, "ends_at"),
                    row.getInt("successful"),
                    row.getInt("failed"),
                    row.getBigDecimal("cost_usd"),
                    JSON.readValue(row.getString("latencies"), LATENCIES));
        }

        Row plus(Row more) {
            SortedMap<Integer, Integer> both = new TreeMap<>(latencies);
            more.latencies.forEach((latency, calls) -> both.merge(latency, calls, Integer::sum));
            return new Row(
                    begins,
                    more.ends.isAfter(ends) ? more.ends : ends,
                    successful + more.successful,
                    failed + more.failed,
                    costUsd.add(more.costUsd),
                    both);
        }
    }

    /** Rows on their way to points. */
    private static final class Course {
        private final List<Row> rows;
        private final int step;
        private final long first;
        private final Row[] sums;
        private final double[] busySeconds;

        private Course(List<Row> rows) {
            this.rows = rows;
            Instant begin = rows.get(0).begins;
            Instant end = rows.get(rows.size() - 1).begins;
            long span = Duration.between(begin, end).toSeconds();
            long widest = width(Duration.ofSeconds(span));
            this.step = STEPS.stream()
                    .filter(seconds -> seconds >= widest && span / seconds < POINTS)
                    .findFirst()
                    .orElse((int) (span / POINTS + 1));
            this.first = Math.floorDiv(begin.getEpochSecond(), step);
            this.sums = new Row[index(end) + 1];
            this.busySeconds = new double[sums.length];
            rows.forEach(this::add);
        }

        private int index(Instant at) {
            return (int) (Math.floorDiv(at.getEpochSecond(), step) - first);
        }

        private void add(Row row) {
            int index = index(row.begins);
            sums[index] = sums[index] == null ? row : sums[index].plus(row);
            double end = (row.begins.toEpochMilli() + row.ends.toEpochMilli()) / 2000.0 - first * (double) step;
            row.latencies.forEach((latency, calls) -> busy(end, millis(latency) / 1000, calls));
        }

        /** Calls were in flight for so long until {@code end}, a point or several before it. */
        private void busy(double end, double seconds, int calls) {
            double begin = Math.max(0, end - seconds);
            for (int i = (int) (begin / step); i <= (int) (end / step) && i < busySeconds.length; i++) {
                double from = Math.max(begin, (double) i * step);
                double until = Math.min(end, (i + 1.0) * step);
                busySeconds[i] += calls * Math.max(0, until - from);
            }
        }

        Series series() {
            List<Point> points = new ArrayList<>(sums.length);
            BigDecimal cost = BigDecimal.ZERO;
            for (int i = 0; i < sums.length; i++) {
                Instant at = Instant.ofEpochSecond((first + i) * step);
                Row sum = sums[i];
                double inFlight = Math.round(busySeconds[i] / seconds(i, at) * 10) / 10.0;
                if (sum == null) {
                    points.add(new Point(at, 0, 0, null, null, inFlight, cost));
                } else {
                    cost = cost.add(sum.costUsd);
                    points.add(new Point(
                            at,
                            sum.successful,
                            sum.failed,
                            percentile(sum.latencies, 0.5),
                            percentile(sum.latencies, 0.95),
                            inFlight,
                            cost));
                }
            }
            return new Series(step, List.copyOf(points));
        }

        /** The last point is not over. */
        private double seconds(int i, Instant at) {
            Instant end = rows.get(rows.size() - 1).ends;
            return i < sums.length - 1
                    ? step
                    : Math.min(step, Math.max(0.2, Duration.between(at, end).toMillis() / 1000.0));
        }

        private static @Nullable Long percentile(SortedMap<Integer, Integer> latencies, double share) {
            long calls =
                    latencies.values().stream().mapToLong(Integer::longValue).sum();
            long left = (long) Math.ceil(calls * share);
            for (Map.Entry<Integer, Integer> latency : latencies.entrySet()) {
                left -= latency.getValue();
                if (left <= 0) {
                    return Math.round(millis(latency.getKey()));
                }
            }
            return null;
        }
    }
}
