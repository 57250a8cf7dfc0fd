package dev.parley.archive;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.parley.HandClock;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;

@ExtendWith(OutputCaptureExtension.class)
@Timeout(value = 5, unit = TimeUnit.MINUTES)
class JobLogTests {
    private static final UUID JOB = UUID.fromString("3fa85f64-5717-4562-b3fc-2c963f66afa6");
    private static final Duration MINUTE = Duration.ofMinutes(1);

    @TempDir
    Path folder;

    private final HandClock clock = new HandClock("2026-11-21T10:00:00Z");
    private final FakeGcs gcs = new FakeGcs();
    private final ObjectStore store = ArchiveFixtures.gcsStore(gcs);

    @AfterEach
    void stop() {
        gcs.close();
    }

    private JobLogs machine(String name) {
        return new JobLogs(store, ArchiveFixtures.settings(folder.resolve(name)), clock);
    }

    @Test
    @DisplayName("A40-A44: lines with timestamps, as text/plain in batch-logs/{jobId}/log.txt")
    void logIsOneTextObjectOfTimestampedLines() {
        JobLogs logs = machine("a");

        try (JobLog log = logs.open(JOB)) {
            log.line("Item 3fa85f64... completed");
            clock.move(Duration.ofMillis(1500));
            log.line("Größe: ¼");
        }

        FakeGcs.Stored object = gcs.object("batch-logs", JOB + "/log.txt").orElseThrow();
        assertThat(object.contentType()).isEqualTo("text/plain; charset=utf-8");
        assertThat(object.text().split("\n")).hasSize(2).satisfies(lines -> {
            assertThat(lines[0]).matches("\\[2026-11-21T10:00:00\\.000000\\d{3}Z] Item 3fa85f64\\.\\.\\. completed");
            assertThat(lines[1]).matches("\\[2026-11-21T10:00:01\\.500000\\d{3}Z] Größe: ¼");
        });
        assertThat(PublishedLog.of(logs, JOB)).hasValue(object.text());
        assertThat(logs.locate(JOB)).isEqualTo("gs://batch-logs/" + JOB + "/log.txt");
    }

    @Test
    @DisplayName("A46: all lines are kept")
    void everyLineIsKeptInOrderFromManyThreads() throws Exception {
        JobLogs logs = machine("a");
        ExecutorService lanes = Executors.newFixedThreadPool(8);
        List<Future<?>> ends = new ArrayList<>();

        try (JobLog log = logs.open(JOB)) {
            for (int lane = 0; lane < 8; lane++) {
                int mine = lane;
                ends.add(lanes.submit(() -> IntStream.range(0, 250).forEach(i -> log.line(mine + "/" + i))));
            }
            for (Future<?> end : ends) {
                end.get();
            }
        }
        lanes.shutdown();

        assertThat(log(logs)).hasSize(2000).isSorted().doesNotHaveDuplicates();
    }

    @Test
    void messageCannotForgeALine() {
        JobLogs logs = machine("a");

        try (JobLog log = logs.open(JOB)) {
            log.line("one\n[2026-01-01T00:00:00Z] forged\r\u001b[2J\u2028x\ty");
        }

        assertThat(log(logs))
                .singleElement()
                .asString()
                .endsWith("one\\n[2026-01-01T00:00:00Z] forged\\r\\u001b[2J\\u2028x\ty");
    }

    @Test
    void logThatGrowsIsPublishedByAQuarterAndAtMostEveryFiveSeconds() {
        JobLogs logs = machine("a");
        JobLog log = logs.open(JOB);
        String kilobyte = "x".repeat(1024);

        IntStream.range(0, 25).forEach(i -> log.line(kilobyte));
        logs.tick();
        int atOnce = log(logs).size();
        IntStream.range(0, 40).forEach(i -> log.line(kilobyte));
        clock.move(Duration.ofSeconds(4));
        logs.tick();
        int afterFourSeconds = log(logs).size();
        clock.move(Duration.ofSeconds(1));
        logs.tick();
        int afterFive = log(logs).size();
        IntStream.range(0, 30).forEach(i -> log.line(kilobyte));
        clock.move(Duration.ofSeconds(10));
        logs.tick();
        int grownByLessThanAQuarter = log(logs).size();
        log.close();

        assertThat(List.of(atOnce, afterFourSeconds, afterFive, grownByLessThanAQuarter))
                .containsExactly(25, 25, 65, 65);
        assertThat(log(logs)).hasSize(95);
    }

    @Test
    void smallNewsIsPublishedAfterAMinuteAndNoNewsNever() {
        gcs.bucket("batch-logs");
        JobLogs logs = machine("a");
        JobLog log = logs.open(JOB);

        log.line("one");
        clock.move(MINUTE.minusSeconds(1));
        logs.tick();
        Optional<String> early = PublishedLog.of(logs, JOB);
        clock.move(Duration.ofSeconds(1));
        logs.tick();
        Optional<String> later = PublishedLog.of(logs, JOB);
        int requests = gcs.requests().size();
        clock.move(MINUTE.multipliedBy(3));
        logs.tick();
        log.close();

        assertThat(early).isEmpty();
        assertThat(later.orElseThrow()).endsWith("] one");
        assertThat(gcs.requests()).hasSize(requests);
    }

    @Test
    void rewritingCostsAtMostFiveTimesTheFinalSize() {
        CountingStore counting = new CountingStore(ArchiveFixtures.localStore(folder));
        JobLogs logs = new JobLogs(counting, ArchiveFixtures.settings(folder), clock);

        try (JobLog log = logs.open(JOB)) {
            for (int i = 0; i < 20_000; i++) {
                log.line("Item " + i + " completed after 1 attempt, 1234 tokens");
                clock.move(Duration.ofMillis(10));
                if (i % 100 == 0) {
                    logs.tick();
                }
            }
        }

        int size = PublishedLog.of(logs, JOB).orElseThrow().length();
        assertThat(size).isGreaterThan(1_000_000);
        assertThat(counting.writes).isGreaterThan(10);
        assertThat(counting.bytes).isLessThan(5L * size);
    }

    @Test
    @DisplayName("A42: another run of the job, on another machine, extends its log")
    void secondRunElsewhereExtendsTheLog() {
        try (JobLog log = machine("a").open(JOB)) {
            log.line("first run");
        }
        clock.move(Duration.ofHours(1));

        JobLogs elsewhere = machine("b");
        try (JobLog log = elsewhere.open(JOB)) {
            log.line("second run");
        }

        assertThat(messages(elsewhere)).containsExactly("first run", "second run");
    }

    @Test
    void linesOfAnotherProgramStayAsTheyAre() {
        gcs.put(
                "batch-logs",
                JOB + "/log.txt",
                "no time\n[2026-11-21T09:00:00Z] old\nold\nold".getBytes(UTF_8),
                "text/plain");
        JobLogs logs = machine("a");

        try (JobLog log = logs.open(JOB)) {
            log.line("new");
        }

        assertThat(log(logs))
                .hasSize(5)
                .startsWith("no time", "[2026-11-21T09:00:00Z] old", "old", "old")
                .last()
                .asString()
                .endsWith("new");
    }

    @Test
    void processesThatCloseAtOnceMakeOneLogByTime() throws Exception {
        List<JobLogs> processes = List.of(machine("a"), machine("a"), machine("b"));
        List<JobLog> logs = processes.stream().map(process -> process.open(JOB)).toList();
        ExecutorService threads = Executors.newFixedThreadPool(3);
        for (int i = 0; i < 300; i++) {
            logs.get(i % 3).line("line " + i);
            clock.move(Duration.ofMillis(1));
        }

        List<Future<?>> ends = new ArrayList<>();
        logs.forEach(log -> ends.add(threads.submit(log::close)));
        for (Future<?> end : ends) {
            end.get();
        }
        threads.shutdown();

        assertThat(messages(processes.get(0)))
                .containsExactlyElementsOf(
                        IntStream.range(0, 300).mapToObj(i -> "line " + i).toList());
        assertThat(folder.resolve("a/spool")).isEmptyDirectory();
        assertThat(folder.resolve("b/spool")).isEmptyDirectory();
    }

    @Test
    void equalLinesOfOneMomentAreAllKept() {
        Deque<UUID> spools = new ArrayDeque<>(List.of(new UUID(0, 1), new UUID(0, 2), new UUID(0, 3)));
        JobLogs logs = new JobLogs(store, ArchiveFixtures.settings(folder), clock, spools::remove);

        for (int process = 0; process < 3; process++) {
            try (JobLog log = logs.open(JOB)) {
                log.line("Step started");
                log.line("Step started");
            }
        }

        assertThat(messages(logs)).hasSize(6).containsOnly("Step started");
    }

    @Test
    void whatAKilledProcessLeftIsAddedByTheNextRunOfTheJob() throws IOException {
        Path spool =
                leftBehind("a", JOB, "[2026-11-21T09:59:59.000000123Z] before the kill\n[2026-11-21T09:59:59.1 cut o");
        JobLogs logs = machine("a");

        try (JobLog log = logs.open(JOB)) {
            log.line("after");
        }

        assertThat(messages(logs)).contains("before the kill", "after");
        assertThat(log(logs)).hasSize(3).contains("[2026-11-21T09:59:59.1 cut o");
        assertThat(spool).doesNotExist();
    }

    @Test
    void whatAKilledProcessLeftOfAnotherJobIsAddedToo() throws IOException {
        UUID otherJob = UUID.randomUUID();
        Path spool = leftBehind("a", otherJob, "[2026-11-21T09:59:59.000000123Z] before the kill\n");
        JobLogs logs = machine("a");

        try (JobLog log = logs.open(JOB)) {
            log.line("mine");
            logs.tick();
        }

        assertThat(PublishedLog.of(logs, otherJob)).hasValue("[2026-11-21T09:59:59.000000123Z] before the kill");
        assertThat(spool.getParent()).doesNotExist();
    }

    /** Killed between the write of the object and the deletion of the spool. */
    @Test
    void whatWasPublishedAlreadyIsNotAddedTwice() throws IOException {
        JobLogs logs = machine("a");
        try (JobLog log = logs.open(JOB)) {
            log.line("one");
            log.line("two");
        }
        leftBehind("a", JOB, PublishedLog.of(logs, JOB).orElseThrow() + "\n");
        clock.move(MINUTE);

        try (JobLog log = logs.open(JOB)) {
            log.line("three");
        }

        assertThat(messages(logs)).containsExactly("one", "two", "three");
    }

    @Test
    void lineDoesNotWaitForTheStore() throws Exception {
        CountDownLatch publishing = new CountDownLatch(1);
        CountDownLatch answer = new CountDownLatch(1);
        gcs.beforeNextUpload(() -> {
            publishing.countDown();
            awaitQuietly(answer);
        });
        JobLogs logs = machine("a");
        JobLog log = logs.open(JOB);
        log.line("one");
        clock.move(MINUTE);
        ExecutorService flusher = Executors.newSingleThreadExecutor();
        Future<?> tick = flusher.submit(logs::tick);
        publishing.await();

        log.line("two");
        boolean stillPublishing = !tick.isDone();
        answer.countDown();
        tick.get();
        log.close();
        flusher.shutdown();

        assertThat(stillPublishing).isTrue();
        assertThat(messages(logs)).containsExactly("one", "two");
    }

    @Test
    @DisplayName("A45: a log that cannot be written is one warning and no failure, and its lines are not lost")
    void storeThatRefusesIsOneWarningAndTheNextRunAddsTheLines(CapturedOutput output) {
        gcs.forbid("storage.buckets.create");
        JobLogs logs = machine("a");
        JobLog log = logs.open(JOB);

        log.line("one");
        for (int i = 0; i < 3; i++) {
            clock.move(MINUTE);
            logs.tick();
        }
        log.close();
        String warnings = output.getAll();
        gcs.bucket("batch-logs");
        try (JobLog next = logs.open(JOB)) {
            next.line("two");
        }

        assertThat(warnings).containsOnlyOnce("is not published yet").containsOnlyOnce("to be added by the next run");
        assertThat(warnings).contains("gs://batch-logs").contains("HTTP 403");
        assertThat(messages(logs)).containsExactly("one", "two");
    }

    @Test
    void withoutADiskTheLogIsKeptInMemory(CapturedOutput output) throws IOException {
        Files.createDirectories(folder.resolve("a"));
        Files.write(folder.resolve("a/spool"), new byte[0]);
        JobLogs logs = machine("a");

        try (JobLog log = logs.open(JOB)) {
            log.line("one");
            clock.move(MINUTE);
            logs.tick();
            log.line("two");
        }

        assertThat(messages(logs)).containsExactly("one", "two");
        assertThat(output).contains("kept in memory only");
    }

    @Test
    void interruptedThreadStillLogsAndCloses() {
        JobLogs logs = machine("a");
        Thread.currentThread().interrupt();

        JobLog log = logs.open(JOB);
        log.line("one");
        log.line("two");
        log.close();

        assertThat(Thread.interrupted()).isTrue();
        assertThat(messages(logs)).containsExactly("one", "two");
        assertThat(folder.resolve("a/spool")).isEmptyDirectory();
    }

    @Test
    void closingTheLogsClosesEachAndALateLineIsOnlyAWarning(CapturedOutput output) {
        JobLogs logs = machine("a");
        JobLog log = logs.open(JOB);
        log.line("in time");

        logs.close();
        log.line("too late");
        log.close();

        assertThat(messages(logs)).containsExactly("in time");
        assertThat(output).containsOnlyOnce("too late");
    }

    @Test
    void clockThatIsSetBackDoesNotChangeTheOrder() {
        JobLogs logs = machine("a");

        try (JobLog log = logs.open(JOB)) {
            log.line("one");
            clock.move(Duration.ofHours(-1));
            log.line("two");
        }

        assertThat(messages(logs)).containsExactly("one", "two");
    }

    private Path leftBehind(String machine, UUID job, String lines) throws IOException {
        Path spool =
                folder.resolve(machine).resolve("spool").resolve(job.toString()).resolve(UUID.randomUUID() + ".log");
        Files.createDirectories(spool.getParent());
        return Files.writeString(spool, lines);
    }

    private static List<String> log(JobLogs logs) {
        return PublishedLog.of(logs, JOB).orElseThrow().lines().toList();
    }

    private static List<String> messages(JobLogs logs) {
        return log(logs).stream()
                .map(line -> line.replaceFirst("^\\[.*?] ", ""))
                .toList();
    }

    private static void awaitQuietly(CountDownLatch latch) {
        try {
            latch.await();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** Counts what a local store is given to write. */
    private static final class CountingStore implements ObjectStore {
        private final ObjectStore store;
        private int writes;
        private long bytes;

        CountingStore(ObjectStore store) {
            this.store = store;
        }

        @Override
        public void ensureBucket(String bucket) {
            store.ensureBucket(bucket);
        }

        @Override
        public boolean create(ObjectName object, byte[] content, String contentType) {
            return store.create(object, content, contentType);
        }

        @Override
        public void write(ObjectName object, byte[] content, String contentType) {
            store.write(object, content, contentType);
        }

        @Override
        public void upload(ObjectName object, Path file, String contentType) {
            store.upload(object, file, contentType);
        }

        @Override
        public long update(ObjectName object, String contentType, Change change) {
            long written = store.update(object, contentType, change);
            writes++;
            bytes += written;
            return written;
        }

        @Override
        public boolean download(ObjectName object, Path file) {
            return store.download(object, file);
        }

        @Override
        public Optional<byte[]> read(ObjectName object) {
            return store.read(object);
        }

        @Override
        public java.util.stream.Stream<ObjectName> list(String bucket, String folder) {
            return store.list(bucket, folder);
        }

        @Override
        public String locate(String bucket) {
            return store.locate(bucket);
        }

        @Override
        public String locate(ObjectName object) {
            return store.locate(object);
        }
    }
}
