package dev.parley.work;

import com.fasterxml.jackson.annotation.JsonValue;
import java.time.Duration;
import java.time.Instant;
import java.util.Locale;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * A row of {@code provider_batches}, as its holder took it.
 *
 * @param attempt how often it was sent, or was to be
 * @param items requests in it; 0 before it is counted
 * @param providerId the provider's id of it; null while nobody knows whether the provider has it
 * @param postedAt when it was last to be sent
 * @param lostFor how long nobody has known whether the provider has it; zero when that is known
 * @param age since it was last to be sent, or else opened
 * @param token fences every write of its holder
 */
public record ProviderBatch(
        UUID id,
        UUID jobId,
        Status status,
        int attempt,
        String provider,
        @Nullable String model,
        int items,
        @Nullable String providerId,
        @Nullable Instant postedAt,
        Duration lostFor,
        Duration age,
        UUID token) {

    /** Where it stands; the table has the lower-case names. */
    public enum Status {
        /** Its items are gathered; nothing was sent, or the provider surely does not have it. */
        PREPARING,
        /** It was to be sent, and whether it was is not known. */
        SUBMITTING,
        /** The provider has it. */
        IN_PROGRESS,
        /** The provider was told to end it. */
        CANCELING,
        /** The provider has done with it; its results are being taken. */
        ENDED,
        /** Nothing is left to do. */
        DONE;

        @JsonValue
        public String key() {
            return name().toLowerCase(Locale.ROOT);
        }
    }
}
