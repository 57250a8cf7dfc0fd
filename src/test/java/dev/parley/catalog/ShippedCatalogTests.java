package dev.parley.catalog;

import static org.assertj.core.api.Assertions.assertThat;

import dev.parley.TestDatabase;
import java.nio.file.Path;
import java.time.Clock;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import javax.sql.DataSource;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.EnumSource;
import org.springframework.context.annotation.AnnotationConfigApplicationContext;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.jdbc.support.JdbcTransactionManager;

/** The catalog in {@code jobs/catalog}, as an installation has it. */
@ParameterizedClass
@EnumSource(TestDatabase.class)
class ShippedCatalogTests {
    private static final Path FOLDER = Path.of("jobs", "catalog");
    private static final Pattern PLACEHOLDER = Pattern.compile("\\{\\{(.*?)}}");

    /** What generation can fill from the persona, the topic and the item. */
    private static final Set<String> VARYING = words("""
            persona_name persona_type persona_archetype persona_age persona_career persona_income persona_demographics
            persona_financial_background persona_financial_situation persona_communication_style
            persona_emotional_baseline persona_traits persona_typical_questions persona_common_concerns
            persona_language_patterns topic_name topic_key topic_description topic_category topic_complexity
            topic_example_questions topic_key_concepts typical_questions tier target_turns target_turn_count""");

    /** What it can fill from the arc alone. */
    private static final Set<String> OF_THE_ARC = words("""
            emotional_arc_name emotional_arc_type starting_emotion ending_emotion midpoint_emotion
            starting_intensity_min starting_intensity_max ending_intensity_min ending_intensity_max arc_strategy
            arc_key_principles arc_phases key_principles characteristic_phrases response_techniques avoid_tactics
            typical_turn_count_min typical_turn_count_max""");

    private final AnnotationConfigApplicationContext application = new AnnotationConfigApplicationContext();
    private final CatalogFiles files;
    private final Catalog catalog;

    ShippedCatalogTests(TestDatabase database) {
        DataSource dataSource = database.empty();
        application.registerBean(JdbcClient.class, () -> JdbcClient.create(dataSource));
        application.registerBean(JdbcTransactionManager.class, () -> new JdbcTransactionManager(dataSource));
        application.registerBean(Clock.class, Clock::systemUTC);
        application.register(
                StrictYaml.class,
                CatalogFiles.class,
                Catalogs.class,
                Personas.class,
                EmotionalArcs.class,
                TrainingTopics.class,
                PromptTemplates.class);
        application.refresh();
        files = application.getBean(CatalogFiles.class);
        files.load(FOLDER);
        catalog = application.getBean(Catalogs.class).read();
    }

    @AfterEach
    void close() {
        application.close();
    }

    @Test
    void knownIdsBelongToTheirNames() { // A58, A59, A60, A64
        assertThat(catalog.persona(UUID.fromString("aa514346-cd61-42ac-adad-498934975402")))
                .hasValueSatisfying(persona -> assertThat(persona.name()).isEqualTo("David Chen"));
        assertThat(catalog.arc(UUID.fromString("53583301-5758-4781-99df-57b9c5fc1949")))
                .hasValueSatisfying(arc -> assertThat(arc.name()).isEqualTo("Confusion → Clarity"));
        assertThat(catalog.arc(UUID.fromString("33d2ac3e-3f92-44a5-a53d-788fdece2545")))
                .hasValueSatisfying(arc -> assertThat(arc.name()).isEqualTo("Couple Conflict → Alignment"));
        assertThat(catalog.topic(UUID.fromString("aee7b6c2-42e2-4ef4-8184-be12abe38eb5")))
                .hasValueSatisfying(topic -> assertThat(topic.name()).isEqualTo("Essential Estate Planning"));
        assertThat(catalog.topic(UUID.fromString("a04a104f-96a6-4d0c-b0ea-5f44f4a2203d")))
                .hasValueSatisfying(topic -> assertThat(topic.name()).isEqualTo("Mortgage Payoff Strategy"));
        assertThat(catalog.topic("ecb118d1-ed61-4131-a1bd-7c6b30964433")).isPresent();
        assertThat(catalog.topic("99d753ea-71fa-4716-ae82-e4dc7cfe2e02")).isPresent();
    }

    @Test
    void everyArcHasATemplateOfItsOwn() { // A62
        assertThat(catalog.arcs()).hasSize(7);
        assertThat(catalog.arcs())
                .allSatisfy(arc -> assertThat(catalog.templates())
                        .filteredOn(template -> arc.key().equals(template.arcKey()))
                        .extracting(PromptTemplate::tier)
                        .containsExactly(Tier.TEMPLATE));
    }

    @Test
    void noPromptHasAHole() {
        assertThat(catalog.personas()).allSatisfy(persona -> assertThat(persona).hasNoNullFieldsOrProperties());
        assertThat(catalog.arcs()).allSatisfy(arc -> assertThat(arc).hasNoNullFieldsOrProperties());
        assertThat(catalog.topics()).allSatisfy(topic -> assertThat(topic).hasNoNullFieldsOrProperties());
        assertThat(catalog.personas())
                .allSatisfy(persona -> assertThat(List.of(
                                persona.personalityTraits(),
                                persona.typicalQuestions(),
                                persona.commonConcerns(),
                                persona.languagePatterns()))
                        .doesNotContain(List.of()));
        assertThat(catalog.arcs())
                .allSatisfy(arc -> assertThat(List.of(
                                arc.phases(),
                                arc.keyPrinciples(),
                                arc.characteristicPhrases(),
                                arc.responseTechniques(),
                                arc.avoidTactics()))
                        .doesNotContain(List.of()));
        assertThat(catalog.topics())
                .allSatisfy(topic -> assertThat(List.of(topic.typicalQuestionExamples(), topic.keyConcepts()))
                        .doesNotContain(List.of()));
    }

    @Test
    void templatesAskOnlyForWhatTheirPartMayHoldAndNameTheItem() {
        assertThat(catalog.templates()).allSatisfy(template -> {
            String[] parts = template.text().split("(?m)^---\\n");

            assertThat(parts).hasSize(2);
            assertThat(OF_THE_ARC).containsAll(placeholders(parts[0]));
            assertThat(parts[0].length()).isGreaterThan(4_096); // shorter ones are below what providers cache
            assertThat(VARYING.stream().anyMatch(placeholders(parts[1])::contains))
                    .isTrue();
            assertThat(placeholders(parts[1])).allMatch(name -> VARYING.contains(name) || OF_THE_ARC.contains(name));
            assertThat(parts[1].lines())
                    .containsOnlyOnce(
                            "persona_name: {{persona_name}}",
                            "persona_archetype: {{persona_archetype}}",
                            "emotional_arc_name: {{emotional_arc_name}}",
                            "starting_emotion: {{starting_emotion}}",
                            "midpoint_emotion: {{midpoint_emotion}}",
                            "ending_emotion: {{ending_emotion}}",
                            "topic_name: {{topic_name}}",
                            "topic_key_concepts: {{topic_key_concepts}}",
                            "target_turns: {{target_turns}}");
        });
    }

    @Test
    void arcsAskForAtLeastTheEightTurnsThatScoreBest() {
        assertThat(catalog.arcs())
                .allSatisfy(arc -> assertThat(arc.typicalTurnCountMin()).isGreaterThanOrEqualTo(8));
    }

    @Test
    void secondStartWritesNothing() {
        assertThat(files.load(FOLDER).changedAnything()).isFalse();
    }

    @Test
    void combinationThatATopicDoesNotSuitIsToldButNotForbidden() {
        Persona david = catalog.persona("pragmatic_optimist").orElseThrow();
        EmotionalArc shame = catalog.arc("shame_to_acceptance").orElseThrow();
        EmotionalArc clarity = catalog.arc("confusion_to_clarity").orElseThrow();
        TrainingTopic parents = catalog.topic("supporting_parents").orElseThrow();

        assertThat(catalog.mismatches(david, clarity, parents)).isEmpty();
        assertThat(catalog.mismatches(david, shame, parents))
                .containsExactly(new Mismatch(
                        Mismatch.Reason.UNSUITED,
                        "supporting_parents",
                        "training topic 'supporting_parents' is meant for the emotional arcs confusion_to_clarity,"
                                + " couple_conflict_to_alignment, guilt_to_permission, overwhelm_to_empowerment,"
                                + " fear_to_confidence, frustration_to_relief, not for 'shame_to_acceptance'"));
    }

    private static Set<String> placeholders(String text) {
        return PLACEHOLDER
                .matcher(text)
                .results()
                .map((MatchResult match) -> match.group(1))
                .collect(Collectors.toSet());
    }

    private static Set<String> words(String text) {
        return Set.of(text.strip().split("\\s+"));
    }
}
