package dev.parley.tracking;

import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.List;
import java.util.UUID;
import org.springframework.jdbc.core.JdbcTemplate;
import org.springframework.stereotype.Repository;

/** The table {@code tracking_dead_letters}: what the database refused for good, until somebody has mended why. Thread-safe. */
@Repository
public class DeadLetters {
    private static final String COLUMNS = "id, payload, error_code, error_message, attempts, created_at";

    /** The id is made of the payload's, so that a replay makes no second letter. */
    private static final String INSERT = """
            INSERT INTO tracking_dead_letters (id, payload, error_code, error_message, attempts)
            VALUES (?, ?, ?, ?, ?)
                ON CONFLICT DO NOTHING
            """;

    private static final String OLDEST = "SELECT " + COLUMNS + """
              FROM tracking_dead_letters
             WHERE (created_at, id) > (?, ?)
             ORDER BY created_at, id
             LIMIT ?
            """;

    private static final String CREATED_AT = "SELECT created_at FROM tracking_dead_letters WHERE id = ?";

    private static final OffsetDateTime BEFORE_ALL = OffsetDateTime.parse("1970-01-01T00:00:00Z");
    private static final UUID FIRST = new UUID(0, 0);

    private static final String AFTER = "SELECT " + COLUMNS + """
              FROM tracking_dead_letters
             WHERE id > ?
             ORDER BY id
             LIMIT ?
            """;

    private static final String COUNT = "SELECT count(*) FROM tracking_dead_letters";

    private static final String DELETE = "DELETE FROM tracking_dead_letters WHERE id = ?";

    private static final String REFUSED_AGAIN = """
            UPDATE tracking_dead_letters
               SET attempts = attempts + 1, error_code = ?, error_message = ?
             WHERE id = ?
            """;

    private final JdbcTemplate jdbc;

    public DeadLetters(JdbcTemplate jdbc) {
        this.jdbc = jdbc;
    }

    /**
     * @param payload the entry as JSON, as the journal had it
     * @param errorCode {@code database_} and the SQLSTATE
     * @param attempts how often it was tried
     */
    public record DeadLetter(
            UUID id, String payload, String errorCode, String errorMessage, int attempts, Instant createdAt) {}

    /** The oldest first. */
    public List<DeadLetter> oldest(int limit) {
        return query(OLDEST, BEFORE_ALL, FIRST, limit);
    }

    /** The oldest first, after that one; none after one that is not there any more. */
    public List<DeadLetter> oldestAfter(UUID id, int limit) {
        List<OffsetDateTime> createdAt = jdbc.queryForList(CREATED_AT, OffsetDateTime.class, id);
        return createdAt.isEmpty() ? List.of() : query(OLDEST, createdAt.get(0), id, limit);
    }

    public long count() {
        Long count = jdbc.queryForObject(COUNT, Long.class);
        return count == null ? 0 : count;
    }

    /** In the order of their ids, for going through all of them. */
    List<DeadLetter> after(UUID id, int limit) {
        return query(AFTER, id, limit);
    }

    private List<DeadLetter> query(String sql, Object... parameters) {
        return jdbc.query(
                sql,
                (row, n) -> new DeadLetter(
                        row.getObject("id", UUID.class),
                        row.getString("payload"),
                        row.getString("error_code"),
                        row.getString("error_message"),
                        row.getInt("attempts"),
                        row.getObject("created_at", OffsetDateTime.class).toInstant()),
                parameters);
    }

    void add(UUID id, String payload, String errorCode, String errorMessage, int attempts) {
        jdbc.update(INSERT, id, payload, errorCode, errorMessage, attempts);
    }

    void delete(UUID id) {
        jdbc.update(DELETE, id);
    }

    void refusedAgain(UUID id, String errorCode, String errorMessage) {
        jdbc.update(REFUSED_AGAIN, errorCode, errorMessage, id);
    }
}
