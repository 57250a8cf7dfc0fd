package dev.parley.batch;

import dev.parley.conversation.ConversationKey;
import dev.parley.generation.ConversationGenerator;
import dev.parley.generation.ConversationGenerator.Preview;
import dev.parley.generation.GenerationLogs;
import dev.parley.generation.GenerationRequest;
import dev.parley.provider.Cost;
import dev.parley.provider.ModelException;
import dev.parley.provider.ModelProvider;
import dev.parley.provider.ModelRequest;
import dev.parley.provider.Prices;
import dev.parley.provider.TokenUsage;
import dev.parley.work.BatchJob;
import dev.parley.work.BatchJobs;
import dev.parley.work.Delivery;
import dev.parley.work.ItemParameters;
import dev.parley.work.JobSettings;
import java.math.BigDecimal;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.Set;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.springframework.stereotype.Component;

/**
 * What work will cost before it is begun: from what earlier calls of the same template and model took, else from a count of
 * the tokens of one prompt a template, which costs nothing. Thread-safe.
 */
@Component
public class Estimates {
    private static final TokenUsage A_BIT_OF_ALL = new TokenUsage(1_000_000, 1_000_000, 0, 0, 0);

    /** Fewer say too little. */
    private static final int FEWEST_CALLS = 5;

    private static final int MOST_CALLS = 200;
    private static final int RECENT_JOBS = 20;

    /** Output tokens: a turn is 100 to 500 characters and its JSON, and some models think before they write. */
    private static final int LEAST_TOKENS_A_TURN = 100;

    private static final int MOST_TOKENS_A_TURN = 400;
    private static final int TOKENS_AROUND_THE_TURNS = 150;

    /** For when nobody counts: new models make more tokens of a text than the usual four characters each. */
    private static final int CHARACTERS_PER_TOKEN = 3;

    private final GenerateJob.Generation generation;
    private final GenerationLogs ledger;
    private final BatchJobs jobs;

    Estimates(GenerateJob.Generation generation, GenerationLogs ledger, BatchJobs jobs) {
        this.generation = generation;
        this.ledger = ledger;
        this.jobs = jobs;
    }

    /**
     * For what is still queued of a job.
     *
     * @param provider in place of the job's; null leaves it to the job
     */
    public Estimate remaining(BatchJob job, @Nullable String provider) {
        return of(job.settings(), provider, parsed(jobs.queuedParameters(job.id())));
    }

    /** For items by their parameters as the table has them; those that cannot be read fail without a call, and do not count. */
    public Estimate of(JobSettings settings, Map<String, Long> parameters) {
        return of(settings, null, parsed(parameters));
    }

    private static Map<ItemParameters, Long> parsed(Map<String, Long> parameters) {
        Map<ItemParameters, Long> items = new HashMap<>();
        parameters.forEach((json, count) -> {
            try {
                items.merge(ItemParameters.parse(json), count, Long::sum);
            } catch (IllegalArgumentException invalid) {
                // fails without a call
            }
        });
        return items;
    }

    /**
     * For items that need not be enqueued.
     *
     * @param provider in place of the settings'; null leaves it to them
     * @param items with how many there are of each
     * @throws IllegalArgumentException when the provider is not known or lacks a setting
     */
    public Estimate of(JobSettings settings, @Nullable String provider, Map<ItemParameters, Long> items) {
        String name = provider == null ? settings.provider() : provider;
        String model = generation.providers().model(name, settings.model());
        long all = items.values().stream().mapToLong(Long::longValue).sum();
        Cost aBit =
                generation.prices().cost(model, A_BIT_OF_ALL, generation.clock().instant());
        if (!aBit.known() || aBit.usd().signum() == 0 || all == 0) {
            return new Estimate(BigDecimal.ZERO, BigDecimal.ZERO, all, model, aBit.known(), "the price list");
        }
        return new Sum(generation.providers().byName(name), model, settings.delivery())
                .of(groups(settings, items).values(), all);
    }

    /** All items of one template. */
    private static final class Group {
        private final Preview sample;
        private long items;
        private long turns;

        private Group(Preview sample) {
            this.sample = sample;
        }
    }

    private Map<UUID, Group> groups(JobSettings settings, Map<ItemParameters, Long> items) {
        ConversationGenerator generator = generation.generator();
        Map<UUID, Group> groups = new HashMap<>();
        items.forEach((parameters, count) -> generator
                .preview(request(settings, parameters))
                .ifPresent(preview -> {
                    Group group = groups.computeIfAbsent(preview.templateId(), id -> new Group(preview));
                    group.items += count;
                    group.turns += count * preview.targetTurns();
                }));
        return groups;
    }

    private static GenerationRequest request(JobSettings settings, ItemParameters parameters) {
        return new GenerationRequest(
                new ConversationKey(new UUID(0, 0)),
                1,
                null,
                parameters.personaId(),
                parameters.emotionalArcId(),
                parameters.trainingTopicId(),
                parameters.tier(),
                parameters.templateId(),
                settings.model(),
                settings.maxOutputTokens());
    }

    private final class Sum {
        private final ModelProvider provider;
        private final String model;
        private final Delivery delivery;
        private final List<UUID> recentJobs;
        private double low;
        private double high;
        private int past;
        private int counted;
        private final Set<String> guessedBecause = new LinkedHashSet<>();

        private Sum(ModelProvider provider, String model, Delivery delivery) {
            this.provider = provider;
            this.model = model;
            this.delivery = delivery;
            this.recentJobs =
                    jobs.newestFirst(RECENT_JOBS).stream().map(BatchJob::id).toList();
        }

        private Estimate of(Iterable<Group> groups, long items) {
            groups.forEach(this::add);
            return new Estimate(BigDecimal.valueOf(low), BigDecimal.valueOf(high), items, model, true, basis());
        }

        private void add(Group group) {
            List<TokenUsage> usage = ledger.usage(recentJobs, group.sample.templateId(), model, MOST_CALLS);
            if (usage.size() >= FEWEST_CALLS) {
                addPast(group, usage);
            } else {
                addCounted(group);
            }
        }

        /** Twice the standard error of a sum of so many calls, of which a sample is known; never less than a twentieth. */
        private void addPast(Group group, List<TokenUsage> usage) {
            past += usage.size();
            low += Math.max(0, sum(group, usage, cheapestIsBatch(), -1));
            high += sum(group, usage, dearestIsBatch(), 1);
        }

        private double sum(Group group, List<TokenUsage> usage, boolean batched, int direction) {
            double[] costs =
                    usage.stream().mapToDouble(one -> usd(one, batched)).toArray();
            double mean = Arrays.stream(costs).average().orElse(0);
            double variance = Arrays.stream(costs)
                            .map(cost -> (cost - mean) * (cost - mean))
                            .sum()
                    / (costs.length - 1);
            double n = group.items;
            double spread = Math.max(n * mean / 20, 2 * Math.sqrt(variance * (n + n * n / costs.length)));
            return n * mean + direction * spread;
        }

        /** Whether the cheapest way to have an item answered is a batch. */
        private boolean cheapestIsBatch() {
            return delivery.batched();
        }

        /** Whether the dearest one is, too: what comes back from a batch without an answer may be called for live. */
        private boolean dearestIsBatch() {
            return delivery == Delivery.BATCH;
        }

        /** At the least all of the stable prefix is read from the provider's cache; at the most it is written each time. */
        private void addCounted(Group group) {
            ModelRequest question = group.sample.question();
            int stable = question.stablePrefix().length();
            int characters = stable + question.prompt().length();
            long prompt = promptTokens(question, characters);
            long prefix = prompt * stable / Math.max(1, characters);
            String jsonSchema = question.jsonSchema();
            long schema = jsonSchema == null ? 0 : jsonSchema.length() / CHARACTERS_PER_TOKEN;
            double turns = (double) group.turns / group.items;
            long least = Math.round(turns * LEAST_TOKENS_A_TURN) + TOKENS_AROUND_THE_TURNS;
            long most = Math.round(turns * MOST_TOKENS_A_TURN) + TOKENS_AROUND_THE_TURNS;
            long limit = question.maxOutputTokens();
            low += group.items
                    * usd(new TokenUsage(prompt - prefix, Math.min(limit, least), prefix, 0, 0), cheapestIsBatch());
            boolean batched = dearestIsBatch();
            high += group.items
                    * usd(
                            new TokenUsage(
                                    prompt - prefix + schema,
                                    Math.min(limit, most),
                                    0,
                                    batched ? 0 : prefix,
                                    batched ? prefix : 0), // kept for an hour
                            batched);
        }

        private long promptTokens(ModelRequest question, int characters) {
            try {
                OptionalLong tokens = provider.countTokens(question);
                if (tokens.isPresent()) {
                    counted++;
                    return tokens.getAsLong();
                }
                guessedBecause.add("the provider does not count");
            } catch (ModelException e) {
                guessedBecause.add(e.failure().detail());
            }
            return characters / CHARACTERS_PER_TOKEN;
        }

        private double usd(TokenUsage usage, boolean batched) {
            Instant now = generation.clock().instant();
            Prices prices = generation.prices();
            return (batched ? prices.batchCost(model, usage, now) : prices.cost(model, usage, now))
                    .usd()
                    .doubleValue();
        }

        private String basis() {
            List<String> basis = new ArrayList<>();
            if (delivery.batched()) {
                basis.add("at the price of batches"
                        + (dearestIsBatch() ? "" : " at the least, of live calls at the most"));
            }
            if (past > 0) {
                basis.add("from what " + past + " earlier calls took");
            }
            if (counted > 0) {
                basis.add("from the tokens of " + (counted == 1 ? "one prompt" : counted + " prompts")
                        + " as the provider counts them");
            }
            guessedBecause.forEach(why -> basis.add("guessed from the prompt's length, because " + why));
            return String.join("; ", basis);
        }
    }
}
