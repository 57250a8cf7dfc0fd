package dev.parley.export;

import dev.parley.TestApplication;
import dev.parley.archive.ArchiveSettings;
import dev.parley.archive.ObjectName;
import dev.parley.archive.ObjectStore;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.UUID;
import tools.jackson.databind.json.JsonMapper;

/** Conversations that nobody generated: rows and final documents made up, the same for the same numbers. */
final class Conversations {
    private static final String[] WORDS =
            ("plan money house pension worry calm letter bank child partner tax year list doubt call"
                            + " friend hope risk fund number sleep answer question step week advice rent loan debt gift")
                    .split(" ");

    private final TestApplication app;

    Conversations(TestApplication app) {
        this.app = app;
    }

    static UUID key(int number) {
        return new UUID(0x1111_0000_0000_4000L + number, 0x8000_0000_0000_0000L + number);
    }

    /** Of a job with as many completed items, and of their documents. */
    UUID add(int count) {
        UUID job = app.enqueue(count);
        List<UUID> items = app.jdbc()
                .sql("SELECT id FROM batch_items WHERE batch_job_id = :job ORDER BY position")
                .param("job", job)
                .query(UUID.class)
                .list();
        for (int i = 0; i < count; i++) {
            insert(key(i), items.get(i), i);
            write(key(i), document(i, i));
        }
        return job;
    }

    private void insert(UUID key, UUID item, int number) {
        app.jdbc()
                .sql("""
                        INSERT INTO conversations (conversation_id, persona_id, persona, emotional_arc, training_topic,
                                                   scaffolding_snapshot, tier, turn_count, status, processing_status, file_path,
                                                   findings, quality_score, requires_manual_review, model, input_tokens,
                                                   output_tokens, cost_usd, created_at)
                        VALUES (:key, :persona, :named, :named, :named, :snapshot, :tier, 4, :status, 'completed', :path,
                                :findings, :score, :review, 'claude-sonnet-5-5', 1000, 500, 0.0123, :created)
                        """)
                .param("key", key)
                .param("persona", TestApplication.DAVID_CHEN)
                .param(
                        "named",
                        "{\"id\":\"" + TestApplication.DAVID_CHEN
                                + "\",\"key\":\"a_key\",\"name\":\"A, \\\"Name\\\"\"}")
                .param("snapshot", """
                        {"emotional_arc":{"ending_emotion":"relief","ending_intensity_min":0.5,"ending_intensity_max":0.8},
                         "template":{"name":"a template","version":3}}
                        """)
                .param("tier", number % 2 == 0 ? "template" : "scenario")
                .param("status", number % 5 == 0 ? "approved" : number % 5 == 1 ? "rejected" : "pending_review")
                .param("path", path(key))
                .param(
                        "findings",
                        number % 4 == 0
                                ? "[{\"severity\":\"warning\",\"where\":\"turn " + number
                                        + "\",\"what\":\"has only 7 characters\"}]"
                                : null)
                .param("score", java.math.BigDecimal.valueOf(number % 10 * 100 + 25, 2))
                .param("review", number % 10 == 0)
                .param(
                        "created",
                        java.time.OffsetDateTime.parse("2020-09-01T12:00:00Z").plusDays(number))
                .update();
        app.jdbc().sql("""
                        UPDATE batch_items
                           SET conversation_key = :key, status = 'completed', processed_at = CURRENT_TIMESTAMP,
                               conversation_id = (SELECT id FROM conversations WHERE conversation_id = :key)
                         WHERE id = :id
                        """).param("key", key).param("id", item).update();
    }

    static String path(UUID key) {
        return "u/" + key + "/conversation.json";
    }

    ObjectName file(UUID key) {
        return new ObjectName(app.bean(ArchiveSettings.class).buckets().conversations(), path(key));
    }

    void write(UUID key, String document) {
        app.bean(ObjectStore.class).write(file(key), document.getBytes(StandardCharsets.UTF_8), "application/json");
    }

    /** @param text two of the same are the same but for one word, when their numbers differ */
    static String document(int text, int number) {
        Random random = new Random(text);
        List<Object> turns = new ArrayList<>();
        for (int turn = 1; turn <= 4; turn++) {
            StringBuilder content = new StringBuilder();
            for (int word = 0; word < 60; word++) {
                content.append(WORDS[random.nextInt(WORDS.length)]).append(word % 20 == 19 ? ".\n" : " ");
            }
            turns.add(java.util.Map.of(
                    "turn_number",
                    turn,
                    "role",
                    turn % 2 == 1 ? "user" : "assistant",
                    "content",
                    content + (turn == 4 ? "Nummer " + number + " – „ä“, \"ok\"" : ""),
                    "emotional_context",
                    java.util.Map.of(
                            "primary_emotion",
                            turn < 3 ? "worry" : number % 3 == 0 ? "Relief" : "anger",
                            "intensity",
                            number % 2 == 0 ? 0.6 : 0.9)));
        }
        return JsonMapper.shared()
                .writeValueAsString(java.util.Map.of(
                        "conversation_metadata",
                        java.util.Map.of(
                                "client_persona", "P", "session_context", "S", "conversation_phase", "first contact"),
                        "turns",
                        turns));
    }
}
