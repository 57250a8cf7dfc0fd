package dev.parley.batch;

import static org.assertj.core.api.Assertions.assertThat;

import dev.parley.TestApplication;
import dev.parley.TestDatabase;
import dev.parley.catalog.CatalogFiles;
import dev.parley.provider.FakeAnswer;
import dev.parley.provider.FakeAnthropic;
import dev.parley.work.JobStatus;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.springframework.jdbc.core.simple.JdbcClient;

/** What the database does not take: a row, a key, or anything at all from this role. */
@Timeout(value = 5, unit = TimeUnit.MINUTES, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class RefusedWriteTests {
    private final FakeAnthropic anthropic = FakeAnthropic.start();

    @TempDir
    private Path data;

    private TestApplication app;

    @AfterEach
    void close() {
        app.close();
        anthropic.close();
    }

    @ParameterizedTest
    @EnumSource(TestDatabase.class)
    void aForeignKeyThatIsGoneFailsItsItemAloneInTheDatabasesWords(TestDatabase database) { // A9, A20
        app = TestApplication.start(database, data, anthropic.properties());
        UUID job = app.enqueue(3);
        UUID other = app.jdbc()
                .sql("SELECT id FROM personas WHERE id <> :david ORDER BY name")
                .param("david", TestApplication.DAVID_CHEN)
                .query(UUID.class)
                .list()
                .get(0);
        app.jdbc()
                .sql("UPDATE batch_items SET parameters = CAST(REPLACE(CAST(parameters AS text), :david, :other) AS "
                        + (database == TestDatabase.H2 ? "text" : "jsonb") + ") WHERE position = 2")
                .param("david", TestApplication.DAVID_CHEN.toString())
                .param("other", other.toString())
                .update();
        anthropic.answersOtherwise(FakeAnswer.conversation().after(Duration.ofMillis(500)));
        CompletableFuture<Void> deletion = CompletableFuture.runAsync(() -> {
            anthropic.awaitCalls(3);
            app.jdbc()
                    .sql("DELETE FROM personas WHERE id = :id")
                    .param("id", other)
                    .update();
        });

        GenerateRuns.Outcome outcome = app.run(job);

        deletion.join();
        Map<String, Object> failed =
                app.rows("SELECT * FROM batch_items WHERE status = 'failed'").get(0);
        assertThat(outcome.failure()).isNull();
        assertThat(app.job(job).successfulItems()).isEqualTo(2);
        assertThat(app.job(job).failedItems()).isEqualTo(1);
        assertThat(failed.get("position")).isEqualTo(2);
        assertThat(failed.get("error_message").toString())
                .containsIgnoringCase("persona_id")
                .contains(other.toString())
                .doesNotContain("SQL statement");
        if (database == TestDatabase.POSTGRESQL) {
            assertThat(failed.get("error_message").toString())
                    .contains("\"conversations_persona_id_fkey\"")
                    .contains("Key (persona_id)=(" + other + ") is not present in table \"personas\"");
        }
        assertThat(anthropic.calls()).as("no item is generated again").isEqualTo(3);
        assertThat(app.count("SELECT count(*) FROM generation_logs")).isEqualTo(3);
        assertThat(app.count("SELECT count(*) FROM conversations")).isEqualTo(2);
    }

    @Test
    void aBusinessKeyWithoutARowIsNamedAndNeverCompletedWithoutOne() { // A11
        app = TestApplication.start(TestDatabase.POSTGRESQL, data, anthropic.properties());
        UUID job = app.enqueue(2);
        UUID key = app.jdbc()
                .sql("SELECT conversation_key FROM batch_items WHERE position = 1")
                .query(UUID.class)
                .single();
        app.jdbc()
                .sql("CREATE FUNCTION swallow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN IF NEW.conversation_id = ''"
                        + key + "'' THEN RETURN NULL; END IF; RETURN NEW; END'")
                .update();
        app.jdbc()
                .sql("CREATE TRIGGER swallow BEFORE INSERT ON conversations FOR EACH ROW EXECUTE FUNCTION swallow()")
                .update();

        try {
            app.run(job);
        } finally {
            app.jdbc().sql("DROP FUNCTION swallow() CASCADE").update();
        }

        assertThat(app.rows("SELECT status, error_message FROM batch_items WHERE position = 1")
                        .get(0))
                .containsEntry("status", "failed")
                .containsEntry("error_message", "conversation not found for business key " + key);
        assertThat(app.job(job).successfulItems()).isEqualTo(1);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "FOR UPDATE USING (false)",
                "FOR UPDATE USING (status = 'queued') WITH CHECK (true)",
            })
    void rowsThatMayBeReadButAreSilentlyNotUpdatedAreAnErrorWithAName(String policy) { // A31, A32
        startAsPlainRole(
                "ALTER TABLE batch_items ENABLE ROW LEVEL SECURITY",
                "CREATE POLICY may_read ON batch_items FOR SELECT USING (true)",
                "CREATE POLICY may_add ON batch_items FOR INSERT WITH CHECK (true)",
                "CREATE POLICY may_change ON batch_items " + policy);
        UUID job = app.enqueue(3);

        GenerateRuns.Outcome outcome;
        try {
            outcome = app.run(job);
        } finally {
            asOwner(
                    "DROP POLICY may_read ON batch_items",
                    "DROP POLICY may_add ON batch_items",
                    "DROP POLICY may_change ON batch_items",
                    "ALTER TABLE batch_items DISABLE ROW LEVEL SECURITY");
        }

        assertThat(outcome.failure()).hasMessageContaining("batch_items").hasMessageContaining("Row-level security");
        assertThat(app.count("SELECT count(*) FROM batch_items WHERE status = 'completed'"))
                .isZero();
        assertThat(app.job(job).successfulItems()).isZero();
        assertThat(app.job(job).status()).isNotEqualTo(JobStatus.COMPLETED);
        assertThat(app.count("SELECT count(*) FROM conversations")).isZero();
    }

    @Test
    void aRoleThatMayNotUpdateIsToldSo() { // A31
        startAsPlainRole("REVOKE UPDATE ON batch_items FROM plain");
        UUID job = app.enqueue(3);

        GenerateRuns.Outcome outcome = app.run(job);

        assertThat(outcome.failure()).hasStackTraceContaining("permission denied for table batch_items");
        assertThat(anthropic.calls()).isZero();
    }

    private void startAsPlainRole(String... statements) {
        TestDatabase.POSTGRESQL.empty();
        asOwner(
                "DO 'BEGIN IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = ''plain'') THEN CREATE ROLE plain LOGIN; END IF; END'",
                "GRANT ALL ON ALL TABLES IN SCHEMA public TO plain",
                "GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO plain");
        asOwner(statements);
        app = TestApplication.startAnother(
                TestDatabase.POSTGRESQL,
                data,
                Stream.concat(Stream.of(anthropic.properties()), Stream.of("spring.datasource.username=plain"))
                        .toArray(String[]::new));
        app.bean(CatalogFiles.class).load(Path.of("jobs", "catalog"));
    }

    private static void asOwner(String... statements) {
        JdbcClient jdbc = JdbcClient.create(TestDatabase.POSTGRESQL.dataSource());
        for (String statement : statements) {
            jdbc.sql(statement).update();
        }
    }
}
