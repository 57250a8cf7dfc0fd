package dev.parley.archive;

import jakarta.validation.Valid;
import jakarta.validation.constraints.NotBlank;
import jakarta.validation.constraints.Pattern;
import org.jspecify.annotations.Nullable;
import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.bind.DefaultValue;
import org.springframework.validation.annotation.Validated;

/**
 * Where files are kept.
 *
 * @param store {@code local} or {@code gcs}
 * @param data this machine's folder: a sub-folder per bucket of the local store, and {@code spool} for job logs. A string,
 *     since the conversion to a path would first look for a class path resource of that name
 * @param buckets names, for either store
 * @param local only for {@code store=local}
 * @param gcs only for {@code store=gcs}
 */
@Validated
@ConfigurationProperties("parley")
public record ArchiveSettings(
        @DefaultValue("local") Store store,
        @DefaultValue("data") @NotBlank String data,
        @DefaultValue @Valid Buckets buckets,
        @DefaultValue Local local,
        @DefaultValue @Valid Gcs gcs) {

    /** Which adapter. */
    public enum Store {
        LOCAL,
        GCS
    }

    /**
     * Names of buckets.
     *
     * @param conversations raw and final files
     * @param logs job logs
     */
    public record Buckets(
            @DefaultValue("conversation-files") @Pattern(regexp = NAME, message = NAME_RULE)
            String conversations,

            @DefaultValue("batch-logs") @Pattern(regexp = NAME, message = NAME_RULE)
            String logs) {
        private static final String NAME = "[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]";
        private static final String NAME_RULE =
                "must be a bucket name: 3 to 222 lower-case letters, digits and . _ -, a letter or digit at both ends";
    }

    /**
     * The local store.
     *
     * @param fsync which created files are forced to disk
     */
    public record Local(@DefaultValue("raw") Fsync fsync) {}

    /**
     * Which files of the local store survive a power cut from the moment they are created. A killed process loses none
     * of them either way. Forcing the file and its folder added 0.16 to 0.28 ms of CPU a file to 0.67 to 0.81 (three pairs of
     * 5,000, busy machine, virtual disk, after a mass deletion); a real disk takes milliseconds of waiting.
     */
    public enum Fsync {
        /** Raw answers, which cannot be had again without paying. What is made from them can be made again. */
        RAW,
        /** Every created file. */
        ALL,
        /** None. */
        NONE
    }

    /**
     * Google Cloud Storage. Credentials are the application default ones, never a setting.
     *
     * @param project for creating buckets; unset: the environment's
     * @param location of buckets that are created; unset: the service's default
     * @param emulatorHost {@code host:port} or a URL to be used, without credentials, in place of the service
     */
    public record Gcs(
            @Nullable String project,
            @Nullable String location,

            @Nullable @Pattern(regexp = "|(https?://)?[^/\\s]+/?", message = "must be host:port or http://host:port")
            String emulatorHost) {}
}
