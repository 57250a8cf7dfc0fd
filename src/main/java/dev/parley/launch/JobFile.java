package dev.parley.launch;

import com.fasterxml.jackson.annotation.JsonAlias;
import com.fasterxml.jackson.annotation.JsonFormat;
import com.fasterxml.jackson.annotation.JsonProperty;
import dev.parley.catalog.Tier;
import dev.parley.work.Delivery;
import dev.parley.work.ErrorHandling;
import dev.parley.work.ItemParameters;
import dev.parley.work.Priority;
import jakarta.validation.constraints.Digits;
import jakarta.validation.constraints.Max;
import jakarta.validation.constraints.Min;
import jakarta.validation.constraints.NotBlank;
import jakarta.validation.constraints.Pattern;
import jakarta.validation.constraints.Positive;
import jakarta.validation.constraints.Size;
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
 * @param tier of the product, and of items that name none
 * @param template name or id of the template of the product, and of items that name none; null selects one by arc and tier
 * @param provider name of the model provider; null takes the configured one
 * @param maxTokens the most one answer may hold
 * @param concurrency calls in flight at most
 * @param delivery whether items are asked one by one or in the provider's batches
 * @param user whose folder the raw files go to
 * @param schedule when {@code parley serve} starts it; null is never
 */
record JobFile(
        @NotBlank @Size(max = 200) String name,
        @Nullable String description,
        @DefaultValue("template") Tier tier,
        @DefaultValue("normal") Priority priority,

        @JsonFormat(with = JsonFormat.Feature.ACCEPT_SINGLE_VALUE_AS_ARRAY)
        List<@NotBlank String> personas,

        @JsonFormat(with = JsonFormat.Feature.ACCEPT_SINGLE_VALUE_AS_ARRAY)
        List<@NotBlank String> arcs,

        @JsonFormat(with = JsonFormat.Feature.ACCEPT_SINGLE_VALUE_AS_ARRAY)
        List<@NotBlank String> topics,

        @JsonFormat(with = JsonFormat.Feature.ACCEPT_SINGLE_VALUE_AS_ARRAY)
        List<Item> items,

        @Nullable String template,
        @Nullable String provider,

        @Nullable @Pattern(regexp = "\\S{1,200}", message = "must be a model id such as claude-sonnet-5-5")
        String model,

        @Nullable @Min(256) @Max(1_000_000) Integer maxTokens,
        @Nullable @Min(1) @Max(10_000) Integer concurrency,

        @Nullable @Positive @Digits(integer = 9, fraction = 4) @JsonProperty("budget_usd")
        BigDecimal budgetUsd,

        @DefaultValue("continue") ErrorHandling errorHandling,
        @DefaultValue("live") Delivery delivery,
        @Nullable UUID user,
        @Nullable Schedule schedule) {

    /** {@link ItemParameters} as a person writes them. */
    record Item(
            @JsonProperty("persona_id") UUID personaId,
            @JsonProperty("emotional_arc_id") UUID emotionalArcId,
            @JsonProperty("training_topic_id") UUID trainingTopicId,
            @Nullable Tier tier,

            @JsonProperty("templateId") @JsonAlias("template_id") @Nullable
            UUID templateId) {

        /**
         * @param otherwise of items that name no tier
         * @param template of items that name none; the NIL UUID is not none, but asks for a selection
         */
        ItemParameters parameters(Tier otherwise, @Nullable UUID template) {
            return new ItemParameters(
                    personaId,
                    emotionalArcId,
                    trainingTopicId,
                    tier == null ? otherwise : tier,
                    templateId == null ? template : templateId);
        }
    }

    boolean hasProduct() {
        return !personas.isEmpty() || !arcs.isEmpty() || !topics.isEmpty();
    }
}
