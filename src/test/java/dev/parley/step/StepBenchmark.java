package dev.parley.step;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.PriorityQueue;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.LongAdder;
import org.slf4j.LoggerFactory;
import org.springframework.batch.core.BatchStatus;
import org.springframework.batch.core.job.JobExecution;
import org.springframework.batch.core.step.Step;
import org.springframework.batch.core.step.builder.StepBuilder;
import org.springframework.batch.infrastructure.item.ExecutionContext;
import org.springframework.batch.infrastructure.item.ItemProcessor;
import org.springframework.batch.infrastructure.item.ItemReader;
import org.springframework.batch.infrastructure.item.ItemWriter;
import org.springframework.batch.integration.async.AsyncItemProcessor;
import org.springframework.batch.integration.async.AsyncItemWriter;
import org.springframework.core.task.SimpleAsyncTaskExecutor;
import tools.jackson.databind.json.JsonMapper;

/**
 * How close the step comes to a perfect scheduler, and what it costs, beside what Spring Batch has for the same work. A
 * program, not a test: {@code main}, a table on standard output and {@code target/bench/step.json}.
 *
 * <p>System properties: {@code parley.bench.scale} shortens the latencies (1; 0.05 for a quick look, where the machine's own
 * overhead weighs twenty times as much), {@code parley.bench.stock=false} leaves the comparisons out.
 */
public final class StepBenchmark {
    private static final double MEDIAN_SECONDS = 0.2;
    private static final double SIGMA = 1;
    private static final double CAP_SECONDS = 5;
    private static final int PARTITIONS = 64;

    private final double scale = Double.parseDouble(System.getProperty("parley.bench.scale", "1"));
    private final boolean stock = Boolean.parseBoolean(System.getProperty("parley.bench.stock", "true"));
    private final List<Result> results = new ArrayList<>();

    /**
     * @param lanes items in flight at most
     * @param seconds of the whole job, its metadata included
     * @param ofPerfect the perfect first-come-first-served schedule's time by the measured one; null without latency
     */
    private record Result(String what, int lanes, int items, double seconds, double itemsPerSecond, Double ofPerfect) {}

    private interface StepOf {
        Step make(Metadata metadata, ItemReader<Integer> reader, ItemWriter<Integer> writer) throws Exception;
    }

    public static void main(String[] args) throws Exception {
        ((Logger) LoggerFactory.getLogger(org.slf4j.Logger.ROOT_LOGGER_NAME)).setLevel(Level.WARN);
        StepBenchmark benchmark = new StepBenchmark();
        benchmark.warmUp();
        benchmark.zeroLatency(100_000, 4_000);
        benchmark.latency(64, 2_000);
        benchmark.latency(1_000, 20_000);
        benchmark.report();
    }

    private void warmUp() throws Exception {
        for (int round = 0; round < 3; round++) {
            measure(
                    "warm-up",
                    64,
                    20_000,
                    null,
                    (metadata, reader, writer) -> ours(metadata, reader, writer, item -> item, 64));
        }
        results.clear();
    }

    private void zeroLatency(int items, int partitionedItems) throws Exception {
        measure(
                "step",
                64,
                items,
                null,
                (metadata, reader, writer) -> ours(metadata, reader, writer, item -> item, 64));
        if (stock) {
            measure(PARTITIONS + " local partitions", PARTITIONS, partitionedItems, null, StepBenchmark::partitions);
        }
    }

    private void latency(int lanes, int items) throws Exception {
        long[] nanos = latencies(items);
        ItemProcessor<Integer, Integer> sleeping = item -> {
            TimeUnit.NANOSECONDS.sleep(nanos[item]);
            return item;
        };
        double perfect = perfectSeconds(nanos, lanes);
        results.add(new Result("perfect schedule", lanes, items, perfect, items / perfect, 1.0));
        measure(
                "step",
                lanes,
                items,
                perfect,
                (metadata, reader, writer) -> ours(metadata, reader, writer, sleeping, lanes));
        if (stock) {
            measure(
                    "stock step, task executor, chunk " + lanes,
                    lanes,
                    items,
                    perfect,
                    (metadata, reader, writer) -> new StepBuilder("stock", metadata.repository)
                            .<Integer, Integer>chunk(lanes)
                            .transactionManager(metadata.transactions)
                            .reader(reader)
                            .processor(sleeping)
                            .writer(writer)
                            .taskExecutor(threads(lanes))
                            .build());
            measure(
                    "AsyncItemProcessor/-Writer, chunk " + lanes,
                    lanes,
                    items,
                    perfect,
                    (metadata, reader, writer) -> async(metadata, reader, writer, sleeping, lanes));
        }
    }

    private static Step ours(
            Metadata metadata,
            ItemReader<Integer> reader,
            ItemWriter<Integer> writer,
            ItemProcessor<Integer, Integer> processor,
            int lanes) {
        return ConcurrentChunkStep.<Integer, Integer>named("ours", metadata.repository, metadata.transactions)
                .reader(reader)
                .processor(processor)
                .writer(writer)
                .concurrency(lanes)
                .chunk(100, Duration.ofMillis(250))
                .build();
    }

    private static Step async(
            Metadata metadata,
            ItemReader<Integer> reader,
            ItemWriter<Integer> writer,
            ItemProcessor<Integer, Integer> processor,
            int lanes) {
        AsyncItemProcessor<Integer, Integer> asyncProcessor = new AsyncItemProcessor<>(processor);
        asyncProcessor.setTaskExecutor(threads(lanes));
        return new StepBuilder("async", metadata.repository)
                .<Integer, java.util.concurrent.Future<Integer>>chunk(lanes)
                .transactionManager(metadata.transactions)
                .reader(reader)
                .processor(asyncProcessor)
                .writer(new AsyncItemWriter<>(writer))
                .build();
    }

    /** Chunk 1 and no transaction around the item: the fastest way to keep partitions from waiting for each other. */
    private static Step partitions(Metadata metadata, ItemReader<Integer> reader, ItemWriter<Integer> writer) {
        Step worker = new StepBuilder("worker", metadata.repository)
                .<Integer, Integer>chunk(1)
                .reader(reader)
                .writer(writer)
                .build();
        return new StepBuilder("partitioned", metadata.repository)
                .partitioner("worker", size -> {
                    Map<String, ExecutionContext> parts = new HashMap<>();
                    for (int part = 0; part < size; part++) {
                        parts.put("part" + part, new ExecutionContext());
                    }
                    return parts;
                })
                .step(worker)
                .gridSize(PARTITIONS)
                .taskExecutor(threads(PARTITIONS))
                .build();
    }

    private static SimpleAsyncTaskExecutor threads(int most) {
        SimpleAsyncTaskExecutor threads = new SimpleAsyncTaskExecutor("stock-");
        threads.setVirtualThreads(Runtime.version().feature() >= 21);
        threads.setConcurrencyLimit(most);
        return threads;
    }

    private void measure(String what, int lanes, int items, Double perfect, StepOf kind) throws Exception {
        AtomicInteger next = new AtomicInteger();
        ItemReader<Integer> reader = () -> {
            int item = next.getAndIncrement();
            return item < items ? item : null;
        };
        LongAdder written = new LongAdder();
        try (Metadata metadata = new Metadata(PARTITIONS + 2)) {
            Step step = kind.make(metadata, reader, chunk -> written.add(chunk.size()));
            long start = System.nanoTime();
            JobExecution job = metadata.run(step);
            double seconds = (System.nanoTime() - start) / 1e9;
            if (job.getStatus() != BatchStatus.COMPLETED || written.sum() != items) {
                throw new IllegalStateException(
                        what + ": " + job.getStatus() + ", " + written + " of " + items + " written");
            }
            results.add(new Result(
                    what, lanes, items, seconds, items / seconds, perfect == null ? null : perfect / seconds));
        }
    }

    private long[] latencies(int items) {
        Random random = new Random(20261121);
        long[] nanos = new long[items];
        Arrays.setAll(nanos, item -> {
            double seconds = Math.min(CAP_SECONDS, MEDIAN_SECONDS * Math.exp(SIGMA * random.nextGaussian()));
            return (long) (seconds * scale * 1e9);
        });
        return nanos;
    }

    /** Each item goes, in order, to the slot that is free first. */
    private static double perfectSeconds(long[] nanos, int lanes) {
        PriorityQueue<Long> slots = new PriorityQueue<>();
        for (int lane = 0; lane < lanes; lane++) {
            slots.add(0L);
        }
        long end = 0;
        for (long latency : nanos) {
            long done = slots.remove() + latency;
            slots.add(done);
            end = Math.max(end, done);
        }
        return end / 1e9;
    }

    @SuppressWarnings("SystemOut")
    private void report() throws Exception {
        System.out.printf("%-44s %6s %8s %9s %12s %11s%n", "", "lanes", "items", "seconds", "items/s", "of perfect");
        for (Result result : results) {
            System.out.printf(
                    "%-44s %6d %8d %9.3f %12.0f %11s%n",
                    result.what,
                    result.lanes,
                    result.items,
                    result.seconds,
                    result.itemsPerSecond,
                    result.ofPerfect == null ? "" : String.format("%.4f", result.ofPerfect));
        }
        Path file = Path.of("target", "bench", "step.json");
        Files.createDirectories(file.getParent());
        Files.write(
                file,
                JsonMapper.builder()
                        .build()
                        .writerWithDefaultPrettyPrinter()
                        .writeValueAsBytes(Map.of(
                                "java",
                                Runtime.version().toString(),
                                "processors",
                                Runtime.getRuntime().availableProcessors(),
                                "scale",
                                scale,
                                "results",
                                results)));
        System.out.println("written to " + file);
    }
}
