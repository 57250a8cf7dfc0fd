package dev.parley.generation;

import static dev.parley.generation.Samples.template;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.parley.catalog.EmotionalArc;
import dev.parley.catalog.Persona;
import dev.parley.catalog.Tier;
import dev.parley.generation.PromptText.TemplateInvalid;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class PromptTextTests {

    @ParameterizedTest // every name that templates have used so far
    @ValueSource(
            strings = {
                "persona_name",
                "persona_type",
                "persona_archetype",
                "persona_age",
                "persona_career",
                "persona_income",
                "persona_demographics",
                "persona_financial_background",
                "persona_financial_situation",
                "persona_communication_style",
                "persona_emotional_baseline",
                "persona_traits",
                "persona_typical_questions",
                "persona_common_concerns",
                "persona_language_patterns",
                "emotional_arc_name",
                "emotional_arc_type",
                "starting_emotion",
                "ending_emotion",
                "midpoint_emotion",
                "starting_intensity_min",
                "starting_intensity_max",
                "ending_intensity_min",
                "ending_intensity_max",
                "arc_strategy",
                "arc_key_principles",
                "arc_phases",
                "key_principles",
                "characteristic_phrases",
                "response_techniques",
                "avoid_tactics",
                "typical_turn_count_min",
                "typical_turn_count_max",
                "topic_name",
                "topic_key",
                "topic_description",
                "topic_category",
                "topic_complexity",
                "topic_example_questions",
                "topic_key_concepts",
                "typical_questions",
                "tier",
                "target_turns",
                "target_turn_count",
                "style_notes"
            })
    void everyVariableResolves(String name) {
        assertThat(filled("{{" + name + "}}").variable()).isNotBlank().doesNotContain("{{");
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            {{persona_name}}           | David Chen
            {{ persona_name }}         | David Chen
            {{persona.name}}           | David Chen
            {{persona.archetype}}      | The Pragmatic Optimist
            {{persona_type}}           | david_chen
            {{emotional_arc.name}}     | Couple Conflict -> Alignment
            {{arc.strategy}}           | Name both fears first
            {{arc.starting_emotion}}   | frustration
            {{training_topic.key}}     | essential_estate_planning
            {{topic.complexity}}       | intermediate
            {{item.tier}}              | template
            {{starting_intensity_min}} | 0.6
            {{persona_traits}}         | curious; frugal
            {{target_turns}}           | 8
            {{typical_turn_count_max}} | 9
            """)
    void aPlaceholderIsReplacedByItsValue(String text, String value) {
        assertThat(filled("<" + text + ">").variable()).isEqualTo("<" + value + ">");
    }

    @Test
    void aListTakesSeveralLinesWhereItHasOneToItself() {
        assertThat(filled("Phases:\n{{arc_phases}}\nTraits: {{persona_traits}}\n{{topic_key_concepts}}")
                        .variable())
                .isEqualTo("Phases:\n- venting\n- seeing\n- deciding\nTraits: curious; frugal\n- will\n- guardian");
    }

    @Test
    void theFirstLineOfThreeDashesPartsWhatIsCachedFromWhatDiffers() {
        PromptText.Filled filled = filled("Part -- a --- b\n----\n---\r\nFor {{persona_name}}\n---\nEnd");

        assertThat(filled.stable()).isEqualTo("Rules.\nPart -- a --- b\n----\n");
        assertThat(filled.variable()).isEqualTo("For David Chen\n---\nEnd");
    }

    @Test
    void withoutSuchALineAllOfItDiffers() {
        assertThat(filled("Hello {{persona_name}}")).isEqualTo(new PromptText.Filled("Rules.", "Hello David Chen"));
    }

    @Test
    void whatAValueContainsIsNeverExpandedAgain() {
        Persona sly = persona("{{topic_name}} $1 \\ {{nothing}}", "1/2");

        assertThat(PromptText.of("Rules.", template("t", Tier.TEMPLATE, "I am {{persona_name}}."))
                        .fill(with(sly, Samples.ARC))
                        .variable())
                .isEqualTo("I am {{topic_name}} $1 \\ {{nothing}}.");
    }

    @Test
    void allPlaceholdersThatDoNotExistAreNamed() {
        assertThatThrownBy(() ->
                        PromptText.of("Rules.", template("t", Tier.TEMPLATE, "{{shoe}} {{#if x}} {{persona.hat}}\n{{")))
                .isInstanceOf(TemplateInvalid.class)
                .hasMessageContaining("template 't'")
                .hasMessageContaining("{{shoe}}")
                .hasMessageContaining("{{#if x}}")
                .hasMessageContaining("{{persona.hat}}");
    }

    @Test
    void allPlaceholdersWithoutAValueAreNamedWithTheRows() {
        Persona empty = persona("Ann", " ");
        PromptText text = PromptText.of(
                "Rules.",
                template("t", Tier.TEMPLATE, "{{persona_age}} {{persona_career}} {{persona_traits}} {{persona_name}}"));

        assertThatThrownBy(() -> text.fill(with(empty, Samples.ARC)))
                .isInstanceOf(TemplateInvalid.class)
                .hasMessageContaining("{{persona_age}}, {{persona_career}}, {{persona_traits}}")
                .hasMessageContaining("persona ann");
    }

    @Test
    void aTemplateWithNothingForTheItemIsInvalid() {
        assertThatThrownBy(() -> PromptText.of("Rules.", template("t", Tier.TEMPLATE, "All of it\n---\n \n")))
                .isInstanceOf(TemplateInvalid.class)
                .hasMessageContaining("after its --- line");
    }

    @ParameterizedTest
    @CsvSource({"6, 9, 8", "5, 5, 5", "2, 5, 4", ", , 6", "10, , 10", ", 3, 3", "3, , 6"})
    void theTargetIsTheMiddleOfTheArcsTurnsRoundedUp(Integer least, Integer most, int target) {
        assertThat(with(Samples.DAVID, arc(least, most)).targetTurns()).isEqualTo(target);
    }

    private static PromptText.Filled filled(String text) {
        return PromptText.of("Rules.", template("t", Tier.TEMPLATE, text)).fill(Samples.ingredients());
    }

    private static Ingredients with(Persona persona, EmotionalArc arc) {
        return Ingredients.of(persona, arc, Samples.TOPIC, Tier.TEMPLATE, Samples.TEMPLATE, Samples.settings());
    }

    private static Persona persona(String name, String age) {
        return new Persona(
                Samples.NIL,
                "ann",
                name,
                "a",
                age,
                null,
                null,
                null,
                null,
                null,
                null,
                null,
                List.of(),
                List.of(),
                List.of(),
                List.of(),
                true);
    }

    private static EmotionalArc arc(Integer least, Integer most) {
        return new EmotionalArc(
                Samples.NIL,
                "k",
                "n",
                "a",
                null,
                null,
                null,
                "b",
                null,
                null,
                null,
                List.of(),
                List.of(),
                List.of(),
                List.of(),
                List.of(),
                least,
                most,
                null,
                Tier.TEMPLATE,
                EmotionalArc.Category.CORE,
                List.of(),
                List.of(),
                true);
    }
}
