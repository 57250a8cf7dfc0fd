package dev.parley.catalog;

import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.function.Function;
import java.util.stream.Collectors;

/** Everything conversations are made from, as it stood when it was read. Immutable. */
public final class Catalog {
    private final Map<UUID, Persona> personas;
    private final Map<UUID, EmotionalArc> arcs;
    private final Map<UUID, TrainingTopic> topics;
    private final Map<UUID, PromptTemplate> templates;

    public Catalog(
            Collection<Persona> personas,
            Collection<EmotionalArc> arcs,
            Collection<TrainingTopic> topics,
            Collection<PromptTemplate> templates) {
        this.personas = byId(personas, Persona::id);
        this.arcs = byId(arcs, EmotionalArc::id);
        this.topics = byId(topics, TrainingTopic::id);
        this.templates = byId(templates, PromptTemplate::id);
    }

    public Optional<Persona> persona(UUID id) {
        return Optional.ofNullable(personas.get(id));
    }

    public Optional<EmotionalArc> arc(UUID id) {
        return Optional.ofNullable(arcs.get(id));
    }

    public Optional<TrainingTopic> topic(UUID id) {
        return Optional.ofNullable(topics.get(id));
    }

    public Optional<PromptTemplate> template(UUID id) {
        return Optional.ofNullable(templates.get(id));
    }

    public List<Persona> personas() {
        return List.copyOf(personas.values());
    }

    public List<EmotionalArc> arcs() {
        return List.copyOf(arcs.values());
    }

    public List<TrainingTopic> topics() {
        return List.copyOf(topics.values());
    }

    public List<PromptTemplate> templates() {
        return List.copyOf(templates.values());
    }

    private static <T> Map<UUID, T> byId(Collection<T> rows, Function<T, UUID> id) {
        return rows.stream()
                .collect(Collectors.toMap(id, Function.identity(), (a, b) -> a, java.util.LinkedHashMap::new));
    }
}
