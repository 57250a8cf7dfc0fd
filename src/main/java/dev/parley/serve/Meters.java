package dev.parley.serve;

import dev.parley.batch.GenerateRuns;
import dev.parley.provider.ModelProviders;
import dev.parley.provider.ProviderState;
import dev.parley.work.JobStatus;
import dev.parley.work.WorkCounts;
import dev.parley.work.WorkCounts.Counts;
import dev.parley.work.WorkCounts.Jobs;
import io.micrometer.core.instrument.FunctionTimer;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tags;
import io.micrometer.core.instrument.binder.MeterBinder;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.function.ToDoubleFunction;
import org.springframework.boot.autoconfigure.condition.ConditionalOnWebApplication;
import org.springframework.stereotype.Component;

/**
 * What {@code /metrics} tells beside calls and tracker: the work of all processes, as the database has it, and the lanes and
 * limits of this one. Nothing is counted for it; it is read when somebody asks. What the database does not tell is NaN.
 */
@Component
@ConditionalOnWebApplication
class Meters implements MeterBinder {
    private static final double UNKNOWN = Double.NaN;

    private final Glimpse<Counts> work;
    private final GenerateRuns runs;
    private final ModelProviders providers;

    Meters(WorkCounts work, GenerateRuns runs, ModelProviders providers) {
        this.work = new Glimpse<>("work-counts", work::counts, Duration.ofSeconds(5));
        this.runs = runs;
        this.providers = providers;
    }

    @Override
    public void bindTo(MeterRegistry registry) {
        bindWork(registry);
        bindRun(registry);
        ModelProviders.PAID.forEach(name -> bindProvider(registry, name));
    }

    private void bindWork(MeterRegistry registry) {
        for (JobStatus status : JobStatus.values()) {
            work(
                    registry,
                    "parley.jobs",
                    "Jobs",
                    Tags.of("status", status.key()),
                    counts -> counts.jobs().stream()
                            .filter(jobs -> jobs.status() == status)
                            .mapToLong(Jobs::jobs)
                            .sum());
        }
        items(registry, "completed", counts -> sum(counts, Jobs::successful));
        items(registry, "failed", counts -> sum(counts, Jobs::failed));
        items(registry, "processing", Counts::held);
        items(
                registry,
                "queued",
                counts -> sum(counts, jobs -> jobs.items() - jobs.successful() - jobs.failed()) - counts.held());
        leases(registry, "live", counts -> counts.held() - counts.expired());
        leases(registry, "expired", Counts::expired);
        work(
                registry,
                "parley.jobs.cost.usd",
                "What all jobs have cost, in US dollars",
                Tags.empty(),
                counts -> sum(counts, jobs -> jobs.costUsd().doubleValue()));
    }

    private void items(MeterRegistry registry, String status, ToDoubleFunction<Counts> number) {
        work(registry, "parley.items", "Items of all jobs", Tags.of("status", status), number);
    }

    private void leases(MeterRegistry registry, String state, ToDoubleFunction<Counts> number) {
        work(
                registry,
                "parley.leases",
                "Claims on items, by whether they have been renewed in time",
                Tags.of("state", state),
                number);
    }

    private static double sum(Counts counts, ToDoubleFunction<Jobs> number) {
        return counts.jobs().stream().mapToDouble(number).sum();
    }

    private void work(
            MeterRegistry registry, String name, String description, Tags tags, ToDoubleFunction<Counts> number) {
        Gauge.builder(name, work, all -> all.look().map(number::applyAsDouble).orElse(UNKNOWN))
                .description(description)
                .tags(tags)
                .register(registry);
    }

    private void bindRun(MeterRegistry registry) {
        Gauge.builder("parley.lanes", runs, all -> all.lanes().lanes())
                .description("Items that the run of this process can have in hand at once; 0 without a run")
                .register(registry);
        Gauge.builder("parley.lanes.busy", runs, all -> all.lanes().busy())
                .description("Lanes that have an item in hand")
                .register(registry);
    }

    private void bindProvider(MeterRegistry registry, String name) {
        Tags provider = Tags.of("provider", name);
        state(
                registry,
                "parley.provider.down",
                "1 while it answers nothing and no calls are made",
                provider,
                state -> state.down() ? 1 : 0);
        state(
                registry,
                "parley.provider.calls.in.flight",
                "Calls that wait for their answer",
                provider,
                ProviderState::inFlight);
        state(
                registry,
                "parley.provider.calls.allowed",
                "How many may be in flight; NaN while there is no bound",
                provider,
                state -> state.allowed() == Integer.MAX_VALUE ? UNKNOWN : state.allowed());
        FunctionTimer.builder(
                        "parley.limiter.wait",
                        providers,
                        all -> all.state(name).map(ProviderState::turns).orElse(0L),
                        all -> all.state(name)
                                .map(state -> (double) state.waited().toNanos())
                                .orElse(0.0),
                        TimeUnit.NANOSECONDS)
                .description("How long calls waited for their turn under the provider's limits")
                .tags(provider)
                .register(registry);
    }

    private void state(
            MeterRegistry registry,
            String name,
            String description,
            Tags provider,
            ToDoubleFunction<ProviderState> number) {
        String which = provider.stream().findFirst().orElseThrow().getValue();
        Gauge.builder(
                        name,
                        providers,
                        all -> all.state(which).map(number::applyAsDouble).orElse(0.0))
                .description(description)
                .tags(provider)
                .register(registry);
    }
}
