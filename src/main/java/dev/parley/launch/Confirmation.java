package dev.parley.launch;

import dev.parley.batch.Estimate;
import dev.parley.batch.Estimates;
import dev.parley.work.BatchJob;
import dev.parley.work.BatchJobs;
import dev.parley.work.Delivery;
import dev.parley.work.ItemParameters;
import dev.parley.work.NewJob;
import java.io.PrintWriter;
import java.math.BigDecimal;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.springframework.stereotype.Component;

/** Says what work will cost, and lets nothing dear begin without a yes. */
@Component
class Confirmation {
    private final Estimates estimates;
    private final BatchJobs jobs;
    private final ConfirmSettings settings;
    private final Terminal terminal;

    Confirmation(Estimates estimates, BatchJobs jobs, ConfirmSettings settings, Terminal terminal) {
        this.estimates = estimates;
        this.jobs = jobs;
        this.settings = settings;
        this.terminal = terminal;
    }

    /** Says what a job that is not enqueued would cost. */
    void tell(NewJob job, Delivery delivery, PrintWriter out) {
        out.println("\"" + job.name() + "\": " + line(estimate(job, delivery)));
    }

    /** What a job that is not enqueued would cost. */
    Estimate estimate(NewJob job, Delivery delivery) {
        Map<ItemParameters, Long> items =
                job.items().stream().collect(Collectors.groupingBy(NewJob.Item::parameters, Collectors.counting()));
        try {
            return estimates.of(job.settings().with(delivery), null, items);
        } catch (IllegalArgumentException e) {
            throw new ConfigurationException(String.valueOf(e.getMessage()));
        }
    }

    /**
     * Says what is left of some jobs will cost, keeps it with them, and asks where that may be more than is begun without a
     * question.
     *
     * @param provider in place of the jobs'; null leaves it to them
     * @param yes answers the question
     * @throws ConfigurationException when there is no yes, or when a budget cannot be kept for want of a price
     */
    void confirm(List<BatchJob> open, @Nullable String provider, boolean yes, PrintWriter out) {
        String why = tooDear(open, provider, out);
        if (why == null || yes) {
            return;
        }
        if (!terminal.isInteractive()) {
            throw new ConfigurationException(why + "; nothing is spent yet. Say --yes to go on.");
        }
        out.flush();
        if (!terminal.saysYes(why + ". Go on?")) {
            throw new ConfigurationException("Nothing is spent; the jobs stay enqueued.");
        }
    }

    /**
     * Says what is left of some jobs will cost, and keeps it with them.
     *
     * @return why somebody has to be asked; null when nobody has
     * @throws ConfigurationException when a budget cannot be kept for want of a price
     */
    @Nullable
    String tooDear(List<BatchJob> open, @Nullable String provider, PrintWriter out) {
        BigDecimal mayCost = BigDecimal.ZERO;
        for (BatchJob job : open) {
            Estimate estimate = estimates.remaining(job, provider);
            if (estimate.items() == 0) {
                continue;
            }
            BigDecimal budget = job.budgetUsd();
            requirePrice("Job " + job.id(), budget, estimate);
            out.println((open.size() == 1 ? "" : "\"" + job.name() + "\": ") + line(estimate));
            if (estimate.priced()) {
                jobs.estimate(job.id(), job.actualCost().add(estimate.highUsd()));
            }
            mayCost = mayCost.add(mayCost(estimate, budget, job.actualCost()));
        }
        return whyAsk(mayCost);
    }

    /** @throws ConfigurationException when a budget cannot be kept for want of a price */
    static void requirePrice(String job, @Nullable BigDecimal budget, Estimate estimate) {
        if (!estimate.priced() && budget != null) {
            throw new ConfigurationException(job + " has a budget, and the model '" + estimate.model()
                    + "' has no price to keep it by; add a row parley.prices.<name> with models: ["
                    + estimate.model() + "]");
        }
    }

    /** What is estimated at the most, unless the budget leaves less. */
    static BigDecimal mayCost(Estimate estimate, @Nullable BigDecimal budget, BigDecimal spent) {
        BigDecimal most = estimate.highUsd();
        return budget == null ? most : most.min(budget.subtract(spent).max(BigDecimal.ZERO));
    }

    /** Why somebody has to be asked before so much may be spent; null when nobody has. */
    @Nullable
    String whyAsk(BigDecimal mayCost) {
        return mayCost.compareTo(settings.confirmAboveUsd()) <= 0
                ? null
                : "This may cost up to $" + Money.roughly(mayCost) + ", more than parley.confirm-above-usd = "
                        + settings.confirmAboveUsd().toPlainString();
    }

    private static String line(Estimate estimate) {
        if (!estimate.priced()) {
            return "estimated cost: unknown, because the model '" + estimate.model() + "' has no price";
        }
        return estimate.free()
                ? "estimated cost: free"
                : "estimated cost: $" + Money.roughly(estimate.lowUsd()) + " to $" + Money.roughly(estimate.highUsd())
                        + " for " + estimate.items() + " conversations with " + estimate.model() + " ("
                        + estimate.basis() + ")";
    }
}
