package dev.parley.launch;

import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.stereotype.Repository;
import org.springframework.transaction.annotation.Transactional;

/** The table {@code schedules}: which ticks were had, by whomever in the cluster, and what came of the last. Thread-safe. */
@Repository
public class Schedules {
    private static final String ADD = """
            INSERT INTO schedules (name, cron, zone, each_run, missed, last_tick)
            VALUES (:name, :cron, :zone, :eachRun, :missed, :now)
            ON CONFLICT DO NOTHING
            """;

    /** Ticks of the new times before now were never promised, so none of them is missed. */
    private static final String CHANGE = """
            UPDATE schedules
               SET cron = :cron, zone = :zone, each_run = :eachRun, missed = :missed,
                   last_tick = CASE WHEN cron = :cron AND zone = :zone THEN last_tick ELSE :now END,
                   updated_at = CURRENT_TIMESTAMP
             WHERE name = :name
               AND (cron <> :cron OR zone <> :zone OR each_run <> :eachRun OR missed <> :missed)
            """;

    private static final String TAKE = """
            UPDATE schedules
               SET last_tick = :tick, outcome = NULL, detail = NULL, updated_at = CURRENT_TIMESTAMP
             WHERE name = :name AND last_tick < :tick
            """;

    private static final String RECORD = """
            UPDATE schedules
               SET outcome = :outcome, detail = :detail, job_id = COALESCE(:job, job_id), updated_at = CURRENT_TIMESTAMP
             WHERE name = :name
            """;

    private static final String ALL = """
            SELECT name, cron, zone, each_run, missed, last_tick, outcome, detail, job_id
              FROM schedules
             ORDER BY name
            """;

    private static final String FIND = """
            SELECT name, cron, zone, each_run, missed, last_tick, outcome, detail, job_id
              FROM schedules
             WHERE name = :name
            """;

    private final JdbcClient jdbc;

    public Schedules(JdbcClient jdbc) {
        this.jdbc = jdbc;
    }

    /** What came of a tick; {@link #key()} is how the table spells it. */
    enum Outcome {
        /** A new job was made. */
        ENQUEUED,
        /** The job of the file has items to be worked off. */
        PENDING,
        NOTHING_PENDING,
        /** The job of an earlier tick is not through yet. */
        OVERLAPPED,
        /** Nobody was there in time, and it is not to be made up for. */
        MISSED,
        FAILED;

        String key() {
            return name().toLowerCase(Locale.ROOT).replace('_', '-');
        }
    }

    /**
     * A row.
     *
     * @param name of the job file, without its folder
     * @param lastTick that somebody had; when the schedule was first seen, before there was one
     * @param outcome of that tick; null before there was one
     * @param job the last one that a tick was about
     */
    public record Row(
            String name,
            String cron,
            String zone,
            String eachRun,
            String missed,
            Instant lastTick,
            @Nullable String outcome,
            @Nullable String detail,
            @Nullable UUID job) {}

    /** Makes a schedule known, or its change; its ticks count from now on. */
    @Transactional
    public void register(String name, Schedule schedule, Instant now) {
        for (String sql : List.of(ADD, CHANGE)) {
            jdbc.sql(sql)
                    .param("name", name)
                    .param("cron", schedule.cron())
                    .param("zone", schedule.zone())
                    .param("eachRun", schedule.eachRun().key())
                    .param("missed", schedule.missed().key())
                    .param("now", now.atOffset(ZoneOffset.UTC))
                    .update();
        }
    }

    /**
     * Takes a tick, in the caller's transaction, on which another who wants it waits.
     *
     * @return false when somebody else has had it, or a later one
     */
    boolean take(String name, Instant tick) {
        return jdbc.sql(TAKE)
                        .param("name", name)
                        .param("tick", tick.atOffset(ZoneOffset.UTC))
                        .update()
                == 1;
    }

    /** @param job null leaves the one of an earlier tick */
    void record(String name, Outcome outcome, @Nullable String detail, @Nullable UUID job) {
        jdbc.sql(RECORD)
                .param("name", name)
                .param("outcome", outcome.key())
                .param("detail", detail)
                .param("job", job)
                .update();
    }

    /** By name. */
    List<Row> all() {
        return jdbc.sql(ALL).query(Schedules::row).list();
    }

    Optional<Row> find(String name) {
        return jdbc.sql(FIND).param("name", name).query(Schedules::row).optional();
    }

    private static Row row(ResultSet row, int number) throws SQLException {
        return new Row(
                row.getString("name"),
                row.getString("cron"),
                row.getString("zone"),
                row.getString("each_run"),
                row.getString("missed"),
                row.getObject("last_tick", OffsetDateTime.class).toInstant(),
                row.getString("outcome"),
                row.getString("detail"),
                row.getObject("job_id", UUID.class));
    }
}
