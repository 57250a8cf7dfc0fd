package dev.parley.launch;

import dev.parley.batch.Estimate;
import dev.parley.catalog.Catalog;
import dev.parley.catalog.Catalogs;
import dev.parley.catalog.InvalidFileException;
import dev.parley.catalog.Mismatch;
import dev.parley.work.BatchJobs;
import dev.parley.work.ItemParameters;
import dev.parley.work.NewJob;
import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.Set;
import java.util.UUID;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.springframework.stereotype.Component;
import org.springframework.transaction.PlatformTransactionManager;
import org.springframework.transaction.support.TransactionTemplate;

/** Jobs that people put together on the page, or programs by the API. Thread-safe. */
@Component
public class JobOrders {
    /** More say nothing more. */
    private static final int MOST_WARNINGS = 50;

    private final JobFiles jobFiles;
    private final Catalogs catalogs;
    private final Confirmation confirmation;
    private final BatchJobs jobs;
    private final TransactionTemplate transaction;

    JobOrders(
            JobFiles jobFiles,
            Catalogs catalogs,
            Confirmation confirmation,
            BatchJobs jobs,
            PlatformTransactionManager transactions) {
        this.jobFiles = jobFiles;
        this.catalogs = catalogs;
        this.confirmation = confirmation;
        this.jobs = jobs;
        this.transaction = new TransactionTemplate(transactions);
    }

    /**
     * What an order comes to.
     *
     * @param count conversations
     * @param lowUsd what they cost at the least; null, like {@code highUsd}, when the model has no price
     * @param basis what that rests on
     * @param asks why the job would be paused until somebody agrees; null when it would begin
     * @param warnings what speaks against it and does not forbid it
     * @param problems what forbids it; then there is neither count nor cost
     */
    public record Quote(
            long count,
            @Nullable BigDecimal lowUsd,
            @Nullable BigDecimal highUsd,
            @Nullable String basis,
            @Nullable String asks,
            List<String> warnings,
            List<Problem> problems) {}

    /** @param field of the order, such as {@code personas[1]}; empty is the order as a whole */
    public record Problem(String field, String message) {}

    /** Changes nothing. */
    public Quote quote(JobOrder order) {
        try {
            NewJob job = jobFiles.read(order);
            Estimate estimate = confirmation.estimate(job, job.settings().delivery());
            Confirmation.requirePrice("The job", job.budgetUsd(), estimate);
            List<String> warnings = warnings(job.items());
            if (!estimate.priced()) {
                warnings.add(
                        0, "the model '" + estimate.model() + "' has no price, so that nobody knows what this costs");
            }
            return new Quote(
                    job.items().size(),
                    estimate.priced() ? estimate.lowUsd() : null,
                    estimate.priced() ? estimate.highUsd() : null,
                    estimate.basis(),
                    asks(order, job, estimate),
                    warnings,
                    List.of());
        } catch (InvalidFileException e) {
            return refused(problems(e));
        } catch (ConfigurationException e) {
            return refused(List.of(new Problem("budgetUsd", String.valueOf(e.getMessage()))));
        }
    }

    /**
     * Enqueues it as a job of its own; one that somebody has to agree to is paused, and says so.
     *
     * @throws InvalidFileException or ConfigurationException when it is wrong
     */
    public UUID enqueue(JobOrder order) {
        NewJob job = jobFiles.read(order);
        Estimate estimate = confirmation.estimate(
                job, job.settings().delivery()); // may ask the provider, so not within the transaction
        Confirmation.requirePrice("The job", job.budgetUsd(), estimate);
        String asks = asks(order, job, estimate);
        return Objects.requireNonNull(transaction.execute(status -> {
            UUID id = jobs.enqueue(job, false).jobId();
            if (estimate.priced()) {
                jobs.estimate(id, estimate.highUsd());
            }
            if (asks != null) {
                jobs.pause(id, asks + "; resume begins it");
            }
            return id;
        }));
    }

    /** What is wrong, in the order's own words. */
    public static List<Problem> problems(InvalidFileException e) {
        return e.problems().stream()
                .map(problem -> new Problem(camelCase(problem.key()), problem.message()))
                .toList();
    }

    private @Nullable String asks(JobOrder order, NewJob job, Estimate estimate) {
        BigDecimal mayCost = Confirmation.mayCost(estimate, job.budgetUsd(), BigDecimal.ZERO);
        BigDecimal confirmed = order.confirmedUsd();
        return confirmed != null && mayCost.compareTo(confirmed) <= 0 ? null : confirmation.whyAsk(mayCost);
    }

    private static Quote refused(List<Problem> problems) {
        return new Quote(0, null, null, null, null, List.of(), problems);
    }

    private static String camelCase(String key) {
        return Pattern.compile("_([a-z])")
                .matcher(key)
                .replaceAll(letter -> letter.group(1).toUpperCase(Locale.ROOT));
    }

    private List<String> warnings(Collection<NewJob.Item> items) {
        Catalog catalog = catalogs.read();
        Set<Mismatch> found = new LinkedHashSet<>();
        items.stream().map(NewJob.Item::parameters).distinct().forEach(item -> found.addAll(mismatches(item, catalog)));
        List<String> warnings = new ArrayList<>(
                found.stream().map(Mismatch::message).limit(MOST_WARNINGS).toList());
        if (found.size() > MOST_WARNINGS) {
            warnings.add("and " + (found.size() - MOST_WARNINGS) + " more like these");
        }
        return warnings;
    }

    private static List<Mismatch> mismatches(ItemParameters item, Catalog catalog) {
        return catalog.persona(item.personaId())
                .flatMap(persona -> catalog.arc(item.emotionalArcId())
                        .flatMap(arc -> catalog.topic(item.trainingTopicId())
                                .map(topic -> catalog.mismatches(persona, arc, topic))))
                .orElse(List.of());
    }
}
