package dev.parley.conversation;

import dev.parley.database.BulkStatement;
import dev.parley.database.Dialect;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.springframework.jdbc.core.namedparam.NamedParameterJdbcTemplate;
import org.springframework.stereotype.Repository;

/** The table {@code conversations}. Thread-safe. */
@Repository
public class Conversations {
    private static final String COLUMNS = """
            conversation_id, conversation_name, title, description, persona_id, emotional_arc_id, training_topic_id,
            template_id, persona, emotional_arc, training_topic, scaffolding_snapshot, tier, turn_count, status,
            processing_status, storage_bucket, raw_response_path, raw_response_size, raw_stored_at, file_path, file_size,
            parse_attempts, last_parse_attempt_at, parse_method_used, parse_error_message, requires_manual_review, findings,
            quality_score, model, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, cost_usd, created_by
            """;

    private static final String UPSERT_POSTGRESQL =
            "INSERT INTO conversations (" + COLUMNS + ") SELECT " + COLUMNS + """
              FROM json_to_recordset(:rows::json)
                   AS r(conversation_id uuid, conversation_name text, title text, description text, persona_id uuid,
                        emotional_arc_id uuid, training_topic_id uuid, template_id uuid, persona jsonb, emotional_arc jsonb,
                        training_topic jsonb, scaffolding_snapshot jsonb, tier text, turn_count integer, status text,
                        processing_status text, storage_bucket text, raw_response_path text, raw_response_size bigint,
                        raw_stored_at timestamptz, file_path text, file_size bigint, parse_attempts integer,
                        last_parse_attempt_at timestamptz, parse_method_used text, parse_error_message text,
                        requires_manual_review boolean, findings jsonb, quality_score numeric, model text,
                        input_tokens bigint, output_tokens bigint, cache_read_tokens bigint, cache_write_tokens bigint,
                        cost_usd numeric, created_by uuid)
                ON CONFLICT (conversation_id) DO UPDATE
               SET template_id = EXCLUDED.template_id, scaffolding_snapshot = EXCLUDED.scaffolding_snapshot,
                   turn_count = EXCLUDED.turn_count, status = EXCLUDED.status,
                   processing_status = EXCLUDED.processing_status, storage_bucket = EXCLUDED.storage_bucket,
                   raw_response_path = EXCLUDED.raw_response_path, raw_response_size = EXCLUDED.raw_response_size,
                   raw_stored_at = EXCLUDED.raw_stored_at, file_path = EXCLUDED.file_path,
                   file_size = EXCLUDED.file_size,
                   parse_attempts = conversations.parse_attempts + EXCLUDED.parse_attempts,
                   last_parse_attempt_at = EXCLUDED.last_parse_attempt_at,
                   parse_method_used = EXCLUDED.parse_method_used, parse_error_message = EXCLUDED.parse_error_message,
                   requires_manual_review = EXCLUDED.requires_manual_review, findings = EXCLUDED.findings,
                   quality_score = EXCLUDED.quality_score, model = EXCLUDED.model,
                   input_tokens = EXCLUDED.input_tokens, output_tokens = EXCLUDED.output_tokens,
                   cache_read_tokens = EXCLUDED.cache_read_tokens, cache_write_tokens = EXCLUDED.cache_write_tokens,
                   cost_usd = EXCLUDED.cost_usd, updated_at = CURRENT_TIMESTAMP
            RETURNING id, conversation_id
            """;

    private static final String UPSERT_H2 = """
            MERGE INTO conversations AS t
            USING (VALUES (CAST(:conversation_id AS uuid))) AS s (business_key)
               ON t.conversation_id = s.business_key
             WHEN MATCHED THEN UPDATE
              SET template_id = :template_id, scaffolding_snapshot = :scaffolding_snapshot, turn_count = :turn_count,
                  status = :status, processing_status = :processing_status, storage_bucket = :storage_bucket,
                  raw_response_path = :raw_response_path, raw_response_size = :raw_response_size,
                  raw_stored_at = :raw_stored_at, file_path = :file_path, file_size = :file_size,
                  parse_attempts = t.parse_attempts + :parse_attempts, last_parse_attempt_at = :last_parse_attempt_at,
                  parse_method_used = :parse_method_used, parse_error_message = :parse_error_message,
                  requires_manual_review = :requires_manual_review, findings = :findings,
                  quality_score = :quality_score, model = :model, input_tokens = :input_tokens,
                  output_tokens = :output_tokens, cache_read_tokens = :cache_read_tokens,
                  cache_write_tokens = :cache_write_tokens, cost_usd = :cost_usd, updated_at = CURRENT_TIMESTAMP
             WHEN NOT MATCHED THEN INSERT (
            """ + COLUMNS + """
                  ) VALUES (
                  :conversation_id, :conversation_name, :title, :description, :persona_id, :emotional_arc_id,
                  :training_topic_id, :template_id, :persona, :emotional_arc, :training_topic, :scaffolding_snapshot, :tier,
                  :turn_count, :status, :processing_status, :storage_bucket, :raw_response_path, :raw_response_size,
                  :raw_stored_at, :file_path, :file_size, :parse_attempts, :last_parse_attempt_at, :parse_method_used,
                  :parse_error_message, :requires_manual_review, :findings, :quality_score, :model, :input_tokens,
                  :output_tokens, :cache_read_tokens, :cache_write_tokens, :cost_usd, :created_by)
            """;

    private static final BulkStatement UPSERT = new BulkStatement(UPSERT_POSTGRESQL, UPSERT_H2);

    private static final BulkStatement PRIMARY_KEYS = new BulkStatement("""
            SELECT c.id, c.conversation_id
              FROM json_to_recordset(:rows::json) AS r(key uuid)
              JOIN conversations c ON c.conversation_id = r.key
            """, """
            SELECT id, conversation_id
              FROM conversations
             WHERE conversation_id IN (:keys)
            """);

    private static final String FILE = "SELECT file_path FROM conversations WHERE id = :id";

    private static final String FILES = """
            SELECT id, conversation_id, storage_bucket, raw_response_path, file_path
              FROM conversations
             WHERE id > :after AND processing_status = 'completed'
             ORDER BY id
             LIMIT :limit
            """;

    private final NamedParameterJdbcTemplate jdbc;
    private final Dialect dialect;

    public Conversations(NamedParameterJdbcTemplate jdbc, Dialect dialect) {
        this.jdbc = jdbc;
        this.dialect = dialect;
    }

    /**
     * Writes rows, new ones or in place of what a former attempt wrote, in the caller's transaction.
     *
     * @return the primary key of each
     */
    public Map<ConversationKey, ConversationPk> upsert(Collection<ConversationRecord> records) {
        if (records.isEmpty()) {
            return Map.of();
        }
        List<Map<String, @Nullable Object>> rows =
                records.stream().map(this::row).toList();
        if (dialect == Dialect.POSTGRESQL) {
            return keys(UPSERT.returning(jdbc, rows, (row, n) -> keyPair(row)));
        }
        UPSERT.batch(jdbc, rows);
        return primaryKeysOf(records.stream().map(ConversationRecord::key).toList());
    }

    /** The primary keys of business keys, in one query; a key without a row is not in the result. */
    public Map<ConversationKey, ConversationPk> primaryKeysOf(Collection<ConversationKey> keys) {
        if (keys.isEmpty()) {
            return Map.of();
        }
        if (dialect == Dialect.POSTGRESQL) {
            List<Map<String, UUID>> rows =
                    keys.stream().map(key -> Map.of("key", key.value())).toList();
            return keys(PRIMARY_KEYS.returning(jdbc, rows, (row, n) -> keyPair(row)));
        }
        return keys(jdbc.query(
                PRIMARY_KEYS.h2(),
                Map.of("keys", keys.stream().map(ConversationKey::value).toList()),
                (row, n) -> keyPair(row)));
    }

    /** The path of a conversation's final file; empty when it has none. */
    public Optional<String> fileOf(ConversationPk conversation) {
        return jdbc.queryForList(FILE, Map.of("id", conversation.value()), String.class).stream()
                .filter(Objects::nonNull)
                .findFirst();
    }

    /**
     * Where the files of completed conversations are, page by page.
     *
     * @param after the last one of the page before; the NIL UUID for the first page
     */
    public List<Files> files(ConversationPk after, int limit) {
        return jdbc.query(
                FILES,
                Map.of("after", after.value(), "limit", limit),
                (row, n) -> new Files(
                        new ConversationPk(row.getObject("id", UUID.class)),
                        new ConversationKey(row.getObject("conversation_id", UUID.class)),
                        row.getString("storage_bucket"),
                        row.getString("raw_response_path"),
                        row.getString("file_path")));
    }

    /** Paths of a conversation's files within its bucket; null where the row has none. */
    public record Files(
            ConversationPk pk,
            ConversationKey key,
            String bucket,
            @Nullable String raw,
            @Nullable String conversation) {}

    private static Map.Entry<ConversationKey, ConversationPk> keyPair(java.sql.ResultSet row)
            throws java.sql.SQLException {
        return Map.entry(
                new ConversationKey(row.getObject("conversation_id", UUID.class)),
                new ConversationPk(row.getObject("id", UUID.class)));
    }

    private static Map<ConversationKey, ConversationPk> keys(List<Map.Entry<ConversationKey, ConversationPk>> pairs) {
        Map<ConversationKey, ConversationPk> keys = new HashMap<>();
        pairs.forEach(pair -> keys.put(pair.getKey(), pair.getValue()));
        return keys;
    }

    private @Nullable Object json(@Nullable String json) {
        return BulkStatement.json(dialect, json);
    }

    /** A text in the JSON of {@code :rows}, and what JDBC wants for a zoned timestamp. */
    private @Nullable Object time(@Nullable Instant time) {
        return time == null ? null : time.atOffset(ZoneOffset.UTC);
    }

    private Map<String, @Nullable Object> row(ConversationRecord c) {
        Map<String, @Nullable Object> row = new HashMap<>();
        row.put("conversation_id", c.key().value());
        row.put("conversation_name", c.name());
        row.put("title", c.title());
        row.put("description", c.description());
        row.put("persona_id", c.personaId());
        row.put("emotional_arc_id", c.emotionalArcId());
        row.put("training_topic_id", c.trainingTopicId());
        row.put("template_id", c.templateId());
        row.put("persona", json(c.persona()));
        row.put("emotional_arc", json(c.emotionalArc()));
        row.put("training_topic", json(c.trainingTopic()));
        row.put("scaffolding_snapshot", json(c.scaffoldingSnapshot()));
        row.put("tier", c.tier());
        row.put("turn_count", c.turnCount());
        row.put("status", c.status().key());
        row.put("processing_status", c.processingStatus().key());
        row.put("storage_bucket", c.bucket());
        row.put("raw_response_path", c.rawPath());
        row.put("raw_response_size", c.rawSize());
        row.put("raw_stored_at", time(c.rawStoredAt()));
        row.put("file_path", c.filePath());
        row.put("file_size", c.fileSize());
        row.put("parse_attempts", c.parseAttempts());
        row.put("last_parse_attempt_at", time(c.lastParseAttemptAt()));
        row.put("parse_method_used", c.parseMethod());
        row.put("parse_error_message", c.parseError());
        row.put("requires_manual_review", c.requiresManualReview());
        row.put("findings", json(c.findings()));
        row.put("quality_score", c.qualityScore());
        row.put("model", c.model());
        row.put("input_tokens", c.inputTokens());
        row.put("output_tokens", c.outputTokens());
        row.put("cache_read_tokens", c.cacheReadTokens());
        row.put("cache_write_tokens", c.cacheWriteTokens());
        row.put("cost_usd", c.costUsd());
        row.put("created_by", c.createdBy());
        return row;
    }
}
