package dev.parley.work;

import dev.parley.database.BulkStatement;
import dev.parley.database.Dialect;
import java.math.BigDecimal;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.springframework.jdbc.core.RowCallbackHandler;
import org.springframework.jdbc.core.namedparam.NamedParameterJdbcTemplate;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.stereotype.Repository;
import org.springframework.transaction.annotation.Transactional;
import tools.jackson.databind.json.JsonMapper;

/** The table {@code batch_jobs}, and how jobs with their items come into being. Thread-safe. */
@Repository
public class BatchJobs {
    private static final JsonMapper JSON = JsonMapper.shared();

    /** Rows of one statement when items are enqueued. */
    private static final int ENQUEUE_BATCH = 1_000;

    private static final String INSERT = """
            INSERT INTO batch_jobs (id, name, description, status, priority, total_items, tier, shared_parameters,
                                    concurrent_processing, error_handling, budget_usd, source, created_by, delivery,
                                    completed_at)
            VALUES (:id, :name, :description, :status, :priority, :total, :tier, :settings,
                    :concurrency, :errorHandling, :budget, :source, :createdBy, :delivery,
                    CASE WHEN :total = 0 THEN CURRENT_TIMESTAMP END)
            ON CONFLICT DO NOTHING
            """;

    private static final BulkStatement INSERT_ITEMS = new BulkStatement("""
            INSERT INTO batch_items (id, batch_job_id, position, topic, tier, parameters, conversation_key)
            SELECT id, job, position, topic, tier, parameters, conversation_key
              FROM json_to_recordset(:rows::json)
                   AS r(id uuid, job uuid, position integer, topic text, tier text, parameters jsonb, conversation_key uuid)
            """, """
            INSERT INTO batch_items (id, batch_job_id, position, topic, tier, parameters, conversation_key)
            VALUES (:id, :job, :position, :topic, :tier, :parameters, :conversation_key)
            """);

    private static final String COLUMNS = """
            SELECT id, name, description, status, status_reason, priority, total_items, completed_items, successful_items,
                   failed_items, shared_parameters, concurrent_processing, error_handling, budget_usd, estimated_cost, actual_cost,
                   unknown_cost_calls, source, created_by, delivery, started_at, completed_at, created_at, reported_at
              FROM batch_jobs
            """;

    private static final String FIND = COLUMNS + " WHERE id = :id";

    private static final String AMONG = COLUMNS + " WHERE id IN (:ids) ORDER BY created_at, id";

    private static final String FIND_BY_SOURCE = "SELECT id FROM batch_jobs WHERE source = :source";

    private static final String AGAIN = """
            SELECT count(*)
              FROM batch_jobs
             WHERE source = :source OR source LIKE :numbered
            """;

    private static final String NEWEST_FIRST = COLUMNS + """
             WHERE (CAST(:status AS varchar) IS NULL OR status = CAST(:status AS varchar))
               AND (CAST(:after AS uuid) IS NULL
                    OR (created_at, id) < (SELECT created_at, id FROM batch_jobs WHERE id = CAST(:after AS uuid)))
             ORDER BY created_at DESC, id DESC
             LIMIT :limit
            """;

    private static final String OPEN = COLUMNS + """
             WHERE status IN ('queued', 'processing')
             ORDER BY CASE priority WHEN 'high' THEN 0 WHEN 'normal' THEN 1 ELSE 2 END, created_at, id
            """;

    /** The last item's outcome closes the job in the same transaction; x = x + 1 never loses a count. */
    private static final String COUNT = """
            UPDATE batch_jobs
               SET successful_items = successful_items + :successful,
                   failed_items = failed_items + :failed,
                   completed_items = completed_items + :completed,
                   actual_cost = actual_cost + :cost,
                   dearest_call = GREATEST(dearest_call, :dearest),
                   unknown_cost_calls = unknown_cost_calls + :unknown,
                   status = CASE WHEN :completed > 0 AND completed_items + :completed >= total_items
                                      AND status IN ('queued', 'processing', 'paused')
                                 THEN CASE WHEN successful_items + :successful = 0 THEN 'failed' ELSE 'completed' END
                                 ELSE status END,
                   status_reason = CASE WHEN :completed > 0 AND completed_items + :completed >= total_items
                                             AND status IN ('queued', 'processing', 'paused')
                                        THEN NULL ELSE status_reason END,
                   completed_at = CASE WHEN :completed > 0 AND completed_items + :completed >= total_items
                                            AND status IN ('queued', 'processing', 'paused')
                                       THEN CURRENT_TIMESTAMP ELSE completed_at END,
                   updated_at = CURRENT_TIMESTAMP
             WHERE id = :id
            """;

    /** For counters that no longer match the rows, as when conversations were deleted with their items. */
    private static final String RECOUNT = """
            UPDATE batch_jobs
               SET successful_items = (SELECT count(*) FROM batch_items WHERE batch_job_id = :id AND status = 'completed'),
                   failed_items = (SELECT count(*) FROM batch_items WHERE batch_job_id = :id AND status = 'failed'),
                   completed_items = (SELECT count(*) FROM batch_items WHERE batch_job_id = :id AND status IN ('completed', 'failed')),
                   total_items = (SELECT count(*) FROM batch_items WHERE batch_job_id = :id),
                   updated_at = CURRENT_TIMESTAMP
             WHERE id = :id
            """;

    private static final String CLOSE = """
            UPDATE batch_jobs
               SET status = CASE WHEN successful_items = 0 AND failed_items > 0 THEN 'failed' ELSE 'completed' END,
                   completed_at = CURRENT_TIMESTAMP, updated_at = CURRENT_TIMESTAMP
             WHERE id = :id AND status IN ('queued', 'processing')
               AND NOT EXISTS (SELECT 1
                                 FROM batch_items
                                WHERE batch_job_id = :id AND status IN ('queued', 'processing'))
            """;

    private static final String UNSETTLED = """
            SELECT j.id
              FROM batch_jobs j
             WHERE j.status IN ('queued', 'processing')
                   AND NOT EXISTS (SELECT 1
                                     FROM batch_items i
                                    WHERE i.batch_job_id = j.id AND i.status IN ('queued', 'processing'))
                OR j.status = 'cancelled'
                   AND EXISTS (SELECT 1
                                 FROM batch_items i
                                WHERE i.batch_job_id = j.id AND i.status = 'queued')
             ORDER BY j.id
            """;

    /** So that nobody closes a job by what was true before another one reopened it, or the other way round. */
    private static final String LOCK = "SELECT id FROM batch_jobs WHERE id = :id FOR UPDATE";

    /** %s is which of them. */
    private static final String REQUEUE = """
            UPDATE batch_items
               SET status = 'queued', available_at = CURRENT_TIMESTAMP, earlier_attempts = attempts, parse_only = :parseOnly,
                   processed_at = NULL, claim_token = NULL, updated_at = CURRENT_TIMESTAMP
             WHERE batch_job_id = :id AND status = 'failed'%s
            """;

    private static final String CAUSES_AMONG = """
            SELECT error_code, COALESCE(retryable, FALSE) AS retryable, count(*) AS items, max(error_message) AS example
              FROM batch_items
             WHERE batch_job_id = :id AND status = 'failed'%s
             GROUP BY error_code, COALESCE(retryable, FALSE)
            """;

    /** Deletions may have made the counters larger than the rows. */
    private static final String REOPEN = """
            UPDATE batch_jobs
               SET failed_items = GREATEST(failed_items - :items, 0),
                   completed_items = successful_items + GREATEST(failed_items - :items, 0),
                   status = CASE WHEN status = 'paused' THEN status
                                 WHEN started_at IS NULL THEN 'queued' ELSE 'processing' END,
                   status_reason = CASE WHEN status = 'paused' THEN status_reason END,
                   completed_at = NULL, updated_at = CURRENT_TIMESTAMP
             WHERE id = :id
            """;

    private static final String ITEMS_AMONG = """
            SELECT id, batch_job_id, status
              FROM batch_items
             WHERE id IN (:items)
            """;

    private static final String PAUSE = """
            UPDATE batch_jobs
               SET status = 'paused', status_reason = :reason, updated_at = CURRENT_TIMESTAMP
             WHERE id = :id AND status IN ('queued', 'processing')
            """;

    private static final String RESUME = """
            UPDATE batch_jobs
               SET status = CASE WHEN started_at IS NULL THEN 'queued' ELSE 'processing' END,
                   status_reason = NULL, updated_at = CURRENT_TIMESTAMP
             WHERE id = :id AND status = 'paused'
            """;

    private static final String SET_BUDGET = """
            UPDATE batch_jobs
               SET budget_usd = :budget, updated_at = CURRENT_TIMESTAMP
             WHERE id = :id AND status IN ('queued', 'processing', 'paused')
            """;

    private static final String SET_DELIVERY = """
            UPDATE batch_jobs
               SET delivery = :delivery, updated_at = CURRENT_TIMESTAMP
             WHERE id = :id
            """;

    private static final String ESTIMATE = """
            UPDATE batch_jobs
               SET estimated_cost = :estimate, updated_at = CURRENT_TIMESTAMP
             WHERE id = :id
            """;

    private static final String QUEUED_PARAMETERS = """
            SELECT parameters, count(*) AS items
              FROM batch_items
             WHERE batch_job_id = :id AND status = 'queued' AND NOT parse_only
             GROUP BY parameters
            """;

    private static final String PRIORITIZE = """
            UPDATE batch_jobs
               SET priority = :priority, updated_at = CURRENT_TIMESTAMP
             WHERE id = :id AND status IN ('queued', 'processing', 'paused')
            """;

    private static final String CANCEL = """
            UPDATE batch_jobs
               SET status = 'cancelled', status_reason = :reason, completed_at = CURRENT_TIMESTAMP,
                   updated_at = CURRENT_TIMESTAMP
             WHERE id = :id AND status IN ('queued', 'processing', 'paused')
            """;

    private static final String CANCEL_ITEMS = """
            UPDATE batch_items
               SET status = 'failed', error_code = 'cancelled', error_message = :reason, retryable = true,
                   processed_at = CURRENT_TIMESTAMP, claim_token = NULL, updated_at = CURRENT_TIMESTAMP
             WHERE batch_job_id = :id AND status = 'queued'
            """;

    private static final String REPORTED = """
            UPDATE batch_jobs
               SET reported_at = CURRENT_TIMESTAMP, updated_at = CURRENT_TIMESTAMP
             WHERE id = :id
            """;

    private static final String VERSIONS = """
            SELECT id, updated_at
              FROM batch_jobs
             WHERE id IN (:ids)
                OR id IN (SELECT id FROM batch_jobs ORDER BY created_at DESC, id DESC LIMIT :limit)
            """;

    private static final String HELD = """
            SELECT batch_job_id, count(*) AS items
              FROM batch_items
             WHERE batch_job_id IN (:ids) AND status = 'processing'
             GROUP BY batch_job_id
            """;

    private static final String FAILED_PARAMETERS = """
            SELECT parameters, count(*) AS items
              FROM batch_items
             WHERE batch_job_id = :id AND status = 'failed'%s
             GROUP BY parameters
            """;

    /** More are not read one by one. */
    private static final int FEW = 1_000;

    /** A sample is read from so many places, so many items from each. */
    private static final int PLACES = 20;

    private static final int A_PLACE = 25;

    private static final String ENDS = """
            SELECT min(position) AS first, max(position) AS last
              FROM batch_items
             WHERE batch_job_id = :id AND %s
            """;

    private static final String PLACE = """
            SELECT position, parameters
              FROM batch_items
             WHERE batch_job_id = :id AND %s AND position >= :from
             ORDER BY position
             LIMIT :limit
            """;

    private static final String OPEN_AMONG = """
            SELECT id
              FROM batch_jobs
             WHERE id IN (:ids) AND status IN ('queued', 'processing')
            """;

    private static final String ERROR_HANDLING = "SELECT error_handling FROM batch_jobs WHERE id = :id";

    private static final String LAST_ITEM_ERRORS = """
            SELECT j.id, (SELECT i.error_message
                            FROM batch_items i
                           WHERE i.batch_job_id = j.id AND i.status = 'failed'
                           ORDER BY i.processed_at DESC, i.position DESC
                           LIMIT 1) AS error_message
              FROM batch_jobs j
             WHERE j.id IN (:ids) AND j.failed_items > 0
            """;

    private final NamedParameterJdbcTemplate jdbc;
    private final JdbcClient client;
    private final JobFailures failures;
    private final Dialect dialect;

    public BatchJobs(NamedParameterJdbcTemplate jdbc, Dialect dialect) {
        this.jdbc = jdbc;
        this.client = JdbcClient.create(jdbc);
        this.failures = new JobFailures(client);
        this.dialect = dialect;
    }

    /**
     * Adds a job and its items in one transaction, unless one of the same source is there. A job without items is complete
     * at once.
     *
     * @param again adds it even so, as a job of its own
     */
    @Transactional
    public Enqueued enqueue(NewJob job, boolean again) {
        String source = job.source();
        if (source != null && again) {
            source = numbered(source);
        }
        UUID id = UUID.randomUUID();
        if (insert(id, job, source) == 0) {
            UUID existing = client.sql(FIND_BY_SOURCE)
                    .param("source", source)
                    .query(UUID.class)
                    .single();
            return new Enqueued(existing, false);
        }
        insertItems(id, job);
        return new Enqueued(id, true);
    }

    /** @param created false when a job of the same source was already there */
    public record Enqueued(UUID jobId, boolean created) {}

    private String numbered(String source) {
        long before = client.sql(AGAIN)
                .param("source", source)
                .param("numbered", source + "#%")
                .query(Long.class)
                .single();
        return before == 0 ? source : source + "#" + (before + 1);
    }

    private int insert(UUID id, NewJob job, @Nullable String source) {
        return client.sql(INSERT)
                .param("id", id)
                .param("name", job.name())
                .param("description", job.description())
                .param("status", (job.items().isEmpty() ? JobStatus.COMPLETED : JobStatus.QUEUED).key())
                .param("priority", job.priority().key())
                .param("total", job.items().size())
                .param("tier", job.tier().key())
                .param("settings", JSON.writeValueAsString(job.settings()))
                .param("concurrency", job.concurrency())
                .param("errorHandling", job.errorHandling().key())
                .param("budget", job.budgetUsd())
                .param("source", source)
                .param("createdBy", job.createdBy())
                .param("delivery", job.settings().delivery().key())
                .update();
    }

    private void insertItems(UUID id, NewJob job) {
        List<Map<String, @Nullable Object>> rows = new ArrayList<>(ENQUEUE_BATCH);
        int position = 0;
        for (NewJob.Item item : job.items()) {
            Map<String, @Nullable Object> row = new HashMap<>();
            row.put("id", UUID.randomUUID());
            row.put("job", id);
            row.put("position", ++position);
            row.put("topic", item.topic());
            row.put("tier", item.parameters().tier().key());
            row.put("parameters", BulkStatement.json(dialect, item.parameters().toJson()));
            row.put("conversation_key", UUID.randomUUID());
            rows.add(row);
            if (rows.size() == ENQUEUE_BATCH) {
                INSERT_ITEMS.update(jdbc, dialect, rows);
                rows.clear();
            }
        }
        INSERT_ITEMS.update(jdbc, dialect, rows);
    }

    public Optional<BatchJob> find(UUID id) {
        return client.sql(FIND).param("id", id).query(BatchJobs::job).optional();
    }

    /** Those of these jobs that are there, oldest first. */
    public List<BatchJob> among(Collection<UUID> ids) {
        return client.sql(AMONG).param("ids", ids).query(BatchJobs::job).list();
    }

    public List<BatchJob> newestFirst(int limit) {
        return newestFirst(null, null, limit);
    }

    /**
     * @param status null is any
     * @param after only jobs older than this one, the last of the page before; null begins
     */
    public List<BatchJob> newestFirst(@Nullable JobStatus status, @Nullable UUID after, int limit) {
        return client.sql(NEWEST_FIRST)
                .param("status", status == null ? null : status.key())
                .param("after", after)
                .param("limit", limit)
                .query(BatchJobs::job)
                .list();
    }

    /** Jobs whose items a run may claim, by priority, then age. */
    public List<BatchJob> open() {
        return client.sql(OPEN).query(BatchJobs::job).list();
    }

    /**
     * Counts what became of items, in the transaction that records it on them; the last item closes its job.
     *
     * @param spending on calls that were not counted before
     * @throws RowsHiddenException when the database does not let us update the job
     */
    public void count(UUID id, int successful, int failed, Spending spending) {
        int counted = client.sql(COUNT)
                .param("id", id)
                .param("successful", successful)
                .param("failed", failed)
                .param("completed", successful + failed)
                .param("cost", spending.usd())
                .param("dearest", spending.dearestCall())
                .param("unknown", spending.unknownCalls())
                .update();
        if (counted != 1) {
            throw new RowsHiddenException("batch_jobs", "job " + id + " was not updated");
        }
    }

    /** Jobs that are not as {@link #settle} would leave them, whoever left them so. */
    public List<UUID> unsettled() {
        return client.sql(UNSETTLED).query(UUID.class).list();
    }

    /**
     * What remains to be done for a job when a run ends: closes it when it has nothing left, however that came about, and
     * fails what came back to the queue after it was cancelled.
     */
    @Transactional
    public void settle(UUID id) {
        client.sql(LOCK).param("id", id).query(UUID.class).optional(); // what follows sees who had it before
        Optional<BatchJob> job = find(id);
        if (job.isEmpty()) {
            return;
        }
        if (job.get().status() == JobStatus.CANCELLED) {
            cancelItems(id, String.valueOf(job.get().statusReason()));
        } else if (client.sql(CLOSE).param("id", id).update() == 1) {
            client.sql(RECOUNT).param("id", id).update();
            failures.recount(id);
        }
    }

    /**
     * Puts failed items of a job back into the queue, with what they tell of their failure and of their attempts, and reopens
     * the job unless it is paused; the next outcome of its last item closes it again. In the caller's transaction.
     *
     * @param parseOnly whether they are to be made of stored answers, without a call
     * @return how many
     */
    public int requeue(UUID id, FailedItems which, boolean parseOnly) {
        client.sql(LOCK).param("id", id).query(UUID.class).optional();
        List<Cause> causes = chosen(CAUSES_AMONG, id, which)
                .query((row, n) -> JobFailures.cause(row))
                .list();
        int items = chosen(REQUEUE, id, which).param("parseOnly", parseOnly).update();
        if (items > 0) {
            client.sql(REOPEN).param("id", id).param("items", items).update();
            failures.take(id, causes);
        }
        return items;
    }

    /** Where these items are and how they stand; those that are not there are not in the result. */
    public List<ItemState> itemsAmong(Collection<UUID> items) {
        return client.sql(ITEMS_AMONG)
                .param("items", items)
                .query((row, n) -> new ItemState(
                        row.getObject("id", UUID.class),
                        row.getObject("batch_job_id", UUID.class),
                        row.getString("status")))
                .list();
    }

    /** @param status as in the table */
    public record ItemState(UUID id, UUID jobId, String status) {}

    /**
     * Stops the claiming of a job's items; what is in flight finishes.
     *
     * @param reason for the operator: the provider's words, the budget
     * @return whether the job was open
     */
    public boolean pause(UUID id, String reason) {
        return client.sql(PAUSE).param("id", id).param("reason", reason).update() == 1;
    }

    /** Reopens a paused job; says whether it was paused. */
    public boolean resume(UUID id) {
        return client.sql(RESUME).param("id", id).update() == 1;
    }

    /** Changes what a job may cost in all; says whether it is still to be worked on. */
    public boolean setBudget(UUID id, BigDecimal budgetUsd) {
        return client.sql(SET_BUDGET).param("id", id).param("budget", budgetUsd).update() == 1;
    }

    /** Has what is not under way yet go by another door, in whatever processes work on the job. */
    public void setDelivery(UUID id, Delivery delivery) {
        client.sql(SET_DELIVERY)
                .param("id", id)
                .param("delivery", delivery.key())
                .update();
    }

    /** Changes whose items are claimed first, from the next claim on; says whether the job is still to be worked on. */
    public boolean prioritize(UUID id, Priority priority) {
        return client.sql(PRIORITIZE)
                        .param("id", id)
                        .param("priority", priority.key())
                        .update()
                == 1;
    }

    /** Keeps what the whole job is expected to cost at the most; its budget is kept by it until a call has told more. */
    public void estimate(UUID id, BigDecimal atMostUsd) {
        client.sql(ESTIMATE).param("id", id).param("estimate", atMostUsd).update();
    }

    /** Keeps that the report of a job was written just now. */
    public void reported(UUID id) {
        client.sql(REPORTED).param("id", id).update();
    }

    /** The distinct parameters of a job's queued items that may be called for, with how many items have them. */
    public Map<String, Long> queuedParameters(UUID id) {
        return parameters(client.sql(QUEUED_PARAMETERS).param("id", id));
    }

    /** The same, about so many of them in all: of more than a few it is a sample that tells. */
    public Map<String, Long> queuedParameters(UUID id, long items) {
        return items <= FEW ? queuedParameters(id) : sampled("status = 'queued' AND NOT parse_only", id, "", items);
    }

    /** The distinct parameters of failed items of a job, with how many items have them; of many it is a sample that tells. */
    public Map<String, Long> failedParameters(UUID id, FailedItems which) {
        if (!which.items().isEmpty()) {
            return parameters(chosen(FAILED_PARAMETERS, id, which));
        }
        Map<String, Long> items = new HashMap<>();
        for (Cause cause : failuresByCause(id)) {
            if (which.all()
                    || which.retryable() && cause.retryable()
                    || which.codes().contains(cause.code())) {
                parameters(id, cause).forEach((parameters, some) -> items.merge(parameters, some, Long::sum));
            }
        }
        return items;
    }

    private Map<String, Long> parameters(UUID id, Cause cause) {
        String condition =
                "status = 'failed' AND error_code = :code AND COALESCE(retryable, FALSE) = " + cause.retryable();
        return cause.items() <= FEW
                ? parameters(client.sql(FAILED_PARAMETERS.formatted(" AND " + condition))
                        .param("id", id)
                        .param("code", cause.code()))
                : sampled(condition, id, cause.code(), cause.items());
    }

    /** Items from places that are spread over all of a condition's positions stand for so many. */
    private Map<String, Long> sampled(String condition, UUID id, String code, long items) {
        int[] ends = client.sql(ENDS.formatted(condition))
                .param("id", id)
                .param("code", code)
                .query((row, n) -> new int[] {row.getInt("first"), row.getInt("last")})
                .single();
        Map<Integer, String> sample = new TreeMap<>();
        for (int place = 0; place < PLACES; place++) {
            client.sql(PLACE.formatted(condition))
                    .param("id", id)
                    .param("code", code)
                    .param("from", ends[0] + (long) place * (ends[1] - ends[0]) / PLACES)
                    .param("limit", A_PLACE)
                    .query((RowCallbackHandler) row -> sample.put(row.getInt("position"), row.getString("parameters")));
        }
        Map<String, Long> sampled = new HashMap<>();
        long left = items;
        int rest = sample.size();
        for (String parameters : sample.values()) {
            long share = left / rest--;
            sampled.merge(parameters, share, Long::sum);
            left -= share;
        }
        return sampled;
    }

    private static Map<String, Long> parameters(JdbcClient.StatementSpec query) {
        Map<String, Long> items = new HashMap<>();
        query.query((row, n) -> items.put(row.getString("parameters"), row.getLong("items")))
                .list();
        return items;
    }

    private JdbcClient.StatementSpec chosen(String sql, UUID id, FailedItems which) {
        return client.sql(sql.formatted(conditions(which)))
                .param("id", id)
                .param("codes", which.codes())
                .param("items", which.items());
    }

    /** Only what is asked for, so that few of a million are found by their index. */
    private static String conditions(FailedItems which) {
        if (which.all()) {
            return "";
        }
        List<String> any = new ArrayList<>();
        if (which.retryable()) {
            any.add("retryable");
        }
        if (!which.codes().isEmpty()) {
            any.add("error_code IN (:codes)");
        }
        if (!which.items().isEmpty()) {
            any.add("id IN (:items)");
        }
        return any.isEmpty() ? " AND FALSE" : " AND (" + String.join(" OR ", any) + ")";
    }

    /** When the newest jobs, and these, were last changed; a change of their items is one of theirs, unless it is a claim. */
    public Map<UUID, Instant> versions(int newest, Collection<UUID> ids) {
        Map<UUID, Instant> versions = new HashMap<>();
        client.sql(VERSIONS)
                .param("limit", newest)
                .param("ids", ids.isEmpty() ? List.of(new UUID(0, 0)) : ids)
                .query((RowCallbackHandler) row -> versions.put(
                        row.getObject("id", UUID.class),
                        row.getObject("updated_at", OffsetDateTime.class).toInstant()));
        return versions;
    }

    /** How many items of each of these jobs somebody has claimed; a job without any is not in the result. */
    public Map<UUID, Integer> held(Collection<UUID> ids) {
        Map<UUID, Integer> held = new HashMap<>();
        if (!ids.isEmpty()) {
            client.sql(HELD).param("ids", ids).query((RowCallbackHandler)
                    row -> held.put(row.getObject("batch_job_id", UUID.class), row.getInt("items")));
        }
        return held;
    }

    /**
     * Fails what is queued with {@code cancelled} as its code; what is in flight finishes, what succeeded stays. Items are
     * locked before their job, as whoever claims or records does.
     *
     * @return whether the job was open or paused
     */
    @Transactional
    public boolean cancel(UUID id, String reason) {
        JobStatus status = find(id).map(BatchJob::status).orElse(JobStatus.COMPLETED);
        if (!status.open() && status != JobStatus.PAUSED) {
            return false;
        }
        int items = failQueued(id, reason);
        boolean cancelled =
                client.sql(CANCEL).param("id", id).param("reason", reason).update() == 1;
        countCancelled(id, items, reason);
        return cancelled;
    }

    private int failQueued(UUID id, String reason) {
        return client.sql(CANCEL_ITEMS).param("id", id).param("reason", reason).update();
    }

    private void cancelItems(UUID id, String reason) {
        int items = failQueued(id, reason);
        if (items > 0) {
            countCancelled(id, items, reason);
        }
    }

    private void countCancelled(UUID id, int items, String reason) {
        count(id, 0, items, Spending.NONE);
        if (items > 0) {
            failures.add(id, List.of(new Cause("cancelled", true, items, reason)));
        }
    }

    /** Counts why items of a job failed, in the transaction that has just {@linkplain #count counted} them. */
    public void countCauses(UUID id, Collection<Outcome.Failed> failed) {
        failures.add(
                id,
                failed.stream()
                        .map(one -> new Cause(one.code(), one.retryable(), 1, one.message()))
                        .toList());
    }

    /** Which of these jobs must not be worked on now: paused, cancelled, done or gone. */
    public Set<UUID> notOpen(Collection<UUID> ids) {
        Set<UUID> closed = new HashSet<>(ids);
        closed.removeAll(
                client.sql(OPEN_AMONG).param("ids", ids).query(UUID.class).list());
        return closed;
    }

    public ErrorHandling errorHandling(UUID id) {
        return ErrorHandling.of(
                client.sql(ERROR_HANDLING).param("id", id).query(String.class).single());
    }

    /** The failed items of a job, grouped by cause, the most frequent first. */
    public List<Cause> failuresByCause(UUID jobId) {
        return failures.of(jobId);
    }

    /** @param example the message of one of the items */
    public record Cause(String code, boolean retryable, long items, String example) {}

    /** The message of the item that failed last in each of these jobs; a job without failed items is not in the result. */
    public Map<UUID, String> lastItemErrors(Collection<UUID> ids) {
        Map<UUID, String> messages = new HashMap<>();
        if (!ids.isEmpty()) {
            client.sql(LAST_ITEM_ERRORS).param("ids", ids).query((RowCallbackHandler) row -> {
                String message = row.getString("error_message");
                if (message != null) {
                    messages.put(row.getObject("id", UUID.class), message);
                }
            });
        }
        return messages;
    }

    private static BatchJob job(ResultSet row, int number) throws SQLException {
        return new BatchJob(
                row.getObject("id", UUID.class),
                row.getString("name"),
                row.getString("description"),
                JobStatus.of(row.getString("status")),
                row.getString("status_reason"),
                Priority.of(row.getString("priority")),
                row.getInt("total_items"),
                row.getInt("completed_items"),
                row.getInt("successful_items"),
                row.getInt("failed_items"),
                JSON.readValue(row.getString("shared_parameters"), JobSettings.class)
                        .with(Delivery.of(row.getString("delivery"))),
                row.getObject("concurrent_processing", Integer.class),
                ErrorHandling.of(row.getString("error_handling")),
                row.getBigDecimal("budget_usd"),
                row.getBigDecimal("estimated_cost"),
                row.getBigDecimal("actual_cost"),
                row.getLong("unknown_cost_calls"),
                row.getString("source"),
                row.getObject("created_by", UUID.class),
                instant(row, "started_at"),
                instant(row, "completed_at"),
                row.getObject("created_at", OffsetDateTime.class).toInstant(),
                instant(row, "reported_at"));
    }

    private static @Nullable Instant instant(ResultSet row, String column) throws SQLException {
        OffsetDateTime time = row.getObject(column, OffsetDateTime.class);
        return time == null ? null : time.toInstant();
    }
}
