package dev.parley;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.springframework.jdbc.core.simple.JdbcClient;

/**
 * The packaged program in processes of its own, in a folder with the shipped jobs, as its user starts it. Starts take half their
 * time by a class data archive, which is made once per jar and JDK.
 */
public final class PackagedParley implements AutoCloseable {
    private static final Path JAR = Path.of("target", "parley.jar").toAbsolutePath();
    private static final Path ARCHIVE =
            Path.of("target", "parley-" + Runtime.version().feature() + ".jsa").toAbsolutePath();
    private static final Duration PATIENCE = Duration.ofMinutes(3);

    private final Path folder;
    private final Map<String, String> environment = new TreeMap<>();
    private final List<Process> started = new ArrayList<>();

    /** @param folder an empty one, in which the program runs */
    public PackagedParley(Path folder) throws IOException {
        this.folder = folder;
        try (Stream<Path> files = Files.walk(Path.of("jobs"))) {
            for (Path file : files.filter(Files::isRegularFile).toList()) {
                Path copy = folder.resolve(file.toString());
                Files.createDirectories(copy.getParent());
                Files.copy(file, copy);
            }
        }
    }

    /** The command line that starts it, to which arguments are added. */
    public static List<String> command(String heap) {
        List<String> command = bare(heap);
        command.addAll(List.of("-XX:SharedArchiveFile=" + archive(), "-jar", JAR.toString()));
        return command;
    }

    /** The same for a main class of the tests', on their class path. */
    public static List<String> command(String heap, Class<?> main) {
        List<String> command = bare(heap);
        command.addAll(List.of("-cp", System.getProperty("java.class.path"), main.getName()));
        return command;
    }

    private static List<String> bare(String heap) {
        return new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:TieredStopAtLevel=1",
                "-XX:+UseSerialGC",
                "-Xmx" + heap));
    }

    /** Made by one process at a time: tests run in several. */
    private static synchronized Path archive() {
        try (FileChannel lock = FileChannel.open(
                        ARCHIVE.resolveSibling(ARCHIVE.getFileName() + ".lock"),
                        StandardOpenOption.CREATE,
                        StandardOpenOption.WRITE);
                FileLock held = lock.lock()) {
            assertThat(held.isValid()).isTrue();
            if (!Files.exists(ARCHIVE)
                    || Files.getLastModifiedTime(ARCHIVE).compareTo(Files.getLastModifiedTime(JAR)) < 0) {
                Path folder = Files.createTempDirectory("parley-archive");
                List<String> command = bare("256m");
                command.addAll(List.of(
                        "-XX:ArchiveClassesAtExit=" + ARCHIVE,
                        "-jar",
                        JAR.toString(),
                        "run",
                        Path.of("jobs", "demo.yaml").toAbsolutePath().toString(),
                        "--parley.data=" + folder));
                Path output = folder.resolve("output.txt");
                int code = new ProcessBuilder(command)
                        .redirectErrorStream(true)
                        .redirectOutput(output.toFile())
                        .start()
                        .waitFor();
                assertThat(code).as(Files.readString(output)).isZero();
            }
            return ARCHIVE;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    /** What is set beside the test's own environment, of which it sees nothing that concerns it. */
    public Map<String, String> environment() {
        return environment;
    }

    /** A database of its own, told as platforms do. */
    public JdbcClient usePostgresql(String name) {
        String url = TestDatabase.emptyPostgresqlDatabase(name);
        String address = url.substring("jdbc:postgresql://".length(), url.indexOf('?'));
        environment.put("DATABASE_URL", "postgres://postgres@" + address + "?application_name=parley-it");
        return JdbcClient.create(TestDatabase.POSTGRESQL.connect(url));
    }

    /** How it ended, and what it said. */
    public record Ended(int code, String out, String err) {}

    public Ended run(String... arguments) throws Exception {
        return start(arguments).await();
    }

    public Running start(String... arguments) throws IOException {
        List<String> line = command("256m");
        line.addAll(List.of(arguments));
        Path out = folder.resolve("out-" + started.size() + ".txt");
        ProcessBuilder builder =
                new ProcessBuilder(line).directory(folder.toFile()).redirectOutput(out.toFile());
        builder.environment()
                .keySet()
                .removeIf(name ->
                        name.matches("(?i)(parley|spring|anthropic|storage|java_tool|jdk_java).*|DATABASE_URL"));
        builder.environment().putAll(environment);
        Process process = builder.start();
        started.add(process);
        return new Running(process, out);
    }

    @Override
    public void close() throws InterruptedException {
        for (Process process : started) {
            process.destroyForcibly().waitFor();
        }
    }

    /** A process whose standard error is read as it comes. */
    public static final class Running {
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

        public boolean isAlive() {
            return process.isAlive();
        }

        /** SIGTERM. */
        public void terminate() {
            process.toHandle().destroy(); // the process's own destroy would close its standard error as well
        }

        public void awaitError(String text) throws InterruptedException {
            long deadline = System.nanoTime() + PATIENCE.toNanos();
            synchronized (err) {
                while (err.indexOf(text) < 0) {
                    long left = deadline - System.nanoTime();
                    assertThat(left).as("waiting for '" + text + "' in: " + err).isPositive();
                    TimeUnit.NANOSECONDS.timedWait(err, left);
                }
            }
        }

        public Ended await() throws Exception {
            assertThat(process.waitFor(PATIENCE.toSeconds(), TimeUnit.SECONDS))
                    .as("ends within " + PATIENCE)
                    .isTrue();
            reader.join();
            return new Ended(process.exitValue(), Files.readString(out), err.toString());
        }
    }
}
