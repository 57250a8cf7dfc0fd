package dev.parley.archive;

import java.util.Arrays;
import java.util.regex.Pattern;

/**
 * Where an object lives: a bucket, and a path of fixed prefixes and ids, never of text that a user or a model wrote.
 *
 * <p>Each part begins with a letter or a digit and holds only letters, digits, {@code . _ -}. So no name can climb out of
 * a folder, be absolute, or meet the local store's own files, which begin with a dot.
 *
 * @param bucket the bucket's name
 * @param path relative, separated by {@code /}
 */
public record ObjectName(String bucket, String path) {
    private static final Pattern PART = Pattern.compile("[A-Za-z0-9][A-Za-z0-9._-]{0,254}");

    /**
     * Checks every part.
     *
     * @throws IllegalArgumentException naming the part that is not allowed
     */
    public ObjectName {
        check(bucket, bucket, path);
        for (String part : path.split("/", -1)) {
            check(part, bucket, path);
        }
    }

    static boolean isPath(String path) {
        return Arrays.stream(path.split("/", -1))
                .allMatch(part -> PART.matcher(part).matches());
    }

    private static void check(String part, String bucket, String path) {
        if (!PART.matcher(part).matches()) {
            throw new IllegalArgumentException("Object name \"" + bucket + "/" + path + "\": the part \"" + part
                    + "\" must begin with a letter or digit and hold only letters, digits and . _ -");
        }
    }

    @Override
    public String toString() {
        return bucket + "/" + path;
    }
}
