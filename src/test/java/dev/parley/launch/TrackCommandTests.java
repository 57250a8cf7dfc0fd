package dev.parley.launch;

import static org.assertj.core.api.Assertions.assertThat;

import dev.parley.TestDatabase;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.springframework.jdbc.core.simple.JdbcClient;

/** {@code parley track …} as its user sees it. */
class TrackCommandTests {
    private static final UUID SESSION = UUID.fromString("fda86359-0000-4000-8000-000000000001");
    private static final UUID USER = UUID.fromString("03f6b167-0000-4000-8000-000000000002");

    @TempDir
    private Path folder;

    private TestDatabase database = TestDatabase.H2;

    private record Answer(int code, String out, String err) {}

    @BeforeEach
    void emptyTables() {
        TestDatabase.H2.empty();
    }

    @Test
    void theNewestSessionsAndMessagesAreShownFirst() { // B49, B50
        JdbcClient jdbc = JdbcClient.create(database.dataSource());
        for (int i = 0; i < 7; i++) {
            UUID session = i == 6 ? SESSION : UUID.randomUUID();
            jdbc.sql(
                            "INSERT INTO conversation_sessions (session_id, user_id, started_at, ended_at, duration_seconds) VALUES (?, ?, ?, ?, ?)")
                    .params(
                            session,
                            USER,
                            java.time.OffsetDateTime.parse("2026-11-2" + i + "T10:00:00+13:00"),
                            null,
                            i == 6 ? null : 45.2)
                    .update();
        }
        for (int i = 0; i < 12; i++) {
            jdbc.sql(
                            "INSERT INTO conversation_messages (session_id, role, content, metadata, seq, created_at) VALUES (?, 'user', ?, '{\"n\":1}', ?, ?)")
                    .params(SESSION, "message " + i, i, java.time.OffsetDateTime.parse("2026-11-26T10:00:00Z"))
                    .update();
        }

        List<String> sessions = run("track", "sessions").out().lines().toList();
        List<String> messages =
                run("track", "messages", SESSION.toString()).out().lines().toList();
        String json = run("track", "messages", SESSION.toString(), "--limit=1", "--json")
                .out();

        assertThat(sessions).hasSize(1 + 5);
        assertThat(sessions.get(1))
                .startsWith(SESSION + "  2026-11-25T21:00:00Z        12  ")
                .hasSizeLessThanOrEqualTo(80);
        assertThat(messages).hasSize(1 + 10);
        assertThat(messages.get(1)).isEqualTo("2026-11-26T10:00:00Z  user  message 11");
        assertThat(json)
                .contains("\"session_id\" : \"" + SESSION, "\"content\" : \"message 11\"", "\"metadata\" : {\"n\":1}");
    }

    @ParameterizedTest
    @ValueSource(strings = {"messages 1234", "sessions --limit 0", "import nothing.ndjson"})
    void aWrongArgumentIsToldWithoutStartingTheApplication(String command) {
        Answer answer = run(("track " + command + " --spring.datasource.url=jdbc:foo:nowhere").split(" "));

        assertThat(answer.code()).isEqualTo(ExitCode.CONFIGURATION);
        assertThat(answer.err()).containsAnyOf("is not a session's id", "--limit is 0", "nothing.ndjson is no file");
    }

    @Test
    void anUnknownSessionAndAnEmptyDatabaseAreSaid() {
        Answer unknown = run("track", "messages", SESSION.toString());

        assertThat(unknown.code()).isEqualTo(ExitCode.CONFIGURATION);
        assertThat(unknown.err()).contains("There is no session " + SESSION);
        assertThat(run("track", "sessions").out().strip()).isEqualTo("No sessions yet.");
        assertThat(run("track", "dead-letters").out().strip()).isEqualTo("No dead letters.");
    }

    @ParameterizedTest
    @EnumSource(TestDatabase.class)
    void aFileIsImportedOnceHoweverOftenAndItsBadLinesAreKeptAside(TestDatabase database) throws Exception {
        this.database = database;
        JdbcClient jdbc = JdbcClient.create(database.empty());
        if (database == TestDatabase.POSTGRESQL) {
            jdbc.sql("ALTER TABLE conversation_messages ADD CONSTRAINT no_curses CHECK (content <> 'curse')")
                    .update();
        }
        Path file = folder.resolve("calls.ndjson");
        List<String> lines = new ArrayList<>();
        lines.add(
                ("{\"session_id\": \"%s\", \"user_id\": \"%s\", \"started_at\": \"2026-01-31T10:00:00Z\", \"metadata\": {\"channel\": \"voice\"}}")
                        .formatted(SESSION, USER));
        for (int i = 0; i < 1_200; i++) {
            lines.add(line(SESSION, "agent", "message " + i, i));
        }
        lines.set(100, "{\"session_id\": \"nonsense\"}");
        lines.set(200, "not JSON");
        lines.set(300, line(SESSION, "robot", "hello", 300));
        lines.set(400, "");
        lines.set(700, line(SESSION, "user", "curse", 700));
        Files.write(file, lines);
        int refused = database == TestDatabase.POSTGRESQL ? 4 : 3;

        try {
            Answer first = run("track", "import", file.toString());
            Answer second = run("track", "import", file.toString());

            assertThat(first.code()).isEqualTo(ExitCode.FAILED_ITEMS);
            assertThat(first.out())
                    .contains("1,201 lines read, " + String.format("%,d", 1 + 1_199 - refused) + " rows new, " + refused
                            + " lines refused");
            assertThat(second.out()).contains("1,201 lines read, 0 rows new, " + refused + " lines refused");
        } finally {
            jdbc.sql("ALTER TABLE conversation_messages DROP CONSTRAINT IF EXISTS no_curses")
                    .update();
        }

        assertThat(Files.readString(folder.resolve("calls.ndjson.rejected")))
                .contains("{\"line\":101,\"reason\":\"session_id is 'nonsense', which is not a UUID\"")
                .contains("\"line\":201,\"reason\":\"not JSON")
                .contains(
                        "\"line\":301,\"reason\":\"role is 'robot'; should be user, assistant (or agent) or system\"");
        assertThat(jdbc.sql("SELECT count(*) FROM conversation_messages WHERE role = 'assistant'")
                        .query(Long.class)
                        .single())
                .isGreaterThan(1_190);
        assertThat(jdbc.sql("SELECT duration_seconds FROM conversation_sessions WHERE user_id = ?")
                        .param(USER)
                        .query(Double.class)
                        .single())
                .isEqualTo(1_199.0);
    }

    @Test
    void anImportThatWasBrokenOffGoesOnBehindItsLastChunk() throws Exception {
        database = TestDatabase.POSTGRESQL;
        JdbcClient jdbc = JdbcClient.create(database.empty());
        Path file = folder.resolve("calls.ndjson");
        List<String> lines = new ArrayList<>();
        for (int i = 0; i < 2_000; i++) {
            lines.add(line(SESSION, "user", "message " + i, i));
        }
        Files.write(file, lines);
        jdbc.sql("""
                CREATE OR REPLACE FUNCTION away() RETURNS trigger LANGUAGE plpgsql AS $$
                BEGIN
                    IF NEW.content = 'message 1234' THEN
                        RAISE EXCEPTION 'the disk is full' USING ERRCODE = '53100';
                    END IF;
                    RETURN NEW;
                END $$""").update();
        jdbc.sql(
                        "CREATE OR REPLACE TRIGGER away BEFORE INSERT ON conversation_messages FOR EACH ROW EXECUTE FUNCTION away()")
                .update();
        Answer broken;
        try {
            broken = run("track", "import", file.toString());
        } finally {
            jdbc.sql("DROP TRIGGER away ON conversation_messages").update();
        }
        long before = jdbc.sql("SELECT count(*) FROM conversation_messages")
                .query(Long.class)
                .single();

        Answer resumed = run("track", "import", file.toString());

        assertThat(broken.code()).isEqualTo(ExitCode.UNEXPECTED);
        assertThat(broken.out()).contains("broken off; the same command goes on with it");
        assertThat(broken.err()).contains("the disk is full");
        assertThat(before).isEqualTo(1_000);
        assertThat(resumed.code()).isZero();
        assertThat(resumed.out()).contains("Resumed: 1,000 lines read, 1,000 rows new, 0 lines refused");
        assertThat(jdbc.sql("SELECT count(*) FROM conversation_messages")
                        .query(Long.class)
                        .single())
                .isEqualTo(2_000);
        assertThat(folder.resolve("calls.ndjson.rejected")).doesNotExist();
    }

    @Test
    void aGeneratedConversationIsASessionIfItIsToBe() { // parley.tracking.record-generations
        Answer answer = run("run", "jobs/demo.yaml", "--parley.tracking.record-generations=true");

        assertThat(answer.code()).isZero();
        JdbcClient jdbc = JdbcClient.create(database.dataSource());
        assertThat(jdbc.sql("""
                        SELECT count(*) FROM conversation_sessions s JOIN conversations c ON c.conversation_id = s.session_id
                         WHERE s.ended_at IS NOT NULL
                        """).query(Long.class).single()).isEqualTo(8);
        assertThat(jdbc.sql("SELECT count(*) FROM conversation_messages WHERE role = 'system'")
                        .query(Long.class)
                        .single())
                .isEqualTo(8);
        assertThat(jdbc.sql("SELECT count(*) FROM conversation_messages WHERE role <> 'system'")
                        .query(Long.class)
                        .single())
                .isEqualTo(jdbc.sql("SELECT sum(turn_count) FROM conversations")
                        .query(Long.class)
                        .single());
    }

    private static String line(UUID session, String role, String content, int second) {
        return "{\"session_id\": \"%s\", \"user_id\": \"%s\", \"role\": \"%s\", \"content\": \"%s\", \"created_at\": \"%s\"}"
                .formatted(
                        session,
                        USER,
                        role,
                        content,
                        java.time.Instant.parse("2026-01-31T10:00:00Z").plusSeconds(second));
    }

    private Answer run(String... arguments) {
        List<String> all = new ArrayList<>(List.of(arguments));
        if (all.stream().noneMatch(argument -> argument.startsWith("--spring.datasource.url"))) {
            all.add("--spring.datasource.url=" + database.url());
            all.add("--spring.datasource.username=" + database.username());
            all.add("--spring.datasource.password=" + database.password());
        }
        all.add("--parley.data=" + folder.resolve("data"));
        StringWriter out = new StringWriter();
        StringWriter err = new StringWriter();
        int code = Main.execute(all, new PrintWriter(out, true), new PrintWriter(err, true));
        return new Answer(code, out.toString(), err.toString());
    }
}
