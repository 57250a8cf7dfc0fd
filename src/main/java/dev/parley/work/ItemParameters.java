package dev.parley.work;

import com.fasterxml.jackson.annotation.JsonAlias;
import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonProperty;
import dev.parley.catalog.Tier;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.ObjectReader;
import tools.jackson.databind.json.JsonMapper;

/**
 * What one item asks for. Its JSON, in {@code batch_items.parameters}, in job files and on the command line, is
 * {@code {"persona_id","emotional_arc_id","training_topic_id","tier","templateId"}}; {@code template_id} is read as well.
 *
 * @param tier {@code template} where the JSON has none
 * @param templateId null (in JSON also the NIL UUID) selects a template by arc and tier
 */
@JsonInclude(JsonInclude.Include.NON_NULL)
@JsonIgnoreProperties(ignoreUnknown = true)
public record ItemParameters(
        @JsonProperty("persona_id") UUID personaId,
        @JsonProperty("emotional_arc_id") UUID emotionalArcId,
        @JsonProperty("training_topic_id") UUID trainingTopicId,
        @JsonProperty("tier") Tier tier,

        @JsonProperty("templateId") @JsonAlias("template_id") @Nullable
        UUID templateId) {

    private static final UUID NIL = new UUID(0, 0);
    private static final JsonMapper JSON = JsonMapper.shared();
    private static final ObjectReader READER = JSON.readerFor(ItemParameters.class);

    @SuppressWarnings("NullAway") // the JSON may lack any of them
    public ItemParameters {
        if (tier == null) {
            tier = Tier.TEMPLATE;
        }
        if (NIL.equals(templateId)) {
            templateId = null;
        }
    }

    /**
     * Reads the JSON of a row.
     *
     * @throws IllegalArgumentException naming what is missing or cannot be read
     */
    public static ItemParameters parse(String json) {
        ItemParameters parameters;
        try {
            parameters = READER.readValue(json);
        } catch (JacksonException e) {
            throw new IllegalArgumentException("parameters: " + e.getOriginalMessage(), e);
        }
        if (parameters == null) {
            throw new IllegalArgumentException("parameters: empty");
        }
        require("persona_id", parameters.personaId());
        require("emotional_arc_id", parameters.emotionalArcId());
        require("training_topic_id", parameters.trainingTopicId());
        return parameters;
    }

    public String toJson() {
        return JSON.writeValueAsString(this);
    }

    private static void require(String name, @Nullable UUID value) {
        if (value == null) {
            throw new IllegalArgumentException("parameters: " + name + " is missing");
        }
    }
}
