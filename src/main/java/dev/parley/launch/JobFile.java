package dev.parley.launch;

import com.fasterxml.jackson.annotation.JsonFormat;
import com.fasterxml.jackson.annotation.JsonProperty;
import dev.parley.catalog.Tier;
import dev.parley.work.ErrorHandling;
import dev.parley.work.ItemParameters;
import dev.parley.work.Priority;
import jakarta.validation.constraints.Max;
import jakarta.validation.constraints.Min;
import jakarta.validation.constraints.NotBlank;
import jakarta.validation.constraints.Positive;
import java.math.BigDecimal;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.springframework.boot.context.properties.bind.DefaultValue;

/**
 * A launch file, {@code jobs/*.yaml}: what to generate, and how. It names the cross product of personas, arcs and topics, or
 * items one by one, or both.
 *
 * @param personas keys or ids, or {@code all}; likewise arcs and topics
 * @param items in exactly the shape of {@code batch_items.parameters}
 * @param template name or id of the template of all items; null selects one by arc and tier
 * @param provider name of the model provider; null takes the configured one
 * @param maxTokens the most one answer may hold
 * @param concurrency calls in flight at most
 * @param user whose folder the raw files go to
 */
record JobFile(
        @NotBlank String name,
        @Nullable String description,
        @DefaultValue("template") Tier tier,
        @DefaultValue("normal") Priority priority,

        @JsonFormat(with = JsonFormat.Feature.ACCEPT_SINGLE_VALUE_AS_ARRAY)
        List<@NotBlank String> personas,

        @JsonFormat(with = JsonFormat.Feature.ACCEPT_SINGLE_VALUE_AS_ARRAY)
        List<@NotBlank String> arcs,

        @JsonFormat(with = JsonFormat.Feature.ACCEPT_SINGLE_VALUE_AS_ARRAY)
        List<@NotBlank String> topics,

        List<ItemParameters> items,
        @Nullable String template,
        @Nullable String provider,
        @Nullable String model,
        @Nullable @Min(256) @Max(1_000_000) Integer maxTokens,
        @Nullable @Min(1) @Max(10_000) Integer concurrency,
        @Nullable @Positive @JsonProperty("budget_usd") BigDecimal budgetUsd,
        @DefaultValue("continue") ErrorHandling errorHandling,
        @Nullable UUID user) {

    boolean hasProduct() {
        return !personas.isEmpty() || !arcs.isEmpty() || !topics.isEmpty();
    }
}
