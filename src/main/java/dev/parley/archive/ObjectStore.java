package dev.parley.archive;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Path;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * Port to an object store. Thread-safe. Every method throws {@link StoreException} when the store does not answer.
 *
 * <p>An interrupt does not cut an operation short: what is being stored has been paid for. The thread's interrupt flag is
 * set again on return.
 */
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

    /** The same with the bytes of a file of this machine, which need not fit into memory. */
    void upload(ObjectName object, Path file, String contentType);

    /**
     * Replaces an object by a function of itself, so that processes that do this at the same time lose nothing: the new
     * bytes are written only over the very bytes that the function was given.
     *
     * @param change may run several times, and on bytes that hold its own effect already (an answer was lost), so applying it
     *     twice must equal applying it once
     * @return how many bytes are there now
     */
    long update(ObjectName object, String contentType, Change change);

    /** What becomes of an object. Neither what it was nor what it shall be need fit into memory. */
    @FunctionalInterface
    interface Change {
        /**
         * @param there the bytes that are there; none where there is no object
         * @param next takes those that shall be there
         */
        void apply(InputStream there, OutputStream next) throws IOException;
    }

    /**
     * Copies the object's bytes, which need not fit into memory, over a file of this machine.
     *
     * @return false when there is no such object; the file is untouched
     */
    boolean download(ObjectName object, Path file);

    /** The object's bytes; empty when there is no such object. */
    Optional<byte[]> read(ObjectName object);

    /**
     * The objects in a folder of a bucket and below, in no order and found as the stream is read; those made meanwhile may be
     * missed. To be closed.
     */
    Stream<ObjectName> list(String bucket, String folder);

    /** Where a person finds a bucket: a path or a {@code gs://} address. */
    String locate(String bucket);

    /** Where a person finds an object. */
    String locate(ObjectName object);
}
