package dev.parley.launch;

import com.fasterxml.jackson.annotation.JsonIgnore;
import com.fasterxml.jackson.annotation.JsonInclude;
import java.math.BigDecimal;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.StreamWriteFeature;
import tools.jackson.databind.PropertyNamingStrategies;
import tools.jackson.databind.json.JsonMapper;

/**
 * A job that no file asks for: what a job file says, with the same rules, spelled as JSON is here. It names the cross product of
 * personas, arcs and topics, or items one by one, or both; all else may be left out.
 *
 * @param personas keys or ids of the catalog, or only {@code all}; likewise arcs and topics
 * @param tier template, scenario or edge_case
 * @param priority low, normal or high
 * @param template name or id; null selects one by arc and tier
 * @param errorHandling continue or stop
 * @param delivery live, batch or batch-then-live
 * @param user whose folder the raw files go to
 * @param confirmedUsd what somebody has agreed to pay at the most; a job that may cost more, and more than is begun without a
 *     question, is enqueued paused
 */
public record JobOrder(
        @Nullable String name,
        @Nullable String description,
        @Nullable List<String> personas,
        @Nullable List<String> arcs,
        @Nullable List<String> topics,
        @Nullable List<Item> items,
        @Nullable String tier,
        @Nullable String priority,
        @Nullable String template,
        @Nullable String provider,
        @Nullable String model,
        @Nullable Integer maxTokens,
        @Nullable Integer concurrency,
        @Nullable BigDecimal budgetUsd,
        @Nullable String errorHandling,
        @Nullable String delivery,
        @Nullable UUID user,
        @Nullable BigDecimal confirmedUsd) {
    private static final JsonMapper AS_FILE = JsonMapper.builder()
            .propertyNamingStrategy(PropertyNamingStrategies.SNAKE_CASE)
            .changeDefaultPropertyInclusion(value -> value.withValueInclusion(JsonInclude.Include.NON_NULL))
            .enable(StreamWriteFeature.WRITE_BIGDECIMAL_AS_PLAIN)
            .addMixIn(JobOrder.class, WithoutConfirmation.class)
            .build();

    /** @param templateId null selects a template by arc and tier */
    public record Item(
            UUID personaId,
            UUID emotionalArcId,
            UUID trainingTopicId,
            @Nullable String tier,
            @Nullable UUID templateId) {}

    private interface WithoutConfirmation {
        @JsonIgnore
        @Nullable
        BigDecimal confirmedUsd();
    }

    /** JSON is YAML. */
    String asJobFile() {
        return AS_FILE.writeValueAsString(this);
    }
}
