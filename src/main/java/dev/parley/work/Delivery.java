package dev.parley.work;

import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.Arrays;
import java.util.stream.Collectors;

/** By which of a provider's doors a job's items go; {@link #key()} is how files and the table spell it. */
public enum Delivery {
    /** One call an item, which waits for the answer. */
    @JsonProperty("live")
    LIVE("live"),
    /** Many items in one batch, at half the price, answered within a day. */
    @JsonProperty("batch")
    BATCH("batch"),
    /** Each item by batch first, and live what came back from there without an answer. */
    @JsonProperty("batch-then-live")
    BATCH_THEN_LIVE("batch-then-live");

    private final String key;

    Delivery(String key) {
        this.key = key;
    }

    public String key() {
        return key;
    }

    /** @throws IllegalArgumentException for another word, telling the known ones */
    public static Delivery of(String key) {
        return Arrays.stream(values())
                .filter(delivery -> delivery.key.equals(key))
                .findFirst()
                .orElseThrow(() -> new IllegalArgumentException("'" + key + "' is not one of "
                        + Arrays.stream(values()).map(Delivery::key).collect(Collectors.joining(", "))));
    }

    /** Whether anything goes by batch. */
    public boolean batched() {
        return this != LIVE;
    }
}
