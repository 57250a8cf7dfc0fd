package dev.parley.batch;

import dev.parley.generation.ConversationGenerator;
import dev.parley.generation.ConversationGenerator.Question;
import dev.parley.generation.GenerationRequest;
import dev.parley.generation.GenerationResult;
import dev.parley.generation.GenerationResult.Generated;
import dev.parley.generation.GenerationResult.NotGenerated;
import dev.parley.provider.CallInterruptedException;
import dev.parley.provider.FailureCode;
import dev.parley.provider.ModelFailure;
import dev.parley.provider.ModelFailure.Next;
import dev.parley.provider.ModelProvider;
import dev.parley.provider.ModelProviders;
import dev.parley.work.BatchItem;
import dev.parley.work.BatchJob;
import dev.parley.work.BatchJobs;
import dev.parley.work.ErrorHandling;
import dev.parley.work.ItemParameters;
import dev.parley.work.JobSettings;
import dev.parley.work.Outcome;
import io.opentelemetry.context.Scope;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Queue;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.batch.infrastructure.item.ItemProcessor;
import org.springframework.core.NestedExceptionUtils;

/**
 * Turns an item into a conversation, or into the reason why there is none: an expected failure is a result, not an exception.
 * Thread-safe; holds no connection while a model thinks.
 */
class ConversationProcessor implements ItemProcessor<PendingItem, ItemOutcome> {
    private static final Logger log = LoggerFactory.getLogger(ConversationProcessor.class);

    private final ConversationGenerator generator;
    private final ModelProviders providers;
    private final CallMeters meters;
    private final ItemTraces traces;
    private final BatchJobs jobs;
    private final RetryPolicy retries;
    private final @Nullable String providerOverride;
    private final Runnable onPause;
    private final GenerationRecorder recorder;
    private final Map<UUID, JobContext> contexts = new ConcurrentHashMap<>();

    private final Queue<BatchItem> cutShort = new ConcurrentLinkedQueue<>();

    private record JobContext(
            @Nullable String provider,
            JobSettings settings,
            ErrorHandling errorHandling,
            @Nullable UUID userId) {}

    ConversationProcessor(
            GenerateJob.Generation generation,
            BatchJobs jobs,
            RetryPolicy retries,
            @Nullable String providerOverride,
            Runnable onPause,
            GenerationRecorder recorder) {
        this.generator = generation.generator();
        this.providers = generation.providers();
        this.meters = generation.meters();
        this.traces = generation.traces();
        this.jobs = jobs;
        this.retries = retries;
        this.providerOverride = providerOverride;
        this.onPause = onPause;
        this.recorder = recorder;
    }

    @Override
    public ItemOutcome process(PendingItem pending) throws InterruptedException {
        BatchItem item = pending.item();
        GenerationResult result;
        try (Scope scope = traces.enter(item)) {
            result = generate(pending);
        } catch (CallInterruptedException e) {
            cutShort.add(item);
            throw e;
        }
        meters.count(result.calls());
        if (result instanceof NotGenerated failed) {
            String reason = reasonToPause(item, failed.failure());
            if (reason != null) { // at once: by the time this is written, many more items would have met the same
                Outage.rideOut(() -> jobs.pause(item.jobId(), reason));
                onPause.run();
            }
            if (pending.answer() != null && failed.failure().code().equals(FailureCode.ANSWER_LOST.key())) {
                // Not lost yet: left in its batch, it is taken again by the next run.
                throw new IllegalStateException(
                        "The answer for item " + item.id() + " stays with the provider: " + reason);
            }
        }
        JobContext job = contexts.get(item.jobId());
        if (result instanceof Generated generated && job != null) {
            recorder.record(item, job.userId(), generated);
        }
        return new ItemOutcome(item, result);
    }

    private @Nullable String reasonToPause(BatchItem item, ModelFailure failure) {
        if (failure.next() == Next.PAUSE_JOB) {
            return failure.detail();
        }
        JobContext job = contexts.get(item.jobId());
        return job != null
                        && job.errorHandling() == ErrorHandling.STOP
                        && retries.decide(item, failure) instanceof Outcome.Failed
                ? "error_handling is stop, and an item failed: " + failure.detail()
                : null;
    }

    /** At the end of the run: what is not written by now never will be. */
    void endTraces() {
        traces.endAll();
    }

    /** The items whose call was cut short by a stop: they may have been paid for. */
    Collection<BatchItem> cutShort() {
        return cutShort;
    }

    /**
     * What is to be asked for an item in a batch.
     *
     * @return empty when nothing is: {@link #process} says without a call what becomes of it
     */
    Optional<Question> question(BatchItem item) {
        if (item.parseOnly()) {
            return Optional.empty();
        }
        ItemParameters parameters;
        try {
            parameters = ItemParameters.parse(item.parameters());
        } catch (IllegalArgumentException e) {
            return Optional.empty();
        }
        JobContext job = contexts.computeIfAbsent(item.jobId(), this::context);
        boolean mayBeStored = item.attempts() > 1 || item.unanswered() > 0;
        return generator.question(
                request(item, parameters, job.settings(), job.userId()),
                providers.storedAnswers(job.provider()),
                mayBeStored);
    }

    private GenerationResult generate(PendingItem pending) throws InterruptedException {
        BatchItem item = pending.item();
        ItemParameters parameters;
        try {
            parameters = ItemParameters.parse(item.parameters());
        } catch (IllegalArgumentException e) {
            return notGenerated(FailureCode.INVALID_PARAMETERS.because(String.valueOf(e.getMessage())));
        }
        JobContext job = contexts.get(item.jobId());
        if (job == null) {
            job = Outage.rideOut(() -> contexts.computeIfAbsent(item.jobId(), this::context));
        }
        try {
            ModelProvider provider = item.parseOnly() || !pending.mayCall()
                    ? providers.storedAnswers(job.provider())
                    : providers.byName(job.provider());
            GenerationRequest request = request(item, parameters, job.settings(), job.userId());
            PendingItem.Answered answer = pending.answer();
            return answer == null
                    ? generator.generate(request, traces.traced(provider))
                    : generator.take(request, provider, answer.number(), answer.result());
        } catch (CallInterruptedException e) {
            throw e;
        } catch (RuntimeException e) {
            if (Thread.currentThread().isInterrupted()) {
                throw e; // told to stop
            }
            log.error("Item {} failed by a fault of this program", item.id(), e);
            return notGenerated(FailureCode.INTERNAL_ERROR.because(describe(e)));
        }
    }

    private static NotGenerated notGenerated(ModelFailure failure) {
        return new NotGenerated(failure, null, null, null, List.of());
    }

    /** Class and message of an exception and of its root cause: a missing message hides neither. */
    private static String describe(Throwable e) {
        Throwable root = NestedExceptionUtils.getMostSpecificCause(e);
        return root == e ? e.toString() : e + ", caused by " + root;
    }

    /** What an item asks for; one that was never claimed is at its first attempt. */
    static GenerationRequest request(
            BatchItem item, ItemParameters parameters, JobSettings settings, @Nullable UUID user) {
        return new GenerationRequest(
                item.conversationKey(),
                Math.max(1, item.attempts()),
                user,
                parameters.personaId(),
                parameters.emotionalArcId(),
                parameters.trainingTopicId(),
                parameters.tier(),
                parameters.templateId(),
                settings.model(),
                settings.maxOutputTokens());
    }

    private JobContext context(UUID jobId) {
        BatchJob job = jobs.find(jobId).orElseThrow();
        String provider = providerOverride == null ? job.settings().provider() : providerOverride;
        return new JobContext(provider, job.settings(), job.errorHandling(), job.createdBy());
    }
}
