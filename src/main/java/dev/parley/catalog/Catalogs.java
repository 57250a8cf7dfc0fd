package dev.parley.catalog;

import org.springframework.stereotype.Repository;

/** The tables {@code personas}, {@code emotional_arcs}, {@code training_topics} and {@code prompt_templates}. */
@Repository
public class Catalogs {
    private final Personas personas;
    private final EmotionalArcs arcs;
    private final TrainingTopics topics;
    private final PromptTemplates templates;

    Catalogs(Personas personas, EmotionalArcs arcs, TrainingTopics topics, PromptTemplates templates) {
        this.personas = personas;
        this.arcs = arcs;
        this.topics = topics;
        this.templates = templates;
    }

    /** Every row as it stands now, also the inactive ones: an item may name one by id. */
    public Catalog read() {
        return new Catalog(personas.all(), arcs.all(), topics.all(), templates.all());
    }
}
