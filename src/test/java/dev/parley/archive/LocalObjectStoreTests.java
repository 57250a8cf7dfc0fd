package dev.parley.archive;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.parley.archive.ArchiveSettings.Fsync;
import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class LocalObjectStoreTests {
    private static final ObjectName RAW =
            new ObjectName("conversation-files", "raw/00000000-0000-0000-0000-000000000000/c-1_raw.json");
    private static final byte[] CONTENT = "{}".getBytes(UTF_8);

    @TempDir
    Path data;

    @Test
    @DisplayName("A27, A28: the file's place is the bucket and the object's path, unchanged")
    void fileLiesUnderTheObjectsOwnPath() {
        LocalObjectStore store = ArchiveFixtures.localStore(data);

        store.create(RAW, CONTENT, "application/json");

        Path file = data.resolve("conversation-files/raw/00000000-0000-0000-0000-000000000000/c-1_raw.json");
        assertThat(file).hasBinaryContent(CONTENT);
        assertThat(store.locate(RAW)).isEqualTo(file.toString());
    }

    @ParameterizedTest
    @EnumSource
    void nothingStaysStaged(Fsync fsync) throws IOException {
        LocalObjectStore store = new LocalObjectStore(data, fsync);

        store.create(RAW, CONTENT, "application/json");
        store.create(RAW, new byte[0], "application/json");
        store.write(RAW, new byte[1], "application/json");

        assertThat(filesUnder(data)).containsExactly(Path.of(store.locate(RAW)));
    }

    @Test
    void withoutHardLinksAMoveTakesOnlyAFreeName() throws IOException {
        LocalObjectStore store = ArchiveFixtures.localStore(data);
        Path staged = Files.write(data.resolve("staged"), CONTENT);
        Path taken = Files.write(data.resolve("taken"), new byte[] {7});

        assertThatThrownBy(() -> store.moveIfFree(staged, taken)).isInstanceOf(FileAlreadyExistsException.class);
        store.moveIfFree(staged, data.resolve("free"));

        assertThat(taken).hasBinaryContent(new byte[] {7});
        assertThat(data.resolve("free")).hasBinaryContent(CONTENT);
    }

    @Test
    void whatKilledProcessesStagedIsRemovedAfterADay() throws IOException {
        LocalObjectStore store = ArchiveFixtures.localStore(data);
        Path staging = Files.createDirectories(data.resolve("conversation-files/.tmp/3f"));
        Path old = Files.write(staging.resolve("old"), CONTENT);
        Path young = Files.write(staging.resolve("young"), CONTENT);
        Instant written = Files.getLastModifiedTime(young).toInstant();
        Files.setLastModifiedTime(old, FileTime.from(written.minus(Duration.ofHours(25))));

        store.ensureBucket("conversation-files");

        assertThat(filesUnder(data)).containsExactly(young);
    }

    @Test
    void aFileWhereAFolderShouldBeIsNamed() throws IOException {
        Files.write(data.resolve("conversation-files"), CONTENT);
        LocalObjectStore store = ArchiveFixtures.localStore(data);

        assertThatThrownBy(() -> store.ensureBucket("conversation-files"))
                .isInstanceOf(StoreException.class)
                .hasMessageContaining("conversation-files")
                .hasMessageContaining("is a file where a folder should be");
        assertThatThrownBy(() -> store.create(RAW, CONTENT, "application/json"))
                .isInstanceOf(StoreException.class)
                .hasMessageStartingWith("Cannot create " + RAW + ": ");
    }

    @Test
    void aFolderWhereAFileShouldBeIsAFailureAndNoConflict() throws IOException {
        LocalObjectStore store = ArchiveFixtures.localStore(data);
        Files.createDirectories(Path.of(store.locate(RAW)));

        assertThatThrownBy(() -> store.create(RAW, CONTENT, "application/json"))
                .isInstanceOf(StoreException.class)
                .hasMessageContaining("IOException: Is a directory");
        assertThatThrownBy(() -> store.read(RAW)).isInstanceOf(StoreException.class);
    }

    @ParameterizedTest
    @ValueSource(strings = {"../x", "/x", "a//b", "", "a/", "a/../b", ".tmp/x", "a\\b", "a/b c", "a\0", "a/\n", "ä"})
    void namesThatLeaveTheFolderOrAreOddAreRefused(String path) {
        assertThatThrownBy(() -> new ObjectName("batch-logs", path))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("must begin with a letter or digit");
        assertThatThrownBy(() -> new ObjectName(path, "x")).isInstanceOf(IllegalArgumentException.class);
    }

    private static List<Path> filesUnder(Path folder) throws IOException {
        try (Stream<Path> files = Files.walk(folder)) {
            return files.filter(Files::isRegularFile).toList();
        }
    }
}
