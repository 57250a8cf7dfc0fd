package dev.parley.work;

import dev.parley.conversation.ConversationKey;
import dev.parley.conversation.ConversationPk;
import dev.parley.database.BulkStatement;
import dev.parley.database.Dialect;
import dev.parley.database.Finding;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.springframework.jdbc.core.namedparam.NamedParameterJdbcTemplate;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.stereotype.Repository;
import org.springframework.transaction.annotation.Transactional;

/**
 * What a broken past left in the work list: items that failed, or lost their link, although their conversation is there;
 * items that nobody works on any more; counters that do not add up. Thread-safe.
 *
 * <p>An item and a conversation belong together when the conversation has the item's key or the key that the item's error
 * names. In older data, where an item has no such key, its combination and time decide: the conversation was made while the
 * item was worked on: after the job's item before it had ended, and at most half an hour before its own end. Two that could
 * be meant are left alone.
 */
@Repository
public class BrokenItems {
    private static final String BROKEN =
            "(i.status = 'failed' OR i.status = 'completed' AND i.conversation_id IS NULL)";

    private static final String FREE = """
            c.processing_status = ANY (ARRAY['completed', 'raw_stored', 'parse_failed'])
               AND NOT EXISTS (SELECT 1 FROM batch_items o WHERE o.conversation_id = c.id)
            """;

    private static final String MATCHES_H2 = """
            SELECT i.id, i.batch_job_id, c.id AS conversation, c.conversation_id AS business_key, 'key' AS evidence,
                   c.processing_status = 'completed' AS complete
              FROM batch_items i
              JOIN conversations c ON c.conversation_id = i.conversation_key
             WHERE c.processing_status = 'completed' AND
            """ + BROKEN + " ORDER BY i.batch_job_id, i.position";

    private static final String MATCHES_POSTGRESQL =
            """
            WITH ended AS (
                SELECT i.id, i.batch_job_id, i.position, i.status, i.conversation_id, i.conversation_key, i.parameters,
                       i.error_message, i.processed_at,
                       COALESCE(i.processing_started_at,
                                GREATEST(i.created_at, i.processed_at - INTERVAL '30' MINUTE,
                                         lag(i.processed_at) OVER (PARTITION BY i.batch_job_id
                                                                   ORDER BY i.processed_at, i.position))) AS begun
                  FROM batch_items i
                 WHERE i.processed_at IS NOT NULL),
            broken AS (SELECT * FROM ended i WHERE %1$s),
            named AS (
                SELECT i.id, c.id AS conversation
                  FROM broken i
                  JOIN conversations c ON c.conversation_id = i.conversation_key
                 WHERE c.processing_status = 'completed'
                 UNION
                SELECT i.id, c.id
                  FROM broken i
                  JOIN conversations c ON c.conversation_id = CAST(substring(i.error_message
                       FROM '\\(conversation_id\\)=\\(([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})\\)') AS uuid)
                 WHERE %2$s),
            timed AS (
                SELECT i.id, c.id AS conversation
                  FROM broken i
                 CROSS JOIN LATERAL (SELECT CASE WHEN i.parameters::jsonb ->> 'persona_id' ~ :uuid THEN CAST(i.parameters::jsonb ->> 'persona_id' AS uuid) END AS persona,
                                            CASE WHEN i.parameters::jsonb ->> 'emotional_arc_id' ~ :uuid THEN CAST(i.parameters::jsonb ->> 'emotional_arc_id' AS uuid) END AS arc,
                                            CASE WHEN i.parameters::jsonb ->> 'training_topic_id' ~ :uuid THEN CAST(i.parameters::jsonb ->> 'training_topic_id' AS uuid) END AS topic) p
                 -- OFFSET 0 holds the planner to an index range an item: a hash join of one combination's rows is quadratic
                 CROSS JOIN LATERAL (SELECT c.id, c.conversation_id, c.processing_status
                                       FROM conversations c
                                      WHERE c.training_topic_id = p.topic AND c.persona_id = p.persona AND c.emotional_arc_id = p.arc
                                        AND c.created_at > i.begun AND c.created_at <= i.processed_at + INTERVAL '5' SECOND
                                     OFFSET 0) c
                 WHERE %2$s
                   AND NOT EXISTS (SELECT 1 FROM conversations k WHERE k.conversation_id = i.conversation_key)
                   AND NOT EXISTS (SELECT 1 FROM batch_items o WHERE o.conversation_key = c.conversation_id)),
            matches AS (SELECT id, conversation, true AS by_key FROM named
                        UNION ALL
                        SELECT id, conversation, false FROM timed),
            ranked AS (SELECT *, bool_or(by_key) OVER (PARTITION BY id) OR bool_or(by_key) OVER (PARTITION BY conversation) AS key_known
                         FROM matches),
            counted AS (SELECT *, count(*) OVER (PARTITION BY id) AS of_item, count(*) OVER (PARTITION BY conversation) AS of_conversation
                          FROM ranked
                         WHERE by_key OR NOT key_known)
            SELECT m.id, i.batch_job_id, m.conversation, c.conversation_id AS business_key,
                   CASE WHEN m.by_key THEN 'key' ELSE 'time' END AS evidence,
                   c.processing_status = 'completed' AS complete
              FROM counted m
              JOIN batch_items i ON i.id = m.id
              JOIN conversations c ON c.id = m.conversation
             WHERE m.of_item = 1 AND m.of_conversation = 1
             ORDER BY i.batch_job_id, i.position
            """.formatted(BROKEN, FREE).replace(":uuid", "'^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$'");

    /** What the item's failure was stays on record; the item is through. */
    private static final BulkStatement KEEP_ERROR = new BulkStatement("""
            INSERT INTO failed_generations (id, item_id, run_id, conversation_key, failure_type, error_code, error_message, created_at)
            SELECT gen_random_uuid(), i.id, i.batch_job_id, i.conversation_key, 'api_error', i.error_code, i.error_message, i.processed_at
              FROM json_to_recordset(:rows::json) AS r(id uuid)
              JOIN batch_items i ON i.id = r.id
             WHERE i.status = 'failed'
               AND NOT EXISTS (SELECT 1 FROM failed_generations f WHERE f.item_id = i.id AND f.error_message = i.error_message)
            """, """
            INSERT INTO failed_generations (id, item_id, run_id, conversation_key, failure_type, error_code, error_message, created_at)
            SELECT gen_random_uuid(), i.id, i.batch_job_id, i.conversation_key, 'api_error', i.error_code, i.error_message, i.processed_at
              FROM batch_items i
             WHERE i.id = :id AND i.status = 'failed'
               AND NOT EXISTS (SELECT 1 FROM failed_generations f WHERE f.item_id = i.id AND f.error_message = i.error_message)
            """);

    private static final BulkStatement LINK = new BulkStatement("""
            UPDATE batch_items i
               SET status = 'completed', conversation_id = r.conversation,
                   conversation_key = CASE WHEN EXISTS (SELECT 1 FROM batch_items o WHERE o.conversation_key = r.key)
                                           THEN i.conversation_key ELSE r.key END,
                   error_code = NULL, error_message = NULL, retryable = NULL,
                   processed_at = COALESCE(processed_at, CURRENT_TIMESTAMP), updated_at = CURRENT_TIMESTAMP
              FROM json_to_recordset(:rows::json) AS r(id uuid, conversation uuid, key uuid)
             WHERE i.id = r.id AND
            """ + BROKEN, """
            UPDATE batch_items i
               SET status = 'completed', conversation_id = :conversation,
                   error_code = NULL, error_message = NULL, retryable = NULL,
                   processed_at = COALESCE(processed_at, CURRENT_TIMESTAMP), updated_at = CURRENT_TIMESTAMP
             WHERE id = :id AND
            """ + BROKEN);

    private static final BulkStatement TAKE_KEY = new BulkStatement("""
            UPDATE batch_items i
               SET conversation_key = r.key, updated_at = CURRENT_TIMESTAMP
              FROM json_to_recordset(:rows::json) AS r(id uuid, key uuid)
             WHERE i.id = r.id AND
            """ + BROKEN, """
            UPDATE batch_items i
               SET conversation_key = :key, updated_at = CURRENT_TIMESTAMP
             WHERE id = :id AND
            """ + BROKEN);

    private static final String WITH_KEYS = """
            SELECT i.id, i.batch_job_id, i.position, i.parameters, i.conversation_key, i.attempts, i.earlier_attempts, i.unanswered
              FROM batch_items i
             WHERE i.conversation_key IN (:keys)
               AND NOT EXISTS (SELECT 1
                                 FROM conversations c
                                WHERE c.conversation_id = i.conversation_key AND c.processing_status = 'completed')
               AND
            """ + BROKEN;

    /** What is in a batch is the batch's, and needs no lease. */
    private static final String STUCK = """
             WHERE status = 'processing' AND (lease_until IS NULL OR lease_until < CURRENT_TIMESTAMP)
               AND NOT EXISTS (SELECT 1 FROM provider_batches b WHERE b.id = batch_items.claim_token AND b.status <> 'done')
            """;

    private static final String RELEASE = """
            UPDATE batch_items
               SET status = 'queued', unanswered = unanswered + 1, available_at = CURRENT_TIMESTAMP,
                   claim_token = NULL, claimed_by = NULL, lease_until = NULL, updated_at = CURRENT_TIMESTAMP
            """ + STUCK;

    private static final String COUNT_LEFT_BATCHES = """
            SELECT count(*)
              FROM provider_batches b
              JOIN batch_jobs j ON j.id = b.batch_job_id
             WHERE b.status <> 'done' AND b.claimed_by IS NULL AND j.status NOT IN ('queued', 'processing')
            """;

    private static final String GIVE_UP = """
            UPDATE batch_items
               SET status = 'failed', error_code = 'conversation_missing', retryable = false,
                   error_message = 'the item was completed, and its conversation is no longer there',
                   processed_at = COALESCE(processed_at, updated_at), updated_at = CURRENT_TIMESTAMP
             WHERE status = 'completed' AND conversation_id IS NULL
            """;

    private static final String TALLIES = """
              FROM (SELECT b.id, count(i.id) AS total,
                           count(CASE WHEN i.status = 'completed' THEN 1 END) AS successful,
                           count(CASE WHEN i.status = 'failed' THEN 1 END) AS failed
                      FROM batch_jobs b
                      LEFT JOIN batch_items i ON i.batch_job_id = b.id
                     GROUP BY b.id) n
              JOIN batch_jobs j ON j.id = n.id
             WHERE j.successful_items <> n.successful OR j.failed_items <> n.failed OR j.total_items <> n.total
                OR j.completed_items <> n.successful + n.failed
            """;

    private static final String WRONG_COUNTERS = "SELECT j.id, n.total, n.successful, n.failed" + "\n" + TALLIES;

    private static final String RECOUNT = """
            UPDATE batch_jobs
               SET total_items = :total, successful_items = :successful, failed_items = :failed,
                   completed_items = :successful + :failed,
                   status = CASE WHEN status = ANY (ARRAY['completed', 'failed']) AND :successful + :failed < :total THEN 'processing'
                                 WHEN status = 'failed' AND :successful > 0 THEN 'completed'
                                 WHEN status = 'completed' AND :successful = 0 AND :failed > 0 THEN 'failed' ELSE status END,
                   updated_at = CURRENT_TIMESTAMP
             WHERE id = :id
            """;

    private static final String COUNTS = """
            SELECT count(*) AS completed, count(i.conversation_id) AS linked,
                   count(CASE WHEN i.conversation_id IS NOT NULL AND c.id IS NULL THEN 1 END) AS dangling
              FROM batch_items i
              LEFT JOIN conversations c ON c.id = i.conversation_id
             WHERE i.status = 'completed'
            """;

    private final NamedParameterJdbcTemplate jdbc;
    private final JdbcClient client;
    private final JobFailures failures;
    private final Dialect dialect;

    public BrokenItems(NamedParameterJdbcTemplate jdbc, Dialect dialect) {
        this.jdbc = jdbc;
        this.client = JdbcClient.create(jdbc);
        this.failures = new JobFailures(client);
        this.dialect = dialect;
    }

    /**
     * An item and the conversation that belongs to it.
     *
     * @param evidence key or time
     * @param complete whether the conversation is; otherwise only its raw answer is there, to be parsed under its key
     */
    public record Match(
            UUID item, UUID job, ConversationPk conversation, ConversationKey key, String evidence, boolean complete) {
        public static Match of(ResultSet row, int number) throws SQLException {
            return new Match(
                    row.getObject("id", UUID.class),
                    row.getObject("batch_job_id", UUID.class),
                    new ConversationPk(row.getObject("conversation", UUID.class)),
                    new ConversationKey(row.getObject("business_key", UUID.class)),
                    row.getString("evidence"),
                    row.getBoolean("complete"));
        }
    }

    /** The query for all {@link Match}es, those of one job together; for a cursor, as there may be a million. */
    public String matches() {
        return dialect == Dialect.POSTGRESQL ? MATCHES_POSTGRESQL : MATCHES_H2;
    }

    /** How many matches there are, with a complete conversation or without. */
    public long countMatches(boolean complete) {
        return client.sql("SELECT count(*) FROM (" + matches() + ") matches WHERE complete = :complete")
                .param("complete", complete)
                .query(Long.class)
                .single();
    }

    /** How many of the matches are completed items that lost their link. */
    public long countLosers() {
        return client.sql("SELECT count(*) FROM (" + matches()
                        + ") matches JOIN batch_items b ON b.id = matches.id WHERE b.status = 'completed'")
                .query(Long.class)
                .single();
    }

    /**
     * Links items with complete conversations, and gives the others the key under which their raw answer is found. An item
     * that is no longer broken is left alone.
     */
    @Transactional
    public void link(Collection<? extends Match> matches) {
        List<Map<String, Object>> complete = new ArrayList<>();
        List<Map<String, Object>> keys = new ArrayList<>();
        for (Match match : matches) {
            (match.complete() ? complete : keys)
                    .add(Map.of(
                            "id",
                            match.item(),
                            "conversation",
                            match.conversation().value(),
                            "key",
                            match.key().value()));
        }
        KEEP_ERROR.update(jdbc, dialect, complete);
        int linked = LINK.update(jdbc, dialect, complete);
        int taken = TAKE_KEY.update(jdbc, dialect, keys);
        if (linked + taken == 0
                && !matches.isEmpty()
                && stillBroken(matches.iterator().next())) {
            throw new RowsHiddenException("batch_items", matches.size() + " items were not updated");
        }
    }

    private boolean stillBroken(Match match) {
        return client.sql("SELECT count(*) FROM batch_items i WHERE i.id = :id AND " + BROKEN)
                        .param("id", match.item())
                        .query(Long.class)
                        .single()
                > 0;
    }

    /** The broken items among those of some keys, as if they were claimed; nobody has to, for nothing is called. */
    public List<BatchItem> withKeys(Collection<ConversationKey> keys) {
        return keys.isEmpty()
                ? List.of()
                : client.sql(WITH_KEYS)
                        .param("keys", keys.stream().map(ConversationKey::value).toList())
                        .query((row, n) -> new BatchItem(
                                row.getObject("id", UUID.class),
                                row.getObject("batch_job_id", UUID.class),
                                row.getInt("position"),
                                row.getString("parameters"),
                                new ConversationKey(row.getObject("conversation_key", UUID.class)),
                                row.getInt("attempts"),
                                row.getInt("earlier_attempts"),
                                row.getInt("unanswered"),
                                true,
                                new UUID(0, 0)))
                        .list();
    }

    /** Items in processing that nobody holds a lease on. */
    public long countStuck() {
        return client.sql("SELECT count(*) FROM batch_items" + STUCK)
                .query(Long.class)
                .single();
    }

    /** Puts them back into the queue; says how many. */
    @Transactional
    public int releaseStuck() {
        return client.sql(RELEASE).update();
    }

    /**
     * Ends what no backfill can mend: completed items without a conversation become failed ones, which are not retried by
     * themselves; someone may have deleted the conversation on purpose.
     */
    @Transactional
    public int giveUp() {
        return client.sql(GIVE_UP).update();
    }

    /** Counts anew the jobs whose counters differ from their items; says how many. */
    @Transactional
    public int recount() {
        List<Map<String, Object>> wrong = wrongCounters();
        wrong.forEach(job -> {
            client.sql(RECOUNT).params(job).update();
            failures.recount((UUID) Objects.requireNonNull(job.get("id")));
        });
        return wrong.size();
    }

    private List<Map<String, Object>> wrongCounters() {
        return client.sql(WRONG_COUNTERS)
                .query((row, n) -> Map.<String, Object>of(
                        "id", row.getObject("id", UUID.class),
                        "total", row.getInt("total"),
                        "successful", row.getInt("successful"),
                        "failed", row.getInt("failed")))
                .list();
    }

    /** Combinations that a completed item covers, or one that is still to be worked on: the JSON of their parameters. */
    public List<String> coveredParameters() {
        return client.sql("SELECT DISTINCT parameters FROM batch_items WHERE status <> 'failed'")
                .query(String.class)
                .list();
    }

    /** @param dangling links to conversations that are not there */
    public record Counts(long completed, long linked, long dangling) {}

    public Counts counts() {
        return client.sql(COUNTS)
                .query((row, n) -> new Counts(row.getLong("completed"), row.getLong("linked"), row.getLong("dangling")))
                .single();
    }

    /** What is wrong with the rows. */
    public List<Finding> findings() {
        List<Finding> findings = new ArrayList<>();
        Counts counts = counts();
        add(
                findings,
                counts.completed() - counts.linked(),
                "%d completed items have no conversation",
                "parley backfill links those whose conversation is there, and fails the others as conversation_missing");
        add(findings, counts.dangling(), "%d items refer to conversations that are not there", "parley migrate");
        add(
                findings,
                countMatches(true),
                "%d failed or unlinked items have a conversation that was made for them",
                "parley backfill links them without a call");
        add(
                findings,
                countMatches(false),
                "%d failed items have a stored answer that was never made a conversation",
                "parley backfill parses it without a call");
        add(
                findings,
                countStuck(),
                "%d items are in processing, and nobody has a lease on them",
                "parley backfill puts them back into the queue");
        add(
                findings,
                client.sql(COUNT_LEFT_BATCHES).query(Long.class).single(),
                "%d batches of closed jobs are at their provider, and may have answers that are paid for",
                "parley run takes them");
        add(
                findings,
                wrongCounters().size(),
                "%d jobs have counters that differ from their items",
                "parley backfill counts them anew");
        return findings;
    }

    private static void add(List<Finding> findings, long count, String what, @Nullable String remedy) {
        if (count > 0) {
            findings.add(new Finding("rows", what.formatted(count), String.valueOf(remedy)));
        }
    }
}
