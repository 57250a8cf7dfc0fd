package dev.parley.export;

import dev.parley.archive.ObjectName;
import dev.parley.archive.ObjectStore;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.regex.Pattern;

/** Where finished files go: a folder of this machine, or a place in the object store. */
sealed interface Destination {
    /** Whether an export, or part of one, is there. */
    boolean isTaken() throws IOException;

    /** Puts a file in its place, whole or not at all, over one of the same name that a broken-off attempt left. */
    void put(Path file, String name) throws IOException;

    /** Where a person finds it. */
    String locate();

    /** @param path of the folder; made when needed */
    record Folder(Path path) implements Destination {
        private static final Pattern OURS = Pattern.compile("manifest\\.json|(train|validation)-\\d{5}\\..*");

        @Override
        public boolean isTaken() throws IOException {
            if (!Files.isDirectory(path)) {
                return false;
            }
            try (DirectoryStream<Path> files = Files.newDirectoryStream(path)) {
                for (Path file : files) {
                    if (OURS.matcher(file.getFileName().toString()).matches()) {
                        return true;
                    }
                }
            }
            return false;
        }

        @Override
        public void put(Path file, String name) throws IOException {
            Files.move(file, path.resolve(name), StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
        }

        @Override
        public String locate() {
            return path.toString();
        }
    }

    /** @param prefix the path within the bucket */
    record Bucket(ObjectStore store, String bucket, String prefix) implements Destination {
        @Override
        public boolean isTaken() {
            return store.read(object(DataCard.NAME)).isPresent();
        }

        @Override
        public void put(Path file, String name) throws IOException {
            store.upload(object(name), file, name.endsWith(".json") ? "application/json" : "application/octet-stream");
            Files.delete(file);
        }

        @Override
        public String locate() {
            return store.locate(bucket) + "/" + prefix;
        }

        private ObjectName object(String name) {
            return new ObjectName(bucket, prefix + "/" + name);
        }
    }
}
