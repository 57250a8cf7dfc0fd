package dev.parley.work;

import com.fasterxml.jackson.annotation.JsonIgnore;
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
 * @param delivery by which of the provider's doors; kept in a column of its own, for claims ask for it
 */
@JsonInclude(JsonInclude.Include.NON_NULL)
@JsonIgnoreProperties(ignoreUnknown = true)
public record JobSettings(
        @JsonProperty("provider") @Nullable String provider,
        @JsonProperty("model") @Nullable String model,
        @JsonProperty("max_tokens") @Nullable Integer maxOutputTokens,
        @JsonIgnore Delivery delivery) {
    public static final JobSettings DEFAULTS = new JobSettings(null, null, null, Delivery.LIVE);

    @SuppressWarnings("ConstantValue") // from JSON, which does not have it
    public JobSettings {
        delivery = delivery == null ? Delivery.LIVE : delivery;
    }

    public JobSettings with(Delivery other) {
        return new JobSettings(provider, model, maxOutputTokens, other);
    }
}
