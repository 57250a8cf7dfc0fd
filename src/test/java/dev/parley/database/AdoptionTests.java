package dev.parley.database;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.parley.OlderDatabase;
import dev.parley.TestDatabase;
import java.io.StringWriter;
import java.sql.Connection;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.UUID;
import java.util.stream.Collectors;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.springframework.dao.DataIntegrityViolationException;
import org.springframework.jdbc.core.simple.JdbcClient;

/** A database with a past, B17 and the last section of SCHEMA. */
class AdoptionTests {
    private static final UUID JOB = UUID.fromString("e7f0fdf9-ca4a-4a63-82a3-5907d049bb37");

    private OlderDatabase older;
    private JdbcClient jdbc;

    @BeforeEach
    void create() {
        older = OlderDatabase.create("older");
        jdbc = older.jdbc();
    }

    private void migrate() {
        TestDatabase.migrate(older.dataSource());
    }

    private <T> T single(Class<T> type, String sql, Object... parameters) {
        return jdbc.sql(sql).params(parameters).query(type).single();
    }

    private long count(String sql) {
        return single(Long.class, sql);
    }

    @Test
    void afterwardsEveryColumnIsThereWithNotNullsAndDefaultsAsOnANewDatabase() throws Exception {
        migrate();

        Map<String, String> differences = new TreeMap<>();
        Map<String, String> fresh = columns(TestDatabase.POSTGRESQL.dataSource().getConnection());
        Map<String, String> adopted = columns(older.dataSource().getConnection());
        fresh.forEach((column, nullable) -> {
            if (!adopted.get(column).startsWith(nullable)) { // a default of theirs does no harm
                differences.put(column, nullable + " became " + adopted.get(column));
            }
        });
        assertThat(differences.keySet())
                .allMatch(column -> column.startsWith("generation_logs.") || column.startsWith("failed_generations."));
    }

    private static Map<String, String> columns(Connection connection) throws Exception {
        try (connection) {
            return LiveSchema.of(connection).tables().entrySet().stream()
                    .filter(table -> !table.getKey().startsWith("databasechangelog"))
                    .flatMap(table -> table.getValue().values().stream()
                            .map(column -> Map.entry(
                                    table.getKey() + "." + column.name(),
                                    (column.notNull() ? "not null" : "null") + (column.filled() ? " default" : ""))))
                    .collect(Collectors.toMap(Map.Entry::getKey, Map.Entry::getValue));
        }
    }

    @Test
    void noRowIsLostAndNoColumnOfTheirs() throws Exception {
        older.job(JOB, "failed", 9);
        older.item(JOB, 1, "failed", null, "08:10:00");
        Map<String, Long> before = rows();
        Map<String, String> columnsBefore = columns(older.dataSource().getConnection());

        migrate();

        assertThat(rows()).containsAllEntriesOf(before);
        assertThat(columns(older.dataSource().getConnection()).keySet()).containsAll(columnsBefore.keySet());
    }

    private Map<String, Long> rows() {
        return List.of("personas", "emotional_arcs", "training_topics", "prompt_templates", "batch_jobs", "batch_items")
                .stream()
                .collect(Collectors.toMap(table -> table, table -> count("SELECT count(*) FROM " + table)));
    }

    @Test
    void anItemTakesTheBusinessKeyOfItsConversationAndOnlyOneDoes() {
        older.job(JOB, "completed", 5);
        UUID key = UUID.fromString("b3a5850f-591a-4463-96d4-4396f18b5694");
        UUID pk = older.conversation(key, "08:05:00");
        UUID linked = older.item(JOB, 1, "completed", pk, "08:05:10");
        UUID alike = older.item(JOB, 2, "completed", pk, "08:05:20");
        UUID unlinked = older.item(JOB, 3, "queued", null, "08:05:30");

        migrate();

        List<UUID> keys = jdbc.sql("SELECT conversation_key FROM batch_items WHERE id IN (:ids)")
                .param("ids", List.of(linked, alike, unlinked))
                .query(UUID.class)
                .list();
        assertThat(keys).doesNotContainNull().doesNotHaveDuplicates().contains(key);
        assertThat(count("SELECT count(*) FROM batch_items WHERE conversation_id = '" + pk + "'"))
                .isEqualTo(2);
    }

    @Test
    void whenAnItemEndedIsKeptAlthoughATriggerTouchesUpdatedAt() {
        older.job(JOB, "completed", 5);
        UUID item = older.item(JOB, 1, "failed", null, "08:12:34");

        migrate();

        assertThat(single(OffsetDateTime.class, "SELECT processed_at FROM batch_items WHERE id = ?", item)
                        .toInstant())
                .isEqualTo(Instant.parse("2025-11-28T08:12:34Z"));
        assertThat(single(OffsetDateTime.class, "SELECT completed_at FROM batch_jobs WHERE id = ?", JOB)
                        .toInstant())
                .isEqualTo(Instant.parse("2025-11-28T09:00:00Z"));
    }

    @Test
    void theirErrorIsOursAndStaysWhereItWas() {
        older.job(JOB, "failed", 5);
        UUID failed = older.item(JOB, 1, "failed", null, "08:10:00");
        UUID silent = older.item(JOB, 2, "failed", null, "08:11:00");
        older.execute("UPDATE batch_items SET error = NULL WHERE id = '" + silent + "'");

        migrate();

        String columns =
                "SELECT concat_ws('|', error, error_code, error_message, retryable) FROM batch_items WHERE id = ?";
        assertThat(single(String.class, columns, failed)).isEqualTo("Unknown error|not_recorded|Unknown error|t");
        assertThat(single(String.class, columns, silent)).isEqualTo("not_recorded|no cause was recorded|t");
    }

    @Test
    void anErrorOfAnItemThatSucceededLaterBecomesHistory() {
        older.job(JOB, "completed", 5);
        UUID item = older.item(JOB, 1, "completed", older.conversation(UUID.randomUUID(), "08:05:00"), "08:05:10");
        older.execute("UPDATE batch_items SET error_message = 'first it timed out' WHERE id = '" + item + "'");

        migrate();

        assertThat(single(Long.class, "SELECT count(*) FROM batch_items WHERE id = ? AND error_message IS NULL", item))
                .isEqualTo(1);
        assertThat(single(String.class, "SELECT error_message FROM failed_generations WHERE item_id = ?", item))
                .isEqualTo("first it timed out");
    }

    @Test
    void priorityByNumberBecomesAWordAndTheirViewGoesOn() {
        older.job(UUID.randomUUID(), "queued", 1);
        older.job(UUID.randomUUID(), "queued", 5);
        older.job(UUID.randomUUID(), "queued", 10);

        migrate();

        assertThat(jdbc.sql("SELECT priority FROM batch_jobs ORDER BY priority_before_parley")
                        .query(String.class)
                        .list())
                .containsExactly("low", "normal", "high");
        assertThat(count("SELECT max(priority) FROM urgent_jobs")).isEqualTo(10);
    }

    @Test
    void arraysEnumsAndTimesWithoutZoneBecomeWhatTheProgramReads() {
        migrate();

        assertThat(single(String.class, "SELECT typical_questions ->> 0 FROM personas"))
                .isEqualTo("How much is enough?");
        assertThat(single(String.class, "SELECT tier FROM emotional_arcs")).isEqualTo("template");
        assertThat(single(OffsetDateTime.class, "SELECT created_at FROM training_topics")
                        .toInstant())
                .isEqualTo(Instant.parse("2025-11-01T12:00:00Z"));
        assertThat(single(String.class, "SELECT topic_key FROM training_topics"))
                .isEqualTo("essential_estate_planning");
    }

    @Test
    void columnsThatParleyDoesNotKnowDoNotRefuseItsRows() {
        migrate();

        older.execute("INSERT INTO batch_jobs (id, name) VALUES (gen_random_uuid(), 'ours')");
        older.execute("INSERT INTO generation_logs (id, conversation_id, attempt, provider, status)"
                + " VALUES (gen_random_uuid(), gen_random_uuid(), 1, 'offline', 'success')"); // no such
        // conversation
        // yet
        older.execute("INSERT INTO failed_generations (id, conversation_key, failure_type, run_id)"
                + " VALUES (gen_random_uuid(), gen_random_uuid(), 'api_error', gen_random_uuid())");
        older.execute("INSERT INTO conversations (conversation_id, status) VALUES (gen_random_uuid(), 'archived')");
    }

    @Test
    void theForeignKeyIsReplacedByTheOneOfThatNameAndRule() { // A5, A6
        older.job(JOB, "completed", 5);
        UUID pk = older.conversation(UUID.randomUUID(), "08:05:00");
        older.item(JOB, 1, "completed", pk, "08:05:10");

        migrate();

        assertThat(jdbc.sql(
                                "SELECT conname || ' ' || pg_get_constraintdef(oid) || ' ' || convalidated FROM pg_constraint"
                                        + " WHERE conrelid = 'batch_items'::regclass AND contype = 'f' ORDER BY conname")
                        .query(String.class)
                        .list())
                .containsExactly(
                        "batch_items_batch_job_id_fkey FOREIGN KEY (batch_job_id) REFERENCES batch_jobs(id) ON DELETE CASCADE true",
                        "batch_items_conversation_id_fkey FOREIGN KEY (conversation_id) REFERENCES conversations(id) ON DELETE CASCADE true");
        older.execute("DELETE FROM conversations");
        assertThat(count("SELECT count(*) FROM batch_items")).isZero();
    }

    @Test
    void aCheckThatKnowsOtherValuesIsReplaced() {
        older.job(JOB, "queued", 5);
        UUID item = older.item(JOB, 1, "queued", null, "08:10:00");

        migrate();

        assertThatThrownBy(() -> older.execute("UPDATE batch_items SET status = 'skipped' WHERE id = '" + item + "'"))
                .rootCause()
                .hasMessageContaining("batch_items_status_check");
        assertThat(count("SELECT count(*) FROM pg_constraint WHERE conname = 'item_status'"))
                .isZero();
    }

    @Test
    void completedItemsThatLostTheirLinkStayAndTheRuleHoldsForNewOnes() {
        older.job(JOB, "completed", 5);
        UUID item = older.item(JOB, 1, "completed", null, "08:05:10");

        migrate();

        assertThat(single(String.class, "SELECT status FROM batch_items WHERE id = ?", item))
                .isEqualTo("completed");
        assertThat(
                        count(
                                "SELECT count(*) FROM pg_constraint WHERE conname = 'batch_items_completed_check' AND NOT convalidated"))
                .isEqualTo(1);
        assertThatThrownBy(() -> jdbc.sql(
                                "INSERT INTO batch_items (id, batch_job_id, position, parameters, conversation_key, status)"
                                        + " VALUES (gen_random_uuid(), ?, 2, '{}', gen_random_uuid(), 'completed')")
                        .param(JOB)
                        .update())
                .isInstanceOf(DataIntegrityViolationException.class);
    }

    @Test
    void aBusinessKeyInPlaceOfThePrimaryKeyIsTranslatedWhereNoForeignKeyKeptItOut() {
        older.execute("ALTER TABLE batch_items DROP CONSTRAINT fk_items_conversation");
        older.job(JOB, "completed", 5);
        UUID key = UUID.randomUUID();
        UUID pk = older.conversation(key, "08:05:00");
        UUID item = older.item(JOB, 1, "completed", key, "08:05:10");
        UUID dangling = older.item(JOB, 2, "completed", UUID.randomUUID(), "08:06:10");

        migrate();

        assertThat(single(UUID.class, "SELECT conversation_id FROM batch_items WHERE id = ?", item))
                .isEqualTo(pk);
        assertThat(single(
                        Long.class,
                        "SELECT count(*) FROM batch_items WHERE id = ? AND conversation_id IS NULL",
                        dangling))
                .isEqualTo(1);
    }

    @Test
    void positionsBecomeUniqueInTheirOrderAndCountersAddUp() {
        older.job(JOB, "completed", 5);
        older.execute(
                "UPDATE batch_jobs SET total_items = 9, completed_items = 3, successful_items = 1, failed_items = 0");
        UUID first = older.item(JOB, 0, "failed", null, "08:01:00");
        UUID second = older.item(JOB, 1, "failed", null, "08:02:00");
        UUID third = older.item(JOB, 1, "completed", older.conversation(UUID.randomUUID(), "08:03:00"), "08:03:00");

        migrate();

        assertThat(jdbc.sql("SELECT id FROM batch_items ORDER BY position")
                        .query(UUID.class)
                        .list())
                .startsWith(first)
                .contains(second, third);
        assertThat(jdbc.sql("SELECT position FROM batch_items ORDER BY position")
                        .query(Integer.class)
                        .list())
                .containsExactly(1, 2, 3);
        assertThat(
                        single(
                                String.class,
                                "SELECT concat_ws(' ', total_items, completed_items, successful_items, failed_items) FROM batch_jobs"))
                .isEqualTo("3 3 1 2");
    }

    @Test
    void itemsInProcessingWithoutALeaseAreKeptForABackfill() {
        older.job(JOB, "processing", 5);
        UUID stuck = older.item(JOB, 1, "processing", null, "08:01:00");

        migrate();

        assertThat(single(
                        String.class,
                        "SELECT status || ' ' || (claim_token IS NOT NULL) || ' ' || (lease_until IS NULL) FROM batch_items WHERE id = ?",
                        stuck))
                .isEqualTo("processing true true");
    }

    @Test
    void aSecondRunDoesNothing() {
        older.job(JOB, "failed", 5);
        older.item(JOB, 1, "failed", null, "08:10:00");
        migrate();
        String before = single(String.class, "SELECT string_agg(t::text, '') FROM batch_items t") + changes();
        older.execute(
                "UPDATE databasechangelog SET tag = 'parley-old' WHERE tag IS NOT NULL"); // so that Liquibase looks

        migrate();

        assertThat(single(String.class, "SELECT string_agg(t::text, '') FROM batch_items t") + changes())
                .isEqualTo(before);
    }

    private String changes() {
        return single(
                String.class,
                "SELECT string_agg(id || ' ' || exectype, ',' ORDER BY id) FROM databasechangelog WHERE id <> 'required-columns'");
    }

    @Test
    void whatIsUnsafeIsRefusedWithEveryReasonAndNothingIsChanged() throws Exception {
        older.execute("ALTER TABLE conversations DROP CONSTRAINT conversations_conversation_id_key CASCADE");
        UUID key = UUID.randomUUID();
        older.conversation(key, "08:00:00");
        older.conversation(key, "08:01:00");
        older.job(JOB, "queued", 5);
        older.item(JOB, 1, "skipped", null, "08:00:00");
        older.execute("ALTER TABLE batch_items DROP CONSTRAINT fk_items_job");
        older.item(UUID.randomUUID(), 1, "queued", null, "08:00:00");
        String before = dump();

        assertThatThrownBy(this::migrate)
                .rootCause()
                .isInstanceOf(MigrationRefusedException.class)
                .hasMessageContaining("nothing was changed")
                .hasMessageContaining("conversations: 1 values of conversation_id are there more than once")
                .hasMessageContaining("1 rows of batch_items have the status skipped")
                .hasMessageContaining("1 rows of batch_items belong to no job");

        assertThat(dump()).isEqualTo(before);
    }

    @Test
    void aForeignKeyToTheBusinessKeyIsRefused() {
        older.execute("ALTER TABLE batch_items DROP CONSTRAINT fk_items_conversation,"
                + " ADD CONSTRAINT wrong FOREIGN KEY (conversation_id) REFERENCES conversations (conversation_id)");
        String before = dump();

        assertThatThrownBy(this::migrate).rootCause().hasMessageContaining("The foreign key wrong of batch_items");

        assertThat(dump()).isEqualTo(before);
    }

    @Test
    void aColumnOfATypeThatCannotBeConvertedIsRefused() {
        older.execute("ALTER TABLE conversations DROP CONSTRAINT conversations_conversation_id_key CASCADE");
        older.execute(
                "ALTER TABLE conversations ALTER COLUMN conversation_id TYPE text USING 'chat-' || conversation_id");

        assertThatThrownBy(this::migrate)
                .rootCause()
                .hasMessageContaining("conversations.conversation_id is text and must be uuid");
    }

    @Test
    void rowLevelSecurityThatWouldHideRowsIsRefused() { // A31
        older.execute("DROP ROLE IF EXISTS half_blind; CREATE ROLE half_blind LOGIN;"
                + " GRANT ALL ON ALL TABLES IN SCHEMA public TO half_blind; GRANT ALL ON SCHEMA public TO half_blind;"
                + " ALTER TABLE batch_items OWNER TO half_blind; ALTER TABLE batch_items ENABLE ROW LEVEL SECURITY;"
                + " ALTER TABLE batch_items FORCE ROW LEVEL SECURITY");
        var restricted = (org.postgresql.ds.PGSimpleDataSource) older.dataSource();
        restricted.setUser("half_blind");

        assertThatThrownBy(() -> TestDatabase.migrate(restricted))
                .rootCause()
                .hasMessageContaining("Row-level security hides rows of batch_items")
                .hasMessageContaining("This role does not own batch_jobs");
        older.execute("ALTER TABLE batch_items OWNER TO postgres; DROP OWNED BY half_blind; DROP ROLE half_blind");
    }

    @Test
    void rowLevelSecurityThatDoesNotHinderTheOwnerStaysOn() {
        older.execute("ALTER TABLE batch_items ENABLE ROW LEVEL SECURITY");

        migrate();

        assertThat(count("SELECT count(*) FROM pg_class WHERE relname = 'batch_items' AND relrowsecurity"))
                .isEqualTo(1);
    }

    @Test
    void aTableThatSomebodyHoldsIsNotWaitedForLongAndNothingIsChanged() throws Exception {
        try (Connection busy = older.dataSource().getConnection()) {
            busy.setAutoCommit(false);
            busy.createStatement().execute("LOCK TABLE batch_items IN ACCESS SHARE MODE");

            assertThatThrownBy(this::migrate).hasStackTraceContaining("lock timeout");
            busy.rollback();
        }
        assertThat(count("SELECT count(*) FROM information_schema.columns WHERE column_name = 'claim_token'"))
                .isZero();

        migrate();

        assertThat(count("SELECT count(*) FROM information_schema.columns WHERE column_name = 'claim_token'"))
                .isPositive();
    }

    @Test
    void anIndexThatWasCutOffIsBuiltAnew() {
        older.job(JOB, "queued", 5);
        older.execute("CREATE INDEX batch_items_conversation_id_idx ON batch_items (conversation_id)");
        older.execute(
                "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'batch_items_conversation_id_idx'::regclass");

        migrate();

        assertThat(count("SELECT count(*) FROM pg_index WHERE NOT indisvalid")).isZero();
        assertThat(count("SELECT count(*) FROM pg_class WHERE relname = 'batch_items_conversation_id_idx'"))
                .isEqualTo(1);
    }

    @Test
    void aDryRunPrintsTheStatementsAndChangesNothing() throws Exception {
        older.job(JOB, "failed", 5);
        older.item(JOB, 1, "failed", null, "08:10:00");
        String before = dump();
        StringWriter sql = new StringWriter();

        boolean anything = TestDatabase.migration(older.dataSource()).preview(sql);

        assertThat(anything).isTrue();
        assertThat(sql.toString())
                .contains(
                        "ALTER TABLE batch_items ADD COLUMN claim_token uuid",
                        "ALTER TABLE batch_jobs RENAME COLUMN priority TO priority_before_parley",
                        "DROP CONSTRAINT \"fk_items_conversation\", ADD CONSTRAINT batch_items_conversation_id_fkey",
                        "UPDATE batch_jobs SET priority = CASE");
        assertThat(dump()).isEqualTo(before);
    }

    /** Every table, column, constraint, index and row. */
    private String dump() {
        return single(String.class, """
                SELECT concat_ws(E'\\n',
                    (SELECT string_agg(concat_ws(' ', table_name, column_name, data_type, is_nullable, column_default), E'\\n'
                                       ORDER BY table_name, column_name)
                       FROM information_schema.columns WHERE table_schema = 'public'),
                    (SELECT string_agg(conname || pg_get_constraintdef(oid), E'\\n' ORDER BY conname) FROM pg_constraint),
                    (SELECT string_agg(t::text, E'\\n' ORDER BY t::text) FROM batch_items t),
                    (SELECT string_agg(t::text, E'\\n' ORDER BY t::text) FROM conversations t))
                """);
    }

    @ParameterizedTest
    @EnumSource(TestDatabase.class)
    void whatTheChangeLogSaysIsWhatADatabaseMakesOfIt(TestDatabase database) throws Exception {
        try (Connection connection = database.dataSource().getConnection()) {
            LiveSchema live = LiveSchema.of(connection);
            TargetSchema target = TargetSchema.of(Dialect.of(connection));

            assertThat(target.tables()).hasSizeGreaterThan(15);
            target.tables().values().forEach(table -> {
                assertThat(live.tables().get(table.name()).keySet())
                        .as(table.name())
                        .containsExactlyInAnyOrderElementsOf(table.columns().keySet());
                table.columns().values().forEach(column -> {
                    LiveSchema.Column there = live.column(table.name(), column.name());
                    assertThat(there.notNull()).as(table.name() + "." + column).isEqualTo(column.notNull());
                    assertThat(LiveSchema.suits(
                                            column.type().replaceAll("(?i)TIMESTAMP$", "timestamp without time zone"),
                                            there.type())
                                    || column.type().equalsIgnoreCase("timestamp")
                                    || column.type().equals("bytea")
                                    || column.type().startsWith("CHAR"))
                            .as(table.name() + "." + column + " is " + there.type())
                            .isTrue();
                });
            });
        }
    }

    @Test
    void anOlderShapeOnH2GetsItsColumnsAndKeys() {
        var h2 = TestDatabase.H2.connect(
                "jdbc:h2:mem:" + UUID.randomUUID() + ";DB_CLOSE_DELAY=-1;MODE=PostgreSQL;DEFAULT_NULL_ORDERING=HIGH");
        JdbcClient client = JdbcClient.create(h2);
        client.sql(
                        "CREATE TABLE batch_jobs (id uuid PRIMARY KEY, name varchar NOT NULL, job_type varchar NOT NULL, status varchar)")
                .update();
        client.sql(
                        "CREATE TABLE batch_items (id uuid PRIMARY KEY, batch_job_id uuid NOT NULL, position integer NOT NULL,"
                                + " parameters varchar NOT NULL, status varchar DEFAULT 'queued')")
                .update();
        client.sql("INSERT INTO batch_jobs VALUES ('" + JOB + "', 'older', 'x', 'failed')")
                .update();
        client.sql("INSERT INTO batch_items VALUES (gen_random_uuid(), '" + JOB + "', 1, '{}', 'failed')")
                .update();

        TestDatabase.migrate(h2);

        assertThat(client.sql(
                                "SELECT count(*) FROM batch_items WHERE conversation_key IS NOT NULL AND error_code = 'not_recorded'")
                        .query(Long.class)
                        .single())
                .isEqualTo(1);
        client.sql("INSERT INTO batch_jobs (id, name) VALUES (gen_random_uuid(), 'ours')")
                .update();
    }
}
