package dev.parley.archive;

import java.util.Optional;

/** Port to an object store. Thread-safe. Every method throws {@link StoreException} when the store does not answer. */
public interface ObjectStore {
    /**
     * Makes sure that the bucket is there, creating it where that is allowed.
     *
     * @throws StoreException naming the bucket, when it is missing and cannot be created
     */
    void ensureBucket(String bucket);

    /**
     * Writes a new object; never overwrites one. An object with equal bytes counts as written, so that a repeated write
     * after a lost answer succeeds.
     *
     * @return false when another object of that name is already there; it is untouched
     */
    boolean create(ObjectName object, byte[] content, String contentType);

    /** Writes an object, replacing what is there. A reader sees the old bytes or the new ones, never a mixture. */
    void write(ObjectName object, byte[] content, String contentType);

    /** The object's bytes; empty when there is no such object. */
    Optional<byte[]> read(ObjectName object);

    /** Where a person finds it: a path or a {@code gs://} address. */
    String locate(ObjectName object);
}
