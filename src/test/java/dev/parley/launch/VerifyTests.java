package dev.parley.launch;

import static org.assertj.core.api.Assertions.assertThat;

import dev.parley.TestApplication;
import dev.parley.TestDatabase;
import dev.parley.database.Finding;
import dev.parley.database.SchemaCheck;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.UUID;
import javax.sql.DataSource;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.springframework.jdbc.core.simple.JdbcClient;
import tools.jackson.databind.json.JsonMapper;

class VerifyTests {
    @TempDir
    private Path data;

    private record Answer(int code, String out, String err) {}

    private Answer verify(TestDatabase database, String... options) {
        return verify(database.url(), database.username(), options);
    }

    private Answer verify(String url, String user, String... options) {
        List<String> arguments = new java.util.ArrayList<>(List.of("verify"));
        arguments.addAll(List.of(options));
        arguments.addAll(List.of(
                "--spring.datasource.url=" + url, "--spring.datasource.username=" + user, "--parley.data=" + data));
        StringWriter out = new StringWriter();
        StringWriter err = new StringWriter();
        int code = Main.execute(arguments, new PrintWriter(out), new PrintWriter(err));
        return new Answer(code, out.toString(), err.toString());
    }

    @ParameterizedTest
    @EnumSource(TestDatabase.class)
    void whatParleyItselfLeavesIsWell(TestDatabase database) { // A14, A80
        UUID job;
        try (TestApplication application = TestApplication.start(database, data)) {
            job = application.enqueue(3);
            application.run(job);
        }

        Answer answer = verify(database, "--files");

        assertThat(answer.out())
                .as(answer.toString())
                .isEqualTo("3 completed items, 3 linked, 0 dangling\n"
                        + "Schema, keys, permissions, rows and files are as they should be.\n");
        assertThat(answer.code()).isZero();
    }

    @Test
    void rowsAndFilesThatDoNotFitAreToldWithTheirRemedy() throws IOException {
        try (TestApplication application = TestApplication.start(TestDatabase.H2, data)) {
            application.run(application.enqueue(3));
            JdbcClient jdbc = application.jdbc();
            List<String> paths = jdbc.sql("SELECT file_path FROM conversations ORDER BY id")
                    .query(String.class)
                    .list();
            Path bucket = data.resolve("conversation-files");
            Files.delete(bucket.resolve(paths.get(0)));
            Files.writeString(bucket.resolve(paths.get(1)), "{\"turns\": [");
            Files.writeString(bucket.resolve("raw/" + new UUID(0, 0) + "/" + UUID.randomUUID() + ".json"), "{}");
            jdbc.sql("UPDATE batch_jobs SET successful_items = 1, completed_items = 1")
                    .update();
            jdbc.sql(
                            "UPDATE batch_items SET status = 'failed', conversation_id = NULL, error_code = 'x', error_message = 'x'"
                                    + " WHERE position = 1")
                    .update();
            jdbc.sql(
                            "UPDATE batch_items SET status = 'processing', conversation_id = NULL, lease_until = NULL WHERE position = 2")
                    .update();
        }

        Answer answer = verify(TestDatabase.H2, "--files");

        assertThat(answer.code()).isEqualTo(1);
        assertThat(answer.out())
                .contains(
                        "1 failed or unlinked items have a conversation",
                        "1 items are in processing, and nobody has a lease",
                        "1 jobs have counters that differ",
                        "1 conversations lack their conversation file, 1 have one that is no JSON",
                        "1 raw answers belong to no conversation",
                        "→ parley backfill");
        assertThat(answer.out().lines().filter(line -> !line.contains("/conversation.json")))
                .allSatisfy(line -> assertThat(line.length()).isLessThanOrEqualTo(100));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "ALTER TABLE batch_items DROP COLUMN lease_until | batch_items.lease_until is missing",
                "DROP TABLE rate_limits | rate_limits is missing",
                "DROP TABLE batch_step_execution_context | batch_step_execution_context is missing",
                "ALTER TABLE batch_items DROP CONSTRAINT batch_items_conversation_id_fkey | does not refer to conversations (id)",
                "ALTER TABLE batch_items DROP CONSTRAINT batch_items_conversation_id_fkey, ADD CONSTRAINT batch_items_conversation_id_fkey FOREIGN KEY (conversation_id) REFERENCES conversations (id) ON DELETE SET NULL | ON DELETE CASCADE, but to conversations (id)",
                "ALTER TABLE batch_items DROP CONSTRAINT batch_items_conversation_id_fkey, ADD CONSTRAINT batch_items_conversation_id_fkey FOREIGN KEY (conversation_id) REFERENCES conversations (conversation_id) ON DELETE CASCADE | but to conversations (conversation_id)",
                "ALTER TABLE batch_items DROP CONSTRAINT batch_items_conversation_id_fkey, ADD CONSTRAINT other FOREIGN KEY (conversation_id) REFERENCES conversations (id) ON DELETE CASCADE | by other",
                "ALTER TABLE conversations DROP CONSTRAINT conversations_conversation_id_key | conversations (conversation_id) is not unique",
                "ALTER TABLE batch_items DROP CONSTRAINT batch_items_status_check, ADD CONSTRAINT batch_items_status_check CHECK (status IS NOT NULL) NOT VALID | batch_items_status_check holds for new rows",
                "DROP INDEX batch_items_claim_idx | index batch_items_claim_idx of batch_items is missing"
            })
    void driftOfTheSchemaIsNamed(String change, String finding) throws Exception { // A5, A6, A12, A17, A37
        String url = TestDatabase.emptyPostgresqlDatabase("verify_drift");
        DataSource dataSource = TestDatabase.POSTGRESQL.connect(url);
        TestDatabase.migrate(dataSource);
        JdbcClient.create(dataSource).sql(change).update();

        List<Finding> findings = new SchemaCheck(dataSource).findings();

        assertThat(findings).hasSize(1);
        assertThat(findings.get(0).what()).contains(finding);
        assertThat(findings.get(0).remedy()).isNotBlank();
    }

    @Test
    void aRoleThatWouldSilentlyUpdateNothingIsFoundOut() { // A31, A32
        try (TestApplication application = TestApplication.start(TestDatabase.POSTGRESQL, data)) {
            application.enqueue(1);
        }
        JdbcClient admin = JdbcClient.create(TestDatabase.POSTGRESQL.dataSource());
        for (String sql : List.of(
                "DROP ROLE IF EXISTS reader",
                "CREATE ROLE reader LOGIN",
                "GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA public TO reader",
                "REVOKE INSERT ON workers FROM reader",
                "ALTER TABLE batch_items ENABLE ROW LEVEL SECURITY",
                "CREATE POLICY look ON batch_items FOR SELECT TO reader USING (true)",
                "ALTER TABLE conversations ENABLE ROW LEVEL SECURITY")) {
            admin.sql(sql).update();
        }
        try {
            Answer answer = verify(TestDatabase.POSTGRESQL.url(), "reader");

            assertThat(answer.code()).isEqualTo(1);
            assertThat(answer.out().replaceAll("\\s+", " "))
                    .contains(
                            "lets this role read rows of batch_items and silently keeps it from updating them",
                            "ALTER ROLE reader BYPASSRLS",
                            "may hide rows of conversations from this role",
                            "this role may not INSERT on workers");
        } finally {
            for (String sql : List.of(
                    "ALTER TABLE conversations DISABLE ROW LEVEL SECURITY",
                    "DROP POLICY look ON batch_items",
                    "ALTER TABLE batch_items DISABLE ROW LEVEL SECURITY",
                    "DROP OWNED BY reader",
                    "DROP ROLE reader")) {
                admin.sql(sql).update();
            }
        }
    }

    @Test
    void asJsonItHasAStableShape() {
        TestDatabase.H2.empty();

        Answer answer = verify(TestDatabase.H2, "--json");

        assertThat(JsonMapper.shared().readTree(answer.out()).propertyNames())
                .containsExactly("ok", "completed", "linked", "dangling", "findings");
        assertThat(answer.code()).isZero();
    }
}
