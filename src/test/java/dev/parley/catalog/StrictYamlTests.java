package dev.parley.catalog;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import com.fasterxml.jackson.annotation.JsonAlias;
import com.fasterxml.jackson.annotation.JsonCreator;
import com.fasterxml.jackson.annotation.JsonFormat;
import com.fasterxml.jackson.annotation.JsonProperty;
import jakarta.validation.constraints.AssertTrue;
import jakarta.validation.constraints.Max;
import jakarta.validation.constraints.Min;
import jakarta.validation.constraints.NotBlank;
import jakarta.validation.constraints.Size;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.ZoneId;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.UUID;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.springframework.boot.context.properties.bind.DefaultValue;

class StrictYamlTests {
    private final StrictYaml yaml = new StrictYaml();

    @TempDir
    Path folder;

    record Launch(
            @NotBlank String name,
            @Nullable UUID id,
            @DefaultValue("template") Tier tier,
            @Nullable @Min(1) @Max(500) Integer concurrency,
            @Nullable BigDecimal budgetUsd,
            @DefaultValue("30s") Duration linger,
            @Nullable ZoneId zone,
            @DefaultValue("false") boolean dryRun,

            @JsonProperty("templateId") @JsonAlias("template_id") @Nullable
            String templateId,

            @Size(max = 3) List<@NotBlank String> tags,
            Map<String, Integer> weights,
            @Nullable Window window,
            List<Item> items,
            @Nullable Colour colour) {}

    record Item(String persona, @DefaultValue("1") @Min(1) int copies) {}

    record Selection(
            @JsonFormat(with = JsonFormat.Feature.ACCEPT_SINGLE_VALUE_AS_ARRAY)
            List<@NotBlank String> personas,

            @JsonFormat(with = JsonFormat.Feature.ACCEPT_SINGLE_VALUE_AS_ARRAY)
            List<Item> items,

            List<String> plain) {}

    record Window(int from, int to) {
        Window {
            if (from > to) {
                throw new IllegalArgumentException("from " + from + " is after to " + to);
            }
        }

        @AssertTrue(message = "must not be a single hour")
        boolean isLongEnough() {
            return from != to;
        }
    }

    record Colour(int red) {
        @JsonCreator
        static Colour of(String hex) {
            if (!hex.startsWith("#")) {
                throw new IllegalArgumentException("should begin with #");
            }
            return new Colour(Integer.parseInt(hex.substring(1, 3), 16));
        }
    }

    @Test
    void everyKindOfValueIsRead() {
        String text = """
                name: Nightly        # a comment
                id: 53583301-5758-4781-99df-57b9c5fc1949
                tier: edge_case
                concurrency: 64
                budget_usd: 12.50
                linger: 250ms
                zone: Europe/Berlin
                dry_run: true
                template_id: "42"
                tags: [a, 'b: c']
                weights: { low: 1, high: 3 }
                window: { from: 1, to: 5 }
                items:
                  - persona: pragmatic_optimist
                    copies: 2
                  - persona: anxious_planner
                colour: "#ff0000"
                """;

        Launch launch = yaml.parse("jobs/a.yaml", text, Launch.class).value();

        assertThat(launch)
                .isEqualTo(new Launch(
                        "Nightly",
                        UUID.fromString("53583301-5758-4781-99df-57b9c5fc1949"),
                        Tier.EDGE_CASE,
                        64,
                        new BigDecimal("12.50"),
                        Duration.ofMillis(250),
                        ZoneId.of("Europe/Berlin"),
                        true,
                        "42",
                        List.of("a", "b: c"),
                        Map.of("low", 1, "high", 3),
                        new Window(1, 5),
                        List.of(new Item("pragmatic_optimist", 2), new Item("anxious_planner", 1)),
                        new Colour(255)));
    }

    @Test
    void absentKeysHaveTheirDefaults() {
        Launch launch =
                yaml.parse("a.yaml", "name: x\nconcurrency: ~\n", Launch.class).value();

        assertThat(launch)
                .isEqualTo(new Launch(
                        "x",
                        null,
                        Tier.TEMPLATE,
                        null,
                        null,
                        Duration.ofSeconds(30),
                        null,
                        false,
                        null,
                        List.of(),
                        Map.of(),
                        null,
                        List.of(),
                        null));
    }

    @Test
    void sharedPartsMayBeMergedIn() {
        String text = """
                name: x
                items:
                  - &first { persona: p, copies: 3 }
                  - { <<: *first, persona: q }
                """;

        assertThat(yaml.parse("a.yaml", text, Launch.class).value().items())
                .containsExactly(new Item("p", 3), new Item("q", 3));
    }

    @Test
    void aSingleValueStandsForAListWhereTheRecordAllowsIt() {
        Selection single = yaml.parse("a.yaml", "personas: all\nitems: {persona: p}\n", Selection.class)
                .value();
        Selection list = yaml.parse("a.yaml", "personas: [all]\nitems: [{persona: p}]\n", Selection.class)
                .value();

        assertThat(single).isEqualTo(list);
        assertThat(single.personas()).containsExactly("all");
        assertThat(single.items()).containsExactly(new Item("p", 1));
    }

    static Stream<Arguments> badSingles() {
        return Stream.of(
                arguments("plain: all\n", "1: plain: should be a list, but is the text 'all'"),
                arguments("\npersonas: 45\n", "2: personas[0]: should be text, but is the number 45"),
                arguments("personas: ' '\n", "1: personas[0]: must not be blank"),
                arguments("personas:\n", "1: personas: is empty; should be a list"),
                arguments("items: p\n", "1: items[0]: should be a mapping, but is the text 'p'"));
    }

    @ParameterizedTest
    @MethodSource("badSingles")
    void aSingleValueIsCheckedAsTheListElementItStandsFor(String text, String message) {
        assertThatThrownBy(() -> yaml.parse("a.yaml", text, Selection.class))
                .isInstanceOf(InvalidFileException.class)
                .hasMessageStartingWith("a.yaml:" + message);
    }

    static Stream<Arguments> badFiles() {
        String keys =
                "name, id, tier, concurrency, budget_usd, linger, zone, dry_run, templateId, tags, weights, window, items,"
                        + " colour";
        return Stream.of(
                arguments(
                        "unknown key",
                        "name: x\nteir: template\n",
                        "2: teir: is not a known key; did you mean 'tier'? Known keys: " + keys),
                arguments(
                        "unknown key like no other",
                        "name: x\ngarbage: 1\n",
                        "2: garbage: is not a known key; Known keys: " + keys),
                arguments(
                        "unknown nested key",
                        "name: x\nitems:\n  - persona: p\n    copys: 2\n",
                        "4: items[0].copys: is not a known key; did you mean 'copies'? Known keys: persona, copies"),
                arguments("missing key", "# none\ntier: template\n", "2: name: is missing; should be text"),
                arguments(
                        "missing nested key",
                        "name: x\nitems:\n  - persona: p\n  - copies: 1\n",
                        "4: items[1].persona: is missing; should be text"),
                arguments("key without a value", "name:\n", "1: name: is empty; should be text"),
                arguments(
                        "list without elements below it", "name: x\nitems:\n", "2: items: is empty; should be a list"),
                arguments(
                        "list element without a value",
                        "name: x\ntags:\n  - a\n  -\n",
                        "4: tags[1]: is empty; should be text"),
                arguments(
                        "number for text",
                        "name: 45\n",
                        "1: name: should be text, but is the number 45; put it in quotes"),
                arguments("boolean for text", "name: true\n", "1: name: should be text, but is true; put it in quotes"),
                arguments("list for text", "name: [a]\n", "1: name: should be text, but is a list"),
                arguments(
                        "mapping for text by a colon",
                        "name: x\ntags:\n  - Wait: what?\n",
                        "3: tags[0]: should be text, but is a mapping; text that begins with { or holds ': ' needs quotes"),
                arguments(
                        "text for a list",
                        "name: x\ntags: a, b\n",
                        "2: tags: should be a list, but is the text 'a, b'; begin each element's line with '- '"),
                arguments(
                        "mapping for a list",
                        "name: x\nitems:\n  persona: p\n",
                        "2: items: should be a list, but is a mapping; begin each element's line with '- '"),
                arguments(
                        "text for a mapping",
                        "name: x\nwindow: 1-5\n",
                        "2: window: should be a mapping, but is the text '1-5'; its keys are from, to"),
                arguments(
                        "list for a map",
                        "name: x\nweights: [1]\n",
                        "2: weights: should be a mapping, but is a list; write it as 'key: value' lines"),
                arguments(
                        "text for a number",
                        "name: x\nconcurrency: many\n",
                        "2: concurrency: should be a whole number, but is the text 'many'"),
                arguments(
                        "quoted number",
                        "name: x\nconcurrency: '8'\n",
                        "2: concurrency: should be a whole number, but is the text '8'"),
                arguments(
                        "fraction for a whole number",
                        "name: x\nconcurrency: 1.5\n",
                        "2: concurrency: should be a whole number, but is the number 1.5"),
                arguments(
                        "hexadecimal",
                        "name: x\nconcurrency: 0x10\n",
                        "2: concurrency: should be a whole number, but is the number 0x10"),
                arguments(
                        "too large a number",
                        "name: x\nconcurrency: 99999999999\n",
                        "2: concurrency: is too large a number: 99999999999"),
                arguments(
                        "no number",
                        "name: x\nbudget_usd: .nan\n",
                        "2: budget_usd: should be a number, but is the number .nan"),
                arguments(
                        "text in a map",
                        "name: x\nweights: {low: 1, high: x}\n",
                        "2: weights.high: should be a whole number, but is the text 'x'"),
                arguments(
                        "out of range",
                        "name: x\nconcurrency: 501\n",
                        "2: concurrency: must be less than or equal to 500, but is 501"),
                arguments(
                        "nested out of range",
                        "name: x\nitems:\n  - persona: p\n    copies: 0\n",
                        "4: items[0].copies: must be greater than or equal to 1, but is 0"),
                arguments("blank", "name: ' '\n", "1: name: must not be blank"),
                arguments("blank list element", "name: x\ntags:\n  - a\n  - ''\n", "4: tags[1]: must not be blank"),
                arguments(
                        "too many elements", "name: x\ntags: [a, b, c, d]\n", "2: tags: size must be between 0 and 3"),
                arguments(
                        "misspelled enum",
                        "name: x\ntier: templete\n",
                        "2: tier: 'templete' is not one of template, scenario, edge_case; did you mean 'template'?"),
                arguments(
                        "illegal enum",
                        "name: x\ntier: gold\n",
                        "2: tier: 'gold' is not one of template, scenario, edge_case"),
                arguments(
                        "bad UUID",
                        "name: x\nid: 5358-1\n",
                        "2: id: should be a UUID such as 53583301-5758-4781-99df-57b9c5fc1949, but is the text '5358-1'"),
                arguments(
                        "bad duration",
                        "name: x\nlinger: soon\n",
                        "2: linger: should be a duration such as 30s, 5m or 2h, but is the text 'soon'"),
                arguments(
                        "bad time zone",
                        "name: x\nzone: Mars/Olympus\n",
                        "2: zone: should be a time zone such as Europe/Berlin, but is the text 'Mars/Olympus'"),
                arguments(
                        "yes for a boolean",
                        "name: x\ndry_run: yes\n",
                        "2: dry_run: should be true or false, but is the text 'yes'"),
                arguments(
                        "refused by its constructor",
                        "name: x\nwindow: {from: 5, to: 1}\n",
                        "2: window: from 5 is after to 1"),
                arguments(
                        "refused as a whole",
                        "name: x\nwindow: {from: 5, to: 5}\n",
                        "2: window: must not be a single hour"),
                arguments("refused by its creator", "name: x\ncolour: red\n", "2: colour: should begin with #"),
                arguments(
                        "duplicate key",
                        "name: x\nzone: UTC\nname: y\n",
                        "3: name: is given twice, first in line 1; keep one of them"),
                arguments(
                        "two spellings of a key",
                        "name: x\ntemplateId: a\ntemplate_id: b\n",
                        "3: template_id: is 'templateId' once more; keep one of them"),
                arguments(
                        "problem below another spelling",
                        "name: x\n\ntemplate_id: 7\n",
                        "3: templateId: should be text, but is the number 7; put it in quotes"),
                arguments("key that is no text", "name: x\n? [a]\n: b\n", "2: has a key that is not text"),
                arguments("list at the top", "- a\n", "1: should be a mapping, but is a list; its keys are " + keys),
                arguments(
                        "text at the top",
                        "hello\n",
                        "1: should be a mapping, but is the text 'hello'; its keys are " + keys),
                arguments(
                        "a tag",
                        "name: !secret x\n",
                        "1: name: has the tag !secret, which means nothing here; leave it out"),
                arguments("NUL", "name: \"a\\0b\"\n", "1: name: holds the character U+0000, which no table can keep"),
                arguments(
                        "tab",
                        "name: x\nitems:\n\t- persona: p\n",
                        "3: is not valid YAML: the line is indented with a tab; use spaces"),
                arguments(
                        "tab below a block",
                        "name: x\nitems:\n  - persona: p\n\tcopies: 2\n",
                        "4: is not valid YAML: the line is indented with a tab; use spaces"),
                arguments(
                        "wrong indentation",
                        "name: x\n  tier: template\n",
                        "2: is not valid YAML: mapping values are not allowed here"),
                arguments(
                        "quote left open",
                        "name: 'x\ntier: template\n",
                        "3: is not valid YAML: while scanning a quoted scalar from line 1, found unexpected end of stream"),
                arguments(
                        "bracket left open",
                        "name: x\ntags: [a, b\n",
                        "3: is not valid YAML: while parsing a flow sequence from line 2, expected ',' or ']', but got <stream end>"),
                arguments("unknown alias", "name: *x\n", "1: is not valid YAML: found undefined alias x"),
                arguments(
                        "two documents",
                        "name: x\n---\nname: y\n",
                        "2: is not valid YAML: expected a single document in the stream from line 1, but found another document"),
                arguments(
                        "control character",
                        "name: x\ntier: temp\u0007late\n",
                        "2: the character U+0007 is not allowed; leave it out"),
                arguments("empty", "", " is empty"),
                arguments("comments only", "# nothing\n", " is empty"));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("badFiles")
    void problemIsToldWithItsLineAndKey(String title, String text, String message) {
        assertThatThrownBy(() -> yaml.parse("jobs/demo.yaml", text, Launch.class))
                .isInstanceOf(InvalidFileException.class)
                .hasMessage("jobs/demo.yaml:" + message);
    }

    @Test
    void allProblemsOfAFileAreToldAtOnceInTheOrderOfItsLines() {
        String text = """
                tier: templete
                concurrency: 0
                items:
                  - persona: 7
                    copies: none
                  - copies: -1
                nam: x
                """;

        InvalidFileException refusal = refusalOf(text);

        assertThat(refusal.problems().stream().map(problem -> problem.line() + " " + problem.key()))
                .containsExactly(
                        "1 name",
                        "1 tier",
                        "2 concurrency",
                        "4 items[0].persona",
                        "5 items[0].copies",
                        "6 items[1].persona",
                        "6 items[1].copies",
                        "7 nam");
        assertThat(refusal.getMessage().lines()).hasSize(8);
    }

    @Test
    void problemsAreInEnglishWhateverTheMachineSpeaks() {
        Locale before = Locale.getDefault();
        Locale.setDefault(Locale.GERMANY);
        try {
            assertThat(refusalOf("name: ''\n")).hasMessage("a.yaml:1: name: must not be blank");
        } finally {
            Locale.setDefault(before);
        }
    }

    @Test
    void fileThatIsNotUtf8IsRefusedWithTheLine() throws Exception {
        Path file = folder.resolve("latin.yaml");
        Files.write(file, "name: x\n# Grüße\n".getBytes(StandardCharsets.ISO_8859_1));

        assertThatThrownBy(() -> yaml.read(file, Launch.class))
                .hasMessage(file + ":2: is not UTF-8: save the file in that encoding");
    }

    @Test
    void byteOrderMarkIsIgnored() throws Exception {
        Path file = Files.writeString(folder.resolve("marked.yaml"), "\uFEFFname: Grüße\n");

        assertThat(yaml.read(file, Launch.class).value().name()).isEqualTo("Grüße");
    }

    @Test
    void fileThatIsNotThereIsAProblemLikeAnyOther() {
        Path file = folder.resolve("none.yaml");

        assertThatThrownBy(() -> yaml.read(file, Launch.class))
                .isInstanceOf(InvalidFileException.class)
                .hasMessage(file + ": there is no such file");
    }

    @Test
    void folderIsNoFile() {
        assertThatThrownBy(() -> yaml.read(folder, Launch.class))
                .isInstanceOf(InvalidFileException.class)
                .hasMessageStartingWith(folder + ": cannot be read: ");
    }

    @Test
    void aliasesThatUnfoldWithoutEndAreRefused() {
        StringBuilder bomb = new StringBuilder("name: x\nid: &a0 [lol]\n");
        for (int level = 1; level < 9; level++) {
            String alias = "*a" + (level - 1);
            bomb.append("zone")
                    .append(": &a")
                    .append(level)
                    .append(" [")
                    .append(String.join(", ", Collections.nCopies(10, alias)))
                    .append("]\n");
        }

        assertThat(refusalOf(bomb.toString()))
                .hasMessage(
                        "a.yaml: is not valid YAML: Number of aliases for non-scalar nodes exceeds the specified max=50");
    }

    @Test
    void deepNestingIsRefused() {
        assertThat(refusalOf("name: " + "[".repeat(100_000)).problems()).hasSize(1);
    }

    @Test
    void callersReportTheirOwnProblemsAtAKeyPath() {
        String text = "name: x\nitems:\n  - persona: p\n  - persona: q\n";

        Parsed<Launch> parsed = yaml.parse("a.yaml", text, Launch.class);

        assertThat(parsed.problem("items[1].persona", "there is no persona 'q'"))
                .hasToString("a.yaml:4: items[1].persona: there is no persona 'q'");
        assertThat(parsed.problem("items[1].copies", "too many")).hasToString("a.yaml:4: items[1].copies: too many");
        assertThat(parsed.problem("", "useless")).hasToString("a.yaml:1: useless");
        assertThat(parsed.text()).isEqualTo(text);
    }

    private InvalidFileException refusalOf(String text) {
        return catchThrowableOfType(InvalidFileException.class, () -> yaml.parse("a.yaml", text, Launch.class));
    }
}
