package dev.parley.catalog;

import java.util.Collection;
import java.util.LinkedHashMap;
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

    /** By key or by the text of an id, as people name it in job files. */
    public Optional<Persona> persona(String keyOrId) {
        return find(keyOrId, personas, Persona::key);
    }

    /** By key or by the text of an id, as people name it in job files. */
    public Optional<EmotionalArc> arc(String keyOrId) {
        return find(keyOrId, arcs, EmotionalArc::key);
    }

    /** By key or by the text of an id, as people name it in job files. */
    public Optional<TrainingTopic> topic(String keyOrId) {
        return find(keyOrId, topics, TrainingTopic::key);
    }

    /** By name or by the text of an id, as people name it in job files. */
    public Optional<PromptTemplate> template(String nameOrId) {
        return find(nameOrId, templates, PromptTemplate::name);
    }

    /** What speaks against putting these together; nothing of it forbids it. */
    public List<Mismatch> mismatches(Persona persona, EmotionalArc arc, TrainingTopic topic) {
        return Mismatch.among(persona, arc, topic);
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

    private static <T> Optional<T> find(String name, Map<UUID, T> rows, Function<T, String> key) {
        return rows.values().stream()
                .filter(row -> key.apply(row).equals(name))
                .findFirst()
                .or(() -> uuid(name).map(rows::get));
    }

    private static Optional<UUID> uuid(String text) {
        try {
            return text.length() == 36 ? Optional.of(UUID.fromString(text)) : Optional.empty();
        } catch (IllegalArgumentException e) {
            return Optional.empty();
        }
    }

    private static <T> Map<UUID, T> byId(Collection<T> rows, Function<T, UUID> id) {
        return rows.stream().collect(Collectors.toMap(id, Function.identity(), (a, b) -> a, LinkedHashMap::new));
    }
}
