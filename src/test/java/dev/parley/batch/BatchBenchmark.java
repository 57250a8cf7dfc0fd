package dev.parley.batch;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import dev.parley.TestApplication;
import dev.parley.TestDatabase;
import dev.parley.generation.GenerationLogs;
import dev.parley.provider.FakeAnswer;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.lang.management.ManagementFactory;
import java.lang.management.MemoryPoolMXBean;
import java.lang.management.MemoryType;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.springframework.util.FileSystemUtils;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.databind.json.JsonMapper;

/**
 * A job of a million items by batch delivery on PostgreSQL: from the claim over bodies of the largest size and results in any
 * order to files, rows, ledger and counters. The stand-in runs in the same JVM and keeps the ids of the batches in its queue.
 * A program, not a test: a table on standard output and {@code target/bench/batch.json}. {@code -Dparley.bench.batch-items=N}
 * takes another number.
 */
public final class BatchBenchmark {
    /**
     * @param peakHeapMegabytes of all heap pools, the sum of each one's peak, garbage included
     * @param liveHeapMegabytes the most that any collection left
     */
    private record Result(
            String what,
            int items,
            double seconds,
            double itemsPerSecond,
            int batches,
            long bodyMegabytes,
            long peakHeapMegabytes,
            long liveHeapMegabytes) {}

    private BatchBenchmark() {}

    public static void main(String[] args) throws Exception {
        int items = Integer.getInteger("parley.bench.batch-items", 1_000_000);
        Path data = Files.createTempDirectory("parley-bench");
        List<Result> results = new ArrayList<>();
        try (Door door = new Door();
                TestApplication app = TestApplication.start(
                        TestDatabase.POSTGRESQL,
                        data,
                        "parley.provider=anthropic",
                        "parley.anthropic.base-url=" + door.url(),
                        "parley.anthropic.api-key=key",
                        "parley.limits.batch-requests-per-minute=0",
                        "parley.batches.poll-min=200ms",
                        "parley.batches.poll-max=1s",
                        "parley.generate.concurrency=16",
                        "parley.generate.linger=250ms",
                        "logging.level.dev.parley=warn")) {
            run(app, door, 2_000, "warm-up");
            results.add(run(app, door, items / 10, "a tenth"));
            results.add(run(app, door, items, "all"));
        } finally {
            FileSystemUtils.deleteRecursively(data);
        }
        report(results);
    }

    private static Result run(TestApplication app, Door door, int items, String what) throws Exception {
        UUID job = app.enqueueMany(items);
        app.jdbc()
                .sql("UPDATE batch_jobs SET delivery = 'batch' WHERE id = :job")
                .param("job", job)
                .update();
        door.forget();
        List<MemoryPoolMXBean> heap = ManagementFactory.getMemoryPoolMXBeans().stream()
                .filter(pool -> pool.getType() == MemoryType.HEAP)
                .toList();
        AtomicLong live = new AtomicLong();
        System.gc();
        heap.forEach(MemoryPoolMXBean::resetPeakUsage);
        ScheduledExecutorService looks = Executors.newSingleThreadScheduledExecutor();
        looks.scheduleWithFixedDelay(
                () -> live.accumulateAndGet(
                        heap.stream()
                                .mapToLong(pool -> pool.getCollectionUsage().getUsed())
                                .sum(),
                        Math::max),
                0,
                100,
                TimeUnit.MILLISECONDS);
        long begun = System.nanoTime();
        GenerateRuns.Outcome outcome = app.run(job);
        double seconds = (System.nanoTime() - begun) / 1e9;
        looks.shutdownNow();
        long peak =
                heap.stream().mapToLong(pool -> pool.getPeakUsage().getUsed()).sum();
        GenerationLogs.Totals totals = app.bean(GenerationLogs.class).totals(job);
        if (outcome.failure() != null
                || app.job(job).successfulItems() != items
                || door.requests.get() != items
                || totals.calls() != items
                || totals.outputTokens() != items * Door.OUTPUT_TOKENS) {
            throw new IllegalStateException(what + ": " + app.job(job) + ", asked for " + door.requests + ", " + totals
                    + ", " + outcome.failure());
        }
        Result result = new Result(
                what,
                items,
                seconds,
                items / seconds,
                door.posts,
                door.bytes.get() >> 20,
                peak >> 20,
                live.get() >> 20);
        System.out.println(result);
        return result;
    }

    /** The least that a batch door is: what it is asked for is counted and not kept, but for the ids. */
    private static final class Door implements AutoCloseable {
        private static final long OUTPUT_TOKENS = 700;
        private static final Duration TAKES = Duration.ofSeconds(2);
        private static final JsonMapper JSON = JsonMapper.shared();

        private final HttpServer server;
        private final Map<String, List<String>> batches = new ConcurrentHashMap<>();
        private final Map<String, Instant> created = new ConcurrentHashMap<>();
        private final Map<String, Integer> sizes = new ConcurrentHashMap<>();
        private final AtomicLong requests = new AtomicLong();
        private final AtomicLong bytes = new AtomicLong();
        private final Random random = new Random(1);
        private final byte[] message;
        private volatile int posts;
        private int made;

        Door() throws IOException {
            message = JSON.writeValueAsBytes(Map.of(
                    "id",
                    "msg_1",
                    "type",
                    "message",
                    "role",
                    "assistant",
                    "model",
                    "claude-sonnet-5-5",
                    "content",
                    List.of(Map.of(
                            "type", "text", "text", FakeAnswer.conversation().text())),
                    "stop_reason",
                    "end_turn",
                    "usage",
                    Map.of("input_tokens", 300, "output_tokens", OUTPUT_TOKENS, "service_tier", "batch")));
            server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 100);
            server.setExecutor(Executors.newCachedThreadPool());
            server.createContext("/v1/messages/batches", this::serve);
            server.start();
        }

        String url() {
            return "http://127.0.0.1:" + server.getAddress().getPort();
        }

        void forget() {
            requests.set(0);
            bytes.set(0);
            posts = 0;
        }

        private void serve(HttpExchange exchange) throws IOException {
            try (exchange) {
                String path = exchange.getRequestURI().getPath();
                String id = path.replaceAll("^/v1/messages/batches/?|/results$", "");
                if (path.endsWith("/results")) {
                    results(exchange, id);
                } else if (exchange.getRequestMethod().equals("POST")) {
                    answer(exchange, create(exchange));
                } else {
                    answer(exchange, id);
                }
            }
        }

        private synchronized String create(HttpExchange exchange) throws IOException {
            bytes.addAndGet(Long.parseLong(exchange.getRequestHeaders().getFirst("content-length")));
            List<String> ids = new ArrayList<>();
            try (InputStream body = exchange.getRequestBody();
                    JsonParser parser = JSON.createParser(body)) {
                for (JsonToken token = parser.nextToken(); token != null; token = parser.nextToken()) {
                    if (token == JsonToken.PROPERTY_NAME && parser.currentName().equals("custom_id")) {
                        parser.nextToken();
                        ids.add(parser.getString());
                    } else if (token == JsonToken.PROPERTY_NAME
                            && parser.currentName().equals("params")) {
                        parser.nextToken();
                        parser.skipChildren();
                    }
                }
            }
            posts++;
            requests.addAndGet(ids.size());
            Collections.shuffle(ids, random);
            String id = "msgbatch_" + ++made;
            batches.put(id, ids);
            sizes.put(id, ids.size());
            created.put(id, Instant.now());
            return id;
        }

        private void answer(HttpExchange exchange, String id) throws IOException {
            Instant at = created.get(id);
            boolean ended = at.plus(TAKES).isBefore(Instant.now());
            byte[] answer = JSON.writeValueAsBytes(Map.of(
                    "id",
                    id,
                    "processing_status",
                    ended ? "ended" : "in_progress",
                    "created_at",
                    at.toString(),
                    "expires_at",
                    at.plus(Duration.ofDays(1)).toString(),
                    "request_counts",
                    Map.of(ended ? "succeeded" : "processing", sizes.get(id))));
            exchange.sendResponseHeaders(200, answer.length);
            exchange.getResponseBody().write(answer);
        }

        private void results(HttpExchange exchange, String id) throws IOException {
            exchange.sendResponseHeaders(200, 0);
            try (OutputStream out = new BufferedOutputStream(exchange.getResponseBody(), 1 << 16)) {
                for (String customId : batches.get(id)) {
                    out.write(("{\"custom_id\":\"" + customId + "\",\"result\":{\"type\":\"succeeded\",\"message\":")
                            .getBytes(StandardCharsets.US_ASCII));
                    out.write(message);
                    out.write("}}\n".getBytes(StandardCharsets.US_ASCII));
                }
            }
            batches.remove(id);
        }

        @Override
        public void close() {
            server.stop(0);
        }
    }

    private static void report(List<Result> results) throws Exception {
        System.out.printf(
                "%n%-10s %9s %9s %9s %8s %10s %14s %14s%n",
                "", "items", "seconds", "items/s", "batches", "bodies, MB", "peak heap, MB", "live heap, MB");
        for (Result r : results) {
            System.out.printf(
                    "%-10s %9d %9.1f %9.0f %8d %10d %14d %14d%n",
                    r.what(),
                    r.items(),
                    r.seconds(),
                    r.itemsPerSecond(),
                    r.batches(),
                    r.bodyMegabytes(),
                    r.peakHeapMegabytes(),
                    r.liveHeapMegabytes());
        }
        Path file = Path.of("target", "bench", "batch.json");
        Files.createDirectories(file.getParent());
        Files.write(
                file,
                JsonMapper.shared().writerWithDefaultPrettyPrinter().writeValueAsBytes(Map.of("results", results)));
    }
}
