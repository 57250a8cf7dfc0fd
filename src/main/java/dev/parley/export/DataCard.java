package dev.parley.export;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonProperty;
import java.math.BigDecimal;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * {@code manifest.json}: what is in an export and how it came about. It holds no time of its own, so that equal exports have
 * equal ones.
 */
@JsonInclude(JsonInclude.Include.NON_NULL)
public record DataCard(
        @JsonProperty("request") ExportRequest request,
        @JsonProperty("counts") Counts counts,
        @JsonProperty("files") List<File> files,
        @JsonProperty("models") Map<String, Long> models,
        @JsonProperty("prompt_templates") Map<String, Long> templates,
        @JsonProperty("tiers") Map<String, Long> tiers,
        @JsonProperty("input_tokens") long inputTokens,
        @JsonProperty("output_tokens") long outputTokens,
        @JsonProperty("cost_usd") BigDecimal costUsd,
        @JsonProperty("first_created_at") @Nullable Instant firstCreated,
        @JsonProperty("last_created_at") @Nullable Instant lastCreated,
        @JsonProperty("unreadable") List<UUID> unreadable,
        @JsonProperty("quality") Quality quality) {

    /** The data card's own name. */
    public static final String NAME = "manifest.json";

    /**
     * @param selected conversations that the filters let through; the others add up to it
     * @param nearDuplicates left out
     * @param unreadable left out because their document is not there, or is none
     */
    public record Counts(
            @JsonProperty("selected") long selected,
            @JsonProperty("exported") long exported,
            @JsonProperty("train") long train,
            @JsonProperty("validation") long validation,
            @JsonProperty("near_duplicates") long nearDuplicates,
            @JsonProperty("unreadable") long unreadable) {}

    /** @param records lines or rows, without a header or {@code _meta}, @param sha256 hexadecimal, of the file's bytes */
    public record File(
            @JsonProperty("name") String name,
            @JsonProperty("split") String split,
            @JsonProperty("conversations") long conversations,
            @JsonProperty("records") long records,
            @JsonProperty("bytes") long bytes,
            @JsonProperty("sha256") String sha256) {}

    static DataCard of(ExportRequest request, ExportState state) {
        long train = conversations(state, Split.TRAIN);
        long validation = conversations(state, Split.VALIDATION);
        return new DataCard(
                request,
                new Counts(state.read, train + validation, train, validation, state.duplicates, state.unreadable),
                state.files,
                state.models,
                state.templates,
                state.tiers,
                state.inputTokens,
                state.outputTokens,
                state.costUsd,
                state.firstCreated,
                state.lastCreated,
                state.unreadableKeys,
                Quality.of(state.quality, state.unreadable, request.similarity() == null ? null : state.duplicates, 0));
    }

    private static long conversations(ExportState state, Split split) {
        return state.files.stream()
                .filter(file -> file.split().equals(split.key()))
                .mapToLong(File::conversations)
                .sum();
    }
}
