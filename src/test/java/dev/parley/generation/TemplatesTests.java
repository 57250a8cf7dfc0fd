package dev.parley.generation;

import static org.assertj.core.api.Assertions.assertThat;

import dev.parley.catalog.PromptTemplate;
import dev.parley.catalog.Tier;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class TemplatesTests { // A62
    private static final String ARC = Samples.ARC.key();
    private static final List<String> ALL = List.of();
    private static final List<String> DAVID = List.of("david_chen");
    private static final List<String> OTHERS = List.of("someone_else");

    @Test
    void theItemsTierGoesBeforeAnyOther() {
        assertThat(selected(
                        template("scenario", Tier.SCENARIO, ARC, 9, 5, DAVID, true),
                        template("template", Tier.TEMPLATE, ARC, 1, 0, OTHERS, true)))
                .hasValue("template");
    }

    @Test
    void withoutOneOfTheTierAnyOfTheArcWillDo() {
        assertThat(selected(template("scenario", Tier.SCENARIO, ARC, 9, 5, ALL, true)))
                .hasValue("scenario");
    }

    @Test
    void otherArcsInactiveTemplatesAndThoseOfNoArcAreNeverSelected() {
        assertThat(selected(
                        template("other", Tier.TEMPLATE, "another_arc", 9, 5, ALL, true),
                        template("none", Tier.TEMPLATE, null, 9, 5, ALL, true),
                        template("inactive", Tier.TEMPLATE, ARC, 9, 5, ALL, false)))
                .isEmpty();
    }

    @Test
    void fitGoesBeforeThresholdAndThresholdBeforeRating() {
        PromptTemplate fits = template("fits", Tier.TEMPLATE, ARC, 5, 1, DAVID, true);
        PromptTemplate open = template("open", Tier.TEMPLATE, ARC, 9, 5, ALL, true);
        PromptTemplate strict = template("strict", Tier.TEMPLATE, ARC, 9.5, 1, ALL, true);
        PromptTemplate forOthers = template("for-others", Tier.TEMPLATE, ARC, 10, 5, OTHERS, true);

        assertThat(selected(open, forOthers, fits, strict)).hasValue("fits");
        assertThat(selected(open, forOthers, strict)).hasValue("strict");
        assertThat(selected(open, template("better", Tier.TEMPLATE, ARC, 9, 5.1, ALL, true)))
                .hasValue("better");
    }

    @Test
    void equalOnesAreDecidedByNameSoThatEveryProcessSelectsTheSame() {
        PromptTemplate a = template("a", Tier.TEMPLATE, ARC, 5, 1, ALL, true);
        PromptTemplate b = template("b", Tier.TEMPLATE, ARC, 5, 1, ALL, true);

        assertThat(selected(a, b)).hasValue("a");
        assertThat(selected(b, a)).hasValue("a");
    }

    private static Optional<String> selected(PromptTemplate... templates) {
        return new Templates(Samples.catalog(templates))
                .select(Samples.DAVID, Samples.ARC, Samples.TOPIC, Tier.TEMPLATE)
                .map(PromptTemplate::name);
    }

    private static PromptTemplate template(
            String name,
            Tier tier,
            String arc,
            double threshold,
            double rating,
            List<String> personas,
            boolean active) {
        return Samples.template(name, tier, arc, "text", threshold, rating, personas, ALL, active);
    }
}
