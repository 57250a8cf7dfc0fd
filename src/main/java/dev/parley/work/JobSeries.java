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
import java.util.Arrays;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.springframework.jdbc.core.RowCallbackHandler;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.stereotype.Repository;

/**
 * The table {@code job_series}: how a job went over time, and how fast it goes. Thread-safe.
 *
 * <p>A row is a second in a job's first four minutes, ten seconds until its fortieth, a minute until its fortieth hour, ten
 * minutes until its sixteenth day and an hour from then on; so a job of any size is some hundred to some thousand rows. They are counted where the job is, under the lock on its row.
 */
@Repository
public class JobSeries {
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
              FROM (SELECT id, (SELECT max(begins_at) FROM job_series WHERE job_id = batch_jobs.id) AS latest
                      FROM batch_jobs
                     WHERE id IN (:jobs)) j
              JOIN job_series s ON s.job_id = j.id AND s.begins_at > j.latest - INTERVAL '2' HOUR
             WHERE s.begins_at > j.latest - INTERVAL '2' MINUTE
                OR s.ends_at > j.latest - INTERVAL '1' MINUTE
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
                    Counted added = new Counted(begins, now, successful, failed, costUsd, Latencies.of(durations));
                    Counted latest = row.getObject("begins_at") == null ? null : Counted.of(row);
                    return latest == null || latest.begins.isBefore(begins) ? added : latest.plus(added);
                })
                .list()
                .forEach(row -> {
                    if (write(CHANGE, job, row) == 0) {
                        write(ADD, job, row);
                    }
                });
    }

    private int write(String sql, UUID job, Counted row) {
        return jdbc.sql(sql)
                .param("job", job)
                .param("begins", row.begins.atOffset(ZoneOffset.UTC))
                .param("ends", row.ends.atOffset(ZoneOffset.UTC))
                .param("successful", row.successful)
                .param("failed", row.failed)
                .param("cost", row.costUsd)
                .param("latencies", row.latencies.toString())
                .update();
    }

    /** The course of a job; no point when nothing has come of it yet. */
    public Series of(UUID job) {
        List<Counted> rows = jdbc.sql(ALL)
                .param("job", job)
                .query((row, n) -> Counted.of(row))
                .list();
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
                BatchJob job = Objects.requireNonNull(open.get(row.getObject("job_id", UUID.class)));
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
        return since.toMinutes() < 4
                ? 1
                : since.toMinutes() < 40 ? 10 : since.toHours() < 40 ? 60 : since.toDays() < 16 ? 600 : 3_600;
    }

    private static Instant instant(ResultSet row, String column) throws SQLException {
        return row.getObject(column, OffsetDateTime.class).toInstant();
    }

    /**
     * Calls by class of their duration. A class is 9 % wide, eight between a duration and its double; 0 is less than a
     * millisecond. As text, {@code 81:3 82:7}: there are thousands of them to be read for one picture.
     */
    private static final class Latencies {
        private static final int CLASSES = 200; // up to nine hours

        private final int[] calls = new int[CLASSES];

        static Latencies of(Collection<Duration> durations) {
            Latencies latencies = new Latencies();
            for (Duration duration : durations) {
                long millis = duration.toMillis();
                int latencyClass = millis < 1 ? 0 : 1 + (int) Math.floor(8 * Math.log(millis) / Math.log(2));
                latencies.calls[Math.min(latencyClass, CLASSES - 1)]++;
            }
            return latencies;
        }

        static Latencies parse(String text) {
            Latencies latencies = new Latencies();
            int latencyClass = 0;
            int number = 0;
            for (int i = 0; i < text.length(); i++) {
                char c = text.charAt(i);
                if (c == ':') {
                    latencyClass = number;
                    number = 0;
                } else if (c == ' ') {
                    latencies.calls[latencyClass] = number;
                    number = 0;
                } else {
                    number = number * 10 + (c - '0');
                }
            }
            return latencies;
        }

        void add(Latencies more) {
            for (int i = 0; i < CLASSES; i++) {
                calls[i] += more.calls[i];
            }
        }

        static double millis(int latencyClass) {
            return latencyClass == 0 ? 0 : Math.pow(2, (latencyClass - 0.5) / 8);
        }

        @Nullable
        Long percentile(double share) {
            long left = (long) Math.ceil(Arrays.stream(calls).asLongStream().sum() * share);
            for (int i = 0; left > 0 && i < CLASSES; i++) {
                left -= calls[i];
                if (left <= 0) {
                    return Math.round(millis(i));
                }
            }
            return null;
        }

        /** Each with a space after it. */
        @Override
        public String toString() {
            StringBuilder text = new StringBuilder();
            for (int i = 0; i < CLASSES; i++) {
                if (calls[i] > 0) {
                    text.append(i).append(':').append(calls[i]).append(' ');
                }
            }
            return text.toString();
        }
    }

    /** What was counted in an interval. */
    private static final class Counted {
        private final Instant begins;
        private Instant ends; // when the last of it was counted
        private int successful;
        private int failed;
        private BigDecimal costUsd;
        private final Latencies latencies;

        Counted(Instant begins, Instant ends, int successful, int failed, BigDecimal costUsd, Latencies latencies) {
            this.begins = begins;
            this.ends = ends;
            this.successful = successful;
            this.failed = failed;
            this.costUsd = costUsd;
            this.latencies = latencies;
        }

        static Counted of(ResultSet row) throws SQLException {
            return new Counted(
                    instant(row, "begins_at"),
                    instant(row, "ends_at"),
                    row.getInt("successful"),
                    row.getInt("failed"),
                    row.getBigDecimal("cost_usd"),
                    Latencies.parse(row.getString("latencies")));
        }

        Counted plus(Counted more) {
            ends = more.ends.isAfter(ends) ? more.ends : ends;
            successful += more.successful;
            failed += more.failed;
            costUsd = costUsd.add(more.costUsd);
            latencies.add(more.latencies);
            return this;
        }
    }

    /** What was counted on its way to points. */
    private static final class Course {
        private final int step;
        private final long first;
        private final Instant end;
        private final @Nullable Counted[] sums;
        private final double[] busySeconds;

        private Course(List<Counted> rows) {
            Instant begin = rows.get(0).begins;
            Counted last = rows.get(rows.size() - 1);
            long span = Duration.between(begin, last.begins).toSeconds();
            long widest = width(Duration.ofSeconds(span));
            this.step = STEPS.stream()
                    .filter(seconds -> seconds >= widest && span / seconds < POINTS)
                    .findFirst()
                    .orElse((int) (span / POINTS + 1));
            this.first = Math.floorDiv(begin.getEpochSecond(), step);
            this.end = last.ends;
            this.sums = new Counted[index(last.begins) + 1];
            this.busySeconds = new double[sums.length];
            rows.forEach(this::add);
        }

        private int index(Instant at) {
            return (int) (Math.floorDiv(at.getEpochSecond(), step) - first);
        }

        private void add(Counted row) {
            double ended = (row.begins.toEpochMilli() + row.ends.toEpochMilli()) / 2000.0 - first * (double) step;
            for (int i = 0; i < Latencies.CLASSES; i++) {
                if (row.latencies.calls[i] > 0) {
                    busy(ended, Latencies.millis(i) / 1000, row.latencies.calls[i]);
                }
            }
            int index = index(row.begins);
            Counted sum = sums[index];
            sums[index] = sum == null ? row : sum.plus(row);
        }

        /** Calls were in flight for so long until they ended, in this point or several before it. */
        private void busy(double ended, double seconds, int calls) {
            double begun = Math.max(0, ended - seconds);
            for (int i = (int) (begun / step); i <= (int) (ended / step) && i < busySeconds.length; i++) {
                double from = Math.max(begun, (double) i * step);
                double until = Math.min(ended, (i + 1.0) * step);
                busySeconds[i] += calls * Math.max(0, until - from);
            }
        }

        Series series() {
            List<Point> points = new ArrayList<>(sums.length);
            BigDecimal cost = BigDecimal.ZERO;
            for (int i = 0; i < sums.length; i++) {
                Instant at = Instant.ofEpochSecond((first + i) * step);
                Counted sum = sums[i];
                double inFlight = Math.round(busySeconds[i] / seconds(i, at) * 10) / 10.0;
                if (sum == null) {
                    points.add(new Point(at, 0, 0, null, null, inFlight, cost));
                } else {
                    cost = cost.add(sum.costUsd);
                    points.add(new Point(
                            at,
                            sum.successful,
                            sum.failed,
                            sum.latencies.percentile(0.5),
                            sum.latencies.percentile(0.95),
                            inFlight,
                            cost));
                }
            }
            return new Series(step, List.copyOf(points));
        }

        /** The last point is not over. */
        private double seconds(int i, Instant at) {
            return i < sums.length - 1
                    ? step
                    : Math.min(step, Math.max(0.2, Duration.between(at, end).toMillis() / 1000.0));
        }
    }
}
