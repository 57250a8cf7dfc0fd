package dev.parley.conversation;

import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.OffsetDateTime;
import java.util.Optional;
import java.util.UUID;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.stereotype.Repository;

/** The table {@code conversations} for those who look; it stays quick at a million rows. Thread-safe. */
@Repository
public class ConversationLookup {
    /** Who asks where else something succeeded wants to know whether, and roughly how often. */
    public static final int COUNTED_AT_MOST = 1_000;

    private static final String FIND = """
            SELECT id, conversation_id, title, persona_id, emotional_arc_id, training_topic_id, template_id, tier, turn_count,
                   status, processing_status, storage_bucket, raw_response_path, file_path, parse_error_message,
                   requires_manual_review, findings, quality_score, model, cost_usd, created_at
              FROM conversations
             WHERE id = :key OR conversation_id = :key
            """;

    private static final String SUCCESSES = """
            SELECT (SELECT count(*)
                      FROM (SELECT 1 FROM conversations
                             WHERE persona_id = :persona
                               AND processing_status = 'completed' AND conversation_id <> :key LIMIT :most) AS p) AS persona,
                   (SELECT count(*)
                      FROM (SELECT 1 FROM conversations
                             WHERE emotional_arc_id = :arc
                               AND processing_status = 'completed' AND conversation_id <> :key LIMIT :most) AS a) AS arc,
                   (SELECT count(*)
                      FROM (SELECT 1 FROM conversations
                             WHERE training_topic_id = :topic
                               AND processing_status = 'completed' AND conversation_id <> :key LIMIT :most) AS t) AS topic,
                   (SELECT count(*)
                      FROM (SELECT 1 FROM conversations
                             WHERE persona_id = :persona AND emotional_arc_id = :arc AND training_topic_id = :topic
                               AND processing_status = 'completed' AND conversation_id <> :key LIMIT :most) AS c) AS combination
            """;

    private final JdbcClient jdbc;

    public ConversationLookup(JdbcClient jdbc) {
        this.jdbc = jdbc;
    }

    /** @param key either of the two: people have one of them and need not know which */
    public Optional<StoredConversation> find(UUID key) {
        return jdbc.sql(FIND)
                .param("key", key)
                .query(ConversationLookup::conversation)
                .optional();
    }

    /**
     * In how many conversations something was generated successfully, {@link #COUNTED_AT_MOST} standing for that or more.
     *
     * @param combination with all three of them together
     */
    public record Successes(long persona, long arc, long topic, long combination) {}

    /** @param except the conversation that is not counted */
    public Successes successes(UUID persona, UUID arc, UUID topic, ConversationKey except) {
        return jdbc.sql(SUCCESSES)
                .param("persona", persona)
                .param("arc", arc)
                .param("topic", topic)
                .param("key", except.value())
                .param("most", COUNTED_AT_MOST)
                .query((row, n) -> new Successes(
                        row.getLong("persona"), row.getLong("arc"), row.getLong("topic"), row.getLong("combination")))
                .single();
    }

    private static StoredConversation conversation(ResultSet row, int number) throws SQLException {
        return new StoredConversation(
                new ConversationPk(row.getObject("id", UUID.class)),
                new ConversationKey(row.getObject("conversation_id", UUID.class)),
                row.getString("title"),
                row.getObject("persona_id", UUID.class),
                row.getObject("emotional_arc_id", UUID.class),
                row.getObject("training_topic_id", UUID.class),
                row.getObject("template_id", UUID.class),
                row.getString("tier"),
                row.getInt("turn_count"),
                row.getString("status"),
                row.getString("processing_status"),
                row.getString("storage_bucket"),
                row.getString("raw_response_path"),
                row.getString("file_path"),
                row.getString("parse_error_message"),
                row.getBoolean("requires_manual_review"),
                row.getString("findings"),
                row.getBigDecimal("quality_score"),
                row.getString("model"),
                row.getBigDecimal("cost_usd"),
                row.getObject("created_at", OffsetDateTime.class).toInstant());
    }
}
