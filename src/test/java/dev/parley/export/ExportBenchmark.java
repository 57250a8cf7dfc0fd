package dev.parley.export;

import dev.parley.TestApplication;
import dev.parley.TestDatabase;
import java.lang.management.ManagementFactory;
import java.lang.management.MemoryPoolMXBean;
import java.lang.management.MemoryType;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.springframework.util.FileSystemUtils;
import tools.jackson.databind.json.JsonMapper;

/**
 * An export of a million conversations in each format, from PostgreSQL and the local store, read back by DuckDB. The rows are
 * real; a thousand documents are shared by them, since a million small files take longer to make than to read. A program, not a
 * test: a table on standard output and {@code target/bench/export.json}. {@code -Dparley.bench.conversations=N} takes another
 * number.
 */
public final class ExportBenchmark {
    private static final int DOCUMENTS = 1_000;

    /** @param peakHeapMegabytes of all heap pools, the sum of each one's peak, garbage included */
    private record Result(
            String what,
            int conversations,
            double seconds,
            double conversationsPerSecond,
            long peakHeapMegabytes,
            long liveHeapMegabytes,
            long fileMegabytes,
            long readBack) {}

    private ExportBenchmark() {}

    public static void main(String[] args) throws Exception {
        int conversations = Integer.getInteger("parley.bench.conversations", 1_000_000);
        Path data = Files.createTempDirectory("parley-bench");
        List<Result> results = new ArrayList<>();
        try (TestApplication app = TestApplication.start(TestDatabase.POSTGRESQL, data)) {
            long begun = System.nanoTime();
            fill(app, conversations);
            System.out.printf("%,d rows made in %.0f s%n", conversations, (System.nanoTime() - begun) / 1e9);
            run(app, data, ExportFormat.CHAT_JSONL, Compression.ZSTD, null, 5_000, "warm-up");
            results.add(run(app, data, ExportFormat.CHAT_JSONL, Compression.ZSTD, null, conversations / 10, "a tenth"));
            for (ExportFormat format : ExportFormat.values()) {
                results.add(run(app, data, format, Compression.ZSTD, null, conversations, format.toString()));
            }
            results.add(run(
                    app,
                    data,
                    ExportFormat.CHAT_JSONL,
                    Compression.ZSTD,
                    0.9,
                    conversations,
                    "chat-jsonl, deduplicated"));
        } finally {
            FileSystemUtils.deleteRecursively(data);
        }
        report(results);
    }

    private static void fill(TestApplication app, int conversations) {
        Conversations made = new Conversations(app);
        made.add(1);
        for (int i = 0; i < DOCUMENTS; i++) {
            made.write(Conversations.key(i), Conversations.document(i, i));
        }
        app.jdbc()
                .sql("""
                        INSERT INTO conversations (conversation_id, persona_id, persona, emotional_arc, training_topic,
                                                   scaffolding_snapshot, tier, turn_count, status, processing_status, file_path,
                                                   quality_score, model, input_tokens, output_tokens, cost_usd, created_at)
                        SELECT md5(n::text)::uuid, c.persona_id, c.persona, c.emotional_arc, c.training_topic,
                               c.scaffolding_snapshot, c.tier, 4, 'approved', 'completed',
                               'u/' || k.key || '/conversation.json', n % 10, c.model, 1000, 500, 0.0123,
                               c.created_at + n * interval '1 second'
                          FROM conversations c, generate_series(2, :conversations) n
                          JOIN unnest(CAST(:keys AS text[])) WITH ORDINALITY AS k (key, number)
                            ON k.number = n % :documents + 1
                         WHERE c.conversation_id = :first
                        """)
                .param("conversations", conversations)
                .param("documents", DOCUMENTS)
                .param("first", Conversations.key(0))
                .param(
                        "keys",
                        java.util.stream.IntStream.range(0, DOCUMENTS)
                                .mapToObj(i -> Conversations.key(i).toString())
                                .collect(java.util.stream.Collectors.joining(",", "{", "}")))
                .update();
        app.jdbc().sql("ANALYZE conversations").update();
    }

    /** @param conversations how many of them, by the time of their creation */
    private static Result run(
            TestApplication app,
            Path data,
            ExportFormat format,
            Compression compression,
            Double similarity,
            int conversations,
            String what)
            throws Exception {
        Selection selection = new Selection(
                List.of(),
                Selection.STATUSES,
                null,
                null,
                null,
                null,
                app.jdbc()
                        .sql(
                                "SELECT min(created_at) + :n * interval '1 second' + interval '1 millisecond' FROM conversations")
                        .param("n", conversations)
                        .query(java.time.OffsetDateTime.class)
                        .single()
                        .toInstant());
        Path output = data.resolve(what.replaceAll("\\W+", "-"));
        ExportRequest request =
                new ExportRequest(format, compression, selection, 0.05, "parley", similarity, 50_000, null);
        System.gc();
        List<MemoryPoolMXBean> heap = ManagementFactory.getMemoryPoolMXBeans().stream()
                .filter(pool -> pool.getType() == MemoryType.HEAP)
                .toList();
        heap.forEach(MemoryPoolMXBean::resetPeakUsage);
        long begun = System.nanoTime();
        DataCard card = app.bean(Exports.class).run(request, output.toString()).card();
        double seconds = (System.nanoTime() - begun) / 1e9;
        long peak =
                heap.stream().mapToLong(pool -> pool.getPeakUsage().getUsed()).sum();
        System.gc();
        long live = heap.stream().mapToLong(pool -> pool.getUsage().getUsed()).sum();
        long bytes = card.files().stream().mapToLong(DataCard.File::bytes).sum();
        long records = card.files().stream().mapToLong(DataCard.File::records).sum();
        long read = records(format, output);
        if (read != records) {
            throw new IllegalStateException(what + ": " + read + " records read back of " + records);
        }
        try (var files = Files.list(output)) {
            for (Path file : files.toList()) {
                Files.delete(file);
            }
        }
        long through = card.counts().selected();
        return new Result(what, (int) through, seconds, through / seconds, peak >> 20, live >> 20, bytes >> 20, read);
    }

    private static long records(ExportFormat format, Path output) throws Exception {
        String files = "'" + output + "/*0*."
                + (format == ExportFormat.PARQUET ? "parquet" : format.extension() + ".zst") + "'";
        String sql = switch (format) {
            case PARQUET -> "SELECT count(*) FROM read_parquet(" + files + ")";
            case CSV -> "SELECT count(conversation_id) FROM read_csv(" + files + ", header = true)";
            case TRAINING_JSONL -> "SELECT count(*) FROM read_ndjson_objects(" + files + ") WHERE json->>'id' <> ''";
            default -> "SELECT count(*) FROM read_ndjson_objects(" + files + ")";
        };
        try (Connection connection = DriverManager.getConnection("jdbc:duckdb:");
                Statement statement = connection.createStatement();
                ResultSet result = statement.executeQuery(sql)) {
            result.next();
            return result.getLong(1);
        }
    }

    private static void report(List<Result> results) throws Exception {
        System.out.printf(
                "%n%-26s %13s %9s %9s %14s %14s %10s %11s%n",
                "", "conversations", "seconds", "conv./s", "peak heap, MB", "live heap, MB", "files, MB", "read back");
        for (Result r : results) {
            System.out.printf(
                    "%-26s %13d %9.1f %9.0f %14d %14d %10d %11d%n",
                    r.what(),
                    r.conversations(),
                    r.seconds(),
                    r.conversationsPerSecond(),
                    r.peakHeapMegabytes(),
                    r.liveHeapMegabytes(),
                    r.fileMegabytes(),
                    r.readBack());
        }
        Path file = Path.of("target", "bench", "export.json");
        Files.createDirectories(file.getParent());
        Files.write(
                file,
                JsonMapper.shared().writerWithDefaultPrettyPrinter().writeValueAsBytes(Map.of("results", results)));
    }
}
