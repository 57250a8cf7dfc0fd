package dev.parley.batch;

import dev.parley.generation.ConversationGenerator.Question;
import dev.parley.provider.FailureCode;
import dev.parley.provider.MessageBatches;
import dev.parley.provider.MessageBatches.NotCreatedException;
import dev.parley.provider.ModelFailure;
import dev.parley.provider.ModelFailure.Next;
import dev.parley.provider.ModelProviders;
import dev.parley.work.BatchItem;
import dev.parley.work.BatchItems;
import dev.parley.work.BatchJob;
import dev.parley.work.BatchJobs;
import dev.parley.work.ClaimOwner;
import dev.parley.work.Delivery;
import dev.parley.work.ItemParameters;
import dev.parley.work.ProviderBatch;
import dev.parley.work.ProviderBatches;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A batch up to where its provider has it: gathered, sent, and looked for when nobody knows whether it was. */
final class BatchSubmission {
    private static final Logger log = LoggerFactory.getLogger(BatchSubmission.class);

    /** Clocks differ, and looking further back costs nothing. */
    private static final Duration CLOCKS = Duration.ofHours(1);

    /** How often it is sent without ever being confirmed. */
    private static final int MOST_ATTEMPTS = 5;

    private final ProviderBatches batches;
    private final BatchItems items;
    private final BatchJobs jobs;
    private final ModelProviders providers;
    private final ConversationProcessor processor;
    private final Handover lanes;
    private final BatchSettings settings;
    private final @Nullable String providerOverride;

    BatchSubmission(
            ProviderBatches batches,
            BatchItems items,
            BatchJobs jobs,
            ModelProviders providers,
            ConversationProcessor processor,
            Handover lanes,
            BatchSettings settings,
            @Nullable String providerOverride) {
        this.batches = batches;
        this.items = items;
        this.jobs = jobs;
        this.providers = providers;
        this.processor = processor;
        this.lanes = lanes;
        this.settings = settings;
        this.providerOverride = providerOverride;
    }

    // Gather

    /**
     * Opens a batch for one of the jobs that have something to send.
     *
     * @param jobIds among these; empty means all
     */
    Optional<ProviderBatch> gather(Collection<UUID> jobIds, Supplier<ClaimOwner> owner) throws InterruptedException {
        for (BatchJob job : jobs.open()) {
            if (job.settings().delivery().batched() && (jobIds.isEmpty() || jobIds.contains(job.id()))) {
                Optional<ProviderBatch> opened = gather(job, owner);
                if (opened.isPresent()) {
                    return opened;
                }
            }
        }
        return Optional.empty();
    }

    private Optional<ProviderBatch> gather(BatchJob job, Supplier<ClaimOwner> owner) throws InterruptedException {
        String provider =
                providers.nameOf(providerOverride == null ? job.settings().provider() : providerOverride);
        boolean untried = job.settings().delivery() == Delivery.BATCH_THEN_LIVE;
        int room = Math.min(mostRequests(job), settings.maxQueued() - batches.atProvider(provider));
        if (room <= 0 || items.dueForBatch(job.id(), room, untried) == 0 || !provenLive(job, owner.get())) {
            return Optional.empty();
        }
        return batches.open(
                job.id(),
                provider,
                job.settings().model(),
                owner.get(),
                batch -> items.claimForBatch(job.id(), batch, room, untried));
    }

    /** As many as a body will hold, going by the job's earlier ones, and a few more: the others would only go back. */
    private int mostRequests(BatchJob job) {
        long bytes = batches.averageRequest(job.id());
        return bytes == 0
                ? settings.maxRequests()
                : (int) Math.min(settings.maxRequests(), settings.maxSize().toBytes() * 21 / 20 / bytes + 1);
    }

    /** Where asked, an item of a job is called for live before its first batch: says whether that went well. */
    private boolean provenLive(BatchJob job, ClaimOwner owner) throws InterruptedException {
        if (!settings.smokeTest()
                || job.successfulItems() > 0
                || batches.overview(List.of(job.id())).containsKey(job.id())) {
            return true;
        }
        for (BatchItem first : items.claimFirst(job.id(), owner)) {
            lanes.hand(PendingItem.live(first));
            while (items.isHeld(first)) {
                TimeUnit.NANOSECONDS.sleep(Handover.LOOK_AGAIN.toNanos());
            }
        }
        BatchJob after = jobs.find(job.id()).orElse(job);
        if (after.failedItems() > 0 && after.successfulItems() == 0) {
            jobs.pause(
                    job.id(),
                    "the first item failed, so that no batch was sent: "
                            + jobs.lastItemErrors(List.of(job.id())).get(job.id()));
        }
        return after.successfulItems() > 0;
    }

    // Send

    /** Sends it, once: the intent is committed before. */
    void send(ProviderBatch batch) throws InterruptedException {
        if (!jobs.notOpen(List.of(batch.jobId())).isEmpty()) {
            items.releaseBatch(batch.id());
            batches.done(batch, "the job was closed before it was sent");
            return;
        }
        List<BatchItem> toAsk = withoutParsed(batch);
        if (toAsk.isEmpty()) {
            batches.done(batch, null);
            return;
        }
        MessageBatches door;
        try {
            door = providers.batches(batch.provider());
        } catch (IllegalArgumentException e) { // only now: to parse what is stored takes no key
            giveUp(batch, "delivery is by batch, but " + e.getMessage());
            return;
        }
        MessageBatches.Measure measure = door.measure(settings.maxSize().toBytes());
        List<BatchItem> asked = fitting(batch, toAsk, measure);
        if (asked.isEmpty()) {
            batches.done(batch, null);
            return;
        }
        MessageBatches.Body body = measure.body();
        batches.intend(batch, asked.size(), body.bytes(), body.sha256());
        try {
            MessageBatches.Batch created = door.create(
                    () -> asked.stream()
                            .map(item -> Objects.requireNonNull(requestFor(batch, item)))
                            .iterator(),
                    body);
            log.info("Batch {} of {} requests is {} at {}", batch.id(), asked.size(), created.id(), batch.provider());
            writeDown(() -> {
                batches.progress(batch, BatchResults.progress(created));
                batches.giveBack(batch, settings.pollMin(), null);
            });
        } catch (NotCreatedException e) {
            writeDown(() -> notCreated(batch, asked, e));
        }
    }

    /** What is known by now must not be lost because the run is told to end. */
    private static void writeDown(Runnable write) throws InterruptedException {
        boolean interrupted = Thread.interrupted();
        write.run();
        if (interrupted) {
            throw new InterruptedException();
        }
    }

    /** The items that are not only to be parsed, equal prefixes together; the others go to the lanes. */
    private List<BatchItem> withoutParsed(ProviderBatch batch) throws InterruptedException {
        List<BatchItem> rest = new ArrayList<>();
        for (BatchItem item : items.inBatch(batch.id())) {
            if (item.parseOnly()) {
                lanes.hand(PendingItem.stored(item));
            } else {
                rest.add(item);
            }
        }
        lanes.awaitRecorded(batch);
        return equalPrefixesTogether(rest);
    }

    /**
     * What is to be asked and fits into one body, measured. What needs no answer goes to the lanes, and what does not fit back
     * into the queue.
     */
    private List<BatchItem> fitting(ProviderBatch batch, List<BatchItem> items, MessageBatches.Measure measure)
            throws InterruptedException {
        List<BatchItem> asked = new ArrayList<>();
        List<BatchItem> tooMuch = new ArrayList<>();
        boolean full = false;
        for (BatchItem item : items) {
            full = full || asked.size() == settings.maxRequests();
            MessageBatches.Request request = full ? null : requestFor(batch, item);
            full = full || request != null && !measure.add(request);
            if (full) {
                tooMuch.add(item);
            } else if (request == null) {
                lanes.hand(PendingItem.stored(item));
            } else {
                asked.add(item);
            }
        }
        this.items.release(tooMuch);
        lanes.awaitRecorded(batch);
        return asked;
    }

    private void notCreated(ProviderBatch batch, List<BatchItem> asked, NotCreatedException e) {
        ModelFailure why = e.failure();
        log.warn("Batch {} was not confirmed: {}", batch.id(), why.detail());
        if (!e.surely()) {
            batches.lost(batch);
            batches.giveBack(batch, settings.pollMin(), "its creation was not confirmed: " + why.detail());
            return;
        }
        batches.notSent(batch);
        if (why.code().equals(FailureCode.REQUEST_TOO_LARGE.key()) && asked.size() > 1) {
            items.release(asked.subList(asked.size() / 2, asked.size()));
            batches.giveBack(batch, Duration.ZERO, why.detail());
        } else if (why.next() == Next.WAIT || why.next() == Next.RETRY) {
            Duration wait = why.retryAfter() == null ? settings.pollMin() : why.retryAfter();
            batches.giveBack(batch, wait, why.detail());
        } else {
            giveUp(batch, why.detail());
        }
    }

    private void giveUp(ProviderBatch batch, String why) {
        jobs.pause(batch.jobId(), why);
        items.releaseBatch(batch.id());
        batches.done(batch, why);
    }

    /** Template, arc and tier decide about the prefix; a provider's cache finds it if its requests are neighbours. */
    private static List<BatchItem> equalPrefixesTogether(List<BatchItem> items) {
        Map<UUID, String> prefixes = new HashMap<>(items.size() * 2);
        Map<String, String> known = new HashMap<>();
        items.forEach(item -> prefixes.put(item.id(), known.computeIfAbsent(prefixOf(item), key -> key)));
        List<BatchItem> sorted = new ArrayList<>(items);
        sorted.sort(Comparator.<BatchItem, String>comparing(item -> Objects.requireNonNull(prefixes.get(item.id())))
                .thenComparingInt(BatchItem::position));
        return sorted;
    }

    private static String prefixOf(BatchItem item) {
        try {
            ItemParameters of = ItemParameters.parse(item.parameters());
            return of.templateId() + " " + of.emotionalArcId() + " " + of.tier();
        } catch (IllegalArgumentException invalid) {
            return "";
        }
    }

    /** Null when nothing is to be asked. */
    private MessageBatches.@Nullable Request requestFor(ProviderBatch batch, BatchItem item) {
        Question question = processor.question(item).orElse(null);
        return question == null
                ? null
                : new MessageBatches.Request(
                        CustomId.of(batch.id(), item, question.number()).toString(), question.request());
    }

    // Find again

    /** Only what is in none of the provider's batches, and has had time to turn up, may be sent a second time. */
    void find(ProviderBatch batch) {
        MessageBatches door = providers.batches(batch.provider());
        batches.lost(batch); // whoever took over a dead process's turn is the first to say so
        List<MessageBatches.Batch> alike =
                door.createdSince(Objects.requireNonNull(batch.postedAt()).minus(CLOCKS)).stream()
                        .filter(one -> one.size() == batch.items())
                        .toList();
        Set<String> known =
                batches.known(alike.stream().map(MessageBatches.Batch::id).toList());
        boolean undecided = false;
        for (MessageBatches.Batch one : alike) {
            if (known.contains(one.id())) {
                continue;
            }
            if (one.status() != MessageBatches.Status.ENDED) {
                undecided = true; // its results will tell whose it is
            } else if (isOurs(door, one, batch)) {
                log.info("Batch {} is {}: its creation was not confirmed", batch.id(), one.id());
                batches.progress(batch, BatchResults.progress(one));
                batches.giveBack(batch, Duration.ZERO, null);
                return;
            }
        }
        if (undecided || batch.lostFor().compareTo(settings.absenceAfter()) < 0) {
            batches.giveBack(batch, settings.pollMin(), "its creation was not confirmed; looking for it");
            return;
        }
        log.info("Batch {} is not at {}: it is sent again", batch.id(), batch.provider());
        batches.notSent(batch);
        if (batch.attempt() >= MOST_ATTEMPTS) {
            giveUp(batch, "a batch was sent " + batch.attempt() + " times and never confirmed by " + batch.provider());
        } else {
            batches.giveBack(batch, Duration.ZERO, null);
        }
    }

    private static boolean isOurs(MessageBatches door, MessageBatches.Batch candidate, ProviderBatch batch) {
        boolean[] ours = {false};
        door.results(candidate.id(), result -> {
            ours[0] = CustomId.parse(batch.id(), result.customId()) != null;
            return false;
        });
        return ours[0];
    }
}
