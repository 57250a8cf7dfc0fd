package dev.parley.tracking;

import com.fasterxml.jackson.annotation.JsonRawValue;
import dev.parley.database.Dialect;
import dev.parley.tracking.Entry.End;
import dev.parley.tracking.Entry.Message;
import dev.parley.tracking.Entry.Start;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.UUID;
import java.util.function.Function;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.core.NestedExceptionUtils;
import org.springframework.dao.DataAccessResourceFailureException;
import org.springframework.dao.DuplicateKeyException;
import org.springframework.jdbc.core.JdbcTemplate;
import org.springframework.jdbc.core.RowCallbackHandler;
import org.springframework.jdbc.support.JdbcTransactionManager;
import org.springframework.stereotype.Repository;
import org.springframework.transaction.support.TransactionTemplate;

/**
 * The tables {@code conversation_sessions} and {@code conversation_messages}. Thread-safe.
 *
 * <p>A list is one statement, whatever its length: its columns are sent as arrays, of text or of numbers, for these are the
 * ones that the driver sends to PostgreSQL as they are, while it prints any other for the server to parse. Nothing is written
 * twice: ids are made by the client, and what is there already is passed over. Every state of a session is looked up by
 * {@code session_id}, never by {@code id}.
 */
@Repository
public class ConversationSessions {
    private static final Logger log = LoggerFactory.getLogger(ConversationSessions.class);

    /** {@code @json} and {@code @time}, made of microseconds, are the words in which the two databases differ. */
    private static final String INSERT_SESSIONS = """
            INSERT INTO conversation_sessions (session_id, user_id, started_at, metadata)
            SELECT CAST(s AS uuid), CAST(u AS uuid), @time, CAST(m AS @json)
              FROM unnest(CAST(? AS varchar ARRAY), CAST(? AS varchar ARRAY), CAST(? AS bigint ARRAY),
                          CAST(? AS varchar ARRAY)) AS r(s, u, t, m)
                ON CONFLICT DO NOTHING
            """;

    private static final String EPOCH_POSTGRESQL = "timestamptz 'epoch' + t * interval '1 microsecond'";
    private static final String EPOCH_H2 =
            "dateadd(MICROSECOND, t, TIMESTAMP WITH TIME ZONE '1970-01-01 00:00:00+00:00')";

    private static final String INSERT_NEW_MESSAGES = """
            INSERT INTO conversation_messages (id, session_id, user_id, role, content, audio_url, metadata, seq, created_at)
            SELECT CAST(i AS uuid), CAST(s AS uuid), CAST(u AS uuid), r, c, a, CAST(m AS @json), n, @time
              FROM unnest(CAST(? AS varchar ARRAY), CAST(? AS varchar ARRAY), CAST(? AS varchar ARRAY),
                          CAST(? AS varchar ARRAY), CAST(? AS varchar ARRAY), CAST(? AS varchar ARRAY),
                          CAST(? AS varchar ARRAY), CAST(? AS bigint ARRAY), CAST(? AS bigint ARRAY))
                AS q(i, s, u, r, c, a, m, n, t)
             WHERE NOT EXISTS (SELECT 1
                                 FROM conversation_sessions o
                                WHERE o.session_id = CAST(s AS uuid) AND o.user_id <> CAST(u AS uuid))
            """;

    private static final String INSERT_MESSAGES = INSERT_NEW_MESSAGES + "    ON CONFLICT DO NOTHING\n";

    private static final String OWNERS = """
            SELECT session_id, user_id
              FROM conversation_sessions
             WHERE session_id IN (SELECT CAST(s AS uuid) FROM unnest(CAST(? AS varchar ARRAY)) AS r(s))
            """;

    /** Never moves an end back: a replay and a second end change nothing, and nobody ends another user's session. */
    private static final String END = """
            UPDATE conversation_sessions
               SET ended_at = ?, duration_seconds = greatest(0, extract(epoch FROM (CAST(? AS timestamp with time zone) - started_at)))
             WHERE session_id = ? AND (ended_at IS NULL OR ended_at < ?) AND user_id = coalesce(?, user_id)
            """;

    private static final String ABANDONED = """
            SELECT s.session_id, coalesce(max(m.created_at), s.started_at) AS last_at, count(m.id) AS messages
              FROM conversation_sessions s
              LEFT JOIN conversation_messages m ON m.session_id = s.session_id
             WHERE s.ended_at IS NULL AND s.started_at < ?
             GROUP BY s.session_id, s.started_at
            HAVING coalesce(max(m.created_at), s.started_at) < ?
             ORDER BY s.started_at
             LIMIT ?
            """;

    /** %s is whose. */
    private static final String RECENT_SESSIONS = """
            SELECT session_id, user_id, started_at, ended_at, duration_seconds, metadata,
                   (SELECT count(*) FROM conversation_messages m WHERE m.session_id = s.session_id) AS messages
              FROM conversation_sessions s
             WHERE (started_at, session_id) < (?, ?)%s
             ORDER BY started_at DESC, session_id DESC
             LIMIT ?
            """;

    private static final String STARTED_AT = "SELECT started_at FROM conversation_sessions WHERE session_id = ?";

    /** Earlier than any, and later. */
    private static final OffsetDateTime EVER = OffsetDateTime.parse("0001-01-01T00:00:00Z");

    private static final OffsetDateTime NEVER = OffsetDateTime.parse("9999-12-31T00:00:00Z");
    private static final UUID FIRST = new UUID(0, 0);

    private static final UUID LAST = new UUID(-1, -1);

    private static final String RECENT_MESSAGES = """
            SELECT id, session_id, user_id, role, content, audio_url, metadata, created_at
              FROM conversation_messages
             WHERE session_id = ?
             ORDER BY created_at DESC, seq DESC
             LIMIT ?
            """;

    private static final String MESSAGES_AFTER = """
            SELECT id, session_id, user_id, role, content, audio_url, metadata, created_at
              FROM conversation_messages
             WHERE session_id = ? AND created_at >= ? AND (created_at, coalesce(seq, 0), id) > (?, ?, ?)
             ORDER BY created_at, coalesce(seq, 0), id
             LIMIT ?
            """;

    private static final String PLACE_OF_MESSAGE =
            "SELECT created_at, coalesce(seq, 0) AS seq, id FROM conversation_messages WHERE id = ?";

    private static final String USER = "SELECT user_id FROM conversation_sessions WHERE session_id = ?";

    /** The policies bind no owner; they do bind the readers' role, where the connected one may take it. */
    private static final String ACT_AS_USER = """
            SELECT set_config('app.user_id', ?, true), CASE WHEN pg_has_role(current_user, to_regrole('parley_reader'),
                   CASE WHEN current_setting('server_version_num')::int >= 160000 THEN 'SET' ELSE 'MEMBER' END)
                   THEN set_config('role', 'parley_reader', true) END
            """;

    private static final String COLUMNS = """
            SELECT lower(table_name) || '.' || lower(column_name)
              FROM information_schema.columns
             WHERE table_schema = CURRENT_SCHEMA
               AND lower(table_name) IN ('conversation_sessions', 'conversation_messages', 'tracking_dead_letters')
            """;

    private static final Set<String> NEEDED = Set.of(
            "conversation_sessions.id",
            "conversation_sessions.session_id",
            "conversation_sessions.user_id",
            "conversation_sessions.started_at",
            "conversation_sessions.ended_at",
            "conversation_sessions.duration_seconds",
            "conversation_sessions.metadata",
            "conversation_sessions.created_at",
            "conversation_messages.id",
            "conversation_messages.session_id",
            "conversation_messages.user_id",
            "conversation_messages.role",
            "conversation_messages.content",
            "conversation_messages.audio_url",
            "conversation_messages.metadata",
            "conversation_messages.seq",
            "conversation_messages.created_at",
            "tracking_dead_letters.id",
            "tracking_dead_letters.payload",
            "tracking_dead_letters.error_code",
            "tracking_dead_letters.error_message",
            "tracking_dead_letters.attempts",
            "tracking_dead_letters.created_at");

    private static final String BYPASSES_POLICIES =
            "SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user";

    private final JdbcTemplate jdbc;
    private volatile @Nullable Dialect dialect;

    /** The database is not looked at before it is needed: it may be away when the application starts. */
    public ConversationSessions(JdbcTemplate jdbc) {
        this.jdbc = jdbc;
    }

    /**
     * A row of {@code conversation_sessions}.
     *
     * @param endedAt null while it is open
     * @param durationSeconds null while it is open
     * @param metadata JSON
     * @param messages how many it has
     */
    public record Session(
            UUID sessionId,
            UUID userId,
            Instant startedAt,
            @Nullable Instant endedAt,
            @Nullable Double durationSeconds,
            @JsonRawValue @Nullable String metadata,
            long messages) {}

    /**
     * A row of {@code conversation_messages}.
     *
     * @param metadata JSON
     */
    public record StoredMessage(
            UUID id,
            UUID sessionId,
            @Nullable UUID userId,
            MessageRole role,
            String content,
            @Nullable String audioUrl,
            @JsonRawValue @Nullable String metadata,
            Instant createdAt) {}

    /** The newest sessions, the newest first. */
    public List<Session> recent(int limit) {
        return recent(null, null, limit);
    }

    /**
     * The newest sessions, the newest first.
     *
     * @param user whose; null for everybody's
     * @param after the last one of the page before; null for the first page. One that is not there has nothing after it
     */
    public List<Session> recent(@Nullable UUID user, @Nullable UUID after, int limit) {
        List<OffsetDateTime> before =
                after == null ? List.of(NEVER) : jdbc.queryForList(STARTED_AT, OffsetDateTime.class, after);
        if (before.isEmpty()) {
            return List.of();
        }
        List<Object> parameters = new ArrayList<>(List.of(before.get(0), after == null ? LAST : after));
        if (user != null) {
            parameters.add(user);
        }
        parameters.add(limit);
        return jdbc.query(
                RECENT_SESSIONS.formatted(user == null ? "" : " AND user_id = ?"),
                (row, n) -> new Session(
                        row.getObject("session_id", UUID.class),
                        row.getObject("user_id", UUID.class),
                        time(row, "started_at"),
                        nullableTime(row, "ended_at"),
                        row.getObject("duration_seconds", Double.class),
                        row.getString("metadata"),
                        row.getLong("messages")),
                parameters.toArray());
    }

    /** The newest messages of a session, the newest first. */
    public List<StoredMessage> recentMessages(UUID sessionId, int limit) {
        return jdbc.query(RECENT_MESSAGES, ConversationSessions::message, sessionId, limit);
    }

    /**
     * The messages of a session in the order in which they were tracked.
     *
     * @param after the last one of the page before; null for the first page
     */
    public List<StoredMessage> messages(UUID sessionId, @Nullable UUID after, int limit) {
        List<Place> places = after == null
                ? List.of()
                : jdbc.query(
                        PLACE_OF_MESSAGE,
                        (row, n) -> new Place(
                                row.getObject("created_at", OffsetDateTime.class),
                                row.getLong("seq"),
                                row.getObject("id", UUID.class)),
                        after);
        Place place = places.isEmpty() ? new Place(EVER, 0, FIRST) : places.get(0);
        return jdbc.query(
                MESSAGES_AFTER,
                ConversationSessions::message,
                sessionId,
                place.at(),
                place.at(),
                place.seq(),
                place.id(),
                limit);
    }

    /** Where a message stands in its session. */
    private record Place(OffsetDateTime at, long seq, UUID id) {}

    private static StoredMessage message(ResultSet row, int number) throws SQLException {
        return new StoredMessage(
                row.getObject("id", UUID.class),
                row.getObject("session_id", UUID.class),
                row.getObject("user_id", UUID.class),
                MessageRole.parse(row.getString("role")),
                row.getString("content"),
                row.getString("audio_url"),
                row.getString("metadata"),
                time(row, "created_at"));
    }

    public boolean exists(UUID sessionId) {
        return userOf(sessionId).isPresent();
    }

    /** Whose a session is; empty when there is none. */
    public Optional<UUID> userOf(UUID sessionId) {
        return jdbc.queryForList(USER, UUID.class, sessionId).stream().findFirst();
    }

    /**
     * Reads on behalf of a user, in a transaction of its own: on PostgreSQL under the policies of row-level security, if the
     * connected role is a member of {@code parley_reader}. The statements name their user all the same.
     */
    public <T> T asUser(UUID user, Supplier<T> read) {
        TransactionTemplate transaction =
                new TransactionTemplate(new JdbcTransactionManager(Objects.requireNonNull(jdbc.getDataSource())));
        return Objects.requireNonNull(transaction.execute(status -> {
            if (dialect() == Dialect.POSTGRESQL) {
                jdbc.queryForList(ACT_AS_USER, user.toString());
            }
            return read.get();
        }));
    }

    /** @return how many were new; the others had been started before */
    int insertSessions(List<Start> starts) {
        return insert(
                INSERT_SESSIONS,
                texts(starts, Start::sessionId),
                texts(starts, Start::userId),
                numbers(starts, start -> Lines.micros(start.at())),
                texts(starts, Start::metadata));
    }

    /** @return how many were new; the others are there already, or belong into a session that is another user's */
    int insertMessages(List<Message> messages) {
        return insert(INSERT_MESSAGES, messages);
    }

    /**
     * The same for those of which none is expected to be there: an eighth less work for PostgreSQL.
     *
     * @throws DuplicateKeyException when one is there, and none was inserted
     */
    int insertNewMessages(List<Message> messages) {
        return insert(INSERT_NEW_MESSAGES, messages);
    }

    private int insert(String sql, List<Message> messages) {
        return insert(
                sql,
                texts(messages, Message::id),
                texts(messages, Message::sessionId),
                texts(messages, Message::userId),
                texts(messages, message -> message.role().key()),
                texts(messages, message -> storable(message.content())),
                texts(messages, Message::audioUrl),
                texts(messages, Message::metadata),
                numbers(messages, Message::seq),
                numbers(messages, message -> Lines.micros(message.at())));
    }

    /** PostgreSQL knows no character 0 in a text. */
    private static String storable(String text) {
        return text.indexOf('\0') < 0 ? text : text.replace('\0', '\uFFFD');
    }

    /** @return for each whether it changed the row; not when there is none, or when it had ended by then */
    boolean[] end(List<End> ends) {
        if (ends.isEmpty()) {
            return new boolean[0];
        }
        int[][] counts = jdbc.batchUpdate(END, ends, ends.size(), (statement, end) -> {
            OffsetDateTime at = end.at().atOffset(ZoneOffset.UTC);
            statement.setObject(1, at);
            statement.setObject(2, at);
            statement.setObject(3, end.sessionId());
            statement.setObject(4, at);
            statement.setObject(5, end.userId());
        });
        boolean[] changed = new boolean[ends.size()];
        for (int i = 0; i < changed.length; i++) {
            changed[i] = counts[0][i] > 0;
        }
        return changed;
    }

    /** The ends of sessions that nobody ended and whose last message is older than that: at their last message. */
    List<End> abandoned(Instant before, int limit) {
        dialect(); // may be the first that is asked of the database
        OffsetDateTime time = before.atOffset(ZoneOffset.UTC);
        return jdbc.query(
                ABANDONED,
                (row, n) -> new End(
                        row.getObject("session_id", UUID.class), null, time(row, "last_at"), row.getLong("messages")),
                time,
                time,
                limit);
    }

    /** The columns that Parley needs and this database does not have, as {@code table.column}. */
    Set<String> missingColumns() {
        dialect();
        Set<String> missing = new TreeSet<>(NEEDED);
        jdbc.queryForList(COLUMNS, String.class).forEach(missing::remove);
        return missing;
    }

    /** The first look at the database failed; nothing has been asked of it yet. */
    static final class DatabaseNotInitializedException extends DataAccessResourceFailureException {
        DatabaseNotInitializedException(RuntimeException cause) {
            super(
                    "Database not initialized: "
                            + NestedExceptionUtils.getMostSpecificCause(cause).getMessage(),
                    cause);
        }
    }

    private static <T> String[] texts(List<T> rows, Function<T, @Nullable Object> value) {
        String[] texts = new String[rows.size()];
        Arrays.setAll(texts, i -> Objects.toString(value.apply(rows.get(i)), null));
        return texts;
    }

    private static <T> Long[] numbers(List<T> rows, Function<T, Long> value) {
        Long[] numbers = new Long[rows.size()];
        Arrays.setAll(numbers, i -> value.apply(rows.get(i)));
        return numbers;
    }

    /** Whose sessions are; those that are not there are not in the result. */
    Map<UUID, UUID> owners(Collection<UUID> sessions) {
        Map<UUID, UUID> owners = new HashMap<>();
        jdbc.query(
                connection -> prepare(connection, OWNERS, texts(List.copyOf(sessions), session -> session)),
                (RowCallbackHandler) row ->
                        owners.put(row.getObject("session_id", UUID.class), row.getObject("user_id", UUID.class)));
        return owners;
    }

    private int insert(String sql, Object[]... columns) {
        if (columns[0].length == 0) {
            return 0;
        }
        boolean postgresql = dialect() == Dialect.POSTGRESQL;
        String statementText = sql.replace("@json", postgresql ? "jsonb" : "varchar")
                .replace("@time", postgresql ? EPOCH_POSTGRESQL : EPOCH_H2);
        return jdbc.update(connection -> prepare(connection, statementText, columns));
    }

    private static PreparedStatement prepare(Connection connection, String sql, Object[]... columns)
            throws SQLException {
        PreparedStatement statement = connection.prepareStatement(sql);
        for (int i = 0; i < columns.length; i++) {
            String type = columns[i] instanceof String[] ? "varchar" : "int8";
            statement.setArray(i + 1, connection.createArrayOf(type, columns[i]));
        }
        return statement;
    }

    /**
     * Looks at the database the first time it is there.
     *
     * @throws DatabaseNotInitializedException while it is away; the next use tries again
     */
    private Dialect dialect() {
        Dialect known = dialect;
        if (known == null) {
            try {
                known = initialize();
            } catch (RuntimeException e) {
                throw new DatabaseNotInitializedException(e);
            }
            dialect = known;
        }
        return known;
    }

    private Dialect initialize() {
        Dialect found = Dialect.of(Objects.requireNonNull(jdbc.getDataSource()));
        if (found == Dialect.POSTGRESQL && Boolean.TRUE.equals(jdbc.queryForObject(BYPASSES_POLICIES, Boolean.class))) {
            log.warn("The database's role is a superuser or has BYPASSRLS, so that row-level security does not bind it:"
                    + " sessions and messages should be written with a plain role that is a member of parley_writer");
        }
        return found;
    }

    private static Instant time(ResultSet row, String column) throws SQLException {
        return row.getObject(column, OffsetDateTime.class).toInstant();
    }

    private static @Nullable Instant nullableTime(ResultSet row, String column) throws SQLException {
        OffsetDateTime time = row.getObject(column, OffsetDateTime.class);
        return time == null ? null : time.toInstant();
    }
}
