package dev.parley.tracking;

import jakarta.validation.constraints.Max;
import jakarta.validation.constraints.Min;
import jakarta.validation.constraints.NotNull;
import java.nio.file.Path;
import java.time.Duration;
import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.bind.DefaultValue;
import org.springframework.util.unit.DataSize;
import org.springframework.validation.annotation.Validated;

/**
 * Settings under {@code parley.tracking.*}.
 *
 * @param folder where the journals are; local disk
 * @param queueCapacity what may wait for the journal, or without one for the database; the next is refused
 * @param durability what an acknowledgement promises
 * @param quota bytes of the journal
 * @param whenFull what happens when they are used up
 * @param batchSize rows written together at most
 * @param maxContent of a message
 * @param idleTimeout after which a session that nobody ended is ended at its last message
 * @param shutdownTimeout how long a close writes on to the database; the rest waits in the journal for the next start
 */
@Validated
@ConfigurationProperties("parley.tracking")
public record TrackingSettings(
        @DefaultValue("data/tracking") @NotNull Path folder,
        @DefaultValue("10000") @Min(1) @Max(10_000_000) int queueCapacity,
        @DefaultValue("journal") @NotNull Durability durability,
        @DefaultValue("1GB") @NotNull DataSize quota,
        @DefaultValue("refuse") @NotNull WhenFull whenFull,
        @DefaultValue("512") @Min(1) @Max(10_000) int batchSize,
        @DefaultValue("1MB") @NotNull DataSize maxContent,
        @DefaultValue("12h") @NotNull Duration idleTimeout,
        @DefaultValue("10s") @NotNull Duration shutdownTimeout) {

    private static final DataSize SMALLEST_QUOTA = DataSize.ofKilobytes(64);

    public TrackingSettings {
        if (quota.compareTo(SMALLEST_QUOTA) < 0) {
            throw new IllegalArgumentException("parley.tracking.quota " + quota + " is less than 64KB");
        }
        if (idleTimeout.compareTo(SessionStates.GRACE) < 0) {
            throw new IllegalArgumentException("parley.tracking.idle-timeout " + idleTimeout + " is shorter than 60s");
        }
    }

    /** When something that is acknowledged is safe, and from what. Each includes the former. */
    public enum Durability {
        /** Never: it is in memory until it is in the database, and nothing is written to disk. */
        MEMORY,
        /** A millisecond or so after it, from the end of the process; after 50 ms from that of the machine. */
        JOURNAL,
        /** Before it, from the end of the process. */
        PROCESS,
        /** Before it, from the end of the machine: it is forced to disk. */
        DISK
    }

    /** What gives way when the journal has used up its quota. */
    public enum WhenFull {
        /** What is new: it is refused, and the sender told. */
        REFUSE,
        /** What is oldest. */
        DROP_OLDEST
    }
}
