package dev.parley.launch;

import static org.assertj.core.api.Assertions.assertThat;

import dev.parley.TestDatabase;
import dev.parley.provider.FakeAnswer;
import dev.parley.provider.FakeAnthropic;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.springframework.jdbc.core.simple.JdbcClient;

/** The packaged program as a process, in a folder with the shipped jobs, as its user starts it. */
class ParleyJarIT {
    private static final Path JAR = Path.of("target", "parley.jar").toAbsolutePath();
    private static final Path JAVA = Path.of(System.getProperty("java.home"), "bin", "java");
    private static final Duration PATIENCE = Duration.ofSeconds(120);

    @TempDir
    private Path folder;

    private final Map<String, String> environment = new TreeMap<>();
    private final List<Process> started = new ArrayList<>();

    @BeforeEach
    void copyJobs() throws IOException {
        Path shipped = Path.of("jobs");
        try (Stream<Path> files = Files.walk(shipped)) {
            for (Path file : files.filter(Files::isRegularFile).toList()) {
                Path copy = folder.resolve(file.toString());
                Files.createDirectories(copy.getParent());
                Files.copy(file, copy);
            }
        }
    }

    @AfterEach
    void endAll() throws InterruptedException {
        for (Process process : started) {
            process.destroyForcibly().waitFor();
        }
    }

    @Test
    void theFirstRunNeedsNothingAndTheSecondMakesNothing() throws Exception { // A50, A64
        Ended first = parley();
        Ended second = parley("run", "jobs/demo.yaml");
        long filesOfSecond = conversationFiles();
        Ended again = parley("run", "jobs/demo.yaml", "--again");
        Ended status = parley("status", "--json");

        assertThat(first.code()).as(first.toString()).isZero();
        assertThat(first.out())
                .contains("8 items enqueued", "8 of 8 items successful (100.0 %), 0 failed", "for example");
        assertThat(first.err()).isEmpty();
        assertThat(second.out()).contains("Nothing to do; --again makes a new job", "8 of 8 items successful");
        assertThat(second.code()).isZero();
        assertThat(filesOfSecond).isEqualTo(16);
        assertThat(again.code()).isZero();
        assertThat(conversationFiles()).isEqualTo(32);
        assertThat(filesBelow("data/batch-logs")).hasSize(2).allMatch(path -> path.endsWith("log.txt"));
        assertThat(status.err()).isEmpty();
        assertThat(status.out().strip()).startsWith("[").endsWith("]");
    }

    @Test
    void databaseUrlOfAPlatformIsEnoughForPostgresql() throws Exception {
        JdbcClient jdbc = usePostgresql("parley_jar_demo");

        Ended first = parley();
        Ended second = parley();

        assertThat(first.code()).as(first.toString()).isZero();
        assertThat(first.out()).contains("8 of 8 items successful");
        assertThat(second.out()).contains("Nothing to do");
        assertThat(count(jdbc, "SELECT count(*) FROM batch_items WHERE status = 'completed'"))
                .isEqualTo(8);
        assertThat(conversationFiles()).isEqualTo(16);
        assertThat(folder.resolve("data/parley.mv.db")).doesNotExist();
    }

    @Test
    void failedItemsAreExitCodeThree() throws Exception {
        Ended ended = parley("run", "jobs/demo.yaml", "--parley.offline.failures.refused=1");

        assertThat(ended.code()).as(ended.toString()).isEqualTo(ExitCode.FAILED_ITEMS);
        assertThat(ended.out()).contains("0 of 8 items successful (0.0 %), 8 failed", "8 × ");
    }

    @Test
    void aPausedJobIsExitCodeFourAndSaysWhy() throws Exception {
        try (FakeAnthropic anthropic = useAnthropic()) {
            anthropic.answersOtherwise(FakeAnswer.error(402, "billing_error", "your credit is used up"));

            Ended ended = parley("run", "jobs/demo.yaml");

            assertThat(ended.code()).as(ended.toString()).isEqualTo(ExitCode.PAUSED);
            assertThat(ended.out()).contains("your credit is used up", "parley resume");
            assertThat(ended.out() + ended.err()).doesNotContain(FakeAnthropic.KEY); // A36
        }
    }

    @Test
    void aFirstSignalLetsCallsInFlightFinishAndTheNextRunGoesOn() throws Exception {
        JdbcClient jdbc = usePostgresql("parley_jar_stop");
        try (FakeAnthropic anthropic = useAnthropic()) {
            CountDownLatch gate = new CountDownLatch(1);
            anthropic.answersOtherwise(FakeAnswer.conversation().after(gate));
            Running run = start("run", "jobs/demo.yaml", "--concurrency", "2");
            anthropic.awaitCalls(2);

            run.terminate();
            run.awaitError("Stopping");
            gate.countDown();
            Ended stopped = run.await();

            assertThat(stopped.code()).as(stopped.toString()).isEqualTo(ExitCode.STOPPED);
            assertThat(stopped.out()).contains("the same command goes on from here");
            assertThat(anthropic.calls()).isEqualTo(2);
            assertThat(count(jdbc, "SELECT count(*) FROM batch_items WHERE status = 'completed'"))
                    .isEqualTo(2);
            assertThat(count(jdbc, "SELECT count(*) FROM batch_items WHERE status = 'queued' AND attempts = 0"))
                    .isEqualTo(6);

            Ended next = parley("run", "jobs/demo.yaml");

            assertThat(next.code()).as(next.toString()).isZero();
            assertThat(anthropic.calls()).isEqualTo(8);
        }
    }

    @Test
    void aSecondSignalEndsAtOnceAndStillGivesEverythingBack() throws Exception {
        JdbcClient jdbc = usePostgresql("parley_jar_stop_now");
        try (FakeAnthropic anthropic = useAnthropic()) {
            anthropic.answersOtherwise(FakeAnswer.hang());
            Running run = start("run", "jobs/demo.yaml", "--concurrency", "4");
            anthropic.awaitCalls(4);

            run.terminate();
            run.awaitError("Stopping");
            run.terminate();
            Ended stopped = run.await();

            assertThat(stopped.code()).as(stopped.toString()).isEqualTo(ExitCode.STOPPED);
            assertThat(count(jdbc, "SELECT count(*) FROM batch_items WHERE status = 'queued' AND claim_token IS NULL"))
                    .isEqualTo(8);
        }
    }

    @Test
    void serveWorksByItsScheduleUntilASignal() throws Exception { // A76
        JdbcClient jdbc = usePostgresql("parley_jar_serve");
        Path nightly = folder.resolve("jobs/nightly.yaml");
        Files.writeString(nightly, Files.readString(nightly).replace("cron: 0 0 2 * * *", "cron: '* * * * * *'"));
        Running serve = start("serve", "--yes", "--server.port=0");
        while (count(jdbc, "SELECT count(*) FROM pg_tables WHERE tablename = 'schedules'") == 0
                || count(jdbc, "SELECT count(*) FROM batch_jobs WHERE status = 'completed'") < 2) {
            assertThat(serve.isAlive()).isTrue();
            TimeUnit.MILLISECONDS.sleep(100);
        }

        serve.terminate();
        Ended stopped = serve.await();
        Ended status = parley("status");

        assertThat(stopped.code()).as(stopped.toString()).isEqualTo(ExitCode.STOPPED);
        assertThat(stopped.out())
                .contains(
                        "Parley is at http://127.0.0.1:",
                        "jobs/nightly.yaml is due",
                        "enqueued: job",
                        "18 of 18 items successful");
        assertThat(count(jdbc, "SELECT count(*) FROM batch_items WHERE status = 'processing'"))
                .isZero();
        assertThat(status.out()).contains("Nightly", "SCHEDULE", "nightly.yaml");
    }

    @Test
    void theVersionIsToldWithoutTouchingAnything() throws Exception {
        Ended version = parley("--version", "--spring.datasource.url=jdbc:foo:nowhere");

        assertThat(version.code()).isZero();
        assertThat(version.out()).startsWith("parley ");
        assertThat(version.err()).isEmpty();
        assertThat(folder.resolve("data")).doesNotExist();
    }

    @Test
    void aDatabaseFileThatSomeoneElseHasIsToldInOneMessage() throws Exception {
        String url = "jdbc:h2:file:" + folder.resolve("data/parley") + ";MODE=PostgreSQL";
        try (Connection other = DriverManager.getConnection(url, "sa", "")) {
            assertThat(other.isValid(1)).isTrue();

            Ended ended = parley("status");

            assertThat(ended.code()).isEqualTo(ExitCode.CONFIGURATION);
            assertThat(ended.err()).contains("parley.mv.db", "parley.data").doesNotContain("\tat ");
            assertThat(ended.err().lines().count()).isLessThanOrEqualTo(3);
            assertThat(ended.out()).isEmpty();
        }
    }

    @Test
    void twoThousandItemsLeaveNoOrphan() throws Exception { // A79, A80, A81
        JdbcClient jdbc = usePostgresql("parley_jar_many");
        String item = "  - {\"persona_id\": \"aa514346-cd61-42ac-adad-498934975402\","
                + " \"emotional_arc_id\": \"33d2ac3e-3f92-44a5-a53d-788fdece2545\","
                + " \"training_topic_id\": \"aee7b6c2-42e2-4ef4-8184-be12abe38eb5\", \"tier\": \"template\","
                + " \"templateId\": \"00000000-0000-0000-0000-000000000000\"}\n";
        Files.writeString(
                folder.resolve("jobs/many.yaml"),
                "name: Many\nitems:\n" + String.join("", Collections.nCopies(2_000, item)));

        Ended ended = parley("run", "jobs/many.yaml", "--concurrency", "32");

        assertThat(ended.code()).as(ended.toString()).isZero();
        assertThat(ended.out()).contains("2000 of 2000 items successful");
        assertThat(
                        count(
                                jdbc,
                                "SELECT count(*) FROM batch_items i JOIN conversations c ON c.id = i.conversation_id WHERE i.status = 'completed'"))
                .isEqualTo(2_000);
        assertThat(
                        count(
                                jdbc,
                                "SELECT count(*) FROM batch_items i JOIN conversations c ON c.conversation_id = i.conversation_id"))
                .isZero();
        assertThat(
                        count(
                                jdbc,
                                "SELECT count(*) FROM batch_items i JOIN conversations c ON c.conversation_id = i.conversation_key"))
                .isEqualTo(2_000);
        assertThat(count(jdbc, "SELECT count(*) FROM conversations")).isEqualTo(2_000);
        assertThat(count(jdbc, "SELECT count(*) FROM generation_logs")).isEqualTo(2_000);
        Set<String> named = Stream.of("raw_response_path", "file_path")
                .flatMap(column ->
                        jdbc.sql("SELECT " + column + " FROM conversations").query(String.class).list().stream())
                .collect(Collectors.toSet());
        assertThat(Set.copyOf(filesBelow("data/conversation-files")))
                .hasSize(4_000)
                .isEqualTo(named);
    }

    private FakeAnthropic useAnthropic() {
        FakeAnthropic anthropic = FakeAnthropic.start();
        environment.put("ANTHROPIC_API_KEY", FakeAnthropic.KEY);
        environment.put("ANTHROPIC_BASE_URL", anthropic.baseUrl());
        return anthropic;
    }

    /** A database of its own, told as platforms do. */
    private JdbcClient usePostgresql(String name) {
        String url = TestDatabase.emptyPostgresqlDatabase(name);
        String address = url.substring("jdbc:postgresql://".length(), url.indexOf('?'));
        environment.put("DATABASE_URL", "postgres://postgres@" + address + "?application_name=parley-it");
        return JdbcClient.create(TestDatabase.POSTGRESQL.connect(url));
    }

    private static long count(JdbcClient jdbc, String sql) {
        return jdbc.sql(sql).query(Long.class).single();
    }

    private long conversationFiles() throws IOException {
        return filesBelow("data/conversation-files").size();
    }

    /** Relative, without the store's own. */
    private List<String> filesBelow(String name) throws IOException {
        Path root = folder.resolve(name);
        try (Stream<Path> files = Files.walk(root)) {
            return files.filter(Files::isRegularFile)
                    .map(file -> root.relativize(file).toString())
                    .filter(path -> !path.startsWith("."))
                    .toList();
        }
    }

    private record Ended(int code, String out, String err) {}

    private Ended parley(String... command) throws Exception {
        return start(command).await();
    }

    private Running start(String... command) throws IOException {
        List<String> line = new ArrayList<>(List.of(
                JAVA.toString(), "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx256m", "-jar", JAR.toString()));
        line.addAll(List.of(command));
        ProcessBuilder builder = new ProcessBuilder(line)
                .directory(folder.toFile())
                .redirectOutput(folder.resolve("out.txt").toFile());
        builder.environment()
                .keySet()
                .removeIf(name ->
                        name.matches("(?i)(parley|spring|anthropic|storage|java_tool|jdk_java).*|DATABASE_URL"));
        builder.environment().putAll(environment);
        Process process = builder.start();
        started.add(process);
        return new Running(process, folder.resolve("out.txt"));
    }

    /** A process whose standard error is read as it comes. */
    private static final class Running {
        private final Process process;
        private final Path out;
        private final StringBuilder err = new StringBuilder(); // guarded by itself
        private final Thread reader = new Thread(this::read);

        Running(Process process, Path out) {
            this.process = process;
            this.out = out;
            reader.start();
        }

        private void read() {
            try (BufferedReader lines = process.errorReader()) {
                for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                    synchronized (err) {
                        err.append(line).append('\n');
                        err.notifyAll();
                    }
                }
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }

        boolean isAlive() {
            return process.isAlive();
        }

        /** SIGTERM. */
        void terminate() {
            process.toHandle().destroy(); // the process's own destroy would close its standard error as well
        }

        void awaitError(String text) throws InterruptedException {
            long deadline = System.nanoTime() + PATIENCE.toNanos();
            synchronized (err) {
                while (err.indexOf(text) < 0) {
                    long left = deadline - System.nanoTime();
                    assertThat(left).as("waiting for '" + text + "' in: " + err).isPositive();
                    TimeUnit.NANOSECONDS.timedWait(err, left);
                }
            }
        }

        Ended await() throws Exception {
            assertThat(process.waitFor(PATIENCE.toSeconds(), TimeUnit.SECONDS))
                    .as("ends within " + PATIENCE)
                    .isTrue();
            reader.join();
            return new Ended(process.exitValue(), Files.readString(out), err.toString());
        }
    }
}
