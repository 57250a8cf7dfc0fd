package dev.parley.work;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonProperty;
import org.jspecify.annotations.Nullable;

/**
 * What all items of a job share, kept as JSON in {@code batch_jobs.shared_parameters}; null takes the configured default.
 *
 * @param provider name of the model provider
 * @param model the provider's model id
 * @param maxOutputTokens the most one answer may hold
 */
@JsonInclude(JsonInclude.Include.NON_NULL)
@JsonIgnoreProperties(ignoreUnknown = true)
public record JobSettings(
        @JsonProperty("provider") @Nullable String provider,
        @JsonProperty("model") @Nullable String model,
        @JsonProperty("max_tokens") @Nullable Integer maxOutputTokens) {
    public static final JobSettings DEFAULTS = new JobSettings(null, null, null);
}
