package dev.parley.generation;

import dev.parley.catalog.EmotionalArc;
import dev.parley.catalog.Persona;
import dev.parley.catalog.PromptTemplate;
import dev.parley.catalog.Tier;
import dev.parley.catalog.TrainingTopic;
import java.math.BigDecimal;
import java.math.RoundingMode;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What one conversation is made from.
 *
 * @param template null only for an answer that is already stored and whose template is gone
 * @param minTurns the fewest turns: the arc's, else the configured ones
 * @param maxTurns the most turns
 * @param targetTurns how many turns are asked for
 */
record Ingredients(
        Persona persona,
        EmotionalArc arc,
        TrainingTopic topic,
        Tier tier,
        @Nullable PromptTemplate template,
        int minTurns,
        int maxTurns,
        int targetTurns) {

    static Ingredients of(
            Persona persona,
            EmotionalArc arc,
            TrainingTopic topic,
            Tier tier,
            @Nullable PromptTemplate template,
            GenerationSettings settings) {
        Integer least = arc.typicalTurnCountMin();
        Integer most = arc.typicalTurnCountMax();
        int min = least != null ? least : Math.min(settings.minTurns(), most != null ? most : settings.minTurns());
        int max = most != null ? Math.max(most, min) : Math.max(settings.maxTurns(), min);
        return new Ingredients(persona, arc, topic, tier, template, min, max, (min + max + 1) / 2);
    }

    Ingredients withTargetTurns(int turns) {
        return new Ingredients(persona, arc, topic, tier, template, minTurns, maxTurns, turns);
    }

    /** How the document names the client, whatever the model called them. */
    String clientPersona() {
        return persona.name() + " - " + persona.archetype();
    }

    /**
     * The share, 0..1, of the rows' suitability lists that accept the others: arc, topic and template each name the
     * personas, topics and arcs they fit, and an empty list fits all.
     */
    BigDecimal compatibility() {
        int lists = 4;
        int fits = accepts(arc.suitablePersonas(), persona.key())
                + accepts(arc.suitableTopics(), topic.key())
                + accepts(topic.suitablePersonas(), persona.key())
                + accepts(topic.suitableEmotionalArcs(), arc.key());
        if (template != null) {
            lists += 2;
            fits += accepts(template.suitablePersonas(), persona.key())
                    + accepts(template.suitableTopics(), topic.key());
        }
        return BigDecimal.valueOf(fits).divide(BigDecimal.valueOf(lists), 2, RoundingMode.HALF_UP);
    }

    private static int accepts(List<String> suitable, String key) {
        return suitable.isEmpty() || suitable.contains(key) ? 1 : 0;
    }
}
