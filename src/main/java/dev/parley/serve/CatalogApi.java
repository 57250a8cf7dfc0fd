package dev.parley.serve;

import dev.parley.catalog.Catalog;
import dev.parley.catalog.Catalogs;
import dev.parley.catalog.EmotionalArc;
import dev.parley.catalog.Persona;
import dev.parley.catalog.PromptTemplate;
import dev.parley.catalog.Tier;
import dev.parley.catalog.TrainingTopic;
import io.swagger.v3.oas.annotations.Operation;
import io.swagger.v3.oas.annotations.tags.Tag;
import java.util.Arrays;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RestController;

/** What conversations can be made from. */
@RestController
@RequestMapping("/api/catalog")
@Tag(name = "catalog", description = "What conversations can be made from")
class CatalogApi {
    private final Catalogs catalogs;

    CatalogApi(Catalogs catalogs) {
        this.catalogs = catalogs;
    }

    record PersonaView(
            UUID id,
            String key,
            String name,
            String archetype,
            @Nullable String occupation,
            boolean active) {}

    /** @param suitablePersonas keys of those it fits; empty is all; likewise topics */
    record ArcView(
            UUID id,
            String key,
            String name,
            String startingEmotion,
            String endingEmotion,
            String tier,
            List<String> suitablePersonas,
            List<String> suitableTopics,
            boolean active) {}

    /** @param suitablePersonas keys of those it fits; empty is all; likewise arcs */
    record TopicView(
            UUID id,
            String key,
            String name,
            @Nullable String category,
            @Nullable String description,
            List<String> suitablePersonas,
            List<String> suitableArcs,
            boolean active) {}

    /** @param arc key of the arc that it is selected for */
    record TemplateView(
            UUID id, String name, String tier, @Nullable String arc, int version, boolean active) {}

    /** @param active false is not in use any more, and not among {@code all} */
    record CatalogView(
            List<PersonaView> personas,
            List<ArcView> arcs,
            List<TopicView> topics,
            List<TemplateView> templates,
            List<String> tiers) {}

    @Operation(summary = "Personas, emotional arcs, topics, templates and tiers that a new job can be made of")
    @GetMapping
    CatalogView catalog() {
        Catalog catalog = catalogs.read();
        return new CatalogView(
                catalog.personas().stream().map(CatalogApi::view).toList(),
                catalog.arcs().stream().map(CatalogApi::view).toList(),
                catalog.topics().stream().map(CatalogApi::view).toList(),
                catalog.templates().stream().map(CatalogApi::view).toList(),
                Arrays.stream(Tier.values()).map(Tier::key).toList());
    }

    private static PersonaView view(Persona persona) {
        return new PersonaView(
                persona.id(),
                persona.key(),
                persona.name(),
                persona.archetype(),
                persona.occupation(),
                persona.active());
    }

    private static ArcView view(EmotionalArc arc) {
        return new ArcView(
                arc.id(),
                arc.key(),
                arc.name(),
                arc.startingEmotion(),
                arc.endingEmotion(),
                arc.tier().key(),
                arc.suitablePersonas(),
                arc.suitableTopics(),
                arc.active());
    }

    private static TopicView view(TrainingTopic topic) {
        return new TopicView(
                topic.id(),
                topic.key(),
                topic.name(),
                topic.category(),
                topic.description(),
                topic.suitablePersonas(),
                topic.suitableEmotionalArcs(),
                topic.active());
    }

    private static TemplateView view(PromptTemplate template) {
        return new TemplateView(
                template.id(),
                template.name(),
                template.tier().key(),
                template.arcKey(),
                template.version(),
                template.active());
    }
}
