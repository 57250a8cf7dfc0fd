package dev.parley.work;

import dev.parley.conversation.ConversationKey;
import dev.parley.conversation.ConversationPk;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.stereotype.Repository;

/** The table {@code batch_items} for those who look: locks nothing, and a page costs the same in a job of a million. Thread-safe. */
@Repository
public class ItemLookup {
    private static final String COLUMNS = """
            SELECT id, batch_job_id, position, topic, tier, parameters, conversation_key, status, conversation_id, attempts,
                   available_at, error_code, error_message, retryable, processing_started_at, processed_at
              FROM batch_items
            """;

    private static final String FIND = COLUMNS + " WHERE id = :id";

    /** %s is what else is asked of them. */
    private static final String PAGE = COLUMNS + """
             WHERE batch_job_id = :job AND position > :after%s
             ORDER BY position
             LIMIT :limit
            """;

    private final JdbcClient jdbc;

    public ItemLookup(JdbcClient jdbc) {
        this.jdbc = jdbc;
    }

    /**
     * Which items of a job are asked for.
     *
     * @param status null is any
     * @param code of the error; null is any, and none
     * @param after only those of a higher position; 0 begins
     * @param limit how many at most
     */
    public record Query(
            UUID job, @Nullable ItemStatus status, @Nullable String code, int after, int limit) {}

    public Optional<ItemRow> find(UUID id) {
        return jdbc.sql(FIND).param("id", id).query(ItemLookup::item).optional();
    }

    /** In the order of their positions. */
    public List<ItemRow> page(Query query) {
        if (query.status() == ItemStatus.COMPLETED && query.code() != null) {
            return List.of(); // no index would tell, and none has one
        }
        return jdbc.sql(PAGE.formatted(conditions(query)))
                .param("job", query.job())
                .param("after", query.after())
                .param("code", query.code())
                .param("limit", query.limit())
                .query(ItemLookup::item)
                .list();
    }

    /** Only what is asked for, and a status by its name: then the index that has nothing else is used, also by a kept plan. */
    private static String conditions(Query query) {
        ItemStatus status = query.status();
        return (status == null ? "" : " AND status = '" + status.key() + "'")
                + (query.code() == null ? "" : " AND error_code = :code");
    }

    private static ItemRow item(ResultSet row, int number) throws SQLException {
        UUID conversation = row.getObject("conversation_id", UUID.class);
        return new ItemRow(
                row.getObject("id", UUID.class),
                row.getObject("batch_job_id", UUID.class),
                row.getInt("position"),
                row.getString("topic"),
                row.getString("tier"),
                row.getString("parameters"),
                new ConversationKey(row.getObject("conversation_key", UUID.class)),
                ItemStatus.of(row.getString("status")),
                conversation == null ? null : new ConversationPk(conversation),
                row.getInt("attempts"),
                row.getObject("available_at", OffsetDateTime.class).toInstant(),
                row.getString("error_code"),
                row.getString("error_message"),
                row.getObject("retryable", Boolean.class),
                instant(row, "processing_started_at"),
                instant(row, "processed_at"));
    }

    private static @Nullable Instant instant(ResultSet row, String column) throws SQLException {
        OffsetDateTime time = row.getObject(column, OffsetDateTime.class);
        return time == null ? null : time.toInstant();
    }
}
