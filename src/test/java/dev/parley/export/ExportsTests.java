package dev.parley.export;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.parley.TestApplication;
import dev.parley.TestDatabase;
import dev.parley.archive.FakeGcs;
import dev.parley.archive.ObjectStore;
import dev.parley.catalog.Tier;
import java.math.BigDecimal;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.Statement;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.UUID;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.EnumSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** The job {@code export} on both databases; its files are read back by DuckDB. */
@ParameterizedClass
@EnumSource(TestDatabase.class)
class ExportsTests {
    private static final int COUNT = 37;
    private static final Selection ALL = new Selection(List.of(), Selection.STATUSES, null, null, null, null, null);

    /** One application a database: to start one takes longer than all that a test does with it. */
    private static TestApplication app;

    private static TestDatabase started;

    @TempDir
    private static Path store;

    private final TestDatabase database;

    @TempDir
    private Path data;

    private Exports exports;
    private Conversations conversations;
    private UUID job;

    ExportsTests(TestDatabase database) {
        this.database = database;
    }

    @BeforeEach
    void start() {
        if (started != database) {
            stop();
            app = TestApplication.start(database, store, "parley.export.chunk-size=5", "parley.export.concurrency=3");
            started = database;
        }
        exports = app.bean(Exports.class);
        for (String table : List.of("batch_items", "batch_jobs", "conversations")) {
            app.jdbc().sql("DELETE FROM " + table).update();
        }
        conversations = new Conversations(app);
        job = conversations.add(COUNT);
    }

    @AfterAll
    static void stop() {
        if (app != null) {
            app.close();
            app = null;
            started = null;
        }
    }

    private static ExportRequest request(ExportFormat format, Compression compression) {
        return new ExportRequest(format, compression, ALL, 0.3, "parley", null, 10, null);
    }

    private static ExportRequest of(Selection selection) {
        return new ExportRequest(ExportFormat.CHAT_JSONL, Compression.NONE, selection, 0, "parley", null, 1_000, null);
    }

    private DataCard export(ExportRequest request, String name) throws Exception {
        return exports.run(request, data.resolve(name).toString()).card();
    }

    /** Names and bytes. */
    private static Map<String, String> files(Path folder) throws Exception {
        Map<String, String> files = new TreeMap<>();
        try (Stream<Path> paths = Files.list(folder)) {
            for (Path path : paths.filter(Files::isRegularFile).toList()) {
                files.put(
                        path.getFileName().toString(),
                        java.util.HexFormat.of().formatHex(Split.sha256().digest(Files.readAllBytes(path))));
            }
        }
        return files;
    }

    private List<List<String>> duckdb(String sql) throws Exception {
        List<List<String>> rows = new ArrayList<>();
        try (Connection connection = DriverManager.getConnection("jdbc:duckdb:");
                Statement statement = connection.createStatement();
                ResultSet result = statement.executeQuery(sql)) {
            while (result.next()) {
                List<String> row = new ArrayList<>();
                for (int i = 1; i <= result.getMetaData().getColumnCount(); i++) {
                    row.add(String.valueOf(result.getObject(i)));
                }
                rows.add(row);
            }
        }
        return rows;
    }

    @Test
    void everyFormatIsReadBackByAnIndependentReader() throws Exception {
        for (ExportFormat format : ExportFormat.values()) {
            for (Compression compression : Compression.values()) {
                if (format == ExportFormat.PARQUET && compression == Compression.GZIP) {
                    continue; // refused, as the command line's tests show
                }
                String name = format + "-" + compression;
                DataCard card = export(request(format, compression), name);

                assertThat(card.counts())
                        .isEqualTo(new DataCard.Counts(
                                COUNT,
                                COUNT,
                                card.counts().train(),
                                COUNT - card.counts().train(),
                                0,
                                0));
                assertThat(card.counts().validation()).isBetween(3L, 20L);
                long records = 0;
                for (DataCard.File file : card.files()) {
                    Path path = data.resolve(name).resolve(file.name());
                    assertThat(Files.size(path)).isEqualTo(file.bytes());
                    assertThat(files(data.resolve(name))).containsEntry(file.name(), file.sha256());
                    String reader = format == ExportFormat.PARQUET
                            ? "read_parquet('" + path + "')"
                            : format == ExportFormat.CSV
                                    ? "read_csv('" + path + "', header = true)"
                                    : "read_json('" + path
                                            + "', format = 'newline_delimited', maximum_object_size = 10000000)";
                    String where = format == ExportFormat.TRAINING_JSONL ? " WHERE id IS NOT NULL" : "";
                    String id = switch (format) {
                        case CHAT_JSONL -> "metadata.conversation_id";
                        case SHAREGPT_JSONL -> "id";
                        default -> "conversation_id";
                    };
                    assertThat(duckdb("SELECT count(*), count(DISTINCT " + id + ") FROM " + reader + where))
                            .as(path.toString())
                            .isEqualTo(List.of(
                                    List.of(String.valueOf(file.records()), String.valueOf(file.conversations()))));
                    records += file.records();
                }
                assertThat(records).isEqualTo(format == ExportFormat.TRAINING_JSONL ? COUNT * 2L : COUNT);
                assertThat(files(data.resolve(name))).hasSize(card.files().size() + 1);
            }
        }
    }

    @Test
    void parquetHoldsIdsScoresCostsAndMessages() throws Exception {
        export(request(ExportFormat.PARQUET, Compression.ZSTD), "out");

        List<List<String>> rows = duckdb("""
                SELECT conversation_id, job_id, position, quality_score, cost_usd, persona, template_version, turn_count,
                       len(messages), messages[1].role, messages[4].content LIKE '%%Nummer 7 – „ä“, "ok"', epoch_ms(created_at)
                  FROM read_parquet('%s/*.parquet')
                 WHERE conversation_id = '%s'
                """.formatted(data.resolve("out"), Conversations.key(7)));

        assertThat(rows)
                .containsExactly(List.of(
                        Conversations.key(7).toString(),
                        job.toString(),
                        "8",
                        "7.25",
                        "0.01230000",
                        "a_key",
                        "3",
                        "4",
                        "4",
                        "user",
                        "true",
                        String.valueOf(Instant.parse("2020-09-08T12:00:00Z").toEpochMilli())));
    }

    @Test
    void theLinesAreWhatTrainersOfModelsExpect() throws Exception {
        ExportRequest one =
                new ExportRequest(ExportFormat.CHAT_JSONL, Compression.NONE, ALL, 0, "parley", null, 1_000, "Be kind.");
        export(one, "chat");
        export(request(ExportFormat.SHAREGPT_JSONL, Compression.NONE), "sharegpt");
        export(
                new ExportRequest(ExportFormat.TRAINING_JSONL, Compression.NONE, ALL, 0, "parley", null, 1_000, null),
                "pairs");

        List<String> chat = Files.readAllLines(data.resolve("chat/train-00000.jsonl"));
        JsonNode first = JsonMapper.shared().readTree(chat.get(0));
        assertThat(first.path("messages").path(0).toString())
                .isEqualTo("{\"role\":\"system\",\"content\":\"Be kind.\"}");
        assertThat(first.path("messages").path(1).path("role").asString()).isEqualTo("user");
        assertThat(first.path("metadata").path("conversation_id").asString())
                .isEqualTo(Conversations.key(0).toString());
        JsonNode share = JsonMapper.shared()
                .readTree(Files.readAllLines(data.resolve("sharegpt/train-00000.jsonl"))
                        .get(0));
        assertThat(share.path("conversations").findValuesAsString("from"))
                .containsExactly("human", "gpt", "human", "gpt");
        List<String> pairs = Files.readAllLines(data.resolve("pairs/train-00000.jsonl"));
        assertThat(pairs.get(0))
                .isEqualTo("{\"_meta\":{\"file_name\":\"train-00000.jsonl\",\"total_pairs\":74,\"version\":\"1\"}}");
        assertThat(pairs).hasSize(75);
        JsonNode pair = JsonMapper.shared().readTree(pairs.get(2));
        assertThat(pair.propertyNames())
                .containsExactly(
                        "id",
                        "conversation_id",
                        "turn_number",
                        "conversation_metadata",
                        "system_prompt",
                        "conversation_history",
                        "current_user_input",
                        "emotional_context",
                        "target_response",
                        "training_metadata");
        assertThat(pair.path("turn_number").asInt()).isEqualTo(4);
        assertThat(pair.path("conversation_history").size()).isEqualTo(2);
        assertThat(pair.path("emotional_context").path("primary_emotion").asString())
                .isEqualTo("Relief");
    }

    @Test
    void equalRequestsMakeEqualBytesAndASplitThatStays() throws Exception {
        for (ExportFormat format : ExportFormat.values()) {
            export(request(format, Compression.ZSTD), "one-" + format);
            export(request(format, Compression.ZSTD), "two-" + format);
            Map<String, String> one = files(data.resolve("one-" + format));
            Map<String, String> two = files(data.resolve("two-" + format));
            one.remove(DataCard.NAME); // names the time up to which it was selected
            two.remove(DataCard.NAME);
            assertThat(two).isEqualTo(one);
        }
        Set<UUID> validation = new HashSet<>();
        for (int i = 0; i < 1_000; i++) {
            if (Split.of(Conversations.key(i), "parley", 0.3) == Split.VALIDATION) {
                validation.add(Conversations.key(i));
            }
        }
        assertThat(validation).hasSizeBetween(250, 350);
        assertThat(validation).allMatch(key -> Split.of(key, "parley", 0.5) == Split.VALIDATION);
    }

    @Test
    void whatIsSelectedIsExported() throws Exception {
        record Case(Selection selection, long expected) {}
        List<UUID> none = List.of();
        List<String> usual = List.of();
        Instant day10 = Instant.parse("2020-09-11T12:00:00Z");
        List<Case> cases = List.of(
                new Case(new Selection(none, usual, null, null, null, null, null), 29),
                new Case(new Selection(List.of(job), usual, null, null, null, null, null), 29),
                new Case(new Selection(none, List.of("approved", "rejected"), null, null, null, null, null), 16),
                new Case(new Selection(none, Selection.STATUSES, new BigDecimal("8.25"), null, null, null, null), 6),
                new Case(new Selection(none, Selection.STATUSES, null, new BigDecimal("0.25"), null, null, null), 4),
                new Case(new Selection(none, Selection.STATUSES, null, null, Tier.SCENARIO, null, null), 18),
                new Case(new Selection(none, Selection.STATUSES, null, null, null, day10, null), 27),
                new Case(new Selection(none, Selection.STATUSES, null, null, null, null, day10), 10));
        for (int i = 0; i < cases.size(); i++) {
            DataCard card = export(of(cases.get(i).selection()), "case" + i);
            assertThat(card.counts().exported())
                    .as("case " + i)
                    .isEqualTo(cases.get(i).expected());
        }
        assertThatThrownBy(() ->
                        export(of(new Selection(List.of(UUID.randomUUID()), usual, null, null, null, null, null)), "x"))
                .isInstanceOf(RefusedException.class)
                .hasMessageContaining("No conversation is selected");
        assertThat(data.resolve("x/.parley-export")).doesNotExist();
    }

    /** As a full disk, a store that is away, or a kill: the state that each leaves, and the same request again. */
    @Test
    void aBrokenOffExportGoesOnToTheSameBytes() throws Exception {
        for (ExportFormat format : ExportFormat.values()) {
            Compression compression = format == ExportFormat.PARQUET ? Compression.ZSTD : Compression.GZIP;
            ExportRequest request = new ExportRequest(format, compression, ALL, 0.3, "parley", 0.9, 10, null);
            export(request, "whole-" + format);
            Path out = data.resolve("broken-" + format);
            Path document = store.resolve("conversation-files").resolve(Conversations.path(Conversations.key(28)));
            byte[] content = Files.readAllBytes(document);
            Files.delete(document);
            Files.createDirectory(document); // cannot be read

            assertThatThrownBy(() -> exports.run(request, out.toString())).hasStackTraceContaining("StoreException");
            assertThat(files(out)).doesNotContainKey(DataCard.NAME);
            kill();
            assertThatThrownBy(() -> exports.run(request, out.toString()))
                    .hasRootCauseInstanceOf(java.io.IOException.class);
            Files.delete(document);
            Files.write(document, content);
            kill();
            Files.write(out.resolve(".parley-export/train-00002." + format.extension() + ".gz.body"), new byte[] {1});
            Exports.Outcome outcome = exports.run(request, out.toString());

            assertThat(outcome.resumedAt()).isEqualTo(20);
            Map<String, String> whole = files(data.resolve("whole-" + format));
            Map<String, String> mended = files(out);
            whole.remove(DataCard.NAME);
            mended.remove(DataCard.NAME);
            assertThat(mended).isEqualTo(whole);
        }
    }

    /** What a killed process leaves in Spring Batch's tables. */
    private void kill() {
        for (String table : List.of("batch_step_execution", "batch_job_execution")) {
            app.jdbc()
                    .sql("UPDATE " + table + " SET status = 'STARTED', end_time = NULL WHERE job_execution_id ="
                            + " (SELECT max(job_execution_id) FROM batch_job_execution)")
                    .update();
        }
    }

    @Test
    void aStoppedExportIsGoneOnWithAndAnotherRequestIsNotMistakenForIt() throws Exception {
        ExportRequest request = request(ExportFormat.CHAT_JSONL, Compression.NONE);
        String out = data.resolve("out").toString();
        exports.requestStop();

        assertThat(exports.run(request, out).card()).isNull();
        assertThatThrownBy(() -> exports.run(request(ExportFormat.CSV, Compression.NONE), out))
                .isInstanceOf(RefusedException.class)
                .hasMessageContaining("another format");
        assertThat(exports.run(request, out).card().counts().exported()).isEqualTo(COUNT);
        assertThatThrownBy(() -> exports.run(request, out))
                .isInstanceOf(RefusedException.class)
                .hasMessageContaining("holds an export already");
        assertThat(data.resolve("out/.parley-export")).doesNotExist();
    }

    @Test
    void twoProcessesDoNotExportToOnePlace() throws Exception {
        Path out = data.resolve("out");

        try (Workplace other = Workplace.enter(out.resolve(".parley-export"))) {
            assertThatThrownBy(() -> export(request(ExportFormat.CSV, Compression.NONE), "out"))
                    .isInstanceOf(RefusedException.class)
                    .hasMessageContaining("Another process is exporting there");
            assertThat(other.isBegun()).isFalse();
        }
    }

    @Test
    void nearDuplicatesAreLeftOutAndReported() throws Exception {
        conversations.write(Conversations.key(9), Conversations.document(3, 9));
        conversations.write(Conversations.key(30), Conversations.document(3, 30));

        DataCard card = export(
                new ExportRequest(ExportFormat.CHAT_JSONL, Compression.NONE, ALL, 0, "parley", 0.8, 10, null), "out");

        assertThat(card.counts().nearDuplicates()).isEqualTo(2);
        assertThat(card.counts().exported()).isEqualTo(COUNT - 2);
        assertThat(card.quality().duplicates()).isEqualTo(2);
        assertThat(duckdb("SELECT count(*) FROM read_json('" + data.resolve("out") + "/*.jsonl')"
                        + " WHERE metadata.conversation_id IN ('" + Conversations.key(9) + "', '"
                        + Conversations.key(30)
                        + "')"))
                .isEqualTo(List.of(List.of("0")));
    }

    @Test
    void documentsThatAreMissingOrNoneAreLeftOutAndNamed() throws Exception {
        Files.delete(store.resolve("conversation-files").resolve(Conversations.path(Conversations.key(3))));
        conversations.write(Conversations.key(4), "{\"turns\": 7}");
        conversations.write(Conversations.key(5), "{}");

        DataCard card = export(of(ALL), "out");

        assertThat(card.counts().unreadable()).isEqualTo(3);
        assertThat(card.counts().exported()).isEqualTo(COUNT - 3);
        assertThat(card.unreadable()).containsExactly(Conversations.key(3), Conversations.key(4), Conversations.key(5));
    }

    @Test
    void theDataCardTellsWhereItComesFrom() throws Exception {
        export(request(ExportFormat.CSV, Compression.NONE), "out");

        JsonNode card = JsonMapper.shared().readTree(Files.readAllBytes(data.resolve("out/manifest.json")));

        assertThat(card.path("models").path("claude-sonnet-5-5").asInt()).isEqualTo(COUNT);
        assertThat(card.path("prompt_templates").path("a template v3").asInt()).isEqualTo(COUNT);
        assertThat(card.path("cost_usd").decimalValue()).isEqualByComparingTo("0.4551");
        assertThat(card.path("request").path("selection").path("statuses").size())
                .isEqualTo(7);
        assertThat(card.path("request").path("validation").asDouble()).isEqualTo(0.3);
        assertThat(card.path("first_created_at").asString()).isEqualTo("2020-09-01T12:00:00Z");
        assertThat(card.path("files").path(0).path("sha256").asString()).hasSize(64);
        assertThat(card.path("quality").path("require_manual_review").asInt()).isPositive();
        JsonNode quality = JsonMapper.shared().valueToTree(exports.quality(job, 0.9));
        for (String same : List.of("score", "turns", "characters", "arcs", "findings", "statuses")) {
            assertThat(card.path("quality").path(same)).as(same).isNotEmpty();
            assertThat(card.path("quality").path(same).toString())
                    .isEqualTo(quality.path(same).toString());
        }
    }

    @Test
    void qualityTellsScoresEmotionsFindingsDuplicatesAndWhatNeedsAPerson() throws Exception {
        conversations.write(Conversations.key(30), Conversations.document(3, 30));
        app.jdbc()
                .sql("UPDATE conversations SET processing_status = 'parse_failed', requires_manual_review = true"
                        + " WHERE conversation_id = :key")
                .param("key", Conversations.key(1))
                .update();

        Quality quality = exports.quality(job, 0.8);

        assertThat(quality.conversations()).isEqualTo(36);
        assertThat(quality.score().histogram())
                .containsEntry(0, 4L)
                .containsEntry(9, 3L)
                .hasSize(10);
        assertThat(quality.turns().mean()).isEqualByComparingTo("4");
        assertThat(quality.turns().histogram()).containsExactly(Map.entry(4, 36L));
        assertThat(quality.characters().mean()).isBetween(new BigDecimal(1_000), new BigDecimal(3_000));
        assertThat(quality.characters().histogram().keySet()).allMatch(length -> length % 1_000 == 0);
        assertThat(quality.characters().histogram().values().stream()
                        .mapToLong(Long::longValue)
                        .sum())
                .isEqualTo(36);
        assertThat(quality.findings()).containsExactly(Map.entry("turn has only n characters", 10L));
        assertThat(quality.duplicates()).isOne();
        assertThat(quality.requireManualReview()).isEqualTo(5);
        assertThat(quality.requireManualReviewShare()).isEqualByComparingTo("0.1351");
        Quality.Arc arc = quality.arcs().get(0);
        assertThat(arc.target()).isEqualTo("relief");
        assertThat(arc.reached()).isEqualTo(13);
        assertThat(arc.withinIntensity()).isEqualTo(7);
        assertThat(arc.endedWith()).isEqualTo(Map.of("relief", 13L, "anger", 23L));
    }

    @Test
    void previewShowsTheFirstRecordsAndWritesNothing() throws Exception {
        assertThat(exports.preview(of(ALL), 3)).hasSize(3).allMatch(line -> line.startsWith("{\"messages\""));
        assertThat(exports.preview(request(ExportFormat.CSV, Compression.GZIP), 2))
                .hasSize(3)
                .element(0)
                .asString()
                .startsWith("conversation_id,id,job_id");
        assertThat(exports.preview(request(ExportFormat.PARQUET, Compression.ZSTD), 1))
                .singleElement()
                .asString()
                .contains("\"quality_score\":\"0.25\"", "\"messages\":[{\"role\":\"user\"");
    }

    @Test
    void aBucketTakesTheSameFiles() throws Exception {
        export(request(ExportFormat.PARQUET, Compression.ZSTD), "local");
        assertThatThrownBy(() -> exports.run(of(ALL), "gs://training/x"))
                .isInstanceOf(RefusedException.class)
                .hasMessageContaining("parley.store is local");
        try (FakeGcs gcs = new FakeGcs();
                TestApplication other = TestApplication.startAnother(
                        database, store, "parley.store=gcs", "parley.gcs.emulator-host=" + gcs.host())) {
            for (int i = 0; i < COUNT; i++) {
                gcs.put(
                        "conversation-files",
                        Conversations.path(Conversations.key(i)),
                        app.bean(ObjectStore.class)
                                .read(conversations.file(Conversations.key(i)))
                                .orElseThrow(),
                        "application/json");
            }
            Exports there = other.bean(Exports.class);

            there.run(request(ExportFormat.PARQUET, Compression.ZSTD), "gs://training/set-1/");

            for (Map.Entry<String, String> file : files(data.resolve("local")).entrySet()) {
                byte[] uploaded = gcs.object("training", "set-1/" + file.getKey())
                        .orElseThrow()
                        .content();
                if (!file.getKey().equals(DataCard.NAME)) {
                    assertThat(java.util.HexFormat.of().formatHex(Split.sha256().digest(uploaded)))
                            .isEqualTo(file.getValue());
                }
            }
            assertThatThrownBy(() -> there.run(of(ALL), "gs://training/set-1"))
                    .isInstanceOf(RefusedException.class)
                    .hasMessageContaining("holds an export already");
            for (String wrong : List.of("gs://training", "gs://training/a b", "gs:///x")) {
                assertThatThrownBy(() -> there.run(of(ALL), wrong))
                        .isInstanceOf(RefusedException.class)
                        .hasMessageContaining("should be like gs://bucket/path");
            }
        }
    }
}
