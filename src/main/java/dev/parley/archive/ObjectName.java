package dev.parley.archive;

import java.util.Arrays;

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
    private static final int LONGEST_PART = 255;

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
        return Arrays.stream(path.split("/", -1)).allMatch(ObjectName::isPart);
    }

    /** Each object's name is checked: a regular expression would take several times as long. */
    private static boolean isPart(String part) {
        if (part.isEmpty() || part.length() > LONGEST_PART || !isLetterOrDigit(part.charAt(0))) {
            return false;
        }
        for (int i = 1; i < part.length(); i++) {
            char c = part.charAt(i);
            if (!isLetterOrDigit(c) && c != '.' && c != '_' && c != '-') {
                return false;
            }
        }
        return true;
    }

    private static boolean isLetterOrDigit(char c) {
        return c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c >= 'A' && c <= 'Z';
    }

    private static void check(String part, String bucket, String path) {
        if (!isPart(part)) {
            throw new IllegalArgumentException("Object name \"" + bucket + "/" + path + "\": the part \"" + part
                    + "\" must begin with a letter or digit and hold only letters, digits and . _ -");
        }
    }

    @Override
    public String toString() {
        return bucket + "/" + path;
    }
}
