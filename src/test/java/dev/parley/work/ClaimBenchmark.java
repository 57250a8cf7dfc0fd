package dev.parley.work;

import dev.parley.TestApplication;
import dev.parley.TestDatabase;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.springframework.jdbc.core.simple.JdbcClient;
import tools.jackson.databind.json.JsonMapper;

/**
 * What a claim costs where 10,000 and where 1,000,000 items are queued, with the plans of the statements that a run repeats.
 * A program, not a test: a table on standard output and {@code target/bench/claim.json}.
 */
public final class ClaimBenchmark {
    private static final int CLAIMS = 200;
    private static final int ITEMS_A_CLAIM = 64;

    private record Result(
            int queued, double claimMicrosAnItem, double nextDueMillis, Map<String, List<String>> plans) {}

    private ClaimBenchmark() {}

    public static void main(String[] args) throws Exception {
        Path data = Files.createTempDirectory("parley-bench");
        List<Result> results = new ArrayList<>();
        try (TestApplication application = TestApplication.start(TestDatabase.POSTGRESQL, data)) {
            UUID small = application.enqueueMany(10_000);
            measure(application, small, 10_000); // warms up
            results.add(measure(application, small, 10_000));
            UUID large = application.enqueueMany(1_000_000);
            results.add(measure(application, large, 1_000_000));
        }
        report(results);
    }

    private static Result measure(TestApplication application, UUID job, int queued) {
        BatchItems items = application.bean(BatchItems.class);
        ClaimOwner owner = new ClaimOwner(-1, Duration.ofMinutes(5));
        long claimNanos = 0;
        for (int i = 0; i < CLAIMS; i++) {
            long begun = System.nanoTime();
            List<BatchItem> claimed = items.claim(List.of(job), ITEMS_A_CLAIM, owner);
            claimNanos += System.nanoTime() - begun;
            items.release(claimed);
        }
        long begun = System.nanoTime();
        for (int i = 0; i < CLAIMS; i++) {
            items.nextDue(List.of(job));
        }
        double nextDue = (System.nanoTime() - begun) / 1e6 / CLAIMS;
        return new Result(queued, claimNanos / 1e3 / CLAIMS / ITEMS_A_CLAIM, nextDue, plans(application.jdbc(), job));
    }

    private static Map<String, List<String>> plans(JdbcClient jdbc, UUID job) {
        Map<String, String> statements = new LinkedHashMap<>();
        statements.put("claim", BatchItems.NEXT);
        statements.put("next due", BatchItems.NEXT_DUE_MILLIS);
        statements.put("held", BatchItems.HELD);
        statements.put("renew", BatchItems.RENEW);
        statements.put("owners without lock", BatchItems.OWNERS_WITHOUT_LOCK);
        Map<String, List<String>> plans = new LinkedHashMap<>();
        statements.forEach((name, sql) -> plans.put(
                name,
                jdbc.sql("EXPLAIN " + sql)
                        .param("job", job)
                        .param("limit", ITEMS_A_CLAIM)
                        .param("lease", 30)
                        .param("worker", 1)
                        .param("lockClass", BatchItems.LOCK_CLASS)
                        .query(String.class)
                        .list()));
        return plans;
    }

    private static void report(List<Result> results) throws Exception {
        System.out.printf("%n%-12s %18s %14s%n", "queued", "claim, µs an item", "next due, ms");
        for (Result result : results) {
            System.out.printf(
                    "%-12d %18.1f %14.2f%n", result.queued(), result.claimMicrosAnItem(), result.nextDueMillis());
        }
        results.get(results.size() - 1)
                .plans()
                .forEach((name, plan) -> System.out.println(name + ":\n  " + String.join("\n  ", plan)));
        Path file = Path.of("target", "bench", "claim.json");
        Files.createDirectories(file.getParent());
        Files.write(
                file,
                JsonMapper.shared().writerWithDefaultPrettyPrinter().writeValueAsBytes(Map.of("results", results)));
    }
}
