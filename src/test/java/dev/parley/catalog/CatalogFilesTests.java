package dev.parley.catalog;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.parley.TestDatabase;
import dev.parley.catalog.CatalogFiles.Counts;
import dev.parley.catalog.CatalogFiles.Loaded;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.IntStream;
import javax.sql.DataSource;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.EnumSource;
import org.springframework.dao.DataIntegrityViolationException;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.jdbc.support.JdbcTransactionManager;

@ParameterizedClass
@EnumSource(TestDatabase.class)
class CatalogFilesTests {
    private static final Instant FIRST = Instant.parse("2026-01-01T00:00:00Z");
    private static final Instant LATER = Instant.parse("2026-06-01T00:00:00Z");
    private static final UUID ID = UUID.fromString("aa514346-cd61-42ac-adad-498934975402");
    private static final UUID OTHER_ID = UUID.fromString("cf4f2c73-92a3-4ead-8caf-2fe55ba95d31");

    private static final String PERSONA = """
            personas:
              - key: david
                name: David Chen
                archetype: The Pragmatic Optimist
                typical_questions: [What first?, "Why: exactly?"]
            """;

    private static final String REST = """
            emotional_arcs:
              - key: clarity
                name: Confusion → Clarity
                starting_emotion: confusion
                starting_intensity: { min: 0.35, max: 0.9 }
                ending_emotion: clarity
                typical_turns: { min: 4, max: 9 }
                category: edge
                suitable_personas: [david]
            training_topics:
              - key: wills
                name: Wills
                complexity: advanced
                requires_specialist: true
                suitable_emotional_arcs: [clarity]
            prompt_templates:
              - name: Clarity
                emotional_arc: clarity
                quality_threshold: 6.25
                text: |
                  Be kind.
                  ---
                  persona_name: {{persona_name}}
            """;

    private final DataSource dataSource;
    private final JdbcClient jdbc;

    @TempDir
    Path folder;

    CatalogFilesTests(TestDatabase database) {
        dataSource = database.empty();
        jdbc = JdbcClient.create(dataSource);
    }

    @Test
    void rowsOfAllFilesAreAdded() {
        write("people/a.yaml", PERSONA);
        write("rest.yml", REST);
        write("README.md", "not ours");
        write(".hidden/a.yaml", "not ours");
        write(".b.yaml", "not ours");

        Loaded loaded = load(FIRST);

        Catalog catalog = catalog();
        assertThat(loaded).isEqualTo(new Loaded(added(1), added(1), added(1), added(1)));
        assertThat(catalog.persona("david")).hasValueSatisfying(david -> {
            assertThat(david.typicalQuestions()).containsExactly("What first?", "Why: exactly?");
            assertThat(david.ageRange()).isNull();
            assertThat(david.active()).isTrue();
            assertThat(catalog.persona(david.id().toString())).hasValue(david);
        });
        assertThat(catalog.arc("clarity")).hasValueSatisfying(arc -> {
            assertThat(arc.name()).isEqualTo("Confusion → Clarity");
            assertThat(arc.startingIntensityMin()).isEqualTo(0.35);
            assertThat(arc.endingIntensityMax()).isNull();
            assertThat(arc.typicalTurnCountMax()).isEqualTo(9);
            assertThat(arc.category()).isEqualTo(EmotionalArc.Category.EDGE);
            assertThat(arc.suitablePersonas()).containsExactly("david");
        });
        assertThat(catalog.topic("wills")).hasValueSatisfying(topic -> {
            assertThat(topic.complexity()).isEqualTo(TrainingTopic.Complexity.ADVANCED);
            assertThat(topic.requiresSpecialist()).isTrue();
        });
        assertThat(catalog.template("Clarity")).hasValueSatisfying(template -> {
            assertThat(template.text()).isEqualTo("Be kind.\n---\npersona_name: {{persona_name}}\n");
            assertThat(template.qualityThreshold()).isEqualTo(6.25);
            assertThat(template.version()).isEqualTo(1);
        });
    }

    @Test
    void secondLoadOfTheSameFilesWritesNothing() {
        write("a.yaml", PERSONA + REST);
        load(FIRST);

        Loaded again = load(LATER);

        assertThat(again).isEqualTo(new Loaded(unchanged(1), unchanged(1), unchanged(1), unchanged(1)));
        assertThat(again.changedAnything()).isFalse();
        for (String table : List.of("personas", "emotional_arcs", "training_topics", "prompt_templates")) {
            assertThat(updatedAt(table)).isEqualTo(FIRST);
        }
    }

    @Test
    void changedRowKeepsItsIdAndItsCreation() {
        write("a.yaml", PERSONA);
        load(FIRST);
        UUID id = catalog().persona("david").orElseThrow().id();
        write("a.yaml", PERSONA.replace("David Chen", "David Q. Chen"));

        Loaded loaded = load(LATER);

        assertThat(loaded.personas()).isEqualTo(new Counts(0, 1, 0));
        assertThat(catalog().persona(id))
                .hasValueSatisfying(david -> assertThat(david.name()).isEqualTo("David Q. Chen"));
        assertThat(updatedAt("personas")).isEqualTo(LATER);
        assertThat(jdbc.sql("SELECT created_at FROM personas")
                        .query(OffsetDateTime.class)
                        .single()
                        .toInstant())
                .isEqualTo(FIRST);
    }

    @Test
    void newTextOfATemplateIsANewVersionAndAnyOtherChangeIsNot() {
        write("a.yaml", PERSONA + REST);
        load(FIRST);

        write("a.yaml", (PERSONA + REST).replace("6.25", "7"));
        load(LATER);
        int afterThreshold = catalog().template("Clarity").orElseThrow().version();
        write("a.yaml", (PERSONA + REST).replace("Be kind.", "Be kinder."));
        load(LATER);
        int afterText = catalog().template("Clarity").orElseThrow().version();

        assertThat(afterThreshold).isEqualTo(1);
        assertThat(afterText).isEqualTo(2);
    }

    @Test
    void whatTheFilesDoNotSayStaysAsItIs() {
        write("a.yaml", PERSONA + REST);
        load(FIRST);
        jdbc.sql("UPDATE personas SET is_active = FALSE, usage_count = 7").update();
        jdbc.sql("UPDATE prompt_templates SET rating = 4.5").update();
        write("a.yaml", (PERSONA + REST).replace("Chen", "Q. Chen").replace("6.25", "7"));

        load(LATER);

        assertThat(catalog().persona("david").orElseThrow().active()).isFalse();
        assertThat(catalog().template("Clarity").orElseThrow().rating()).isEqualTo(4.5);
        assertThat(jdbc.sql("SELECT usage_count FROM personas")
                        .query(Long.class)
                        .single())
                .isEqualTo(7);
    }

    @Test
    void rowsThatNoFileNamesStayAndMayBeReferredTo() {
        write("a.yaml", PERSONA);
        load(FIRST);
        delete("a.yaml");
        write("b.yaml", REST);

        Loaded loaded = load(LATER);

        assertThat(loaded.personas()).isEqualTo(new Counts(0, 0, 0));
        assertThat(catalog().persona("david")).isPresent();
    }

    @Test
    void rowThatIsThereUnderAnotherIdKeepsIt() {
        write("a.yaml", PERSONA);
        load(FIRST);
        UUID id = catalog().persona("david").orElseThrow().id();
        write("a.yaml", withId(PERSONA, ID));

        Loaded loaded = load(LATER);

        assertThat(loaded.personas()).isEqualTo(unchanged(1));
        assertThat(catalog().persona("david").orElseThrow().id()).isEqualTo(id);
    }

    @Test
    void idOfAnotherRowIsRefused() {
        write("a.yaml", withId(PERSONA, ID));
        load(FIRST);
        write("a.yaml", withId(PERSONA.replace("key: david", "key: dave"), ID));

        assertThatThrownBy(() -> load(LATER))
                .isInstanceOf(InvalidFileException.class)
                .hasMessage(path("a.yaml") + ":3: personas[0].id: " + ID
                        + " is the persona 'david' in the table already; keep that key, or give this one another id");
    }

    @Test
    void keysAndIdsMayBeGivenOnlyOnceInAllFiles() {
        write("a.yaml", withId(PERSONA, ID));
        write("b.yaml", withId(PERSONA, OTHER_ID));
        write("c.yaml", withId(PERSONA.replace("key: david", "key: dave"), ID));

        assertThatThrownBy(() -> load(FIRST))
                .hasMessage("%s:2: personas[0].key: 'david' is the persona at %s:2 already; give this one another\n"
                                .formatted(path("b.yaml"), path("a.yaml"))
                        + "%s:3: personas[0].id: %s is the persona 'david' at %s:2 already; give this one another"
                                .formatted(path("c.yaml"), ID, path("a.yaml")));
    }

    @Test
    void referencesToUnknownKeysAreRefusedAndNothingIsWritten() {
        write("a.yaml", PERSONA);
        write("b.yaml", REST.replace("[david]", "[davit]").replace("emotional_arc: clarity", "emotional_arc: clarify"));

        assertThatThrownBy(() -> load(FIRST))
                .hasMessage(
                        "%s:9: emotional_arcs[0].suitable_personas[0]: there is no persona 'davit'; did you mean 'david'?"
                                        .formatted(path("b.yaml"))
                                + " Known personas: david\n"
                                + "%s:18: prompt_templates[0].emotional_arc: there is no emotional arc 'clarify'; did you mean"
                                        .formatted(path("b.yaml"))
                                + " 'clarity'? Known emotional arcs: clarity");
        assertThat(catalog().personas()).isEmpty();
    }

    @Test
    void allBadFilesAreToldAtOnceAndNothingIsWritten() {
        write("a.yaml", PERSONA);
        write("b.yaml", PERSONA.replace("key: david", "key: David Chen").replace("name:", "nmae:"));
        write("c.yaml", REST.replace("min: 0.35", "min: 0.95").replace("6.25", "6.125"));
        write("d.yaml", "personas: []\n");

        assertThatThrownBy(() -> load(FIRST))
                .hasMessage(String.join(
                        "\n",
                        path("b.yaml")
                                + ":2: personas[0].key: must be lower-case letters, digits and _, beginning with a letter, but is"
                                + " 'David Chen'",
                        path("b.yaml") + ":2: personas[0].name: is missing; should be text",
                        path("b.yaml")
                                + ":3: personas[0].nmae: is not a known key; did you mean 'name'? Known keys: id, key, name,"
                                + " archetype, age_range, occupation, income_range, demographics, financial_background,"
                                + " financial_situation, communication_style, emotional_baseline, personality_traits,"
                                + " typical_questions, common_concerns, language_patterns, active",
                        path("c.yaml") + ":5: emotional_arcs[0].starting_intensity: min 0.95 is above max 0.9",
                        path("c.yaml")
                                + ":19: prompt_templates[0].quality_threshold: numeric value out of bounds (<2 digits>.<2 digits>"
                                + " expected), but is 6.125",
                        path("d.yaml")
                                + ":1: holds nothing: give at least one of personas, emotional_arcs, training_topics,"
                                + " prompt_templates"));
        assertThat(catalog().personas()).isEmpty();
    }

    @Test
    void failureOfTheDatabaseLeavesNothingHalfDone() {
        jdbc.sql("ALTER TABLE prompt_templates ADD CONSTRAINT no_text CHECK (template_text NOT LIKE 'Be%')")
                .update();
        write("a.yaml", PERSONA + REST);

        try {
            assertThatThrownBy(() -> load(FIRST)).isInstanceOf(DataIntegrityViolationException.class);
        } finally {
            jdbc.sql("ALTER TABLE prompt_templates DROP CONSTRAINT no_text").update();
        }

        assertThat(catalog().personas()).isEmpty();
    }

    @Test
    void processesThatStartTogetherMayLoadTheSameFiles() throws Exception {
        write("a.yaml", PERSONA + REST);
        int processes = 4;
        CyclicBarrier start = new CyclicBarrier(processes);
        ExecutorService executor = Executors.newFixedThreadPool(processes);
        try {
            List<Future<Loaded>> loads = IntStream.range(0, processes)
                    .mapToObj(i -> executor.submit(() -> {
                        start.await();
                        return load(FIRST);
                    }))
                    .toList();
            for (Future<Loaded> load : loads) {
                load.get();
            }
        } finally {
            executor.shutdownNow();
        }

        assertThat(catalog().personas()).hasSize(1);
        assertThat(catalog().templates()).extracting(PromptTemplate::version).containsExactly(1);
    }

    @Test
    void whatAnOlderInstallationStoredIsRead() {
        write("a.yaml", PERSONA);
        load(FIRST);
        jdbc.sql(
                        "UPDATE personas SET personality_traits = :objects, typical_questions = :text, common_concerns = :none")
                .param("objects", "[{\"name\": \"calm\", \"weight\": 2}, null, \"kind\", [1, 2]]")
                .param("text", "\"only one\"")
                .param("none", "null")
                .update();

        Persona david = catalog().persona("david").orElseThrow();

        assertThat(david.personalityTraits()).containsExactlyInAnyOrder("name: calm; weight: 2", "kind", "1, 2");
        assertThat(david.typicalQuestions()).containsExactly("only one");
        assertThat(david.commonConcerns()).isEmpty();
    }

    @Test
    void folderWithoutFilesIsRefused() {
        assertThatThrownBy(() -> load(FIRST)).hasMessage(path("") + ": has no .yaml file in it");
        assertThatThrownBy(() -> files(FIRST).load(folder.resolve("none")))
                .hasMessage(path("none") + ": there is no such folder");
    }

    private Loaded load(Instant now) {
        return files(now).load(folder);
    }

    private CatalogFiles files(Instant now) {
        Clock clock = Clock.fixed(now, ZoneOffset.UTC);
        return new CatalogFiles(
                new StrictYaml(),
                new Personas(jdbc, clock),
                new EmotionalArcs(jdbc, clock),
                new TrainingTopics(jdbc, clock),
                new PromptTemplates(jdbc, clock),
                new JdbcTransactionManager(dataSource));
    }

    private Catalog catalog() {
        Clock clock = Clock.systemUTC();
        return new Catalogs(
                        new Personas(jdbc, clock),
                        new EmotionalArcs(jdbc, clock),
                        new TrainingTopics(jdbc, clock),
                        new PromptTemplates(jdbc, clock))
                .read();
    }

    private Instant updatedAt(String table) {
        return jdbc.sql("SELECT updated_at FROM " + table)
                .query(OffsetDateTime.class)
                .single()
                .toInstant();
    }

    private void write(String name, String text) {
        try {
            Files.createDirectories(folder.resolve(name).getParent());
            Files.writeString(folder.resolve(name), text);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private void delete(String name) {
        assertThat(folder.resolve(name).toFile().delete()).isTrue();
    }

    private String path(String name) {
        return folder.resolve(name).toString();
    }

    private static String withId(String persona, UUID id) {
        return persona.replace("    name:", "    id: " + id + "\n    name:");
    }

    private static Counts added(int rows) {
        return new Counts(rows, 0, 0);
    }

    private static Counts unchanged(int rows) {
        return new Counts(0, 0, rows);
    }
}
