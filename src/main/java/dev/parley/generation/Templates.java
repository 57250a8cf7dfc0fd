package dev.parley.generation;

import static java.util.Comparator.comparing;
import static java.util.Comparator.comparingDouble;
import static java.util.Comparator.comparingInt;

import dev.parley.catalog.Catalog;
import dev.parley.catalog.EmotionalArc;
import dev.parley.catalog.Persona;
import dev.parley.catalog.PromptTemplate;
import dev.parley.catalog.Tier;
import dev.parley.catalog.TrainingTopic;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;

/** Selects a template for an item that names none. Immutable. */
final class Templates {
    private final Map<String, List<PromptTemplate>> activeByArc;

    Templates(Catalog catalog) {
        activeByArc = catalog.templates().stream()
                .filter(template -> template.active() && template.arcKey() != null)
                .collect(Collectors.groupingBy(Templates::arcKey));
    }

    /** The best active template of the arc and tier, else of the arc at any tier. */
    Optional<PromptTemplate> select(Persona persona, EmotionalArc arc, TrainingTopic topic, Tier tier) {
        Comparator<PromptTemplate> better = comparingInt((PromptTemplate template) -> fit(template, persona, topic))
                .thenComparing(comparingDouble(PromptTemplate::qualityThreshold))
                .thenComparing(comparingDouble(PromptTemplate::rating))
                .thenComparing(comparing(PromptTemplate::name).reversed()); // equal ones: always the same
        List<PromptTemplate> ofArc = activeByArc.getOrDefault(arc.key(), List.of());
        return ofArc.stream()
                .filter(template -> template.tier() == tier)
                .max(better)
                .or(() -> ofArc.stream().max(better));
    }

    private static int fit(PromptTemplate template, Persona persona, TrainingTopic topic) {
        return fit(template.suitablePersonas(), persona.key()) + fit(template.suitableTopics(), topic.key());
    }

    /** Named beats open to all, which beats meant for others. */
    private static int fit(List<String> suitable, String key) {
        if (suitable.isEmpty()) {
            return 1;
        }
        return suitable.contains(key) ? 2 : 0;
    }

    private static String arcKey(PromptTemplate template) {
        return java.util.Objects.requireNonNull(template.arcKey());
    }
}
