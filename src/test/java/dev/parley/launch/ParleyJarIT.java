package dev.parley.launch;

import static org.assertj.core.api.Assertions.assertThat;

import dev.parley.PackagedParley;
import dev.parley.PackagedParley.Ended;
import dev.parley.PackagedParley.Running;
import dev.parley.provider.FakeAnswer;
import dev.parley.provider.FakeAnthropic;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.util.Collections;
import java.util.List;
import java.util.Set;
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
    @TempDir
    private Path folder;

    private PackagedParley parley;

    @BeforeEach
    void prepare() throws IOException {
        parley = new PackagedParley(folder);
    }

    @AfterEach
    void endAll() throws InterruptedException {
        parley.close();
    }

    @Test
    void theFirstRunNeedsNothingAndTheSecondMakesNothing() throws Exception { // A50, A64
        Ended first = parley.run();
        Ended second = parley.run("run", "jobs/demo.yaml");
        long filesOfSecond = conversationFiles();
        Ended again = parley.run("run", "jobs/demo.yaml", "--again");
        Ended status = parley.run("status", "--json");

        assertThat(first.code()).as(first.toString()).isZero();
        assertThat(first.out())
                .contains("8 items enqueued", "8 of 8 items successful (100.0 %), 0 failed", "for example");
        assertThat(first.err()).isEmpty();
        assertThat(second.out()).contains("Nothing to do; --again makes a new job", "8 of 8 items successful");
        assertThat(second.code()).isZero();
        assertThat(filesOfSecond).isEqualTo(16);
        assertThat(again.code()).isZero();
        assertThat(conversationFiles()).isEqualTo(32);
        assertThat(filesBelow("data/batch-logs"))
                .as("a log and a report of each job")
                .hasSize(4)
                .allMatch(path -> path.matches(".*/(log\\.txt|report\\.html)"));
        assertThat(status.err()).isEmpty();
        assertThat(status.out().strip()).startsWith("[").endsWith("]");
    }

    @Test
    void databaseUrlOfAPlatformIsEnoughForPostgresql() throws Exception {
        JdbcClient jdbc = parley.usePostgresql("parley_jar_demo");

        Ended first = parley.run();
        Ended second = parley.run();

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
        Ended ended = parley.run("run", "jobs/demo.yaml", "--parley.offline.failures.refused=1");

        assertThat(ended.code()).as(ended.toString()).isEqualTo(ExitCode.FAILED_ITEMS);
        assertThat(ended.out()).contains("0 of 8 items successful (0.0 %), 8 failed", "8 × ");
    }

    @Test
    void aPausedJobIsExitCodeFourAndSaysWhy() throws Exception {
        try (FakeAnthropic anthropic = useAnthropic()) {
            anthropic.answersOtherwise(FakeAnswer.error(402, "billing_error", "your credit is used up"));

            Ended ended = parley.run("run", "jobs/demo.yaml");

            assertThat(ended.code()).as(ended.toString()).isEqualTo(ExitCode.PAUSED);
            assertThat(ended.out()).contains("your credit is used up", "parley resume");
            assertThat(ended.out() + ended.err()).doesNotContain(FakeAnthropic.KEY); // A36
        }
    }

    @Test
    void aFirstSignalLetsCallsInFlightFinishAndTheNextRunGoesOn() throws Exception {
        JdbcClient jdbc = parley.usePostgresql("parley_jar_stop");
        try (FakeAnthropic anthropic = useAnthropic()) {
            CountDownLatch gate = new CountDownLatch(1);
            anthropic.answersOtherwise(FakeAnswer.conversation().after(gate));
            Running run = parley.start("run", "jobs/demo.yaml", "--concurrency", "2");
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

            Ended next = parley.run("run", "jobs/demo.yaml");

            assertThat(next.code()).as(next.toString()).isZero();
            assertThat(anthropic.calls()).isEqualTo(8);
        }
    }

    @Test
    void aSecondSignalEndsAtOnceAndStillGivesEverythingBack() throws Exception {
        JdbcClient jdbc = parley.usePostgresql("parley_jar_stop_now");
        try (FakeAnthropic anthropic = useAnthropic()) {
            anthropic.answersOtherwise(FakeAnswer.hang());
            Running run = parley.start("run", "jobs/demo.yaml", "--concurrency", "4");
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
        JdbcClient jdbc = parley.usePostgresql("parley_jar_serve");
        Path nightly = folder.resolve("jobs/nightly.yaml");
        Files.writeString(nightly, Files.readString(nightly).replace("cron: 0 0 2 * * *", "cron: '* * * * * *'"));
        Running serve = parley.start("serve", "--yes", "--server.port=0");
        while (count(jdbc, "SELECT count(*) FROM pg_tables WHERE tablename = 'schedules'") == 0
                || count(jdbc, "SELECT count(*) FROM batch_jobs WHERE status = 'completed'") < 2) {
            assertThat(serve.isAlive()).isTrue();
            TimeUnit.MILLISECONDS.sleep(100);
        }

        serve.terminate();
        Ended stopped = serve.await();
        Ended status = parley.run("status");

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
        Ended version = parley.run("--version", "--spring.datasource.url=jdbc:foo:nowhere");

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

            Ended ended = parley.run("status");

            assertThat(ended.code()).isEqualTo(ExitCode.CONFIGURATION);
            assertThat(ended.err()).contains("parley.mv.db", "parley.data").doesNotContain("\tat ");
            assertThat(ended.err().lines().count()).isLessThanOrEqualTo(3);
            assertThat(ended.out()).isEmpty();
        }
    }

    @Test
    void twoThousandItemsLeaveNoOrphan() throws Exception { // A79, A80, A81
        JdbcClient jdbc = parley.usePostgresql("parley_jar_many");
        String item = "  - {\"persona_id\": \"aa514346-cd61-42ac-adad-498934975402\","
                + " \"emotional_arc_id\": \"33d2ac3e-3f92-44a5-a53d-788fdece2545\","
                + " \"training_topic_id\": \"aee7b6c2-42e2-4ef4-8184-be12abe38eb5\", \"tier\": \"template\","
                + " \"templateId\": \"00000000-0000-0000-0000-000000000000\"}\n";
        Files.writeString(
                folder.resolve("jobs/many.yaml"),
                "name: Many\nitems:\n" + String.join("", Collections.nCopies(2_000, item)));

        Ended ended = parley.run("run", "jobs/many.yaml", "--concurrency", "32");

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
        parley.environment().put("ANTHROPIC_API_KEY", FakeAnthropic.KEY);
        parley.environment().put("ANTHROPIC_BASE_URL", anthropic.baseUrl());
        return anthropic;
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
}
