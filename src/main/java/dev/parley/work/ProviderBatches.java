package dev.parley.work;

import dev.parley.database.Dialect;
import dev.parley.work.ProviderBatch.Status;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.function.ToIntFunction;
import org.jspecify.annotations.Nullable;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.stereotype.Repository;
import org.springframework.transaction.annotation.Transactional;

/**
 * The table {@code provider_batches}: what was or may have been sent to a provider in bulk. Thread-safe.
 *
 * <p>A batch is driven by one process at a time, in turns; between two turns it is nobody's. The holder of a turn proves that
 * it lives as the holder of a claim does, by its lock or its lease, and whoever comes next takes over. Its items belong to
 * the batch itself, see {@link BatchItems#claimForBatch}: whoever drives it records their outcomes.
 */
@Repository
public class ProviderBatches {
    private static final UUID NOBODY = new UUID(0, 0);

    private static final String OPEN = """
            INSERT INTO provider_batches (id, batch_job_id, provider, model, claim_token, claimed_by, lease_until)
            VALUES (:id, :job, :provider, :model, :token, :worker,
                    CURRENT_TIMESTAMP + CAST(:lease AS integer) * INTERVAL '1' SECOND)
            """;

    private static final String COLUMNS = """
            SELECT id, batch_job_id, status, attempt, provider, model, item_count, provider_batch_id, posted_at, claim_token,
                   CAST(EXTRACT(EPOCH FROM (CURRENT_TIMESTAMP - lost_at)) * 1000 AS bigint) AS lost_millis,
                   CAST(EXTRACT(EPOCH FROM (CURRENT_TIMESTAMP - COALESCE(posted_at, created_at))) * 1000 AS bigint) AS age_millis
              FROM provider_batches
            """;

    private static final String FREE = """
            SELECT id
              FROM provider_batches
             WHERE status <> 'done' AND poll_at <= CURRENT_TIMESTAMP AND (:all OR batch_job_id IN (:jobs))
               AND (claimed_by IS NULL OR lease_until < CURRENT_TIMESTAMP%s)
             ORDER BY poll_at
             LIMIT 1
               FOR UPDATE SKIP LOCKED
            """;

    private static final String FREE_H2 = String.format(FREE, "");
    private static final String FREE_POSTGRESQL = String.format(FREE, " OR (TRUE" + BatchItems.WITHOUT_LOCK + ")");

    private static final String TAKE = """
            UPDATE provider_batches
               SET claim_token = :token, claimed_by = :worker,
                   lease_until = CURRENT_TIMESTAMP + CAST(:lease AS integer) * INTERVAL '1' SECOND
             WHERE id = :id
            """;

    private static final String RENEW = """
            UPDATE provider_batches
               SET claimed_by = :worker, lease_until = CURRENT_TIMESTAMP + CAST(:lease AS integer) * INTERVAL '1' SECOND
             WHERE id = :id AND claim_token = :token AND claimed_by IS NOT NULL
            """;

    private static final String INTEND = """
            UPDATE provider_batches
               SET status = 'submitting', attempt = attempt + 1, item_count = :items, body_bytes = :bytes,
                   body_sha256 = :sha256, posted_at = CURRENT_TIMESTAMP, lost_at = NULL, updated_at = CURRENT_TIMESTAMP
             WHERE id = :id AND claim_token = :token AND status = 'preparing'
            """;

    private static final String LOST = """
            UPDATE provider_batches
               SET lost_at = COALESCE(lost_at, CURRENT_TIMESTAMP), updated_at = CURRENT_TIMESTAMP
             WHERE id = :id AND claim_token = :token
            """;

    private static final String NOT_SENT = """
            UPDATE provider_batches
               SET status = 'preparing', lost_at = NULL, updated_at = CURRENT_TIMESTAMP
             WHERE id = :id AND claim_token = :token AND status = 'submitting'
            """;

    private static final String PROGRESS = """
            UPDATE provider_batches
               SET status = :status, provider_batch_id = :providerId, processing = :processing, succeeded = :succeeded,
                   errored = :errored, canceled = :canceled, expired = :expired, expires_at = :expires, last_error = NULL,
                   ended_at = CASE WHEN :status = 'ended' THEN COALESCE(ended_at, CURRENT_TIMESTAMP) END,
                   lost_at = NULL, updated_at = CURRENT_TIMESTAMP
             WHERE id = :id AND claim_token = :token AND status <> 'preparing'
            """;

    private static final String DONE = """
            UPDATE provider_batches
               SET status = 'done', last_error = :error, claimed_by = NULL, lease_until = NULL,
                   updated_at = CURRENT_TIMESTAMP
             WHERE id = :id AND claim_token = :token
            """;

    private static final String GIVE_BACK = """
            UPDATE provider_batches
               SET claimed_by = NULL, lease_until = NULL, last_error = :error,
                   poll_at = CURRENT_TIMESTAMP + CAST(:millis AS bigint) * INTERVAL '0.001' SECOND,
                   updated_at = CURRENT_TIMESTAMP
             WHERE id = :id AND claim_token = :token
            """;

    private static final String KNOWN =
            "SELECT provider_batch_id FROM provider_batches WHERE provider_batch_id IN (:ids)";

    private static final String AT_PROVIDER = """
            SELECT COALESCE(sum(item_count), 0)
              FROM provider_batches
             WHERE provider = :provider AND status IN ('submitting', 'in_progress', 'canceling')
            """;

    private static final String AVERAGE_REQUEST = """
            SELECT CAST(COALESCE(sum(body_bytes) / NULLIF(sum(item_count), 0), 0) AS bigint)
              FROM provider_batches
             WHERE batch_job_id = :job
            """;

    /** A closed job's whose provider cannot be reached is not waited for. */
    private static final String UNDER_WAY = """
            SELECT b.batch_job_id
              FROM provider_batches b
              JOIN batch_jobs j ON j.id = b.batch_job_id
             WHERE b.status <> 'done' AND (:all OR b.batch_job_id IN (:jobs))
               AND (j.status IN ('queued', 'processing') OR b.last_error IS NULL)
            """;

    private static final String AT_PROVIDER_OF_JOB = """
            SELECT provider, provider_batch_id
              FROM provider_batches
             WHERE batch_job_id = :job AND status = 'in_progress'
            """;

    private static final String OVERVIEW = """
            SELECT count(*) AS batches, COALESCE(sum(item_count), 0) AS items, COALESCE(sum(processing), 0) AS processing,
                   COALESCE(sum(succeeded), 0) AS succeeded, COALESCE(sum(errored), 0) AS errored,
                   COALESCE(sum(canceled), 0) AS canceled, COALESCE(sum(expired), 0) AS expired, status,
                   min(COALESCE(posted_at, created_at)) AS oldest, min(expires_at) AS expires, max(last_error) AS error,
                   batch_job_id
              FROM provider_batches
             WHERE batch_job_id IN (:jobs)
             GROUP BY batch_job_id, status
             ORDER BY status
            """;

    private final JdbcClient jdbc;
    private final Dialect dialect;

    public ProviderBatches(JdbcClient jdbc, Dialect dialect) {
        this.jdbc = jdbc;
        this.dialect = dialect;
    }

    /**
     * Adds a batch that this owner drives.
     *
     * @param claim claims its items, for the batch of this id, in the same transaction; says how many
     * @return empty when there were none
     */
    @Transactional
    public Optional<ProviderBatch> open(
            UUID job, String provider, @Nullable String model, ClaimOwner owner, ToIntFunction<UUID> claim) {
        UUID id = UUID.randomUUID();
        if (claim.applyAsInt(id) == 0) {
            return Optional.empty();
        }
        jdbc.sql(OPEN)
                .param("id", id)
                .param("job", job)
                .param("provider", provider)
                .param("model", model)
                .param("token", UUID.randomUUID())
                .param("worker", owner.id())
                .param("lease", owner.lease().toSeconds())
                .update();
        return Optional.of(find(id));
    }

    /**
     * Takes a batch that is due for a turn and nobody's, or whose holder is gone.
     *
     * @param jobs whose batches; empty means all, those of closed jobs included
     */
    @Transactional
    public Optional<ProviderBatch> take(Collection<UUID> jobs, ClaimOwner owner) {
        JdbcClient.StatementSpec free = jdbc.sql(dialect == Dialect.POSTGRESQL ? FREE_POSTGRESQL : FREE_H2)
                .param("all", jobs.isEmpty())
                .param("jobs", jobs.isEmpty() ? List.of(NOBODY) : jobs);
        if (dialect == Dialect.POSTGRESQL) {
            free.param("lockClass", BatchItems.LOCK_CLASS);
        }
        return free.query(UUID.class).optional().map(id -> {
            jdbc.sql(TAKE)
                    .param("id", id)
                    .param("token", UUID.randomUUID())
                    .param("worker", owner.id())
                    .param("lease", owner.lease().toSeconds())
                    .update();
            return find(id);
        });
    }

    private ProviderBatch find(UUID id) {
        return jdbc.sql(COLUMNS + " WHERE id = :id")
                .param("id", id)
                .query(ProviderBatches::batch)
                .single();
    }

    /** Extends the turn; says whether it is still its holder's. */
    public boolean renew(ProviderBatch batch, ClaimOwner owner) {
        return fenced(RENEW, batch)
                        .param("worker", owner.id())
                        .param("lease", owner.lease().toSeconds())
                        .update()
                == 1;
    }

    /**
     * Commits the intent to send it: from now on the provider may have it.
     *
     * @throws TakenOverException as all that follows, when it is someone else's turn
     */
    public void intend(ProviderBatch batch, int items, long bytes, String sha256) {
        require(fenced(INTEND, batch)
                .param("items", items)
                .param("bytes", bytes)
                .param("sha256", sha256)
                .update());
    }

    /** Nobody knows whether the provider has it, or may get it still. */
    public void lost(ProviderBatch batch) {
        require(fenced(LOST, batch).update());
    }

    /** The provider surely does not have it. */
    public void notSent(ProviderBatch batch) {
        require(fenced(NOT_SENT, batch).update());
    }

    /** How far the provider is with it. */
    public record Progress(
            String providerId,
            Status status,
            int processing,
            int succeeded,
            int errored,
            int canceled,
            int expired,
            @Nullable Instant expiresAt) {}

    public void progress(ProviderBatch batch, Progress now) {
        require(fenced(PROGRESS, batch)
                .param("providerId", now.providerId())
                .param("status", now.status().key())
                .param("processing", now.processing())
                .param("succeeded", now.succeeded())
                .param("errored", now.errored())
                .param("canceled", now.canceled())
                .param("expired", now.expired())
                .param(
                        "expires",
                        now.expiresAt() == null ? null : now.expiresAt().atOffset(ZoneOffset.UTC))
                .update());
    }

    /** Nothing is left to do for it, and none of its items is held. */
    public void done(ProviderBatch batch, @Nullable String error) {
        require(fenced(DONE, batch).param("error", error).update());
    }

    /** Ends the turn; the next one, whosever, is due after a while. */
    public void giveBack(ProviderBatch batch, Duration nextTurn, @Nullable String error) {
        fenced(GIVE_BACK, batch)
                .param("millis", nextTurn.toMillis())
                .param("error", error)
                .update();
    }

    private JdbcClient.StatementSpec fenced(String sql, ProviderBatch batch) {
        return jdbc.sql(sql).param("id", batch.id()).param("token", batch.token());
    }

    private static void require(int updated) {
        if (updated != 1) {
            throw new TakenOverException();
        }
    }

    /** It is another process's turn. */
    public static class TakenOverException extends RuntimeException {
        private static final long serialVersionUID = 1L;

        TakenOverException() {
            super("the batch is driven by another process");
        }
    }

    /** Which of a provider's batches are known here. */
    public Set<String> known(Collection<String> providerIds) {
        return providerIds.isEmpty()
                ? Set.of()
                : new HashSet<>(jdbc.sql(KNOWN)
                        .param("ids", providerIds)
                        .query(String.class)
                        .list());
    }

    /** How many requests a provider has or may have in its queue, of all jobs. */
    public int atProvider(String provider) {
        return jdbc.sql(AT_PROVIDER)
                .param("provider", provider)
                .query(Integer.class)
                .single();
    }

    /** How many bytes a request of a job's batches has had on the average; 0 when there were none. */
    public long averageRequest(UUID job) {
        return jdbc.sql(AVERAGE_REQUEST).param("job", job).query(Long.class).single();
    }

    /**
     * Which jobs have batches that something is left to do for.
     *
     * @param jobs among these; empty means all
     */
    public Set<UUID> underWay(Collection<UUID> jobs) {
        return new HashSet<>(jdbc.sql(UNDER_WAY)
                .param("all", jobs.isEmpty())
                .param("jobs", jobs.isEmpty() ? List.of(NOBODY) : jobs)
                .query(UUID.class)
                .list());
    }

    /** A batch by the names that its provider knows. */
    public record AtProvider(String provider, String id) {}

    /** The batches of a job that its provider is working on. */
    public List<AtProvider> inProgress(UUID job) {
        return jdbc.sql(AT_PROVIDER_OF_JOB)
                .param("job", job)
                .query((row, n) -> new AtProvider(row.getString(1), row.getString(2)))
                .list();
    }

    /**
     * The batches of a job in one status, together.
     *
     * @param items requests, of which {@code processing} are still to be answered
     * @param oldest when the first of them was sent
     * @param expires when the first of them does; null when nobody knows
     * @param error why the last look at one of them failed; null when it did not
     */
    public record Overview(
            Status status,
            int batches,
            long items,
            long processing,
            long succeeded,
            long errored,
            long canceled,
            long expired,
            Instant oldest,
            @Nullable Instant expires,
            @Nullable String error) {}

    /** The batches of some jobs, by status; a job that has none is not in it. */
    public Map<UUID, List<Overview>> overview(Collection<UUID> jobs) {
        Map<UUID, List<Overview>> overview = new HashMap<>();
        if (!jobs.isEmpty()) {
            jdbc.sql(OVERVIEW)
                    .param("jobs", jobs)
                    .query((row, n) -> overview.computeIfAbsent(
                                    row.getObject("batch_job_id", UUID.class), job -> new ArrayList<>())
                            .add(overview(row)))
                    .list();
        }
        return overview;
    }

    private static Overview overview(ResultSet row) throws SQLException {
        OffsetDateTime expires = row.getObject("expires", OffsetDateTime.class);
        return new Overview(
                status(row),
                row.getInt("batches"),
                row.getLong("items"),
                row.getLong("processing"),
                row.getLong("succeeded"),
                row.getLong("errored"),
                row.getLong("canceled"),
                row.getLong("expired"),
                row.getObject("oldest", OffsetDateTime.class).toInstant(),
                expires == null ? null : expires.toInstant(),
                row.getString("error"));
    }

    private static Status status(ResultSet row) throws SQLException {
        return Status.valueOf(row.getString("status").toUpperCase(Locale.ROOT));
    }

    private static ProviderBatch batch(ResultSet row, int number) throws SQLException {
        OffsetDateTime posted = row.getObject("posted_at", OffsetDateTime.class);
        return new ProviderBatch(
                row.getObject("id", UUID.class),
                row.getObject("batch_job_id", UUID.class),
                status(row),
                row.getInt("attempt"),
                row.getString("provider"),
                row.getString("model"),
                row.getInt("item_count"),
                row.getString("provider_batch_id"),
                posted == null ? null : posted.toInstant(),
                Duration.ofMillis(row.getLong("lost_millis")),
                Duration.ofMillis(row.getLong("age_millis")),
                row.getObject("claim_token", UUID.class));
    }
}
