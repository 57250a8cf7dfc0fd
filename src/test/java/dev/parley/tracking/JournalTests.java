package dev.parley.tracking;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.parley.tracking.Entry.Message;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.atomic.LongAdder;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class JournalTests {
    private static final UUID SESSION = UUID.randomUUID();
    private static final long QUOTA = 64 * 1024;

    @TempDir
    private Path root;

    private final LongAdder damaged = new LongAdder();

    @Test
    void everyEntryComesBackAsItWas() throws Exception { // B16, B54
        List<Entry> entries = List.of(
                new Entry.Start(
                        SESSION, UUID.randomUUID(), Instant.parse("2026-11-21T03:00:00.123456Z"), "{\"a\":\"é\\n\"}"),
                new Message(
                        UUID.randomUUID(),
                        SESSION,
                        null,
                        MessageRole.SYSTEM,
                        "",
                        "https://example.org/a.ogg",
                        "{\"x\":1.10}",
                        7,
                        Instant.parse("1969-12-31T23:59:59.999999Z")),
                message(1, "line\nfeed \"quoted\" \u0000 \uD83D\uDE00"),
                new Entry.End(SESSION, UUID.randomUUID(), Instant.parse("2026-11-21T03:00:45.2Z"), 8));
        try (Journal journal = open()) {
            append(journal, entries);

            assertThat(readAll(journal)).isEqualTo(entries);
        }
    }

    @Test
    void aTailThatWasNotWrittenToItsEndIsCutAndTheRestIsThere() throws Exception {
        Path file;
        try (Journal journal = open()) {
            append(journal, List.of(message(1, "whole"), message(2, "torn")));
            file = onlySegment();
        }
        byte[] bytes = Files.readAllBytes(file);
        Files.write(file, java.util.Arrays.copyOf(bytes, bytes.length - 9));

        try (Journal journal = open()) {
            assertThat(contents(readAll(journal))).containsExactly("whole");
            append(journal, List.of(message(3, "new")));
            assertThat(damaged.sum()).isZero();
        }
        try (Journal journal = open()) {
            assertThat(contents(readAll(journal))).containsExactly("whole", "new");
        }
    }

    @Test
    void aDamagedMiddleIsKeptAsideAndTheRestIsThere() throws Exception {
        Path file;
        try (Journal journal = open()) {
            append(journal, List.of(message(1, "one"), message(2, "two"), message(3, "three")));
            file = onlySegment();
        }
        Files.writeString(file, Files.readString(file).replace("\"two\"", "\"owt\""));

        try (Journal journal = open()) {
            assertThat(contents(readAll(journal))).containsExactly("one", "three");
        }
        assertThat(damaged.sum()).isEqualTo(1);
        assertThat(Files.readString(root.resolve("0/damaged.txt"))).contains("check sum", "\"owt\"");
    }

    @Test
    void readingGoesOnFromTheCheckpointAndWhatIsBehindItIsDeleted() throws Exception {
        try (Journal journal = open()) {
            for (int i = 0; i < 200; i++) {
                append(journal, List.of(message(i, "message " + i + " " + "x".repeat(100))));
            }
            JournalBacklog backlog = backlog(journal);
            Backlog.Batch batch = backlog.next(150);
            assertThat(batch.entries()).hasSize(150);
            backlog.settled(batch.mark());
            assertThat(segments().size()).isLessThan((int) (journal.end().segment() + 1));
        }

        try (Journal journal = open()) {
            List<Entry> left = readAll(journal);

            assertThat(contents(left).get(0)).startsWith("message 150 ");
            assertThat(left).hasSize(50);
        }
    }

    @Test
    void aTornCheckpointOnlyMeansToReadMoreThanOnce() throws Exception {
        try (Journal journal = open()) {
            append(journal, List.of(message(1, "one"), message(2, "two")));
            JournalBacklog backlog = backlog(journal);
            backlog.settled(backlog.next(1).mark());
        }
        Path checkpoint = root.resolve("0/checkpoint");
        Files.writeString(checkpoint, Files.readString(checkpoint).substring(0, 30));

        try (Journal journal = open()) {
            assertThat(contents(readAll(journal))).containsExactly("one", "two");
        }
    }

    @Test
    void anOldCheckpointDoesNotHideWhatASegmentOfTheSameNumberHolds() throws Exception {
        try (Journal journal = open()) {
            append(journal, List.of(message(1, "stored")));
            JournalBacklog backlog = backlog(journal);
            backlog.settled(backlog.next(10).mark());
        }
        assertThat(segments()).isEmpty(); // all is stored

        Journal killed = open();
        append(killed, List.of(message(2, "two"), message(3, "three")));
        killed.force();

        try (Journal journal = open()) { // takes the next folder, for the first is locked by "another process"
            assertThat(journal.waiting()).isZero();
        }
        killed.close();
        try (Journal journal = open()) {
            assertThat(contents(readAll(journal))).containsExactly("two", "three");
        }
    }

    @Test
    void whatADeadProcessLeftInAnotherFolderIsTakenOver() throws Exception {
        Journal first = open();
        Journal second = open();
        append(first, List.of(message(1, "of the first")));
        append(second, List.of(message(2, "of the second")));
        first.close();
        second.close();

        try (Journal journal = open()) {
            assertThat(contents(readAll(journal))).containsExactly("of the first", "of the second");
        }
    }

    @Test
    void theOldestGiveWayWhenItIsToBeSo() throws Exception {
        try (Journal journal = open()) {
            int written = 0;
            while (!journal.isFull()) {
                append(journal, List.of(message(written, "message " + written)));
                written++;
            }

            long dropped = journal.dropOldest();

            assertThat(journal.isFull()).isFalse();
            List<Entry> left = readAll(journal);
            assertThat(dropped).isPositive();
            assertThat(contents(left))
                    .hasSize((int) (written - dropped))
                    .first()
                    .isEqualTo("message " + dropped);
        }
    }

    @Test
    void aLineLongerThanTheBlockIsRead() throws Exception {
        String large = "0123456789".repeat(100_000);
        try (Journal journal = open()) {
            append(journal, List.of(message(1, "small"), message(2, large), message(3, "last")));

            assertThat(contents(readAll(journal))).containsExactly("small", large, "last");
        }
    }

    @Test
    void whatWasTakenIsReadAgainWhenTheRestCannotBe() throws Exception {
        try (Journal journal = open()) {
            append(journal, List.of(message(1, "first"), message(2, "second")));
            journal.append("damaged\n".getBytes(StandardCharsets.UTF_8), 8);
            append(journal, List.of(message(3, "third"), message(4, "fourth")));
            Path damagedLines = Files.createDirectory(root.resolve("0/damaged.txt")); // so that it cannot be kept
            Backlog backlog = new ReadAhead(backlog(journal), Runnable::run);

            assertThat(contents(backlog.next(1).entries())).containsExactly("first");
            assertThat(contents(backlog.next(1).entries())).containsExactly("second");
            assertThatThrownBy(() -> backlog.next(2)).isInstanceOf(IOException.class);
            Files.delete(damagedLines);

            assertThat(contents(backlog.next(2).entries())).containsExactly("third", "fourth");
            assertThat(backlog.next(2).entries()).isEmpty();
            assertThat(backlog.isDone()).isTrue();
        }
    }

    @Test
    void aFolderThatCannotBeWrittenToIsNamed() throws Exception {
        Path file = Files.writeString(root.resolve("a-file"), "");

        assertThatThrownBy(() -> JournalFolder.open(file))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("a-file");
    }

    @Test
    void zerosAtTheEndAsAfterAPowerCutAreCut() throws Exception {
        try (Journal journal = open()) {
            append(journal, List.of(message(1, "whole")));
        }
        Files.write(onlySegment(), new byte[100_000], StandardOpenOption.APPEND);

        try (Journal journal = open()) {
            assertThat(contents(readAll(journal))).containsExactly("whole");
        }
        assertThat(damaged.sum()).isZero();
    }

    private Journal open() throws IOException {
        return new Journal(JournalFolder.open(root), QUOTA);
    }

    private JournalBacklog backlog(Journal journal) {
        return new JournalBacklog(journal, () -> true, damaged);
    }

    private List<Entry> readAll(Journal journal) throws IOException {
        JournalBacklog backlog = backlog(journal);
        List<Entry> entries = new ArrayList<>();
        while (!backlog.isDone()) {
            entries.addAll(backlog.next(7).entries());
        }
        return entries;
    }

    private static void append(Journal journal, List<Entry> entries) throws IOException {
        Lines.Buffer buffer = new Lines.Buffer(16);
        entries.forEach(entry -> Lines.append(entry, buffer));
        journal.append(buffer.bytes(), buffer.size());
    }

    private static Message message(int seq, String content) {
        return new Message(
                UUID.randomUUID(),
                SESSION,
                UUID.randomUUID(),
                MessageRole.USER,
                content,
                null,
                null,
                seq,
                Instant.EPOCH);
    }

    private static List<String> contents(List<Entry> entries) {
        return entries.stream().map(entry -> ((Message) entry).content()).toList();
    }

    private List<Path> segments() throws IOException {
        try (var files = Files.list(root.resolve("0"))) {
            return files.filter(file -> file.toString().endsWith(".jsonl")).toList();
        }
    }

    private Path onlySegment() throws IOException {
        List<Path> segments = segments();
        assertThat(segments).hasSize(1);
        return segments.get(0);
    }
}
