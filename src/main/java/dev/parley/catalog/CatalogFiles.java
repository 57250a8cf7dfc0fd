package dev.parley.catalog;

import dev.parley.catalog.CatalogFile.ArcEntry;
import dev.parley.catalog.CatalogFile.TemplateEntry;
import dev.parley.catalog.CatalogFile.TopicEntry;
import dev.parley.catalog.InvalidFileException.Problem;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.FileVisitOption;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Objects;
import java.util.function.Supplier;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.dao.ConcurrencyFailureException;
import org.springframework.dao.DuplicateKeyException;
import org.springframework.stereotype.Component;
import org.springframework.transaction.PlatformTransactionManager;
import org.springframework.transaction.support.TransactionTemplate;

/**
 * Brings the catalog's tables up to what a folder of YAML files says. A row is found by its key, and its id never changes;
 * rows that no file names stay as they are. Either all of the folder is taken or nothing.
 */
@Component
public class CatalogFiles {
    private static final Logger LOG = LoggerFactory.getLogger(CatalogFiles.class);

    /** Processes that start together load the same files; who comes second finds the rows there. */
    private static final int ATTEMPTS = 3;

    private final StrictYaml yaml;
    private final Personas personas;
    private final EmotionalArcs arcs;
    private final TrainingTopics topics;
    private final PromptTemplates templates;
    private final TransactionTemplate transaction;

    CatalogFiles(
            StrictYaml yaml,
            Personas personas,
            EmotionalArcs arcs,
            TrainingTopics topics,
            PromptTemplates templates,
            PlatformTransactionManager transactions) {
        this.yaml = yaml;
        this.personas = personas;
        this.arcs = arcs;
        this.topics = topics;
        this.templates = templates;
        this.transaction = new TransactionTemplate(transactions);
    }

    /** What became of the rows that the files name. */
    public record Loaded(Counts personas, Counts emotionalArcs, Counts trainingTopics, Counts promptTemplates) {
        /** Whether the tables had to be touched at all. */
        public boolean changedAnything() {
            return Stream.of(personas, emotionalArcs, trainingTopics, promptTemplates)
                    .anyMatch(counts -> counts.added() + counts.changed() > 0);
        }
    }

    /** How many rows of one table were added, changed, and found to be as they should be. */
    public record Counts(int added, int changed, int unchanged) {}

    /**
     * Loads every {@code .yaml} and {@code .yml} file in the folder and the folders in it, hidden ones left out, in one
     * transaction of its own. Called again with the same files it writes nothing.
     *
     * @throws InvalidFileException with everything that is wrong in any of the files; the tables are untouched
     */
    public Loaded load(Path folder) {
        List<Parsed<CatalogFile>> files = parse(List.of(folder)).get(0);
        return inTransaction(() -> store(List.of(files)).get(0));
    }

    /**
     * Loads folders, as {@link #load} does, and goes on with work that needs them, in one transaction: what the work throws
     * leaves the tables untouched.
     *
     * @param work done once more when another process was in the way, so it must have no other effects
     * @throws InvalidFileException with everything that is wrong in any file of any folder; the work is not done then
     */
    public <T> T loadAnd(Collection<Path> folders, Supplier<T> work) {
        List<List<Parsed<CatalogFile>>> files = parse(folders);
        return inTransaction(() -> {
            store(files);
            return work.get();
        });
    }

    private <T> T inTransaction(Supplier<T> work) {
        for (int attempt = 1; ; attempt++) {
            try {
                return Objects.requireNonNull(transaction.execute(status -> work.get()));
            } catch (DuplicateKeyException | ConcurrencyFailureException e) {
                if (attempt == ATTEMPTS) {
                    throw e;
                }
                LOG.debug("Another process changed the catalog meanwhile; loading it once more", e);
            }
        }
    }

    private static List<Path> filesIn(Path folder) {
        String name = folder.toString().replace('\\', '/');
        if (!Files.isDirectory(folder)) {
            throw new InvalidFileException(new Problem(name, 0, "", "there is no such folder"));
        }
        try (Stream<Path> walk = Files.walk(folder, FileVisitOption.FOLLOW_LINKS)) {
            List<Path> files = walk.filter(path -> isVisibleYaml(folder.relativize(path)))
                    .filter(Files::isRegularFile)
                    .sorted()
                    .toList();
            if (files.isEmpty()) {
                throw new InvalidFileException(new Problem(name, 0, "", "has no .yaml file in it"));
            }
            return files;
        } catch (IOException | UncheckedIOException e) {
            throw new InvalidFileException(new Problem(name, 0, "", "cannot be listed: " + e));
        }
    }

    /** Hidden files are not for us: those of editors, and the folders behind a mounted Kubernetes ConfigMap. */
    private static boolean isVisibleYaml(Path path) {
        String name = path.getFileName().toString();
        return (name.endsWith(".yaml") || name.endsWith(".yml"))
                && StreamSupport.stream(path.spliterator(), false)
                        .noneMatch(part -> part.toString().startsWith("."));
    }

    private List<List<Parsed<CatalogFile>>> parse(Collection<Path> folders) {
        List<List<Parsed<CatalogFile>>> parsed = new ArrayList<>();
        List<Problem> problems = new ArrayList<>();
        for (Path folder : folders) {
            List<Parsed<CatalogFile>> files = new ArrayList<>();
            parsed.add(files);
            collect(
                    problems,
                    () -> filesIn(folder)
                            .forEach(path -> collect(problems, () -> {
                                files.add(yaml.read(path, CatalogFile.class));
                            })));
        }
        refuse(problems);
        return parsed;
    }

    private List<Loaded> store(List<List<Parsed<CatalogFile>>> folders) {
        List<Loaded> loaded = new ArrayList<>();
        List<Problem> problems = new ArrayList<>();
        for (List<Parsed<CatalogFile>> files : folders) {
            collect(problems, () -> loaded.add(storeOne(files)));
        }
        refuse(problems);
        return loaded;
    }

    private static void collect(List<Problem> problems, Runnable step) {
        try {
            step.run();
        } catch (InvalidFileException e) {
            problems.addAll(e.problems());
        }
    }

    private Loaded storeOne(List<Parsed<CatalogFile>> files) {
        List<Problem> problems = new ArrayList<>();
        var personaRows = new CatalogRows<>("personas", "persona", personas, CatalogFile::personas, files, problems);
        var arcRows =
                new CatalogRows<>("emotional_arcs", "emotional arc", arcs, CatalogFile::emotionalArcs, files, problems);
        var topicRows = new CatalogRows<>(
                "training_topics", "training topic", topics, CatalogFile::trainingTopics, files, problems);
        var templateRows = new CatalogRows<>(
                "prompt_templates", "prompt template", templates, CatalogFile::promptTemplates, files, problems);

        arcRows.checkReferences("suitable_personas", ArcEntry::suitablePersonas, personaRows, problems);
        arcRows.checkReferences("suitable_topics", ArcEntry::suitableTopics, topicRows, problems);
        topicRows.checkReferences("suitable_personas", TopicEntry::suitablePersonas, personaRows, problems);
        topicRows.checkReferences("suitable_emotional_arcs", TopicEntry::suitableEmotionalArcs, arcRows, problems);
        templateRows.checkReference("emotional_arc", TemplateEntry::emotionalArc, arcRows, problems);
        templateRows.checkReferences("suitable_personas", TemplateEntry::suitablePersonas, personaRows, problems);
        templateRows.checkReferences("suitable_topics", TemplateEntry::suitableTopics, topicRows, problems);
        refuse(problems);

        return new Loaded(personaRows.write(), arcRows.write(), topicRows.write(), templateRows.write());
    }

    private static void refuse(List<Problem> problems) {
        if (!problems.isEmpty()) {
            throw new InvalidFileException(problems);
        }
    }
}
