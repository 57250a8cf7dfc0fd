package dev.parley.work;

import java.util.Locale;

/** Where an item stands; {@link #key()} is how the table spells it. */
public enum ItemStatus {
    QUEUED,
    PROCESSING,
    COMPLETED,
    FAILED;

    public String key() {
        return name().toLowerCase(Locale.ROOT);
    }

    static ItemStatus of(String key) {
        return valueOf(key.toUpperCase(Locale.ROOT));
    }
}
