package dev.parley.tracking;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.parley.TestDatabase;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.stream.Stream;
import javax.sql.DataSource;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.springframework.dao.DataAccessException;
import org.springframework.dao.DataIntegrityViolationException;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.jdbc.datasource.DataSourceTransactionManager;
import org.springframework.transaction.support.TransactionTemplate;

class TrackingSchemaTests {
    private static final UUID SESSION = UUID.fromString("fda86359-0000-4000-8000-000000000001");
    private static final UUID USER = UUID.fromString("03f6b167-0000-4000-8000-000000000002");
    private static final UUID OTHER_USER = UUID.fromString("03f6b167-0000-4000-8000-000000000003");

    @ParameterizedTest
    @EnumSource(TestDatabase.class)
    void aSessionHasItsDefaultsAndABusinessKeyOfItsOwn(TestDatabase database) { // B1, B5, B6, B8 to B11
        JdbcClient jdbc = JdbcClient.create(database.empty());

        insertSession(jdbc, SESSION, USER);

        Map<String, Object> row =
                jdbc.sql("SELECT * FROM conversation_sessions").query().singleRow();
        assertThat(row.get("id")).isInstanceOf(UUID.class).isNotEqualTo(SESSION);
        assertThat(row.get("metadata").toString()).isEqualTo("{}");
        assertThat(row.get("started_at")).isNotNull();
        assertThat(row.get("created_at")).isNotNull();
        assertThat(row.get("ended_at")).isNull();
        assertThat(row.get("duration_seconds")).isNull();
        assertThatThrownBy(() -> insertSession(jdbc, SESSION, USER))
                .isInstanceOf(DataIntegrityViolationException.class);
    }

    @ParameterizedTest
    @EnumSource(TestDatabase.class)
    void impossibleRowsAreRefused(TestDatabase database) { // B7, B12 to B15
        JdbcClient jdbc = JdbcClient.create(database.empty());
        insertSession(jdbc, SESSION, USER);
        insertMessage(jdbc, SESSION, "system", "hello"); // B3, B21: without a user

        assertThatThrownBy(() -> insertSession(jdbc, UUID.randomUUID(), null)).isInstanceOf(DataAccessException.class);
        assertThatThrownBy(() -> insertMessage(jdbc, UUID.randomUUID(), "user", "hello"))
                .as("of no session")
                .isInstanceOf(DataIntegrityViolationException.class);
        assertThatThrownBy(() -> insertMessage(jdbc, SESSION, "agent", "hello"))
                .isInstanceOf(DataIntegrityViolationException.class);
        assertThatThrownBy(() -> insertMessage(jdbc, SESSION, "user", null))
                .isInstanceOf(DataIntegrityViolationException.class);
        assertThatThrownBy(() -> jdbc.sql("DELETE FROM conversation_sessions").update())
                .as("a session with messages")
                .isInstanceOf(DataIntegrityViolationException.class);
    }

    @Test
    void anOlderShapeIsAdoptedWithoutLosingAValue() { // B1 to B4, B12, B17
        String url = TestDatabase.emptyPostgresqlDatabase("older_tracking");
        JdbcClient jdbc = JdbcClient.create(TestDatabase.POSTGRESQL.connect(url));
        for (String statement : OLDER.split(";\n")) {
            jdbc.sql(statement).update();
        }

        TestDatabase.migrate(TestDatabase.POSTGRESQL.connect(url));

        assertThat(jdbc.sql("""
                        SELECT session_id::text, started_at = session_start AS s, ended_at IS NOT DISTINCT FROM session_end AS e,
                               duration_seconds, metadata::text, channel
                          FROM conversation_sessions ORDER BY session_id
                        """).query().listOfRows())
                .extracting(row -> List.of(row.get("s"), row.get("e"), row.get("metadata"), row.get("channel")))
                .containsExactly(List.of(true, true, "{}", "voice"), List.of(true, true, "{}", "text"));
        assertThat(jdbc.sql("SELECT duration_seconds FROM conversation_sessions WHERE ended_at IS NOT NULL")
                        .query(Double.class)
                        .single())
                .isEqualTo(45.2);
        assertThat(jdbc.sql("""
                        SELECT s.session_id::text || ' ' || m.role || ' ' || m.content
                          FROM conversation_messages m JOIN conversation_sessions s USING (session_id) ORDER BY m.content
                        """).query(String.class).list())
                .as("the ids are translated and the agent is the assistant")
                .containsExactly(
                        "00000000-0000-4000-8000-00000000000b user one",
                        "00000000-0000-4000-8000-00000000000b assistant two");
        assertThat(jdbc.sql("SELECT count(*) FROM conversation_messages WHERE touched")
                        .query(Long.class)
                        .single())
                .as("the trigger has not run, and still does")
                .isZero();
        insertSession(jdbc, SESSION, USER);
        insertMessage(jdbc, SESSION, "assistant", "new");
        assertThat(jdbc.sql("""
                        SELECT conname || ' ' || pg_get_constraintdef(oid) FROM pg_constraint
                         WHERE conrelid = 'conversation_messages'::regclass AND contype = 'f'
                        """).query(String.class).list())
                .containsExactly("conversation_messages_session_id_fkey FOREIGN KEY (session_id) REFERENCES"
                        + " conversation_sessions(session_id)");
    }

    private static final String OLDER = """
            CREATE TABLE conversation_sessions (id uuid PRIMARY KEY, session_id uuid UNIQUE NOT NULL, user_id uuid NOT NULL,
                session_start timestamptz NOT NULL, session_end timestamptz, channel text NOT NULL);
            CREATE TABLE conversation_messages (id uuid PRIMARY KEY, session_id uuid NOT NULL, user_id uuid NOT NULL,
                role varchar(10) NOT NULL, content varchar(500) NOT NULL, created_at timestamp NOT NULL, touched boolean DEFAULT false,
                CONSTRAINT fk_old FOREIGN KEY (session_id) REFERENCES conversation_sessions (id) ON DELETE CASCADE,
                CONSTRAINT role_known CHECK (role IN ('user', 'agent')));
            CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.touched := true; RETURN NEW; END';
            CREATE TRIGGER touch BEFORE UPDATE ON conversation_messages FOR EACH ROW EXECUTE FUNCTION touch();
            ALTER TABLE conversation_messages ENABLE ROW LEVEL SECURITY;
            ALTER TABLE conversation_messages FORCE ROW LEVEL SECURITY;
            INSERT INTO conversation_sessions VALUES
                ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-00000000000b', gen_random_uuid(),
                 '2025-11-28T10:00:00Z', '2025-11-28T10:00:45.2Z', 'voice'),
                ('00000000-0000-4000-8000-00000000000c', '00000000-0000-4000-8000-00000000000d', gen_random_uuid(),
                 '2025-11-28T11:00:00Z', NULL, 'text');
            INSERT INTO conversation_messages VALUES
                (gen_random_uuid(), '00000000-0000-4000-8000-00000000000a', gen_random_uuid(), 'user', 'one', '2025-11-28 10:00:01'),
                (gen_random_uuid(), '00000000-0000-4000-8000-00000000000a', gen_random_uuid(), 'agent', 'two', '2025-11-28 10:00:02');
            """;

    @Test
    void whatCannotBeAdoptedSafelyIsRefusedWithTheReasonAndLeftAsItWas() { // B17, B20
        String url = TestDatabase.emptyPostgresqlDatabase("strange_tracking");
        DataSource database = TestDatabase.POSTGRESQL.connect(url);
        JdbcClient jdbc = JdbcClient.create(database);
        for (String statement : OLDER.replace("'agent'", "'robot'").split(";\n")) {
            jdbc.sql(statement).update();
        }

        assertThatThrownBy(() -> TestDatabase.migrate(database))
                .hasStackTraceContaining("conversation_messages.role has values that Parley does not know: robot");

        assertThat(jdbc.sql("SELECT session_id::text || role FROM conversation_messages ORDER BY content DESC LIMIT 1")
                        .query(String.class)
                        .single())
                .isEqualTo("00000000-0000-4000-8000-00000000000arobot");
    }

    @ParameterizedTest
    @EnumSource(TestDatabase.class)
    void aMissingColumnIsNamed(TestDatabase database) { // B20
        ConversationSessions sessions = Fixture.sessions(database.empty());

        assertThat(sessions.missingColumns()).isEmpty();
    }

    /** Who, with which user in app.user_id, may do what: rows seen of sessions and of messages, and whether he may write. */
    static Stream<Arguments> policies() {
        return Stream.of(
                Arguments.of("parley_reader", USER.toString(), 1, 2, false),
                Arguments.of("parley_reader", OTHER_USER.toString(), 1, 1, false),
                Arguments.of("parley_reader", UUID.randomUUID().toString(), 0, 0, false),
                Arguments.of("parley_reader", "", 0, 0, false),
                Arguments.of("parley_reader", null, 0, 0, false),
                Arguments.of("parley_writer", null, 2, 3, true),
                Arguments.of("parley_writer", USER.toString(), 2, 3, true));
    }

    @ParameterizedTest
    @MethodSource("policies")
    void aPlainRoleSeesWhatItsUserMaySee(String role, String user, int sessions, int messages, boolean writes) { // B18
        DataSource database = TestDatabase.POSTGRESQL.empty();
        JdbcClient jdbc = JdbcClient.create(database);
        UUID otherSession = UUID.randomUUID();
        insertSession(jdbc, SESSION, USER);
        insertSession(jdbc, otherSession, OTHER_USER);
        insertMessage(jdbc, SESSION, "user", "one");
        insertMessage(jdbc, SESSION, "assistant", "two"); // has no user: seen through its session
        insertMessage(jdbc, otherSession, "user", "three");
        plainRole(jdbc, "plain_" + role, role);
        TransactionTemplate transaction = new TransactionTemplate(new DataSourceTransactionManager(database));

        transaction.executeWithoutResult(status -> {
            jdbc.sql("SET LOCAL ROLE plain_" + role).update();
            if (user != null) {
                jdbc.sql("SELECT set_config('app.user_id', :user, true)")
                        .param("user", user)
                        .query()
                        .singleRow();
            }
            assertThat(count(jdbc, "conversation_sessions")).isEqualTo(sessions);
            assertThat(count(jdbc, "conversation_messages")).isEqualTo(messages);
            Object savepoint = status.createSavepoint();
            if (writes) {
                insertMessage(jdbc, SESSION, "user", "four");
                assertThat(jdbc.sql("UPDATE conversation_sessions SET ended_at = now()")
                                .update())
                        .isEqualTo(2);
                assertThatThrownBy(() ->
                                jdbc.sql("DELETE FROM conversation_messages").update())
                        .rootCause()
                        .hasMessageContaining("permission denied");
            } else {
                assertThatThrownBy(() -> insertMessage(jdbc, SESSION, "user", "four"))
                        .rootCause()
                        .hasMessageContaining("permission denied");
            }
            status.rollbackToSavepoint(savepoint);
        });
    }

    @Test
    void theInsertFunctionSaysWhatBecameOfAMessage() { // B19
        DataSource database = TestDatabase.POSTGRESQL.empty();
        JdbcClient jdbc = JdbcClient.create(database);
        insertSession(jdbc, SESSION, USER);
        plainRole(jdbc, "plain_parley_writer", "parley_writer");
        TransactionTemplate transaction = new TransactionTemplate(new DataSourceTransactionManager(database));
        UUID message = UUID.randomUUID();

        List<String> outcomes = transaction.execute(status -> {
            jdbc.sql("SET LOCAL ROLE plain_parley_writer").update();
            return Stream.of(SESSION, SESSION, UUID.randomUUID())
                    .map(session -> jdbc.sql("""
                                    SELECT outcome FROM insert_conversation_message(:session, 'agent', 'hello', NULL, '{"a": 1}', :id)
                                    """)
                            .param("session", session)
                            .param("id", message)
                            .query(String.class)
                            .single())
                    .toList();
        });

        assertThat(outcomes).containsExactly("inserted", "duplicate", "no_session");
        assertThat(jdbc.sql("SELECT id || ' ' || user_id || ' ' || role || ' ' || metadata FROM conversation_messages")
                        .query(String.class)
                        .list())
                .containsExactly(message + " " + USER + " assistant {\"a\": 1}");
    }

    private static void plainRole(JdbcClient jdbc, String name, String memberOf) {
        jdbc.sql("DROP ROLE IF EXISTS " + name).update();
        jdbc.sql("CREATE ROLE " + name + " NOLOGIN IN ROLE " + memberOf).update();
    }

    private static long count(JdbcClient jdbc, String table) {
        return jdbc.sql("SELECT count(*) FROM " + table).query(Long.class).single();
    }

    private static void insertSession(JdbcClient jdbc, UUID session, UUID user) {
        jdbc.sql("INSERT INTO conversation_sessions (session_id, user_id) VALUES (:session, :user)")
                .param("session", session)
                .param("user", user)
                .update();
    }

    private static void insertMessage(JdbcClient jdbc, UUID session, String role, String content) {
        jdbc.sql("INSERT INTO conversation_messages (session_id, role, content) VALUES (:session, :role, :content)")
                .param("session", session)
                .param("role", role)
                .param("content", content)
                .update();
    }
}
