package dev.parley;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.Objects;
import java.util.UUID;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;
import org.springframework.jdbc.core.simple.JdbcClient;

/** A PostgreSQL database of the older shape, {@code older-schema.sql}, with methods that put rows into it. */
public final class OlderDatabase {
    public static final UUID PERSONA = UUID.fromString("aa514346-cd61-42ac-adad-498934975402");
    public static final UUID ARC = UUID.fromString("33d2ac3e-3f92-44a5-a53d-788fdece2545");
    public static final UUID TOPIC = UUID.fromString("aee7b6c2-42e2-4ef4-8184-be12abe38eb5");
    public static final UUID USER = UUID.fromString("00000000-0000-0000-0000-000000000000");

    private final String url;
    private final JdbcClient jdbc;

    private OlderDatabase(String url) {
        this.url = url;
        this.jdbc = JdbcClient.create(TestDatabase.POSTGRESQL.connect(url));
    }

    /** Makes it anew, with one persona, arc, topic and template. */
    public static OlderDatabase create(String name) {
        OlderDatabase older = new OlderDatabase(TestDatabase.emptyPostgresqlDatabase(name));
        older.execute(resource());
        older.execute("INSERT INTO personas (id, persona_key, name, short_name, typical_questions) VALUES ('" + PERSONA
                + "', 'pragmatic_optimist', 'David Chen', 'David', '{\"How much is enough?\"}')");
        older.execute(
                "INSERT INTO emotional_arcs (id, arc_key, name, starting_emotion, ending_emotion, arc_type) VALUES ('"
                        + ARC
                        + "', 'couple_conflict_to_alignment', 'Couple Conflict → Alignment', 'frustration', 'relief', 'x')");
        older.execute("INSERT INTO training_topics (id, name, created_at) VALUES ('" + TOPIC
                + "', 'Essential Estate Planning', '2025-11-01 12:00')");
        older.execute(
                "INSERT INTO prompt_templates (template_name, template_type, tier, emotional_arc_type, template_text)"
                        + " VALUES ('Couple conflict', 'x', 'template', 'couple_conflict_to_alignment',"
                        + " 'Write a conversation of {{persona_name}} about {{topic_name}}.')");
        return older;
    }

    public String url() {
        return url;
    }

    public DataSource dataSource() {
        return TestDatabase.POSTGRESQL.connect(url);
    }

    public JdbcClient jdbc() {
        return jdbc;
    }

    public void execute(String sql) {
        try (var connection = dataSource().getConnection();
                var statement = connection.createStatement()) {
            statement.execute(sql);
        } catch (java.sql.SQLException e) {
            throw new IllegalStateException(e);
        }
    }

    public UUID job(UUID id, String status, int priority) {
        jdbc.sql(
                        "INSERT INTO batch_jobs (id, name, job_type, status, priority, created_at, updated_at) VALUES (?, 'older', 'x',"
                                + " ?, ?, '2025-11-28T08:00Z', '2025-11-28T09:00Z')")
                .params(id, status, priority)
                .update();
        return id;
    }

    /** @param ended the time of day at which the item ended, on 2025-11-28; all that tells it is updated_at */
    public UUID item(UUID job, int position, String status, @Nullable UUID conversation, String ended) {
        UUID id = UUID.randomUUID();
        item(id, job, position, status, conversation, ended);
        return id;
    }

    public void item(UUID id, UUID job, int position, String status, @Nullable UUID conversation, String ended) {
        jdbc.sql(
                        "INSERT INTO batch_items (id, batch_job_id, position, topic, parameters, status, conversation_id, error,"
                                + " created_at, updated_at) VALUES (?, ?, ?, 'Essential Estate Planning', ?, ?, ?, ?,"
                                + " '2025-11-28T08:00Z', CAST(? AS timestamptz))")
                .params(
                        id,
                        job,
                        position,
                        "{\"persona_id\": \"" + PERSONA + "\", \"emotional_arc_id\": \"" + ARC
                                + "\", \"training_topic_id\": \"" + TOPIC
                                + "\", \"tier\": \"template\", \"templateId\": \"00000000-0000-0000-0000-000000000000\"}",
                        status,
                        conversation,
                        status.equals("failed") ? "Unknown error" : null,
                        "2025-11-28T" + ended + "Z")
                .update();
    }

    /**
     * A completed conversation of the same combination.
     *
     * @param made the time of day, on 2025-11-28
     * @return its primary key
     */
    public UUID conversation(UUID businessKey, String made) {
        return jdbc.sql(
                        "INSERT INTO conversations (conversation_id, persona_id, emotional_arc_id, training_topic_id, tier,"
                                + " status, processing_status, topic_cluster, created_by, raw_response_path, file_path, created_at)"
                                + " VALUES (?, ?, ?, ?, 'template', 'generated', 'completed', 'x', ?, ?, ?, CAST(? AS timestamptz))"
                                + " RETURNING id")
                .params(
                        businessKey,
                        PERSONA,
                        ARC,
                        TOPIC,
                        USER,
                        "raw/" + USER + "/" + businessKey + ".json",
                        USER + "/" + businessKey + "/conversation.json",
                        "2025-11-28T" + made + "Z")
                .query(UUID.class)
                .single();
    }

    /** A raw file of such a system: the bare conversation document, in no provider's envelope. */
    public static String answer() {
        return IntStream.rangeClosed(1, 8)
                .mapToObj(n -> "{\"turn_number\": " + n + ", \"role\": \"" + (n % 2 == 1 ? "user" : "assistant")
                        + "\", \"content\": \"Turn " + n
                        + " of a talk about wills, guardians and what each of the two is afraid of."
                        + "\", \"emotional_context\": {\"primary_emotion\": \"relief\", \"intensity\": 0.5}}")
                .collect(Collectors.joining(
                        ", ",
                        "{\"conversation_metadata\": {\"client_persona\": \"David Chen\", \"session_context\": \"a quarrel\","
                                + " \"conversation_phase\": \"closing\"}, \"turns\": [",
                        "]}"));
    }

    private static String resource() {
        try (InputStream in =
                Objects.requireNonNull(OlderDatabase.class.getResourceAsStream("/dev/parley/older-schema.sql"))) {
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
