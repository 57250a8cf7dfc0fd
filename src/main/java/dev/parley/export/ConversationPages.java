package dev.parley.export;

import dev.parley.export.ConversationRow.Ingredient;
import dev.parley.export.ConversationRow.Target;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.stereotype.Repository;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * Pages of {@code conversations} with their items, in the order of the business key. Each page begins behind the last key of
 * the former one, by the two unique indexes: what a page costs does not grow with what came before it.
 */
@Repository
class ConversationPages {
    private static final JsonMapper JSON = JsonMapper.shared();
    private static final Pattern NUMBERS = Pattern.compile("\\d+(\\.\\d+)?");
    private static final UUID BEFORE_ALL = new UUID(0, 0);

    private static final String SELECTED = """
              FROM conversations c
              LEFT JOIN batch_items i ON i.conversation_key = c.conversation_id AND i.conversation_key > :after
             WHERE c.conversation_id > :after
               AND c.processing_status = 'completed' AND c.file_path IS NOT NULL
               AND c.status IN (:statuses)
               AND (CAST(:minScore AS numeric) IS NULL OR c.quality_score >= CAST(:minScore AS numeric))
               AND (CAST(:maxScore AS numeric) IS NULL OR c.quality_score <= CAST(:maxScore AS numeric))
               AND (CAST(:tier AS varchar) IS NULL OR c.tier = CAST(:tier AS varchar))
               AND c.created_at >= :from AND c.created_at < :until
            """;

    private static final String OF_JOBS = "   AND i.batch_job_id IN (:jobs)\n";

    private static final String COLUMNS = """
            SELECT c.id, c.conversation_id, i.batch_job_id, i.id AS item_id, i.position, i.attempts,
                   c.persona_id, c.emotional_arc_id, c.training_topic_id, c.template_id,
                   c.persona, c.emotional_arc, c.training_topic, c.scaffolding_snapshot,
                   c.tier, c.status, c.turn_count, c.quality_score, c.model, c.input_tokens, c.output_tokens,
                   c.cache_read_tokens, c.cache_write_tokens, c.cost_usd, c.requires_manual_review, c.findings,
                   c.created_at, c.storage_bucket, c.file_path
            """;

    private static final String ORDER = """
             ORDER BY c.conversation_id
             LIMIT :limit
            """;

    private static final String PAGE = COLUMNS + SELECTED + ORDER;
    private static final String PAGE_OF_JOBS = COLUMNS + SELECTED + OF_JOBS + ORDER;
    private static final String COUNT = "SELECT count(*)\n" + SELECTED;
    private static final String COUNT_OF_JOBS = COUNT + OF_JOBS;

    private static final String WITHOUT_DOCUMENT = """
            SELECT count(*)
              FROM conversations c
              JOIN batch_items i ON i.conversation_key = c.conversation_id
             WHERE i.batch_job_id = :job AND c.requires_manual_review
               AND (c.processing_status <> 'completed' OR c.file_path IS NULL)
            """;

    private final JdbcClient jdbc;

    ConversationPages(JdbcClient jdbc) {
        this.jdbc = jdbc;
    }

    /** @param after the last key of the page before; null for the first page */
    List<ConversationRow> page(Selection selection, @Nullable UUID after, int limit) {
        Map<String, @Nullable Object> parameters = parameters(selection, after);
        parameters.put("limit", limit);
        return jdbc.sql(selection.jobs().isEmpty() ? PAGE : PAGE_OF_JOBS)
                .params(parameters)
                .query((row, n) -> row(row))
                .list();
    }

    long count(Selection selection) {
        return jdbc.sql(selection.jobs().isEmpty() ? COUNT : COUNT_OF_JOBS)
                .params(parameters(selection, null))
                .query(Long.class)
                .single();
    }

    /** How many answers of a job a person has to look at because no document could be made of them. */
    long needingReviewWithoutDocument(UUID job) {
        return jdbc.sql(WITHOUT_DOCUMENT).param("job", job).query(Long.class).single();
    }

    private static Map<String, @Nullable Object> parameters(Selection selection, @Nullable UUID after) {
        Map<String, @Nullable Object> parameters = new HashMap<>();
        parameters.put("after", after == null ? BEFORE_ALL : after);
        parameters.put("statuses", selection.statuses());
        parameters.put("minScore", selection.minScore());
        parameters.put("maxScore", selection.maxScore());
        parameters.put(
                "tier", selection.tier() == null ? null : selection.tier().key());
        parameters.put("from", time(selection.from(), Instant.EPOCH));
        parameters.put("until", time(selection.until(), Instant.parse("9999-01-01T00:00:00Z")));
        if (!selection.jobs().isEmpty()) {
            parameters.put("jobs", selection.jobs());
        }
        return parameters;
    }

    private static OffsetDateTime time(@Nullable Instant time, Instant otherwise) {
        return (time == null ? otherwise : time).atOffset(ZoneOffset.UTC);
    }

    private static ConversationRow row(ResultSet row) throws SQLException {
        JsonNode snapshot = json(row, "scaffolding_snapshot");
        JsonNode template = snapshot.path("template");
        return new ConversationRow(
                row.getObject("id", UUID.class),
                row.getObject("conversation_id", UUID.class),
                row.getObject("batch_job_id", UUID.class),
                row.getObject("item_id", UUID.class),
                row.getObject("position", Integer.class),
                row.getObject("attempts", Integer.class),
                ingredient(row, "persona"),
                ingredient(row, "emotional_arc"),
                ingredient(row, "training_topic"),
                row.getObject("template_id", UUID.class),
                text(template, "name"),
                template.path("version").isNumber() ? template.path("version").asInt() : null,
                row.getString("tier"),
                row.getString("status"),
                row.getInt("turn_count"),
                row.getBigDecimal("quality_score"),
                row.getString("model"),
                row.getObject("input_tokens", Long.class),
                row.getObject("output_tokens", Long.class),
                row.getObject("cache_read_tokens", Long.class),
                row.getObject("cache_write_tokens", Long.class),
                row.getBigDecimal("cost_usd"),
                row.getBoolean("requires_manual_review"),
                findings(json(row, "findings")),
                target(snapshot.path("emotional_arc")),
                row.getObject("created_at", OffsetDateTime.class).toInstant(),
                row.getString("storage_bucket"),
                row.getString("file_path"));
    }

    private static Ingredient ingredient(ResultSet row, String column) throws SQLException {
        JsonNode json = json(row, column);
        return new Ingredient(row.getObject(column + "_id", UUID.class), text(json, "key"), text(json, "name"));
    }

    private static @Nullable Target target(JsonNode arc) {
        String emotion = text(arc, "ending_emotion");
        return emotion == null
                ? null
                : new Target(emotion, number(arc, "ending_intensity_min"), number(arc, "ending_intensity_max"));
    }

    private static List<String> findings(JsonNode json) {
        List<String> kinds = new ArrayList<>(json.size());
        for (JsonNode finding : json) {
            String where = finding.path("where").asString("").replaceFirst("\\s+\\d+$", "");
            kinds.add(NUMBERS.matcher(where + " " + finding.path("what").asString(""))
                    .replaceAll("n"));
        }
        return kinds;
    }

    private static JsonNode json(ResultSet row, String column) throws SQLException {
        String json = row.getString(column);
        return json == null ? JSON.missingNode() : JSON.readTree(json);
    }

    private static @Nullable String text(JsonNode json, String field) {
        return json.path(field).isString() ? json.path(field).asString() : null;
    }

    private static @Nullable Double number(JsonNode json, String field) {
        return json.path(field).isNumber() ? json.path(field).asDouble() : null;
    }
}
