package dev.parley.archive;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.EnumSource;

/** What every store promises, shown on each. */
@ParameterizedClass
@EnumSource
class ObjectStoreContractTests {
    private static final ObjectName RAW = new ObjectName("conversation-files", "raw/u-1/c-1_raw.json");
    private static final String JSON = "application/json";

    enum Kind {
        LOCAL,
        GCS
    }

    private final Kind kind;
    private final FakeGcs gcs = new FakeGcs();

    @TempDir
    Path data;

    private ObjectStore store;

    ObjectStoreContractTests(Kind kind) {
        this.kind = kind;
    }

    @BeforeEach
    void openStore() {
        store = anotherStore();
        store.ensureBucket("conversation-files");
    }

    @AfterEach
    void stop() {
        gcs.close();
    }

    @Test
    void aFolderIsListedWithEverythingBelowAndNothingBeside() {
        store.create(RAW, "a".getBytes(UTF_8), JSON);
        store.create(new ObjectName("conversation-files", "u-1/c-1/conversation.json"), "b".getBytes(UTF_8), JSON);
        store.create(new ObjectName("conversation-files", "rawer/x.json"), "c".getBytes(UTF_8), JSON);

        try (Stream<ObjectName> found = store.list("conversation-files", "raw")) {
            assertThat(found).containsExactly(RAW);
        }
        try (Stream<ObjectName> found = store.list("conversation-files", "none")) {
            assertThat(found).isEmpty();
        }
    }

    /** As another process has it. */
    private ObjectStore anotherStore() {
        return kind == Kind.LOCAL ? ArchiveFixtures.localStore(data) : ArchiveFixtures.gcsStore(gcs);
    }

    @Test
    void createdObjectIsReadByteForByte() {
        byte[] content = {0, 13, 10, -1, 65};

        boolean created = store.create(RAW, content, JSON);

        assertThat(created).isTrue();
        assertThat(anotherStore().read(RAW)).hasValue(content);
    }

    @Test
    void missingObjectIsEmpty() {
        assertThat(store.read(RAW)).isEmpty();
    }

    @Test
    void createNeverOverwrites() {
        store.create(RAW, bytes("paid for"), JSON);

        boolean created = anotherStore().create(RAW, bytes("another!"), JSON);

        assertThat(created).isFalse();
        assertThat(text(store.read(RAW))).isEqualTo("paid for");
    }

    @Test
    void createOfEqualBytesCountsAsWritten() {
        store.create(RAW, bytes("same"), JSON);

        assertThat(anotherStore().create(RAW, bytes("same"), JSON)).isTrue();
    }

    @Test
    void ofManyThatCreateOneObjectOneWins() throws Exception {
        ExecutorService lanes = Executors.newFixedThreadPool(8);
        List<Future<Boolean>> outcomes = new ArrayList<>();

        for (int i = 0; i < 8; i++) {
            byte[] content = bytes("from lane " + i);
            outcomes.add(lanes.submit(() -> store.create(RAW, content, JSON)));
        }
        int winners = 0;
        for (Future<Boolean> outcome : outcomes) {
            winners += outcome.get() ? 1 : 0;
        }
        lanes.shutdown();

        assertThat(winners).isOne();
        assertThat(text(store.read(RAW))).startsWith("from lane ");
    }

    @Test
    void writeReplaces() {
        store.write(RAW, bytes("old"), JSON);

        store.write(RAW, bytes("new"), JSON);

        assertThat(text(store.read(RAW))).isEqualTo("new");
    }

    @Test
    void uploadedFileIsReadByteForByteAndReplacesWhatWasThere() throws Exception {
        Path file = Files.write(data.resolve("file"), new byte[] {0, 13, 10, -1, 65});
        store.write(RAW, bytes("old"), JSON);

        store.upload(RAW, file, JSON);

        assertThat(anotherStore().read(RAW)).hasValue(new byte[] {0, 13, 10, -1, 65});
        assertThat(file).exists();
    }

    @Test
    void updateSeesNothingAndThenWhatItWrote() {
        long first = store.update(RAW, JSON, ArchiveFixtures.text(there -> there + "a"));
        long second = anotherStore().update(RAW, JSON, ArchiveFixtures.text(there -> there + "b"));

        assertThat(first).isEqualTo(1);
        assertThat(second).isEqualTo(2);
        assertThat(text(store.read(RAW))).isEqualTo("ab");
    }

    @Test
    void updatesAtTheSameTimeLoseNothing() throws Exception {
        List<ObjectStore> stores = List.of(store, anotherStore(), anotherStore());
        ExecutorService processes = Executors.newFixedThreadPool(stores.size());
        List<Future<?>> ends = new ArrayList<>();

        for (int i = 0; i < stores.size(); i++) {
            ObjectStore mine = stores.get(i);
            int process = i;
            ends.add(processes.submit(() -> {
                for (int n = 0; n < 5; n++) {
                    String word = process + "." + n + " ";
                    mine.update(RAW, JSON, ArchiveFixtures.text(there -> there.replace(word, "") + word));
                }
            }));
        }
        for (Future<?> end : ends) {
            end.get();
        }
        processes.shutdown();

        assertThat(text(store.read(RAW)).split(" ")).hasSize(15).doesNotHaveDuplicates();
    }

    /** What is being stored when a step is stopped has been paid for. */
    @Test
    void interruptedThreadStillStores() {
        Thread.currentThread().interrupt();

        boolean created = store.create(RAW, bytes("paid for"), JSON);
        store.update(RAW, JSON, ArchiveFixtures.text(there -> there + "!"));
        store.write(RAW, bytes("paid for!"), JSON);
        Optional<byte[]> read = store.read(RAW);

        assertThat(Thread.interrupted()).isTrue();
        assertThat(created).isTrue();
        assertThat(text(read)).isEqualTo("paid for!");
    }

    private static byte[] bytes(String text) {
        return text.getBytes(UTF_8);
    }

    private static String text(Optional<byte[]> content) {
        return new String(content.orElseThrow(), UTF_8);
    }
}
