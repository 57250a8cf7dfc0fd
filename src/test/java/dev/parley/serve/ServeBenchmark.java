package dev.parley.serve;

import dev.parley.TestApplication;
import dev.parley.TestDatabase;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import tools.jackson.databind.json.JsonMapper;

/**
 * A job of {@code parley.bench.items} items (1,000,000) on PostgreSQL, nine tenths of which are through and a fiftieth failed, that
 * goes on at 64 lanes while it is looked at: how long each read of the API takes, and what ten watchers, each with the event
 * stream and the reads of the job's page every two seconds, do to its pace. The watchers run in the same process. A program,
 * not a test: a table on standard output and {@code target/bench/serve.json}.
 */
public final class ServeBenchmark {
    private static final int ITEMS = Integer.getInteger("parley.bench.items", 1_000_000);
    private static final int READS = 200;
    private static final int LEFT = 30_000; // at the least, so that it goes on to the end
    private static final int WATCHERS = 10;
    private static final int WINDOWS = Integer.getInteger("parley.bench.windows", 6);
    private static final int SECONDS = 10; // of a window

    /** Asks nothing of the database: what a call takes on this machine at the least. */
    private static final String FLOOR = "/livez";

    /** What somebody is told before he does it; bodies of a POST. */
    private static final String RETRY = "{\"action\":\"retry\"}";

    private static final String CANCEL = "{\"action\":\"cancel\"}";
    private static final String RESUME = "{\"action\":\"resume\"}";

    private static final String DONE = """
            WITH through AS (SELECT id, conversation_key, gen_random_uuid() AS conversation, position
                               FROM batch_items
                              WHERE batch_job_id = :job AND position <= :through AND position %% 50 <> 0),
                 made AS (INSERT INTO conversations (id, conversation_id, persona_id, emotional_arc_id, training_topic_id,
                                                     tier, status, processing_status, file_path)
                          SELECT conversation, conversation_key, '%s', '%s', '%s', 'template', 'generated', 'completed', 'none'
                            FROM through)
            UPDATE batch_items
               SET status = 'completed', conversation_id = conversation, attempts = 1,
                   processed_at = CURRENT_TIMESTAMP - (:through - through.position) * INTERVAL '0.01' SECOND
              FROM through
             WHERE batch_items.id = through.id
            """.formatted(
                    TestApplication.DAVID_CHEN, TestApplication.CONFUSION_TO_CLARITY, TestApplication.ESTATE_PLANNING);

    private static final String FAILED = """
            UPDATE batch_items
               SET status = 'failed', attempts = 1, error_code = (ARRAY['timed_out', 'refused', 'parse_failed'])[position % 3 + 1],
                   error_message = 'something about item ' || position, retryable = position % 3 = 0,
                   processed_at = CURRENT_TIMESTAMP - (:through - position) * INTERVAL '0.01' SECOND
             WHERE batch_job_id = :job AND position <= :through AND position % 50 = 0
            """;

    private static final String CAUSES = """
            INSERT INTO job_failures (job_id, error_code, retryable, items, example)
            SELECT batch_job_id, error_code, retryable, count(*), max(error_message)
              FROM batch_items
             WHERE batch_job_id = :job AND status = 'failed' AND position <= :through
             GROUP BY batch_job_id, error_code, retryable
            """;

    private static final String CALLED = """
            INSERT INTO generation_logs (id, conversation_id, item_id, run_id, attempt, provider, model, status, input_tokens,
                                         output_tokens, cost_usd, duration_ms, created_at)
            SELECT gen_random_uuid(), conversation_key, id, batch_job_id, 1, 'offline', 'offline', 'success', 2800, 1000, 0.0123,
                   200 + position % 1000, processed_at
              FROM batch_items
             WHERE batch_job_id = :job AND position <= :through
            """;

    /** A row a minute, as a job of two days has. */
    private static final String COURSE = """
            INSERT INTO job_series (job_id, begins_at, ends_at, successful, failed, cost_usd, latencies)
            SELECT :job, date_trunc('minute', CURRENT_TIMESTAMP) - n * INTERVAL '1' MINUTE,
                   date_trunc('minute', CURRENT_TIMESTAMP) - (n - 1) * INTERVAL '1' MINUTE, :through / 2880, 6, 3.7,
                   (SELECT string_agg(c || ':7 ', '') FROM generate_series(40, 90) c)
              FROM generate_series(1, 2880) n
            """;

    private static final String COUNTED = """
            UPDATE batch_jobs
               SET status = 'processing', started_at = CURRENT_TIMESTAMP - INTERVAL '2' DAY, completed_items = :through,
                   failed_items = :through / 50, successful_items = :through - :through / 50, actual_cost = :through * 0.0123
             WHERE id = :job
            """;

    private ServeBenchmark() {}

    public static void main(String[] args) throws Exception {
        Path data = Files.createTempDirectory("parley-bench");
        Map<String, Object> result = new LinkedHashMap<>();
        try (TestApplication app = TestApplication.startServing(
                TestDatabase.POSTGRESQL,
                data,
                "parley.generate.concurrency=64",
                "parley.generate.linger=250ms",
                "parley.offline.latency.median=500ms")) {
            UUID job = fill(app);
            result.put("items", ITEMS);
            Thread run = new Thread(() -> app.run(job), "run");
            run.start();
            TimeUnit.SECONDS.sleep(10); // until it is warm
            reads(app, job, result);
            pace(app, job, result);
            app.bean(dev.parley.batch.GenerateRuns.class).stopNow();
            run.join();
        }
        Path file = Path.of("target", "bench", "serve.json");
        Files.createDirectories(file.getParent());
        Files.writeString(file, JsonMapper.shared().writeValueAsString(result));
    }

    private static UUID fill(TestApplication app) {
        long begun = System.nanoTime();
        UUID job = app.enqueueMany(ITEMS);
        int through = ITEMS - Math.max(ITEMS / 10, LEFT);
        for (String sql : List.of(DONE, FAILED, CAUSES, CALLED, COURSE, COUNTED)) {
            app.jdbc().sql(sql).param("job", job).param("through", through).update();
        }
        for (String table : List.of(
                "batch_items", "conversations", "generation_logs", "job_series", "job_failures", "batch_jobs")) {
            app.jdbc().sql("VACUUM ANALYZE " + table).update();
        }
        System.out.printf("%,d items made in %d s%n", ITEMS, (System.nanoTime() - begun) / 1_000_000_000);
        return job;
    }

    private static void reads(TestApplication app, UUID job, Map<String, Object> result) {
        Http http = new Http(app.address());
        String of = "/api/jobs/" + job;
        UUID item = app.jdbc()
                .sql("SELECT id FROM batch_items WHERE batch_job_id = :job AND position = :position")
                .param("job", job)
                .param("position", ITEMS / 2)
                .query(UUID.class)
                .single();
        UUID key = app.jdbc()
                .sql(
                        "SELECT conversation_key FROM batch_items WHERE batch_job_id = :job AND status = 'completed' LIMIT 1")
                .param("job", job)
                .query(UUID.class)
                .single();
        List<String> paths = List.of(
                FLOOR,
                "/api/jobs",
                "/api/jobs?status=processing",
                of,
                of + "/items",
                of + "/items?after=" + ITEMS / 2,
                of + "/items?after=" + (ITEMS - 20),
                of + "/items?status=failed&after=" + ITEMS / 2,
                of + "/items?status=queued",
                of + "/items?status=processing",
                of + "/items?status=completed&after=" + ITEMS / 2,
                of + "/items?code=refused",
                of + "/items?status=failed&code=refused&after=" + ITEMS * 4L / 5,
                of + "/failures",
                of + "/series",
                "/api/items/" + item,
                "/api/conversations/" + key,
                "/api/catalog",
                "/api/schedules",
                "/api/tracker",
                "/api/tracker/sessions",
                RETRY,
                CANCEL,
                RESUME);
        System.out.printf("%n%-48s %9s %9s %9s %9s %9s%n", "ms", "first", "p50", "p95", "p99", "most");
        Map<String, double[]> took = new LinkedHashMap<>();
        paths.forEach(path -> took.put(path, new double[READS]));
        for (int i = 0; i < READS; i++) {
            for (String path : paths) {
                long begun = System.nanoTime();
                Http.Answer answer = path.startsWith("{") ? http.post(of + "/preview", path) : http.get(path);
                took.get(path)[i] = (System.nanoTime() - begun) / 1e6;
                if (answer.status() != 200) {
                    throw new IllegalStateException(path + ": " + answer.text());
                }
            }
        }
        took.forEach((path, times) -> {
            double first = times[0];
            Arrays.sort(times);
            String name = path.replace(job.toString(), "{id}")
                    .replace(item.toString(), "{id}")
                    .replace(key.toString(), "{key}");
            System.out.printf(
                    "%-48s %9.1f %9.1f %9.1f %9.1f %9.1f%n",
                    name, first, times[READS / 2], times[READS * 95 / 100], times[READS * 99 / 100], times[READS - 1]);
            result.put(
                    name,
                    Map.of(
                            "first",
                            first,
                            "p50",
                            times[READS / 2],
                            "p95",
                            times[READS * 95 / 100],
                            "p99",
                            times[READS * 99 / 100]));
        });
    }

    /** By turns with and without, so that what else the machine does falls upon both. */
    private static void pace(TestApplication app, UUID job, Map<String, Object> result) throws Exception {
        double[][] items = new double[2][WINDOWS];
        for (int window = 0; window < 2 * WINDOWS; window++) {
            boolean watched = window % 2 == 1;
            List<AutoCloseable> watchers = new ArrayList<>();
            for (int i = 0; watched && i < WATCHERS; i++) {
                watchers.add(new Watcher(app, job));
            }
            TimeUnit.SECONDS.sleep(2); // until they are all there
            Supplier<Integer> done = () -> app.job(job).completedItems();
            int before = done.get();
            long begun = System.nanoTime();
            TimeUnit.SECONDS.sleep(SECONDS);
            items[watched ? 1 : 0][window / 2] = (done.get() - before) / ((System.nanoTime() - begun) / 1e9);
            for (AutoCloseable watcher : watchers) {
                watcher.close();
            }
        }
        double alone = mean(items[0]);
        double watched = mean(items[1]);
        System.out.printf(
                "%nitems/s alone %.1f ± %.1f, with ten watchers %.1f ± %.1f (%+.1f %%)%n",
                alone, error(items[0]), watched, error(items[1]), 100 * (watched / alone - 1));
        result.put("items/s alone", items[0]);
        result.put("items/s with ten watchers", items[1]);
    }

    private static double mean(double[] windows) {
        return Arrays.stream(windows).average().orElseThrow();
    }

    /** The standard error of the mean. */
    private static double error(double[] windows) {
        double mean = mean(windows);
        double squares =
                Arrays.stream(windows).map(one -> (one - mean) * (one - mean)).sum();
        return Math.sqrt(squares / (windows.length - 1) / windows.length);
    }

    /** The job's page of one person. */
    private static final class Watcher implements AutoCloseable {
        private final Events events;
        private final Thread reads;

        Watcher(TestApplication app, UUID job) {
            Http http = new Http(app.address());
            events = Events.of(http, "/api/events?job=" + job);
            reads = new Thread(() -> {
                try {
                    while (true) {
                        http.get("/api/jobs/" + job + "/series");
                        http.get("/api/jobs/" + job + "/items?limit=20");
                        TimeUnit.SECONDS.sleep(2);
                    }
                } catch (InterruptedException | IllegalStateException closed) {
                    Thread.currentThread().interrupt();
                }
            });
            reads.start();
        }

        @Override
        public void close() throws InterruptedException {
            reads.interrupt();
            reads.join();
            events.close();
        }
    }
}
