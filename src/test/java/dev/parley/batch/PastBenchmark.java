package dev.parley.batch;

import dev.parley.OlderDatabase;
import dev.parley.TestApplication;
import dev.parley.TestDatabase;
import dev.parley.batch.Backfill.Part;
import dev.parley.batch.Backfill.Report;
import java.lang.management.ManagementFactory;
import java.lang.management.MemoryPoolMXBean;
import java.lang.management.MemoryType;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import tools.jackson.databind.json.JsonMapper;

/**
 * The migration of an older database of 1,000,000 items and 400,000 conversations, and the relinking of 1,000,000 items: rows a
 * second, the longest that a table was locked against everyone, the most heap in use. A program, not a test: a table on
 * standard output and {@code target/bench/past.json}.
 */
public final class PastBenchmark {
    private static final String CONVERSATIONS = """
            INSERT INTO conversations (id, conversation_id, persona_id, emotional_arc_id, training_topic_id, tier, status,
                                       processing_status, topic_cluster, created_by, created_at)
            SELECT md5('pk' || j || ' ' || n)::uuid, md5('key' || j || ' ' || n)::uuid, '%s', '%s', '%s', 'template',
                   'generated', 'completed', 'x', '%s', timestamptz '2015-01-01Z' + j * interval '30 days' + n * interval '10 s' - interval '2 s'
              FROM generate_series(%d, %d) j, generate_series(1, 100000) n
            """;

    private PastBenchmark() {}

    public static void main(String[] args) throws Exception {
        Path data = Files.createTempDirectory("parley-bench");
        OlderDatabase older = OlderDatabase.create("past");
        fill(older);
        Map<String, Object> result = new LinkedHashMap<>();

        resetPeak();
        try (LockWatch locks = new LockWatch(older)) {
            long begun = System.nanoTime();
            TestDatabase.migrate(older.dataSource());
            add(result, "migration", 1_400_000, begun);
            result.put("migration, longest exclusive lock, ms", locks.longestMillis());
            result.put("migration, longest wait of a reader, ms", locks.longestReadMillis());
        }
        older.execute(
                "UPDATE batch_items SET status = 'failed', conversation_id = NULL, error_code = 'x', error_message = 'x',"
                        + " retryable = true");
        older.execute(conversations(4, 9));
        older.execute("VACUUM ANALYZE batch_items");
        older.execute("ANALYZE conversations");

        resetPeak();
        try (TestApplication application =
                TestApplication.startAnother(TestDatabase.POSTGRESQL, data, "spring.datasource.url=" + older.url())) {
            long begun = System.nanoTime();
            Report report = application.bean(Backfill.class).run(EnumSet.of(Part.RELINK));
            add(result, "relink", report.linked(), begun);
            begun = System.nanoTime();
            application.bean(Backfill.class).run(EnumSet.of(Part.RELINK));
            result.put("relink again, s", Math.round((System.nanoTime() - begun) / 1e8) / 10.0);
        }
        result.forEach((name, value) -> System.out.printf("%-45s %s%n", name, value));
        Path file = Path.of("target", "bench", "past.json");
        Files.createDirectories(file.getParent());
        Files.writeString(file, JsonMapper.shared().writeValueAsString(result));
    }

    private static void add(Map<String, Object> result, String what, long rows, long begun) {
        double seconds = (System.nanoTime() - begun) / 1e9;
        result.put(what + ", rows", rows);
        result.put(what + ", s", Math.round(seconds * 10) / 10.0);
        result.put(what + ", rows/s", Math.round(rows / seconds));
        result.put(what + ", peak heap, MB", peakHeapMegabytes());
        System.out.println(result);
    }

    private static String conversations(int firstJob, int lastJob) {
        return CONVERSATIONS
                .formatted(
                        OlderDatabase.PERSONA,
                        OlderDatabase.ARC,
                        OlderDatabase.TOPIC,
                        OlderDatabase.USER,
                        firstJob,
                        lastJob)
                .strip();
    }

    /** Ten jobs of 100,000 items of one combination; those of the first four are linked. */
    private static void fill(OlderDatabase older) {
        older.execute(
                "ALTER TABLE batch_items ALTER COLUMN parameters DROP DEFAULT, ALTER COLUMN parameters TYPE jsonb");
        older.execute(conversations(0, 3));
        older.execute("""
                INSERT INTO batch_jobs (id, name, job_type, status, created_at)
                SELECT md5('job' || j)::uuid, 'older ' || j, 'x', 'completed', timestamptz '2015-01-01Z' + j * interval '30 days'
                  FROM generate_series(0, 9) j
                """);
        older.execute("""
                INSERT INTO batch_items (batch_job_id, position, topic, parameters, status, conversation_id, error, created_at, updated_at)
                SELECT md5('job' || j)::uuid, n, 'x', '{"persona_id": "%s", "emotional_arc_id": "%s", "training_topic_id": "%s"}',
                       CASE WHEN j < 4 THEN 'completed' ELSE 'failed' END,
                       CASE WHEN j < 4 THEN md5('pk' || j || ' ' || n)::uuid END, CASE WHEN j < 4 THEN NULL ELSE 'Unknown error' END,
                       timestamptz '2015-01-01Z' + j * interval '30 days', timestamptz '2015-01-01Z' + j * interval '30 days' + n * interval '10 s'
                  FROM generate_series(0, 9) j, generate_series(1, 100000) n
                """.formatted(OlderDatabase.PERSONA, OlderDatabase.ARC, OlderDatabase.TOPIC));
        older.execute("VACUUM ANALYZE batch_items");
        older.execute("VACUUM ANALYZE conversations");
    }

    private static void resetPeak() {
        System.gc();
        ManagementFactory.getMemoryPoolMXBeans().forEach(MemoryPoolMXBean::resetPeakUsage);
    }

    private static long peakHeapMegabytes() {
        return ManagementFactory.getMemoryPoolMXBeans().stream()
                        .filter(pool -> pool.getType() == MemoryType.HEAP)
                        .mapToLong(pool -> pool.getPeakUsage().getUsed())
                        .sum()
                >> 20;
    }

    /** Looks every few milliseconds who holds an exclusive lock on our tables, and how long a reader waits. */
    private static final class LockWatch implements AutoCloseable {
        private static final String HELD = """
                SELECT c.relname
                  FROM pg_locks l
                  JOIN pg_class c ON c.oid = l.relation
                 WHERE l.mode = 'AccessExclusiveLock' AND l.granted
                   AND c.relname IN ('batch_items', 'batch_jobs', 'conversations', 'personas', 'emotional_arcs', 'training_topics')
                """;

        private final Thread locks;
        private final Thread reads;
        private volatile boolean ended;
        private volatile double longest;
        private volatile double longestRead;

        LockWatch(OlderDatabase older) {
            locks = start(older, statement -> watch(statement, new HashMap<>()));
            reads = start(older, this::read);
        }

        private interface Work {
            void on(Statement statement) throws Exception;
        }

        private Thread start(OlderDatabase older, Work work) {
            Thread thread = new Thread(() -> {
                try (Connection connection = older.dataSource().getConnection();
                        Statement statement = connection.createStatement()) {
                    work.on(statement);
                } catch (Exception e) {
                    throw new IllegalStateException(e);
                }
            });
            thread.start();
            return thread;
        }

        private void watch(Statement statement, Map<String, Long> since) throws SQLException, InterruptedException {
            while (!ended) {
                Map<String, Long> now = new HashMap<>();
                try (ResultSet row = statement.executeQuery(HELD)) {
                    while (row.next()) {
                        long begun = since.getOrDefault(row.getString(1), System.nanoTime());
                        now.put(row.getString(1), begun);
                        longest = Math.max(longest, (System.nanoTime() - begun) / 1e6);
                    }
                }
                since.clear();
                since.putAll(now);
                Thread.sleep(2);
            }
        }

        private void read(Statement statement) throws SQLException, InterruptedException {
            while (!ended) {
                long begun = System.nanoTime();
                statement.executeQuery("SELECT 1 FROM batch_items LIMIT 1").close();
                longestRead = Math.max(longestRead, (System.nanoTime() - begun) / 1e6);
                Thread.sleep(2);
            }
        }

        double longestMillis() {
            return Math.round(longest);
        }

        double longestReadMillis() {
            return Math.round(longestRead);
        }

        @Override
        public void close() throws InterruptedException {
            ended = true;
            locks.join();
            reads.join();
        }
    }
}
