package dev.parley.catalog;

import dev.parley.catalog.CatalogFile.ArcEntry;
import dev.parley.catalog.CatalogFile.Entry;
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
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.UUID;
import java.util.function.Function;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.jspecify.annotations.Nullable;
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
        List<Parsed<CatalogFile>> files = parse(filesIn(folder));
        for (int attempt = 1; ; attempt++) {
            try {
                return transaction.execute(status -> store(files));
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

    private List<Parsed<CatalogFile>> parse(List<Path> paths) {
        List<Parsed<CatalogFile>> files = new ArrayList<>();
        List<Problem> problems = new ArrayList<>();
        for (Path path : paths) {
            try {
                files.add(yaml.read(path, CatalogFile.class));
            } catch (InvalidFileException e) {
                problems.addAll(e.problems());
            }
        }
        refuse(problems);
        return files;
    }

    private Loaded store(List<Parsed<CatalogFile>> files) {
        List<Problem> problems = new ArrayList<>();
        var personaRows = new Rows<>("personas", "persona", personas, CatalogFile::personas, files, problems);
        var arcRows = new Rows<>("emotional_arcs", "emotional arc", arcs, CatalogFile::emotionalArcs, files, problems);
        var topicRows =
                new Rows<>("training_topics", "training topic", topics, CatalogFile::trainingTopics, files, problems);
        var templateRows = new Rows<>(
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

    /** What the files say about one table, next to what is in it. Lives as long as one load. */
    private static final class Rows<T, E extends Entry<T>> {
        private record Place<E>(Parsed<CatalogFile> file, String path, E entry) {
            Problem problem(String key, String message) {
                return file.problem(path + "." + key, message);
            }

            String where(Place<?> other) {
                String line = other.problem("key", "").toString();
                return line.substring(0, line.indexOf(": "));
            }
        }

        private final String what;
        private final CatalogTable<T> table;
        private final Map<String, T> stored = new HashMap<>();
        private final Map<UUID, String> storedIds = new HashMap<>();
        private final Map<String, Place<E>> wanted = new LinkedHashMap<>();

        Rows(
                String list,
                String what,
                CatalogTable<T> table,
                Function<CatalogFile, List<E>> entries,
                List<Parsed<CatalogFile>> files,
                Collection<Problem> problems) {
            this.what = what;
            this.table = table;
            for (T row : table.all()) {
                stored.put(table.keyOf(row), row);
                storedIds.put(table.idOf(row), table.keyOf(row));
            }
            Map<UUID, Place<E>> ids = new HashMap<>();
            for (Parsed<CatalogFile> file : files) {
                List<E> inFile = entries.apply(file.value());
                for (int i = 0; i < inFile.size(); i++) {
                    Place<E> place = new Place<>(file, list + "[" + i + "]", inFile.get(i));
                    checkKey(place, wanted.putIfAbsent(place.entry().key(), place), problems);
                    UUID id = place.entry().id();
                    if (id != null) {
                        checkId(place, id, ids.putIfAbsent(id, place), problems);
                    }
                }
            }
        }

        private void checkKey(Place<E> place, @Nullable Place<E> first, Collection<Problem> problems) {
            if (first != null) {
                String key = place.entry() instanceof TemplateEntry ? "name" : "key";
                String message = "'%s' is the %s at %s already; give this one another"
                        .formatted(place.entry().key(), what, place.where(first));
                problems.add(place.problem(key, message));
            }
        }

        private void checkId(Place<E> place, UUID id, @Nullable Place<E> first, Collection<Problem> problems) {
            String owner = storedIds.get(id);
            if (first != null) {
                String message = "%s is the %s '%s' at %s already; give this one another"
                        .formatted(id, what, first.entry().key(), place.where(first));
                problems.add(place.problem("id", message));
            } else if (owner != null && !owner.equals(place.entry().key())) {
                String message = "%s is the %s '%s' in the table already; keep that key, or give this one another id"
                        .formatted(id, what, owner);
                problems.add(place.problem("id", message));
            }
        }

        void checkReference(
                String key, Function<E, @Nullable String> reference, Rows<?, ?> others, Collection<Problem> problems) {
            for (Place<E> place : wanted.values()) {
                String name = reference.apply(place.entry());
                if (name != null && !others.has(name)) {
                    problems.add(place.problem(key, others.unknown(name)));
                }
            }
        }

        void checkReferences(
                String key, Function<E, List<String>> references, Rows<?, ?> others, Collection<Problem> problems) {
            for (Place<E> place : wanted.values()) {
                List<String> names = references.apply(place.entry());
                for (int i = 0; i < names.size(); i++) {
                    if (!others.has(names.get(i))) {
                        problems.add(place.problem(key + "[" + i + "]", others.unknown(names.get(i))));
                    }
                }
            }
        }

        private boolean has(String key) {
            return wanted.containsKey(key) || stored.containsKey(key);
        }

        private String unknown(String key) {
            Set<String> known = new TreeSet<>(wanted.keySet());
            known.addAll(stored.keySet());
            return "there is no " + what + " '" + key + "'; " + Suggestion.among(what + "s", known, key);
        }

        Counts write() {
            int added = 0;
            int changed = 0;
            for (Place<E> place : wanted.values()) {
                E entry = place.entry();
                T before = stored.get(entry.key());
                if (before == null) {
                    UUID id = entry.id();
                    table.insert(entry.row(id == null ? UUID.randomUUID() : id, null));
                    added++;
                    continue;
                }
                UUID id = table.idOf(before);
                if (entry.id() != null && !entry.id().equals(id)) {
                    LOG.warn("{}: keeps {}, the id that its rows in other tables know", place.problem("id", what), id);
                }
                T after = entry.row(id, before);
                if (!after.equals(before)) {
                    table.update(after);
                    changed++;
                }
            }
            return new Counts(added, changed, wanted.size() - added - changed);
        }
    }
}
