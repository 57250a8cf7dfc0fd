package dev.parley.work;

import dev.parley.conversation.ConversationKey;
import dev.parley.conversation.ConversationPk;
import dev.parley.database.BulkStatement;
import dev.parley.database.Dialect;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.UUID;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.dao.PessimisticLockingFailureException;
import org.springframework.jdbc.core.namedparam.NamedParameterJdbcTemplate;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.stereotype.Repository;
import org.springframework.transaction.annotation.Transactional;

/**
 * The table {@code batch_items}: who may work on what, and what became of it. Thread-safe.
 *
 * <p>Time is the database's, for the processes that share it need not agree on theirs. Every write after the claim names the
 * claim's token: where it no longer matches, the item has gone to someone else and nothing is written.
 */
@Repository
public class BatchItems {
    private static final Logger log = LoggerFactory.getLogger(BatchItems.class);

    /** The first key of the workers' advisory locks; the second is the worker's id. */
    static final int LOCK_CLASS = 0x9A71E7;

    /** A job that goes by batch first goes live once all of its items have been in a batch. */
    private static final String OPEN_JOBS = """
            SELECT id, priority, status, budget_usd IS NOT NULL AS budgeted,
                   delivery = 'batch'
                       OR delivery = 'batch-then-live'
                          AND EXISTS (SELECT 1
                                        FROM batch_items i
                                       WHERE i.batch_job_id = batch_jobs.id AND i.status = 'queued' AND i.attempts = 0)
                       AS batched
              FROM batch_jobs
             WHERE status IN ('queued', 'processing')
               AND (:all OR id IN (:jobs))
             ORDER BY CASE priority WHEN 'high' THEN 0 WHEN 'normal' THEN 1 ELSE 2 END, created_at, id
            """;

    /** Locked until the claim commits, so that no two processes take the last dollar. */
    private static final String LOCK_BUDGET = """
            SELECT budget_usd, actual_cost, unknown_cost_calls, dearest_call, estimated_cost, total_items
              FROM batch_jobs
             WHERE id = :job AND status IN ('queued', 'processing')
               FOR UPDATE
            """;

    private static final String COUNT_HELD = """
            SELECT count(*)
              FROM batch_items
             WHERE batch_job_id = :job AND status = 'processing'
            """;

    private static final String PAUSE_FOR_BUDGET = """
            UPDATE batch_jobs
               SET status = 'paused', status_reason = :reason, updated_at = CURRENT_TIMESTAMP
             WHERE id = :job
               AND EXISTS (SELECT 1
                             FROM batch_items
                            WHERE batch_job_id = :job AND status = 'queued')
            """;

    static final String NEXT = """
            SELECT id
              FROM batch_items
             WHERE batch_job_id = :job AND status = 'queued' AND available_at <= CURRENT_TIMESTAMP
             ORDER BY available_at, position
             LIMIT :limit
               FOR UPDATE SKIP LOCKED
            """;

    private static final String TAKE = """
            UPDATE batch_items
               SET status = 'processing', claim_token = :token, claimed_by = :worker, attempts = attempts + 1,
                   lease_until = CURRENT_TIMESTAMP + CAST(:lease AS integer) * INTERVAL '1' SECOND,
                   processing_started_at = CURRENT_TIMESTAMP, updated_at = CURRENT_TIMESTAMP
            """;

    private static final String CLAIM_POSTGRESQL = "WITH next AS MATERIALIZED (" + NEXT + ")" + TAKE + """
              FROM next
             WHERE batch_items.id = next.id
            RETURNING batch_items.id, batch_job_id, position, parameters, conversation_key, attempts, earlier_attempts,
                      unanswered, parse_only, claim_token
            """;

    private static final String CLAIM_H2 = TAKE + " WHERE id IN (:ids)";

    private static final String CLAIMED_H2 = """
            SELECT id, batch_job_id, position, parameters, conversation_key, attempts, earlier_attempts, unanswered,
                   parse_only, claim_token
              FROM batch_items
             WHERE id IN (:ids)
            """;

    private static final String NEXT_FOR_BATCH = """
            SELECT id
              FROM batch_items
             WHERE batch_job_id = :job AND status = 'queued' AND available_at <= CURRENT_TIMESTAMP
               AND (attempts = 0 OR NOT :untried)
             ORDER BY available_at, position
             LIMIT :limit
            """;

    private static final String CLAIM_FOR_BATCH_POSTGRESQL = "WITH next AS MATERIALIZED (" + NEXT_FOR_BATCH
            + " FOR UPDATE SKIP LOCKED)" + TAKE + " FROM next WHERE batch_items.id = next.id";

    private static final String CLAIM_FOR_BATCH_H2 =
            TAKE + " WHERE status = 'queued' AND id IN (" + NEXT_FOR_BATCH + ")";

    private static final String JOB_STARTED = """
            UPDATE batch_jobs
               SET status = 'processing', started_at = COALESCE(started_at, CURRENT_TIMESTAMP), updated_at = CURRENT_TIMESTAMP
             WHERE id = :job AND status = 'queued'
            """;

    private static final BulkStatement COMPLETE = new BulkStatement("""
            UPDATE batch_items
               SET status = 'completed', conversation_id = r.conversation, processed_at = CURRENT_TIMESTAMP,
                   error_code = NULL, error_message = NULL, retryable = NULL,
                   claimed_by = NULL, lease_until = NULL, updated_at = CURRENT_TIMESTAMP
              FROM json_to_recordset(:rows::json) AS r(id uuid, token uuid, conversation uuid)
             WHERE batch_items.id = r.id AND claim_token = r.token AND status = 'processing'
            RETURNING batch_items.id
            """, """
            UPDATE batch_items
               SET status = 'completed', conversation_id = :conversation, processed_at = CURRENT_TIMESTAMP,
                   error_code = NULL, error_message = NULL, retryable = NULL,
                   claimed_by = NULL, lease_until = NULL, updated_at = CURRENT_TIMESTAMP
             WHERE id = :id AND claim_token = :token AND status = 'processing'
            """);

    private static final BulkStatement FAIL = new BulkStatement("""
            UPDATE batch_items
               SET status = 'failed', conversation_id = NULL, processed_at = CURRENT_TIMESTAMP,
                   error_code = r.code, error_message = r.message, retryable = r.retryable,
                   claimed_by = NULL, lease_until = NULL, updated_at = CURRENT_TIMESTAMP
              FROM json_to_recordset(:rows::json) AS r(id uuid, token uuid, code text, message text, retryable boolean)
             WHERE batch_items.id = r.id AND claim_token = r.token AND status = 'processing'
            RETURNING batch_items.id
            """, """
            UPDATE batch_items
               SET status = 'failed', conversation_id = NULL, processed_at = CURRENT_TIMESTAMP,
                   error_code = :code, error_message = :message, retryable = :retryable,
                   claimed_by = NULL, lease_until = NULL, updated_at = CURRENT_TIMESTAMP
             WHERE id = :id AND claim_token = :token AND status = 'processing'
            """);

    private static final BulkStatement POSTPONE = new BulkStatement("""
            UPDATE batch_items
               SET status = 'queued', available_at = CURRENT_TIMESTAMP + r.millis * INTERVAL '0.001' SECOND,
                   attempts = attempts - r.uncounted, error_code = r.code, error_message = r.message, retryable = true,
                   claim_token = NULL, claimed_by = NULL, lease_until = NULL, updated_at = CURRENT_TIMESTAMP
              FROM json_to_recordset(:rows::json)
                   AS r(id uuid, token uuid, code text, message text, millis bigint, uncounted integer)
             WHERE batch_items.id = r.id AND claim_token = r.token AND status = 'processing'
            RETURNING batch_items.id
            """, """
            UPDATE batch_items
               SET status = 'queued', available_at = CURRENT_TIMESTAMP + CAST(:millis AS bigint) * INTERVAL '0.001' SECOND,
                   attempts = attempts - :uncounted, error_code = :code, error_message = :message, retryable = true,
                   claim_token = NULL, claimed_by = NULL, lease_until = NULL, updated_at = CURRENT_TIMESTAMP
             WHERE id = :id AND claim_token = :token AND status = 'processing'
            """);

    private static final BulkStatement RELEASE = new BulkStatement("""
            UPDATE batch_items
               SET status = 'queued', attempts = attempts - 1,
                   claim_token = NULL, claimed_by = NULL, lease_until = NULL, updated_at = CURRENT_TIMESTAMP
              FROM json_to_recordset(:rows::json) AS r(id uuid, token uuid)
             WHERE batch_items.id = r.id AND claim_token = r.token AND status = 'processing'
            """, """
            UPDATE batch_items
               SET status = 'queued', attempts = attempts - 1,
                   claim_token = NULL, claimed_by = NULL, lease_until = NULL, updated_at = CURRENT_TIMESTAMP
             WHERE id = :id AND claim_token = :token AND status = 'processing'
            """);

    private static final String RELEASE_ALL = """
            UPDATE batch_items
               SET status = 'queued', attempts = attempts - 1,
                   claim_token = NULL, claimed_by = NULL, lease_until = NULL, updated_at = CURRENT_TIMESTAMP
             WHERE status = 'processing' AND claimed_by IN (:workers)
            """;

    private static final BulkStatement ABANDON = new BulkStatement("""
            UPDATE batch_items
               SET status = 'queued', attempts = attempts - 1, unanswered = unanswered + 1,
                   claim_token = NULL, claimed_by = NULL, lease_until = NULL, updated_at = CURRENT_TIMESTAMP
              FROM json_to_recordset(:rows::json) AS r(id uuid, token uuid)
             WHERE batch_items.id = r.id AND claim_token = r.token AND status = 'processing'
            """, """
            UPDATE batch_items
               SET status = 'queued', attempts = attempts - 1, unanswered = unanswered + 1,
                   claim_token = NULL, claimed_by = NULL, lease_until = NULL, updated_at = CURRENT_TIMESTAMP
             WHERE id = :id AND claim_token = :token AND status = 'processing'
            """);

    static final String RENEW = """
            UPDATE batch_items
               SET lease_until = CURRENT_TIMESTAMP + CAST(:lease AS integer) * INTERVAL '1' SECOND
             WHERE status = 'processing' AND claimed_by = :worker
            """;

    private static final String RESTAMP = """
            UPDATE batch_items
               SET claimed_by = :worker, lease_until = CURRENT_TIMESTAMP + CAST(:lease AS integer) * INTERVAL '1' SECOND
             WHERE status = 'processing' AND claimed_by IN (:formers)
            """;

    /** The attempt stays counted: whether its call was made, nobody knows. */
    private static final String RESCUE = """
            UPDATE batch_items
               SET status = 'queued', unanswered = unanswered + 1, claim_token = NULL, claimed_by = NULL, lease_until = NULL,
                   updated_at = CURRENT_TIMESTAMP
             WHERE status = 'processing'
            """;

    private static final String RESCUE_EXPIRED = RESCUE + " AND lease_until < CURRENT_TIMESTAMP";

    /** A positive owner holds an advisory lock while it lives; the server frees it the moment it dies. */
    static final String WITHOUT_LOCK = """
             AND claimed_by > 0
               AND NOT EXISTS (SELECT 1
                                 FROM pg_locks l
                                WHERE l.locktype = 'advisory'
                                  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
                                  AND l.classid = :lockClass::oid AND l.objid = claimed_by::oid
                                  AND l.objsubid = 2 AND l.granted)
            """;

    static final String OWNERS_WITHOUT_LOCK =
            "SELECT DISTINCT claimed_by FROM batch_items WHERE status = 'processing'" + WITHOUT_LOCK;

    static final String RESCUE_DEAD = RESCUE + WITHOUT_LOCK + " AND claimed_by IN (:owners)";

    /** What is not due yet but will be in a moment belongs into the same batch as what is. */
    private static final String DUE_FOR_BATCH = """
            SELECT count(*) AS due
              FROM (SELECT 1
                      FROM batch_items
                     WHERE batch_job_id = :job AND status = 'queued' AND available_at <= CURRENT_TIMESTAMP
                           AND (attempts = 0 OR NOT :untried)
                     LIMIT :limit) AS d
            """;

    private static final String SOON_FOR_BATCH = """
            SELECT EXISTS (SELECT 1
                             FROM batch_items
                            WHERE batch_job_id = :job AND status = 'queued' AND available_at > CURRENT_TIMESTAMP
                                  AND available_at <= CURRENT_TIMESTAMP + INTERVAL '5' MINUTE
                                  AND (attempts = 0 OR NOT :untried))
            """;

    private static final String IN_BATCH = """
            SELECT id, batch_job_id, position, parameters, conversation_key, attempts, earlier_attempts, unanswered,
                   parse_only, claim_token
              FROM batch_items
             WHERE claim_token = :batch AND status = 'processing' AND claimed_by IS NULL
            """;

    private static final String IN_BATCH_AMONG = IN_BATCH + " AND id IN (:ids)";

    private static final String RELEASE_BATCH = """
            UPDATE batch_items
               SET status = 'queued', attempts = attempts - 1, claim_token = NULL, updated_at = CURRENT_TIMESTAMP
             WHERE claim_token = :batch AND status = 'processing' AND claimed_by IS NULL
            """;

    private static final String OURS = """
            SELECT status
              FROM batch_items
             WHERE id = :id AND claim_token = :token
            """;

    private static final String DUE = """
            SELECT id
              FROM batch_items
             WHERE batch_job_id = :job AND status = 'queued' AND available_at <= CURRENT_TIMESTAMP
             LIMIT 1
            """;

    private static final String LOCK_ROW = "SELECT id FROM batch_items WHERE id = :id FOR UPDATE NOWAIT";

    private static final String STILL_QUEUED =
            "SELECT EXISTS (SELECT 1 FROM batch_items WHERE id = :id AND status = 'queued')";

    static final String HELD = """
            SELECT EXISTS (SELECT 1
                             FROM batch_items
                            WHERE batch_job_id = :job AND status = 'processing')
            """;

    private static final String FIRST_CONVERSATION = """
            SELECT conversation_id
              FROM batch_items
             WHERE batch_job_id = :job AND status = 'completed' AND conversation_id IS NOT NULL
             ORDER BY position
             LIMIT 1
            """;

    static final String NEXT_DUE_MILLIS = """
            SELECT CAST(EXTRACT(EPOCH FROM (available_at - CURRENT_TIMESTAMP)) * 1000 AS bigint)
              FROM batch_items
             WHERE batch_job_id = :job AND status = 'queued'
             ORDER BY available_at, position
             LIMIT 1
            """;

    /** In one statement, for between two an item could go from one state to the other and be seen in neither. */
    private static final String LEFT = "SELECT (" + HELD + ") AS held, (" + NEXT_DUE_MILLIS + ") AS due";

    private final NamedParameterJdbcTemplate jdbc;
    private final JdbcClient client;
    private final Dialect dialect;

    public BatchItems(NamedParameterJdbcTemplate jdbc, Dialect dialect) {
        this.jdbc = jdbc;
        this.client = JdbcClient.create(jdbc);
        this.dialect = dialect;
    }

    /**
     * Claims up to {@code limit} queued items of open jobs, in a transaction of its own: jobs of higher priority first;
     * jobs of one priority share alike, so that a small one is not starved by a large one; within a job what was never
     * tried comes by position, then what was postponed, when it is due. A job with a budget gives no more than what is left
     * of it covers; when that is nothing and none of its items is held any more, it is paused.
     *
     * @param jobs the jobs to claim from; empty means all
     * @return the items, those of one job together, in order; empty when nothing is claimable now
     */
    @Transactional
    public List<BatchItem> claim(Collection<UUID> jobs, int limit, ClaimOwner owner) {
        UUID token = UUID.randomUUID();
        List<BatchItem> claimed = new ArrayList<>(limit);
        List<List<OpenJob>> open = new ArrayList<>();
        openJobs(jobs)
                .forEach(equals ->
                        open.add(equals.stream().filter(job -> !job.batched()).toList()));
        Map<UUID, Integer> affordable = affordable(open);
        for (List<OpenJob> equals : open) {
            List<OpenJob> askable = new ArrayList<>(equals);
            while (claimed.size() < limit && !askable.isEmpty()) {
                int share = Math.max(1, (limit - claimed.size()) / askable.size());
                for (var each = askable.iterator(); each.hasNext() && claimed.size() < limit; ) {
                    OpenJob job = each.next();
                    int left = affordable.getOrDefault(job.id(), Integer.MAX_VALUE);
                    int asked = Math.min(left, Math.min(share, limit - claimed.size()));
                    List<BatchItem> taken = asked == 0 ? List.of() : claimFrom(job.id(), asked, token, owner);
                    affordable.computeIfPresent(job.id(), (id, before) -> before - taken.size());
                    if (!taken.isEmpty() && job.queued()) {
                        client.sql(JOB_STARTED).param("job", job.id()).update();
                    }
                    claimed.addAll(taken);
                    if (asked == 0 || taken.size() < asked) {
                        each.remove();
                    }
                }
            }
        }
        return claimed;
    }

    /** How many items of each job with a budget may be claimed now. In one order everywhere, or two claims could deadlock. */
    private Map<UUID, Integer> affordable(List<List<OpenJob>> jobs) {
        Map<UUID, Integer> affordable = new TreeMap<>();
        jobs.stream()
                .flatMap(List::stream)
                .filter(OpenJob::budgeted)
                .map(OpenJob::id)
                .sorted()
                .forEach(job -> affordable.put(job, affordable(job)));
        return affordable;
    }

    private int affordable(UUID job) {
        Optional<Budget> budget =
                client.sql(LOCK_BUDGET).param("job", job).query(Budget::of).optional();
        if (budget.isEmpty()) {
            return 0; // closed meanwhile
        }
        long held = client.sql(COUNT_HELD).param("job", job).query(Long.class).single();
        int affordable = budget.get().affordable(held);
        if (affordable == 0 && held == 0) {
            client.sql(PAUSE_FOR_BUDGET)
                    .param("job", job)
                    .param("reason", budget.get().reached())
                    .update();
        }
        return affordable;
    }

    /**
     * Claims items of one open job for a provider's batch, as {@link #claim} does but for that: they belong to the batch and
     * to no process, so that no process's end frees them. In a transaction of its own.
     *
     * @param untried only what was never tried
     * @return how many
     */
    @Transactional
    public int claimForBatch(UUID job, UUID batch, int limit, boolean untried) {
        int asked = claimable(job, limit);
        if (asked == 0) {
            return 0;
        }
        int claimed = client.sql(dialect == Dialect.POSTGRESQL ? CLAIM_FOR_BATCH_POSTGRESQL : CLAIM_FOR_BATCH_H2)
                .param("job", job)
                .param("limit", asked)
                .param("untried", untried)
                .param("token", batch)
                .param("worker", null)
                .param("lease", null)
                .update();
        client.sql(JOB_STARTED).param("job", job).update();
        return claimed;
    }

    /** How many items of one job may be claimed now; 0 when it is closed. */
    private int claimable(UUID job, int limit) {
        return openJobs(List.of(job)).stream()
                .flatMap(List::stream)
                .findFirst()
                .map(open -> open.budgeted() ? Math.min(limit, affordable(job)) : limit)
                .orElse(0);
    }

    /**
     * Claims one item of a job that goes by batch for a live call, as {@link #claim} does.
     *
     * @return at most one
     */
    @Transactional
    public List<BatchItem> claimFirst(UUID job, ClaimOwner owner) {
        if (claimable(job, 1) == 0) {
            return List.of();
        }
        client.sql(JOB_STARTED).param("job", job).update();
        return claimFrom(job, 1, UUID.randomUUID(), owner);
    }

    /**
     * How many items of a job should go by batch now, up to a limit; 0 as long as more come due in a moment, for they belong
     * into the same batch.
     *
     * @param untried only what was never tried
     */
    public int dueForBatch(UUID job, int limit, boolean untried) {
        int due = client.sql(DUE_FOR_BATCH)
                .param("job", job)
                .param("untried", untried)
                .param("limit", limit)
                .query(Integer.class)
                .single();
        return due == 0
                        || due < limit
                                && client.sql(SOON_FOR_BATCH)
                                        .param("job", job)
                                        .param("untried", untried)
                                        .query(Boolean.class)
                                        .single()
                ? 0
                : due;
    }

    /** The items of a batch whose outcome is not recorded yet. */
    public List<BatchItem> inBatch(UUID batch) {
        return jdbc.query(IN_BATCH, Map.of("batch", batch), BatchItems::item);
    }

    /** Those of some items that are in a batch, and whose outcome is not recorded yet. */
    public List<BatchItem> inBatch(UUID batch, Collection<UUID> ids) {
        return ids.isEmpty()
                ? List.of()
                : jdbc.query(IN_BATCH_AMONG, Map.of("batch", batch, "ids", ids), BatchItems::item);
    }

    /** Gives the items of a batch back as if they had never been claimed: it was never sent. */
    public int releaseBatch(UUID batch) {
        return client.sql(RELEASE_BATCH).param("batch", batch).update();
    }

    private List<BatchItem> claimFrom(UUID job, int limit, UUID token, ClaimOwner owner) {
        Map<String, Object> parameters = new HashMap<>();
        parameters.put("job", job);
        parameters.put("limit", limit);
        parameters.put("token", token);
        parameters.put("worker", owner.id());
        parameters.put("lease", owner.lease().toSeconds());
        if (dialect == Dialect.POSTGRESQL) {
            return inOrder(jdbc.query(CLAIM_POSTGRESQL, parameters, BatchItems::item)); // RETURNING has no order
        }
        List<UUID> ids = jdbc.queryForList(NEXT, parameters, UUID.class);
        if (ids.isEmpty()) {
            return List.of();
        }
        parameters.put("ids", ids);
        jdbc.update(CLAIM_H2, parameters);
        return inOrder(jdbc.query(CLAIMED_H2, parameters, BatchItems::item));
    }

    private static List<BatchItem> inOrder(List<BatchItem> items) {
        List<BatchItem> sorted = new ArrayList<>(items);
        sorted.sort(Comparator.comparingInt(BatchItem::position));
        return sorted;
    }

    /**
     * Records what became of claimed items, in the caller's transaction.
     *
     * @return the items whose claim was lost meanwhile; nothing of theirs was written
     * @throws RowsHiddenException when an item is ours and the database does not let us update it
     */
    public Set<UUID> record(Collection<? extends Outcome> outcomes) {
        List<Map<String, Object>> completed = new ArrayList<>();
        List<Map<String, Object>> failed = new ArrayList<>();
        List<Map<String, Object>> postponed = new ArrayList<>();
        for (Outcome outcome : outcomes) {
            Map<String, Object> row = new HashMap<>();
            row.put("id", outcome.item().id());
            row.put("token", outcome.item().claimToken());
            if (outcome instanceof Outcome.Completed c) {
                row.put("conversation", c.conversation().value());
                completed.add(row);
            } else if (outcome instanceof Outcome.Failed f) {
                row.put("code", f.code());
                row.put("message", f.message());
                row.put("retryable", f.retryable());
                failed.add(row);
            } else if (outcome instanceof Outcome.Postponed p) {
                row.put("code", p.code());
                row.put("message", p.message());
                row.put("millis", p.delay().toMillis());
                row.put("uncounted", p.counted() ? 0 : 1);
                postponed.add(row);
            }
        }
        Set<UUID> lost = outcomes.stream().map(o -> o.item().id()).collect(Collectors.toCollection(HashSet::new));
        lost.removeAll(write(COMPLETE, completed));
        lost.removeAll(write(FAIL, failed));
        lost.removeAll(write(POSTPONE, postponed));
        outcomes.stream()
                .map(Outcome::item)
                .filter(item -> lost.contains(item.id()))
                .forEach(this::requireNotOurs);
        return lost;
    }

    private Collection<UUID> write(BulkStatement statement, List<Map<String, Object>> rows) {
        if (rows.isEmpty()) {
            return List.of();
        }
        if (dialect == Dialect.POSTGRESQL) {
            return statement.returning(jdbc, rows, (row, n) -> row.getObject(1, UUID.class));
        }
        List<UUID> written = new ArrayList<>();
        int[] counts = statement.batch(jdbc, rows);
        for (int i = 0; i < counts.length; i++) {
            if (counts[i] == 1) {
                written.add((UUID) rows.get(i).get("id"));
            }
        }
        return written;
    }

    /** Gives claimed items back as if they had never been claimed; those whose claim was lost are left alone. */
    @Transactional
    public void release(Collection<BatchItem> items) {
        RELEASE.update(
                jdbc,
                dialect,
                items.stream()
                        .map(item -> Map.of("id", item.id(), "token", item.claimToken()))
                        .toList());
    }

    /** Gives back items whose call was cut short: the attempt is not counted, but the call may have been paid for. */
    @Transactional
    public void abandon(Collection<BatchItem> items) {
        ABANDON.update(
                jdbc,
                dialect,
                items.stream()
                        .map(item -> Map.of("id", item.id(), "token", item.claimToken()))
                        .toList());
    }

    /** Gives back everything some owners hold, as if it had never been claimed; says how many. For a run that ends. */
    int releaseAll(Collection<Integer> owners) {
        return client.sql(RELEASE_ALL).param("workers", owners).update();
    }

    /** Extends the lease of everything an owner holds. */
    int renew(ClaimOwner owner) {
        return client.sql(RENEW)
                .param("worker", owner.id())
                .param("lease", owner.lease().toSeconds())
                .update();
    }

    /** Hands what former identities of this process hold to its new one. */
    int restamp(Collection<Integer> formers, ClaimOwner owner) {
        return client.sql(RESTAMP)
                .param("worker", owner.id())
                .param("formers", formers)
                .param("lease", owner.lease().toSeconds())
                .update();
    }

    /** Puts back into the queue what is held under an expired lease. */
    int rescueExpired() {
        return client.sql(RESCUE_EXPIRED).update();
    }

    /** Who holds items but not the lock that would prove it alive; on H2, where nobody has one, nobody. */
    Set<Integer> ownersWithoutLock() {
        return dialect == Dialect.POSTGRESQL
                ? Set.copyOf(client.sql(OWNERS_WITHOUT_LOCK)
                        .param("lockClass", LOCK_CLASS)
                        .query(Integer.class)
                        .list())
                : Set.of();
    }

    /** Puts back into the queue what these owners hold, unless they have their lock after all. */
    int rescueDead(Collection<Integer> owners) {
        return client.sql(RESCUE_DEAD)
                .param("lockClass", LOCK_CLASS)
                .param("owners", owners)
                .update();
    }

    /** Whether the outcome of this very claim is in the table already. */
    public boolean isRecorded(BatchItem item) {
        return client.sql(OURS)
                .param("id", item.id())
                .param("token", item.claimToken())
                .query(String.class)
                .optional()
                .filter(status -> !status.equals("processing"))
                .isPresent();
    }

    /** Whether this very claim still holds the item. */
    public boolean isHeld(BatchItem item) {
        return client.sql(OURS)
                .param("id", item.id())
                .param("token", item.claimToken())
                .query(String.class)
                .optional()
                .filter("processing"::equals)
                .isPresent();
    }

    private void requireNotOurs(BatchItem item) {
        if (isHeld(item)) {
            throw new RowsHiddenException("batch_items", "item " + item.id() + " is ours and was not updated");
        }
    }

    /**
     * Looks for rows that can be read and never claimed, which would keep a run waiting for ever.
     *
     * @throws RowsHiddenException when there are some
     */
    public void requireClaimable(Collection<UUID> jobs) {
        if (dialect != Dialect.POSTGRESQL) {
            return; // H2 has no row-level security
        }
        for (List<OpenJob> equals : openJobs(jobs)) {
            equals.stream()
                    .filter(job -> !job.batched())
                    .forEach(job -> client.sql(DUE)
                            .param("job", job.id())
                            .query(UUID.class)
                            .optional()
                            .ifPresent(this::requireLockable));
        }
    }

    private void requireLockable(UUID item) {
        try {
            boolean locked = client.sql(LOCK_ROW)
                    .param("id", item)
                    .query(UUID.class)
                    .optional()
                    .isPresent();
            if (!locked
                    && client.sql(STILL_QUEUED)
                            .param("id", item)
                            .query(Boolean.class)
                            .single()) {
                throw new RowsHiddenException("batch_items", "item " + item + " is queued and cannot be claimed");
            }
        } catch (PessimisticLockingFailureException e) {
            log.debug("Item {} is locked by someone, so it can be", item, e);
        }
    }

    /** The conversation of a job's first completed item; empty when it has none. */
    public Optional<ConversationPk> firstConversationOf(UUID job) {
        return client.sql(FIRST_CONVERSATION)
                .param("job", job)
                .query(UUID.class)
                .optional()
                .map(ConversationPk::new);
    }

    /**
     * When it may be worth claiming again.
     *
     * @return until the next item is due; at most a moment where someone, this process included, still holds one; empty
     *     when the open jobs have nothing left
     */
    public Optional<Duration> nextDue(Collection<UUID> jobs) {
        Optional<Duration> next = lookForNextDue(jobs);
        // While a transaction ends, H2 may show a row that it takes from one state to the other in neither.
        for (int again = 0; again < 3 && next.isEmpty() && dialect == Dialect.H2; again++) {
            LockSupport.parkNanos(END_OF_TRANSACTION.toNanos());
            next = lookForNextDue(jobs);
        }
        return next;
    }

    private Optional<Duration> lookForNextDue(Collection<UUID> jobs) {
        Duration next = null;
        for (List<OpenJob> equals : openJobs(jobs)) {
            for (OpenJob job : equals) {
                Duration wait = client.sql(LEFT)
                        .param("job", job.id())
                        .query((row, n) -> job.batched()
                                ? waitForBatch(row.getBoolean("held") || row.getObject("due") != null)
                                : wait(row.getBoolean("held"), row.getObject("due", Long.class)))
                        .single()
                        .orElse(null);
                if (wait != null && (next == null || wait.compareTo(next) < 0)) {
                    next = wait;
                }
            }
        }
        return Optional.ofNullable(next);
    }

    /** Whoever asks cannot claim it; the batch's outcomes are told. */
    private static Optional<Duration> waitForBatch(boolean something) {
        return something ? Optional.of(HELD_AGAIN) : Optional.empty();
    }

    private static Optional<Duration> wait(boolean held, @Nullable Long dueMillis) {
        Optional<Duration> due = Optional.ofNullable(dueMillis).map(millis -> Duration.ofMillis(Math.max(0, millis)));
        return held
                ? Optional.of(due.filter(wait -> wait.compareTo(HELD_AGAIN) < 0).orElse(HELD_AGAIN))
                : due;
    }

    /** Takes no longer, unless the machine is very busy. */
    private static final Duration END_OF_TRANSACTION = Duration.ofMillis(2);

    /** How soon to look again at items that someone holds: they may come back at any time. */
    private static final Duration HELD_AGAIN = Duration.ofMillis(200);

    private List<List<OpenJob>> openJobs(Collection<UUID> jobs) {
        Map<String, List<OpenJob>> byPriority = client
                .sql(OPEN_JOBS)
                .param("all", jobs.isEmpty())
                .param("jobs", jobs.isEmpty() ? List.of(new UUID(0, 0)) : jobs)
                .query((row, n) -> new OpenJob(
                        row.getObject("id", UUID.class),
                        row.getString("priority"),
                        row.getString("status").equals("queued"),
                        row.getBoolean("budgeted"),
                        row.getBoolean("batched")))
                .list()
                .stream()
                .collect(Collectors.groupingBy(OpenJob::priority, java.util.LinkedHashMap::new, Collectors.toList()));
        return List.copyOf(byPriority.values());
    }

    /** @param batched whether its items go by batch, so that they are not to be claimed for a call */
    private record OpenJob(UUID id, String priority, boolean queued, boolean budgeted, boolean batched) {}

    private static BatchItem item(ResultSet row, int number) throws SQLException {
        return new BatchItem(
                row.getObject("id", UUID.class),
                row.getObject("batch_job_id", UUID.class),
                row.getInt("position"),
                row.getString("parameters"),
                new ConversationKey(row.getObject("conversation_key", UUID.class)),
                row.getInt("attempts"),
                row.getInt("earlier_attempts"),
                row.getInt("unanswered"),
                row.getBoolean("parse_only"),
                row.getObject("claim_token", UUID.class));
    }
}
