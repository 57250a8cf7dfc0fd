package dev.parley.launch;

import dev.parley.batch.Retries;
import dev.parley.catalog.Catalog;
import dev.parley.catalog.Catalogs;
import dev.parley.catalog.Suggestion;
import dev.parley.provider.FailureCode;
import dev.parley.work.BatchJob;
import dev.parley.work.BatchJobs;
import dev.parley.work.BatchJobs.ItemState;
import dev.parley.work.ErrorHandling;
import dev.parley.work.FailedItems;
import dev.parley.work.ItemParameters;
import dev.parley.work.JobSettings;
import dev.parley.work.NewJob;
import dev.parley.work.Priority;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.UUID;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.springframework.stereotype.Component;

/** What {@code parley retry} asks for, put into the work list. Thread-safe. */
@Component
public class RetryList {
    /** Those that no call can end with. */
    private static final List<String> FURTHER_CODES = List.of("cancelled", "conversation_not_found");

    private static final Pattern OF_THE_DATABASE = Pattern.compile("database_[0-9A-Z]{5}");

    private final BatchJobs jobs;
    private final Retries retries;
    private final Catalogs catalogs;

    RetryList(BatchJobs jobs, Retries retries, Catalogs catalogs) {
        this.jobs = jobs;
        this.retries = retries;
        this.catalogs = catalogs;
    }

    /**
     * Failed items of a job.
     *
     * @param codes of which to choose; none chooses by {@code all}
     * @return the job, unless it has none of those
     */
    List<UUID> requeue(UUID job, boolean all, List<String> codes, boolean parseOnly, PrintWriter out) {
        int requeued = requeue(job, chosen(all, codes, List.of()), parseOnly);
        if (requeued == 0) {
            BatchJob now = JobId.find(jobs, job);
            out.println("Job " + job + " \"" + now.name() + "\": nothing to retry"
                    + (now.failedItems() == 0 ? ", no item failed." : "; these items failed:"));
            jobs.failuresByCause(job)
                    .forEach(cause -> out.println("  " + cause.items() + " × " + cause.code()
                            + (cause.retryable() ? " (retryable)" : " (would fail again; --all or --code takes it)")));
            return List.of();
        }
        told(job, requeued, parseOnly, out);
        return List.of(job);
    }

    /**
     * Puts failed items of a job back into the queue.
     *
     * @return how many
     * @throws ConfigurationException.NotFound when there is no such job
     * @throws ConfigurationException naming the items that are named and are not of the job, or did not fail
     */
    public int requeue(UUID job, FailedItems which, boolean parseOnly) {
        JobId.find(jobs, job);
        if (failed(which.items()).keySet().stream().anyMatch(other -> !other.equals(job))) {
            throw new ConfigurationException("Not all of these items are of job " + job);
        }
        return retries.requeue(new TreeMap<>(Map.of(job, which)), parseOnly).getOrDefault(job, 0);
    }

    /**
     * Which failed items of a job are meant.
     *
     * @param all also those that would fail again
     * @param codes those with one of these
     * @param items these alone; none, and no code, chooses by {@code all}
     * @throws ConfigurationException when no item fails with such a code, or more than one of them is given
     */
    public static FailedItems chosen(boolean all, List<String> codes, List<UUID> items) {
        if (all && !codes.isEmpty() || !items.isEmpty() && (all || !codes.isEmpty())) {
            throw new ConfigurationException("all, codes and items exclude each other");
        }
        if (!items.isEmpty()) {
            return FailedItems.named(items);
        }
        codes.forEach(RetryList::requireKnown);
        return codes.isEmpty() ? all ? FailedItems.ALL : FailedItems.RETRYABLE : FailedItems.withCodes(codes);
    }

    /** @throws ConfigurationException when no item fails with it */
    static void requireKnown(String code) {
        List<String> known = Stream.concat(
                        Arrays.stream(FailureCode.values()).map(FailureCode::key), FURTHER_CODES.stream())
                .toList();
        if (!known.contains(code) && !OF_THE_DATABASE.matcher(code).matches()) {
            throw new ConfigurationException("No item fails with the code '" + code + "'; "
                    + Suggestion.among("codes", known, code) + ", and database_ with an SQLSTATE");
        }
    }

    /**
     * Failed items, all or none.
     *
     * @return their jobs
     * @throws ConfigurationException naming those that are not there or did not fail
     */
    List<UUID> requeue(Collection<UUID> items, boolean parseOnly, PrintWriter out) {
        TreeMap<UUID, FailedItems> failed = failed(items);
        retries.requeue(failed, parseOnly).forEach((job, requeued) -> told(job, requeued, parseOnly, out));
        return List.copyOf(failed.keySet());
    }

    /** By job. */
    private TreeMap<UUID, FailedItems> failed(Collection<UUID> items) {
        if (items.isEmpty()) {
            return new TreeMap<>();
        }
        Set<UUID> missing = new LinkedHashSet<>(items);
        TreeMap<UUID, List<UUID>> byJob = new TreeMap<>();
        List<String> problems = new ArrayList<>();
        for (ItemState item : jobs.itemsAmong(items)) {
            missing.remove(item.id());
            if (!item.status().equals("failed")) {
                problems.add("Item " + item.id() + " is " + item.status() + "; only a failed item can be retried.");
            }
            byJob.computeIfAbsent(item.jobId(), job -> new ArrayList<>()).add(item.id());
        }
        missing.forEach(item -> problems.add("There is no item " + item + " in this database."));
        if (!problems.isEmpty()) {
            throw new ConfigurationException(String.join("\n", problems));
        }
        return byJob.entrySet().stream()
                .collect(Collectors.toMap(
                        Map.Entry::getKey, job -> FailedItems.named(job.getValue()), (a, b) -> a, TreeMap::new));
    }

    private void told(UUID job, int items, boolean parseOnly, PrintWriter out) {
        out.println("Job " + job + " \"" + JobId.find(jobs, job).name() + "\": " + items
                + (items == 1 ? " failed item is" : " failed items are") + " queued again"
                + (parseOnly ? "; no call will be made for " + (items == 1 ? "it" : "them") : ""));
    }

    /**
     * A new item in a job of its own.
     *
     * @throws ConfigurationException when the catalog does not have what it names
     */
    List<UUID> enqueue(ItemParameters parameters, PrintWriter out) {
        Catalog catalog = catalogs.read();
        List<String> problems = new ArrayList<>();
        if (catalog.persona(parameters.personaId()).isEmpty()) {
            problems.add("there is no persona " + parameters.personaId());
        }
        if (catalog.arc(parameters.emotionalArcId()).isEmpty()) {
            problems.add("there is no emotional arc " + parameters.emotionalArcId());
        }
        if (catalog.topic(parameters.trainingTopicId()).isEmpty()) {
            problems.add("there is no training topic " + parameters.trainingTopicId());
        }
        UUID template = parameters.templateId();
        if (template != null && catalog.template(template).isEmpty()) {
            problems.add("there is no template " + template);
        }
        if (!problems.isEmpty()) {
            throw new ConfigurationException("--params: " + String.join("; ", problems)
                    + "\nA job file with the catalog beside it loads what it names; parley enqueue or run does that.");
        }
        String topic = catalog.topic(parameters.trainingTopicId()).orElseThrow().name();
        UUID job = jobs.enqueue(
                        new NewJob(
                                "Retry of one: " + topic,
                                null,
                                null,
                                parameters.tier(),
                                Priority.NORMAL,
                                ErrorHandling.CONTINUE,
                                JobSettings.DEFAULTS,
                                null,
                                null,
                                null,
                                List.of(new NewJob.Item(parameters, topic))),
                        false)
                .jobId();
        out.println("Job " + job + " \"Retry of one: " + topic + "\": 1 item enqueued");
        return List.of(job);
    }
}
