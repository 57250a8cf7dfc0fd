package dev.parley.batch;

import dev.parley.TestApplication;
import dev.parley.TestDatabase;
import java.lang.management.ManagementFactory;
import java.lang.management.MemoryPoolMXBean;
import java.lang.management.MemoryUsage;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import tools.jackson.databind.json.JsonMapper;

/**
 * The whole way from claim to counters with the offline provider at zero latency on PostgreSQL, and what it holds in memory
 * when the queue is a hundred times as long. A program, not a test: a table on standard output and
 * {@code target/bench/generate.json}.
 */
public final class GenerateBenchmark {
    private static final int ITEMS = 10_000;

    /** @param heapMegabytes live after a full collection at the end, @param rssMegabytes null where there is no /proc */
    private record Result(
            String what,
            int queued,
            int done,
            double seconds,
            double itemsPerSecond,
            long heapMegabytes,
            Long rssMegabytes) {}

    private GenerateBenchmark() {}

    public static void main(String[] args) throws Exception {
        Path data = Files.createTempDirectory("parley-bench");
        List<Result> results = new ArrayList<>();
        try (TestApplication application = TestApplication.start(
                TestDatabase.POSTGRESQL,
                data,
                "parley.generate.concurrency=32",
                "parley.generate.linger=250ms",
                "parley.offline.latency.median=0s")) {
            run(application, "warm-up", 2_000);
            results.add(run(application, "end to end", ITEMS));
            results.add(run(application, "end to end, long queue", 1_000_000));
        }
        report(results);
    }

    /** Stops after {@link #ITEMS} items: what a run costs may depend on what it does, not on what is queued. */
    private static Result run(TestApplication application, String what, int queued) throws Exception {
        UUID job = application.enqueueMany(queued);
        GenerateRuns runs = application.bean(GenerateRuns.class);
        Thread stopper = new Thread(() -> {
            while (application.job(job).completedItems() < ITEMS
                    && !Thread.currentThread().isInterrupted()) {
                java.util.concurrent.locks.LockSupport.parkNanos(50_000_000);
            }
            if (queued > ITEMS) {
                runs.requestStop();
            }
        });
        stopper.setDaemon(true);
        stopper.start();
        long begun = System.nanoTime();
        application.run(job);
        double seconds = (System.nanoTime() - begun) / 1e9;
        stopper.interrupt();
        stopper.join();
        int done = application.job(job).completedItems();
        System.gc();
        return new Result(what, queued, done, seconds, done / seconds, liveHeap() >> 20, rss());
    }

    private static long liveHeap() {
        return ManagementFactory.getMemoryPoolMXBeans().stream()
                .map(MemoryPoolMXBean::getCollectionUsage)
                .filter(java.util.Objects::nonNull)
                .mapToLong(MemoryUsage::getUsed)
                .sum();
    }

    private static Long rss() throws Exception {
        Path status = Path.of("/proc/self/status");
        if (!Files.exists(status)) {
            return null;
        }
        return Files.readAllLines(status).stream()
                .filter(line -> line.startsWith("VmRSS:"))
                .map(line -> Long.parseLong(line.replaceAll("\\D", "")) / 1024)
                .findFirst()
                .orElse(null);
    }

    private static void report(List<Result> results) throws Exception {
        System.out.printf(
                "%n%-26s %9s %8s %9s %9s %14s %8s%n",
                "", "queued", "done", "seconds", "items/s", "live heap, MB", "RSS, MB");
        for (Result r : results) {
            System.out.printf(
                    "%-26s %9d %8d %9.2f %9.0f %14d %8s%n",
                    r.what(),
                    r.queued(),
                    r.done(),
                    r.seconds(),
                    r.itemsPerSecond(),
                    r.heapMegabytes(),
                    r.rssMegabytes());
        }
        Path file = Path.of("target", "bench", "generate.json");
        Files.createDirectories(file.getParent());
        Files.write(
                file,
                JsonMapper.shared().writerWithDefaultPrettyPrinter().writeValueAsBytes(Map.of("results", results)));
    }
}
