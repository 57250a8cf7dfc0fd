package dev.parley.database;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.parley.TestDatabase;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.springframework.dao.DataIntegrityViolationException;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.jdbc.datasource.DriverManagerDataSource;

class MigrationTests {
    private static final UUID JOB = UUID.fromString("e7f0fdf9-ca4a-4a63-82a3-5907d049bb37");
    private static final UUID BUSINESS_KEY = UUID.fromString("b3a5850f-591a-4463-96d4-4396f18b5694");

    @ParameterizedTest
    @EnumSource(TestDatabase.class)
    void aConversationHasTwoKeysAndTheDatabaseMakesThePrimaryOne(TestDatabase database) { // A2, A3
        JdbcClient jdbc = JdbcClient.create(database.empty());

        insertConversation(jdbc);

        assertThat(jdbc.sql("SELECT id FROM conversations WHERE conversation_id = :key")
                        .param("key", BUSINESS_KEY)
                        .query(UUID.class)
                        .single())
                .isNotNull()
                .isNotEqualTo(BUSINESS_KEY);
    }

    @ParameterizedTest
    @EnumSource(TestDatabase.class)
    void anItemRefersToThePrimaryKeyUnderTheKnownNameAndGoesWithItsConversation(TestDatabase database) { // A5, A6, A12
        JdbcClient jdbc = JdbcClient.create(database.empty());

        List<String> rule = jdbc.sql("""
                        SELECT lower(c.delete_rule) || ' ' || lower(k.table_name) || '.' || lower(k.column_name)
                          FROM information_schema.referential_constraints c
                          JOIN information_schema.key_column_usage k ON k.constraint_name = c.unique_constraint_name
                         WHERE lower(c.constraint_name) = 'batch_items_conversation_id_fkey'
                        """).query(String.class).list();

        assertThat(rule).containsExactly("cascade conversations.id");
    }

    @ParameterizedTest
    @EnumSource(TestDatabase.class)
    void theBusinessKeyIsRefusedWhereThePrimaryKeyBelongs(TestDatabase database) { // A8
        JdbcClient jdbc = JdbcClient.create(database.empty());
        insertConversation(jdbc);
        insertJob(jdbc);

        assertThatThrownBy(() -> insertItem(jdbc, 1, "completed", BUSINESS_KEY))
                .isInstanceOf(DataIntegrityViolationException.class)
                .rootCause()
                .isInstanceOfSatisfying(java.sql.SQLException.class, e -> {
                    assertThat(e.getSQLState()).isIn("23503", "23506"); // H2 has a code of its own
                    assertThat(e.getMessage().toLowerCase()).contains("batch_items_conversation_id_fkey");
                });
    }

    @ParameterizedTest
    @EnumSource(TestDatabase.class)
    void deletingAConversationRemovesItsItemAndNoOther(TestDatabase database) { // A7
        JdbcClient jdbc = JdbcClient.create(database.empty());
        UUID pk = insertConversation(jdbc);
        insertJob(jdbc);
        insertItem(jdbc, 1, "completed", pk);
        insertItem(jdbc, 2, "queued", null);

        jdbc.sql("DELETE FROM conversations").update();

        assertThat(jdbc.sql("SELECT position FROM batch_items")
                        .query(Integer.class)
                        .list())
                .containsExactly(2);
    }

    @ParameterizedTest
    @EnumSource(TestDatabase.class)
    void impossibleRowsAreRefused(TestDatabase database) { // A13, A22
        JdbcClient jdbc = JdbcClient.create(database.empty());
        insertJob(jdbc);

        for (String status : List.of("done", "completed", "failed", "processing")) {
            assertThatThrownBy(() -> insertItem(jdbc, 1, status, null))
                    .as("%s without what belongs to it", status)
                    .isInstanceOf(DataIntegrityViolationException.class);
        }
    }

    @ParameterizedTest
    @EnumSource(TestDatabase.class)
    void allTablesAreThere(TestDatabase database) { // A16, B5 to B16
        JdbcClient jdbc = JdbcClient.create(database.empty());

        for (String table : List.of(
                "batch_jobs",
                "batch_items",
                "conversations",
                "personas",
                "emotional_arcs",
                "training_topics",
                "prompt_templates",
                "generation_logs",
                "failed_generations",
                "conversation_sessions",
                "conversation_messages",
                "tracking_dead_letters",
                "rate_limits",
                "job_series",
                "job_failures",
                "workers",
                "batch_job_instance")) {
            assertThat(jdbc.sql("SELECT count(*) FROM " + table)
                            .query(Long.class)
                            .single())
                    .as(table)
                    .isZero();
        }
    }

    @ParameterizedTest
    @EnumSource(TestDatabase.class)
    void aSecondMigrationChangesNothing(TestDatabase database) {
        JdbcClient jdbc = JdbcClient.create(database.dataSource());
        long before = changeSets(jdbc);

        TestDatabase.migrate(database.dataSource());

        assertThat(changeSets(jdbc)).isEqualTo(before).isPositive();
    }

    @Test
    void theChecksOutliveTheConnectionThatMadeThem() { // H2 2.4 and IN lists
        var everyTimeANewConnection = new DriverManagerDataSource(
                "jdbc:h2:mem:checks;DB_CLOSE_DELAY=-1;MODE=PostgreSQL;DEFAULT_NULL_ORDERING=HIGH", "sa", "");
        TestDatabase.migrate(everyTimeANewConnection);
        JdbcClient jdbc = JdbcClient.create(everyTimeANewConnection);

        insertJob(jdbc);
        insertItem(jdbc, 1, "queued", null);

        assertThatThrownBy(() -> insertItem(jdbc, 2, "done", null)).isInstanceOf(DataIntegrityViolationException.class);
    }

    @Test
    void threeFirstStartsAtOnceAllSucceed() throws Exception {
        String url = TestDatabase.emptyPostgresqlDatabase("three_starts");
        ExecutorService starters = Executors.newFixedThreadPool(3);
        CyclicBarrier together = new CyclicBarrier(3);
        Callable<Void> start = () -> {
            together.await();
            TestDatabase.migrate(TestDatabase.POSTGRESQL.connect(url));
            return null;
        };

        List<Future<Void>> starts =
                Stream.of(start, start, start).map(starters::submit).toList();

        for (Future<Void> one : starts) {
            one.get(); // throws what the start threw
        }
        starters.shutdown();
        assertThat(changeSets(JdbcClient.create(TestDatabase.POSTGRESQL.connect(url))))
                .isPositive();
    }

    @Test
    void everyFileOfTheChangeLogIsInTheDigest() throws Exception {
        try (Stream<Path> folder = Files.list(Path.of("changelog"))) {
            assertThat(ChangeLogState.files())
                    .containsExactlyInAnyOrderElementsOf(folder.map(file -> "changelog/" + file.getFileName())
                            .toList());
        }
    }

    @ParameterizedTest
    @EnumSource(TestDatabase.class)
    void aDatabaseIsLeftAloneUntilItsChangeLogDiffers(TestDatabase database) throws Exception {
        String url = newDatabase(database);
        new Migration(database.connect(url)).afterPropertiesSet();
        JdbcClient jdbc = JdbcClient.create(database.connect(url));
        boolean afterMigration = isCurrent(database, url);
        jdbc.sql("UPDATE databasechangelog SET md5sum = '9:0' WHERE id = 'workers'")
                .update();

        boolean afterAnotherVersion = isCurrent(database, url);

        assertThat(List.of(afterMigration, afterAnotherVersion)).containsExactly(true, false);
    }

    @ParameterizedTest
    @EnumSource(TestDatabase.class)
    void aForgottenChangeSetIsNoticedAndANewDatabaseIsNotCurrent(TestDatabase database) throws Exception {
        String url = newDatabase(database);
        boolean empty = isCurrent(database, url);
        new Migration(database.connect(url)).afterPropertiesSet();
        JdbcClient.create(database.connect(url))
                .sql("DELETE FROM databasechangelog WHERE id = 'workers'")
                .update();

        boolean afterDeletion = isCurrent(database, url);

        assertThat(List.of(empty, afterDeletion)).containsExactly(false, false);
    }

    private static String newDatabase(TestDatabase database) {
        return database == TestDatabase.POSTGRESQL
                ? TestDatabase.emptyPostgresqlDatabase("change_log_state")
                : "jdbc:h2:mem:" + UUID.randomUUID() + ";DB_CLOSE_DELAY=-1;MODE=PostgreSQL;DEFAULT_NULL_ORDERING=HIGH";
    }

    private static boolean isCurrent(TestDatabase database, String url) throws SQLException {
        try (Connection connection = database.connect(url).getConnection()) {
            return ChangeLogState.isCurrent(connection);
        }
    }

    private static long changeSets(JdbcClient jdbc) {
        return jdbc.sql("SELECT count(*) FROM databasechangelog")
                .query(Long.class)
                .single();
    }

    private static UUID insertConversation(JdbcClient jdbc) {
        jdbc.sql("INSERT INTO conversations (conversation_id) VALUES (:key)")
                .param("key", BUSINESS_KEY)
                .update();
        return jdbc.sql("SELECT id FROM conversations").query(UUID.class).single();
    }

    private static void insertJob(JdbcClient jdbc) {
        jdbc.sql("INSERT INTO batch_jobs (id, name) VALUES (:id, 'the incident')")
                .param("id", JOB)
                .update();
    }

    private static void insertItem(JdbcClient jdbc, int position, String status, UUID conversationPk) {
        jdbc.sql("""
                        INSERT INTO batch_items (id, batch_job_id, position, parameters, conversation_key, status, conversation_id, processed_at)
                        VALUES (gen_random_uuid(), :job, :position, '{}', gen_random_uuid(), :status, :pk, :processed)
                        """)
                .param("job", JOB)
                .param("position", position)
                .param("status", status)
                .param("pk", conversationPk)
                .param(
                        "processed",
                        status.equals("completed") ? java.time.OffsetDateTime.parse("2026-11-21T03:00:00Z") : null)
                .update();
    }
}
