package dev.parley.archive;

/**
 * Where an object lives: a bucket, and a path of fixed prefixes and ids, never of text that a user or a model wrote.
 *
 * @param bucket the bucket's name
 * @param path relative, separated by {@code /}
 */
public record ObjectName(String bucket, String path) {
    @Override
    public String toString() {
        return bucket + "/" + path;
    }
}
