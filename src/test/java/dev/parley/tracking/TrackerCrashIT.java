package dev.parley.tracking;

import static org.assertj.core.api.Assertions.assertThat;

import dev.parley.TestDatabase;
import dev.parley.tracking.Entry.Message;
import dev.parley.tracking.TrackingSettings.Durability;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.MappedByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.springframework.jdbc.core.simple.JdbcClient;

/** Real processes that track at 20,000 messages a second and are killed at a random moment, one after the other. */
class TrackerCrashIT {
    private static final long SEED = 20261121;
    private static final int KILLS = Integer.getInteger("parley.tracker.crash.kills", 20);
    private static final int PER_SECOND = 20_000;
    private static final Duration LONGEST_LIFE = Duration.ofMillis(600);
    private static final Duration PATIENCE = Duration.ofMinutes(3);
    private static final UUID USER = UUID.randomUUID();

    @TempDir
    private Path folder;

    /**
     * @param journalled number of the last message that was in the journal when it was dead; -1 for none
     * @param accepted how many the tracker had taken
     * @param acknowledged how many futures had completed
     */
    private record Kill(Durability durability, UUID session, long journalled, long accepted, long acknowledged) {}

    @Test
    @Timeout(value = 10, unit = TimeUnit.MINUTES)
    void whatWasJournalledOrAcknowledgedIsThereOnceAndInOrder() throws Exception {
        JdbcClient jdbc = JdbcClient.create(TestDatabase.POSTGRESQL.empty());
        Random random = new Random(SEED);
        List<Kill> kills = new ArrayList<>();
        for (int i = 0; i < KILLS; i++) {
            Durability durability = List.of(Durability.JOURNAL, Durability.JOURNAL, Durability.PROCESS, Durability.DISK)
                    .get(i % 4);
            kills.add(runAndKill(durability, Duration.ofNanos(random.nextLong(LONGEST_LIFE.toNanos())), i));
        }

        try (ConversationTracker last = Fixture.tracker(
                TestDatabase.POSTGRESQL.dataSource(), Clock.systemUTC(), Fixture.settings(folder.resolve("journal")))) {
            Fixture.await(() -> last.health().waitingBytes() == 0, "the journal is not replayed");
            assertThat(last.health().damaged()).isZero();
            assertThat(last.health().deadLetters()).isZero();
        }
        long worst = 0;
        for (Kill kill : kills) {
            List<Long> stored = jdbc.sql(
                            "SELECT CAST(content AS bigint) FROM conversation_messages WHERE session_id = ? ORDER BY seq")
                    .param(kill.session())
                    .query(Long.class)
                    .list();
            for (int i = 0; i < stored.size(); i++) {
                assertThat(stored.get(i)).as("order, no gap, nothing twice").isEqualTo(i);
            }
            assertThat((long) stored.size()).as("journalled").isGreaterThan(kill.journalled());
            if (kill.durability().compareTo(Durability.PROCESS) >= 0) {
                assertThat((long) stored.size()).as("acknowledged").isGreaterThanOrEqualTo(kill.acknowledged());
            }
            worst = Math.max(worst, kill.accepted() - stored.size());
        }
        System.out.printf(
                "%d kills, %d messages; at most %d accepted ones lost, which is %.1f ms of traffic%n",
                kills.size(),
                jdbc.sql("SELECT count(*) FROM conversation_messages")
                        .query(Long.class)
                        .single(),
                worst,
                1e3 * worst / PER_SECOND);
    }

    private Kill runAndKill(Durability durability, Duration life, int number) throws Exception {
        Path shared = folder.resolve("shared-" + number);
        UUID session = UUID.randomUUID();
        Process process = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-XX:TieredStopAtLevel=1",
                        "-XX:+UseSerialGC",
                        "-Xmx64m",
                        "-cp",
                        System.getProperty("java.class.path"),
                        Traffic.class.getName(),
                        TestDatabase.POSTGRESQL.url(),
                        folder.resolve("journal").toString(),
                        durability.name(),
                        shared.toString(),
                        session.toString())
                .redirectErrorStream(true)
                .redirectOutput(folder.resolve("process-" + number + ".out").toFile())
                .start();
        try (Shared counters = new Shared(shared)) {
            long deadline = System.nanoTime() + PATIENCE.toNanos();
            while (counters.accepted() == 0) {
                assertThat(process.isAlive())
                        .as("see process-%d.out in %s", number, folder)
                        .isTrue();
                assertThat(System.nanoTime()).isLessThan(deadline);
                LockSupport.parkNanos(1_000_000);
            }
            LockSupport.parkNanos(life.toNanos());
            process.destroyForcibly().waitFor();
            return new Kill(durability, session, lastJournalled(session), counters.accepted(), counters.acknowledged());
        } finally {
            process.destroyForcibly().waitFor();
        }
    }

    private long lastJournalled(UUID session) throws IOException {
        long last = -1;
        try (Stream<Path> files = Files.walk(folder.resolve("journal"))) {
            for (Path file :
                    files.filter(one -> one.toString().endsWith(".jsonl")).toList()) {
                byte[] bytes = Files.readAllBytes(file);
                int begin = 0;
                for (int i = 0; i < bytes.length; i++) {
                    if (bytes[i] == '\n') {
                        last = Math.max(last, number(Arrays.copyOfRange(bytes, begin, i), session));
                        begin = i + 1;
                    }
                }
            }
        }
        return last;
    }

    private static long number(byte[] line, UUID session) {
        try {
            Entry entry = Lines.parse(line, 0, line.length);
            return entry instanceof Message message && message.sessionId().equals(session)
                    ? Long.parseLong(message.content())
                    : -1;
        } catch (Lines.DamagedLineException e) {
            throw new AssertionError(e);
        }
    }

    /** Two counters in memory that outlives the process which writes them. */
    private static final class Shared implements AutoCloseable {
        private final MappedByteBuffer memory;
        private final RandomAccessFile file;

        Shared(Path path) throws IOException {
            file = new RandomAccessFile(path.toFile(), "rw");
            memory = file.getChannel().map(FileChannel.MapMode.READ_WRITE, 0, 16);
        }

        long accepted() {
            return memory.getLong(0);
        }

        long acknowledged() {
            return memory.getLong(8);
        }

        @Override
        public void close() throws IOException {
            file.close();
        }
    }

    /** The process that is killed. */
    static final class Traffic {
        private Traffic() {}

        public static void main(String[] arguments) throws Exception {
            ((ch.qos.logback.classic.Logger) org.slf4j.LoggerFactory.getLogger("ROOT"))
                    .setLevel(ch.qos.logback.classic.Level.WARN);
            ConversationTracker tracker = Fixture.tracker(
                    TestDatabase.POSTGRESQL.connect(arguments[0]),
                    Clock.systemUTC(),
                    Fixture.settings(Path.of(arguments[1]), "durability=" + arguments[2], "queue-capacity=100000"));
            boolean durable = Durability.valueOf(arguments[2]).compareTo(Durability.PROCESS) >= 0;
            Shared counters = new Shared(Path.of(arguments[3]));
            UUID session = UUID.fromString(arguments[4]);
            tracker.start(session, USER, null);
            long begun = System.nanoTime();
            for (long number = 0; ; number++) {
                long due = begun + number * 1_000_000_000L / PER_SECOND;
                while (System.nanoTime() - due < 0) {
                    LockSupport.parkNanos(50_000);
                }
                TrackedMessage message = TrackedMessage.of(session, MessageRole.USER, String.valueOf(number));
                long count = number + 1;
                if (durable) {
                    tracker.trackDurable(message).thenAccept(result -> counters.memory.putLong(8, count));
                } else {
                    tracker.track(message);
                }
                counters.memory.putLong(0, count);
            }
        }
    }
}
