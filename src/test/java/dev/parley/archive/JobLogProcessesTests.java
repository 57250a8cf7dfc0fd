package dev.parley.archive;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Real processes, since locks and kills are the operating system's. */
@Timeout(value = 5, unit = TimeUnit.MINUTES)
class JobLogProcessesTests {
    private static final int LINES = 200;

    @TempDir
    Path data;

    private final UUID jobId = UUID.randomUUID();
    private final List<Process> processes = new ArrayList<>();

    @AfterEach
    void killWhatIsLeft() {
        processes.forEach(Process::destroyForcibly);
    }

    @Test
    void threeThatFinishAtOnceAndOneThatIsKilledAndRunAgainMakeOneLog() throws Exception {
        Process killed = start("killed");
        Process first = start("first");
        Process second = start("second");
        killed.destroyForcibly().waitFor();
        Process again = start("again");

        for (Process process : List.of(first, second, again)) {
            process.getOutputStream().close();
        }
        for (Process process : List.of(first, second, again)) {
            assertThat(process.waitFor()).isZero();
        }

        List<String> log = PublishedLog.of(logs(), jobId).orElseThrow().lines().toList();
        assertThat(log).isSorted().doesNotHaveDuplicates();
        assertThat(log.stream().map(line -> line.replaceFirst("^\\[.*?] ", "")))
                .containsExactlyInAnyOrderElementsOf(List.of("killed", "first", "second", "again").stream()
                        .flatMap(name -> IntStream.range(0, LINES).mapToObj(i -> name + " line " + i))
                        .toList());
        assertThat(data.resolve("spool")).isEmptyDirectory();
    }

    @Test
    void spoolOfALivingProcessIsLeftAlone() throws Exception {
        Process living = start("living");
        JobLogs logs = logs();

        try (JobLog log = logs.open(jobId)) {
            log.line("from here");
            logs.tick();
        }

        assertThat(PublishedLog.of(logs, jobId).orElseThrow())
                .endsWith("from here")
                .doesNotContain("living");
        assertThat(data.resolve("spool").resolve(jobId.toString())).isDirectoryContaining(Files::isRegularFile);
        living.getOutputStream().close();
        assertThat(living.waitFor()).isZero();
        assertThat(PublishedLog.of(logs, jobId).orElseThrow().lines()).hasSize(LINES + 1);
    }

    @Test
    void aLogMayBeLargerThanTheMemory() throws Exception {
        for (String name : List.of("first ".repeat(200), "second")) { // the second one finds the first one's lines
            Process process = start(name, 20_000, "-Xmx16m");
            process.getOutputStream().close();
            assertThat(process.waitFor()).isZero();
        }

        Path log = data.resolve("batch-logs").resolve(jobId.toString()).resolve("log.txt");
        assertThat(Files.size(log)).isGreaterThan(16 << 20);
        try (Stream<String> lines = Files.lines(log)) {
            assertThat(lines).hasSize(40_000);
        }
    }

    private JobLogs logs() {
        return new JobLogs(ArchiveFixtures.localStore(data), ArchiveFixtures.settings(data), Clock.systemUTC());
    }

    private Process start(String name) throws IOException {
        return start(name, LINES, "-Xmx64m");
    }

    private Process start(String name, int lines, String heap) throws IOException {
        Process process = new ProcessBuilder(
                        ProcessHandle.current().info().command().orElse("java"),
                        heap,
                        "-XX:TieredStopAtLevel=1",
                        "-XX:+UseSerialGC",
                        "-cp",
                        System.getProperty("java.class.path"),
                        JobLogProcess.class.getName(),
                        data.toString(),
                        jobId.toString(),
                        name,
                        Integer.toString(lines))
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
        processes.add(process);
        BufferedReader output = new BufferedReader(new InputStreamReader(process.getInputStream(), UTF_8));
        for (String line = output.readLine(); !"ready".equals(line); line = output.readLine()) {
            assertThat(line).as("output of a process that ended early").isNotNull();
        }
        return process;
    }
}
