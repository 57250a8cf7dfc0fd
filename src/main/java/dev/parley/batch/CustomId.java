package dev.parley.batch;

import dev.parley.work.BatchItem;
import java.util.HexFormat;
import java.util.Locale;
import java.util.UUID;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * What a provider knows an item by, and what its result comes back with: the beginnings of job and batch as log lines show
 * them, the item, the attempt, and the how manieth request for its conversation it is. At most 64 characters.
 */
record CustomId(UUID item, int number, String text) {
    private static final Pattern SHAPE =
            Pattern.compile("[0-9a-f]{8}-([0-9a-f]{8})-([0-9a-f]{16})([0-9a-f]{16})-\\d{1,5}-(\\d{1,4})");

    static CustomId of(UUID batch, BatchItem item, int number) {
        UUID id = item.id();
        String hex = HexFormat.of().toHexDigits(id.getMostSignificantBits())
                + HexFormat.of().toHexDigits(id.getLeastSignificantBits());
        String text = item.jobId().toString().substring(0, 8) + "-" + beginning(batch) + "-" + hex + "-"
                + Math.min(item.attempts(), 99_999) + "-" + number;
        return new CustomId(id, number, text.toLowerCase(Locale.ROOT));
    }

    /** Null when it is not of this batch. */
    static @Nullable CustomId parse(UUID batch, String text) {
        Matcher shape = SHAPE.matcher(text);
        if (!shape.matches() || !shape.group(1).equals(beginning(batch))) {
            return null;
        }
        UUID item =
                new UUID(HexFormat.fromHexDigitsToLong(shape.group(2)), HexFormat.fromHexDigitsToLong(shape.group(3)));
        return new CustomId(item, Integer.parseInt(shape.group(4)), text);
    }

    static boolean isOf(UUID batch, String text) {
        return parse(batch, text) != null;
    }

    private static String beginning(UUID batch) {
        return batch.toString().substring(0, 8);
    }

    @Override
    public String toString() {
        return text;
    }
}
