package dev.parley.work;

import java.util.Locale;

/** Where a job stands; {@link #key()} is how the table spells it. */
public enum JobStatus {
    QUEUED,
    PROCESSING,
    PAUSED,
    COMPLETED,
    FAILED,
    CANCELLED;

    public String key() {
        return name().toLowerCase(Locale.ROOT);
    }

    /** @throws IllegalArgumentException when there is none */
    public static JobStatus of(String key) {
        return valueOf(key.toUpperCase(Locale.ROOT));
    }

    /** Whether a run may claim its items. */
    public boolean open() {
        return this == QUEUED || this == PROCESSING;
    }
}
