package dev.parley.launch;

import dev.parley.catalog.Catalog;
import dev.parley.catalog.CatalogFiles;
import dev.parley.catalog.Catalogs;
import dev.parley.catalog.EmotionalArc;
import dev.parley.catalog.InvalidFileException;
import dev.parley.catalog.InvalidFileException.Problem;
import dev.parley.catalog.Parsed;
import dev.parley.catalog.Persona;
import dev.parley.catalog.PromptTemplate;
import dev.parley.catalog.StrictYaml;
import dev.parley.catalog.Suggestion;
import dev.parley.catalog.TrainingTopic;
import dev.parley.provider.ModelProviders;
import dev.parley.work.BatchJobs;
import dev.parley.work.BatchJobs.Enqueued;
import dev.parley.work.ItemParameters;
import dev.parley.work.JobSettings;
import dev.parley.work.NewJob;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.springframework.stereotype.Component;

/** Turns launch files into jobs: reads them strictly, loads the catalog beside them, resolves names, enqueues. */
@Component
class JobFiles {
    private final StrictYaml yaml;
    private final CatalogFiles catalogFiles;
    private final Catalogs catalogs;
    private final ModelProviders providers;
    private final BatchJobs jobs;

    JobFiles(StrictYaml yaml, CatalogFiles catalogFiles, Catalogs catalogs, ModelProviders providers, BatchJobs jobs) {
        this.yaml = yaml;
        this.catalogFiles = catalogFiles;
        this.catalogs = catalogs;
        this.providers = providers;
        this.jobs = jobs;
    }

    /**
     * Enqueues the job of each file, and loads the folder {@code catalog} beside a file, where there is one, before that.
     * All of it or nothing: when one of the files is wrong, no job is there and the catalog is as it was.
     *
     * @param again as jobs of their own, even if the same files were enqueued before
     * @throws InvalidFileException with everything that is wrong in all files
     */
    List<Enqueued> enqueue(List<Path> files, boolean again) {
        return prepared(
                files,
                newJobs -> newJobs.stream().map(job -> jobs.enqueue(job, again)).toList());
    }

    /** The jobs of the files, not enqueued; the catalog beside them is loaded. */
    List<NewJob> read(List<Path> files) {
        return prepared(files, newJobs -> newJobs);
    }

    /**
     * The schedules of those files that have one; nothing else of the files is looked at.
     *
     * @throws InvalidFileException with everything that is wrong in all files
     */
    Map<Path, Schedule> schedules(List<Path> files) {
        Map<Path, Schedule> schedules = new LinkedHashMap<>();
        List<Problem> problems = new ArrayList<>();
        parse(files, problems).forEach((file, parsed) -> {
            Schedule schedule = parsed.value().schedule();
            if (schedule != null) {
                schedules.put(file, schedule);
            }
        });
        if (!problems.isEmpty()) {
            throw new InvalidFileException(problems);
        }
        return schedules;
    }

    /**
     * A job that no file asks for, not enqueued.
     *
     * @throws InvalidFileException with everything that is wrong with it
     */
    NewJob read(JobOrder order) {
        List<Problem> problems = new ArrayList<>();
        Parsed<JobFile> parsed = yaml.parse("job", order.asJobFile(), JobFile.class);
        NewJob job = new Resolution(parsed, catalogs.read(), providers, problems).job(null);
        if (!problems.isEmpty()) {
            throw new InvalidFileException(problems);
        }
        return job;
    }

    private <T> List<T> prepared(List<Path> files, Function<List<NewJob>, List<T>> use) {
        if (files.isEmpty()) {
            return List.of();
        }
        List<Problem> problems = new ArrayList<>();
        List<Parsed<JobFile>> parsed = List.copyOf(parse(files, problems).values());
        Set<Path> folders = files.stream()
                .map(file -> file.resolveSibling("catalog"))
                .filter(Files::isDirectory)
                .collect(Collectors.toCollection(LinkedHashSet::new));
        try {
            return catalogFiles.loadAnd(folders, () -> use.apply(newJobs(parsed, problems)));
        } catch (InvalidFileException e) {
            problems.addAll(e.problems());
            throw new InvalidFileException(inOrder(problems));
        }
    }

    /** @param problems where those that are wrong say so */
    private Map<Path, Parsed<JobFile>> parse(List<Path> files, List<Problem> problems) {
        Map<Path, Parsed<JobFile>> parsed = new LinkedHashMap<>();
        for (Path file : new LinkedHashSet<>(files)) {
            try {
                parsed.put(file, yaml.read(file, JobFile.class));
            } catch (InvalidFileException e) {
                problems.addAll(e.problems());
            }
        }
        return parsed;
    }

    /** Looks before anything is started; a data folder in the wrong place would be all that comes of it. */
    static void refuseMissing(List<Path> files) {
        List<Problem> missing = files.stream()
                .filter(Files::notExists)
                .map(file -> new Problem(file.toString().replace('\\', '/'), 0, "", "there is no such file"))
                .toList();
        if (!missing.isEmpty()) {
            throw new InvalidFileException(missing);
        }
    }

    private List<NewJob> newJobs(List<Parsed<JobFile>> parsed, List<Problem> former) {
        Catalog catalog = catalogs.read();
        List<Problem> problems = new ArrayList<>();
        List<NewJob> newJobs = parsed.stream()
                .map(file -> new Resolution(file, catalog, providers, problems).job(source(file)))
                .toList();
        if (!problems.isEmpty() || !former.isEmpty()) {
            throw new InvalidFileException(problems);
        }
        return newJobs;
    }

    /** The file's name and a hash of its text: the same file makes one job, a changed file another. */
    private static String source(Parsed<JobFile> parsed) {
        try {
            byte[] hash =
                    MessageDigest.getInstance("SHA-256").digest(parsed.text().getBytes(StandardCharsets.UTF_8));
            return Path.of(parsed.file()).getFileName() + "@" + HexFormat.of().formatHex(hash, 0, 8);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e);
        }
    }

    /** By file, in the order in which each first had a problem, and by line. */
    private static List<Problem> inOrder(List<Problem> problems) {
        List<String> files = problems.stream().map(Problem::file).distinct().toList();
        return problems.stream()
                .sorted(Comparator.comparingInt((Problem problem) -> files.indexOf(problem.file()))
                        .thenComparingInt(Problem::line))
                .toList();
    }

    /** One file on its way to a job; what is wrong is collected. */
    private static final class Resolution {
        private final Parsed<JobFile> parsed;
        private final JobFile file;
        private final Catalog catalog;
        private final ModelProviders providers;
        private final List<Problem> problems;

        private Resolution(Parsed<JobFile> parsed, Catalog catalog, ModelProviders providers, List<Problem> problems) {
            this.parsed = parsed;
            this.file = parsed.value();
            this.catalog = catalog;
            this.providers = providers;
            this.problems = problems;
        }

        /** @param source that it is known by; null is none, and makes it one of its own */
        NewJob job(@Nullable String source) {
            UUID template = templateId();
            List<NewJob.Item> items = new ArrayList<>(product(template));
            for (int i = 0; i < file.items().size(); i++) {
                items.add(checked(file.items().get(i).parameters(file.tier(), template), "items[" + i + "]"));
            }
            if (!file.hasProduct() && file.items().isEmpty()) {
                problems.add(parsed.problem(
                        "", "names nothing to generate; give personas, arcs and topics, or items, or both"));
            }
            if (file.provider() != null) {
                checkProvider(file.provider());
            }
            if (file.delivery().batched()) {
                checkBatches(file.provider());
            }
            return new NewJob(
                    file.name(),
                    file.description(),
                    source,
                    file.tier(),
                    file.priority(),
                    file.errorHandling(),
                    new JobSettings(file.provider(), file.model(), file.maxTokens(), file.delivery()),
                    file.concurrency(),
                    file.budgetUsd(),
                    file.user(),
                    items);
        }

        private void checkProvider(String provider) {
            try {
                providers.byName(provider);
            } catch (IllegalArgumentException e) {
                problems.add(parsed.problem("provider", "cannot be used: " + e.getMessage()));
            }
        }

        private void checkBatches(@Nullable String provider) {
            try {
                providers.batches(provider);
            } catch (IllegalArgumentException e) {
                problems.add(parsed.problem("delivery", "cannot be had: " + e.getMessage()));
            }
        }

        /** Arcs outermost: their items share a template, and neighbours share the provider's prompt cache. */
        private List<NewJob.Item> product(@Nullable UUID template) {
            if (!file.hasProduct()) {
                return List.of();
            }
            List<Persona> personas = resolve(
                    "personas", file.personas(), catalog::persona, catalog.personas(), Persona::key, Persona::active);
            List<EmotionalArc> arcs =
                    resolve("arcs", file.arcs(), catalog::arc, catalog.arcs(), EmotionalArc::key, EmotionalArc::active);
            List<TrainingTopic> topics = resolve(
                    "topics",
                    file.topics(),
                    catalog::topic,
                    catalog.topics(),
                    TrainingTopic::key,
                    TrainingTopic::active);
            List<NewJob.Item> items = new ArrayList<>();
            for (EmotionalArc arc : arcs) {
                for (Persona persona : personas) {
                    for (TrainingTopic topic : topics) {
                        items.add(new NewJob.Item(
                                new ItemParameters(persona.id(), arc.id(), topic.id(), file.tier(), template),
                                topic.name()));
                    }
                }
            }
            return items;
        }

        private @Nullable UUID templateId() {
            String name = file.template();
            if (name == null) {
                return null;
            }
            Optional<PromptTemplate> template = catalog.template(name);
            if (template.isEmpty()) {
                problems.add(parsed.problem(
                        "template", unknown("template", name, catalog.templates(), PromptTemplate::name)));
            }
            return template.map(PromptTemplate::id).orElse(null);
        }

        private <T> List<T> resolve(
                String key,
                List<String> names,
                Function<String, Optional<T>> find,
                List<T> known,
                Function<T, String> keyOf,
                Function<T, Boolean> active) {
            if (names.isEmpty()) {
                problems.add(parsed.problem(
                        key, "is empty, so that there is nothing to generate; give keys or ids, or all"));
            }
            if (names.equals(List.of("all"))) {
                List<T> all = known.stream().filter(active::apply).toList();
                if (all.isEmpty()) {
                    problems.add(parsed.problem(key, "is all, and the catalog has none"));
                }
                return all;
            }
            Set<T> found = new LinkedHashSet<>();
            for (int i = 0; i < names.size(); i++) {
                Optional<T> one = find.apply(names.get(i));
                if (one.isEmpty()) {
                    problems.add(parsed.problem(
                            key + "[" + i + "]",
                            unknown(key.substring(0, key.length() - 1), names.get(i), known, keyOf)));
                } else if (!found.add(one.get())) {
                    problems.add(parsed.problem(key + "[" + i + "]", "'" + names.get(i) + "' is there twice"));
                }
            }
            return List.copyOf(found);
        }

        private static <T> String unknown(String what, String name, List<T> known, Function<T, String> keyOf) {
            return "there is no " + what + " '" + name + "'; "
                    + Suggestion.among(
                            what + "s", known.stream().map(keyOf).sorted().toList(), name);
        }

        private NewJob.Item checked(ItemParameters item, String key) {
            check(key + ".persona_id", "persona", item.personaId(), catalog.persona(item.personaId()));
            check(
                    key + ".emotional_arc_id",
                    "emotional arc",
                    item.emotionalArcId(),
                    catalog.arc(item.emotionalArcId()));
            check(
                    key + ".training_topic_id",
                    "training topic",
                    item.trainingTopicId(),
                    catalog.topic(item.trainingTopicId()));
            if (item.templateId() != null) {
                check(key + ".templateId", "template", item.templateId(), catalog.template(item.templateId()));
            }
            return new NewJob.Item(
                    item,
                    catalog.topic(item.trainingTopicId())
                            .map(TrainingTopic::name)
                            .orElse(null));
        }

        private void check(String key, String what, UUID id, Optional<?> row) {
            if (row.isEmpty()) {
                problems.add(parsed.problem(key, "there is no " + what + " with the id " + id + " in the catalog"));
            }
        }
    }
}
