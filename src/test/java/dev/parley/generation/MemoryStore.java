package dev.parley.generation;

import dev.parley.archive.ObjectName;
import dev.parley.archive.ObjectStore;
import dev.parley.archive.StoreException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/** Objects by path, in memory; breaks where it is told to. */
final class MemoryStore implements ObjectStore {
    final Map<String, byte[]> objects = new TreeMap<>();
    int failingCreates;
    int failingWrites;
    int failingReads;
    Runnable beforeCreate = () -> {};

    void put(String path, String content) {
        objects.put(path, content.getBytes(StandardCharsets.UTF_8));
    }

    String text(String path) {
        return new String(objects.get(path), StandardCharsets.UTF_8);
    }

    @Override
    public void ensureBucket(String bucket) {}

    @Override
    public boolean create(ObjectName object, byte[] content, String contentType) {
        beforeCreate.run();
        if (failingCreates > 0) {
            failingCreates--;
            throw unavailable("create", object);
        }
        byte[] there = objects.putIfAbsent(object.path(), content);
        return there == null || Arrays.equals(there, content);
    }

    @Override
    public void write(ObjectName object, byte[] content, String contentType) {
        if (failingWrites > 0) {
            failingWrites--;
            throw unavailable("write", object);
        }
        objects.put(object.path(), content);
    }

    @Override
    public Optional<byte[]> read(ObjectName object) {
        if (failingReads > 0) {
            failingReads--;
            throw unavailable("read", object);
        }
        return Optional.ofNullable(objects.get(object.path()));
    }

    @Override
    public java.util.stream.Stream<ObjectName> list(String bucket, String folder) {
        return objects.keySet().stream()
                .filter(path -> path.startsWith(folder + "/"))
                .map(path -> new ObjectName(bucket, path));
    }

    @Override
    public String locate(String bucket) {
        return bucket;
    }

    @Override
    public String locate(ObjectName object) {
        return object.toString();
    }

    /** Not needed here; the port may ask for it. */
    @Override
    public void upload(ObjectName object, Path file, String contentType) {
        throw new UnsupportedOperationException("no generation uploads files");
    }

    @Override
    public long update(ObjectName object, String contentType, Change change) {
        throw new UnsupportedOperationException();
    }

    @Override
    public boolean download(ObjectName object, Path file) {
        throw new UnsupportedOperationException();
    }

    private static StoreException unavailable(String what, ObjectName object) {
        return new StoreException("cannot " + what + " " + object + ": 503 backend unavailable", null);
    }
}
