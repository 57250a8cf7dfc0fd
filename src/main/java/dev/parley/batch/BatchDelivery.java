package dev.parley.batch;

import dev.parley.archive.StoreException;
import dev.parley.generation.ConversationGenerator.Question;
import dev.parley.provider.CallInterruptedException;
import dev.parley.provider.FailureCode;
import dev.parley.provider.MessageBatches;
import dev.parley.provider.MessageBatches.NotCreatedException;
import dev.parley.provider.MessageBatches.Result;
import dev.parley.provider.ModelException;
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
import dev.parley.work.ProviderBatch.Status;
import dev.parley.work.ProviderBatches;
import dev.parley.work.ProviderBatches.TakenOverException;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Sends items to a provider in batches, and hands their results to the step's lanes like any other item.
 *
 * <p>One thread of its own drives the batches of a run, in turns: a turn takes a batch that is due and nobody's, does the one
 * thing that comes next for it, and gives it back. All of its state is in the table: a process that dies in the middle of a
 * turn is followed by another that goes on from there.
 *
 * <pre>
 * preparing ─ intent committed ─► submitting ─ answer ─► in_progress ─► ended ─ all recorded ─► done
 *     ▲                               │ no answer: looked for in the provider's list, as long as it may turn up
 *     └────────── surely absent ──────┘
 * </pre>
 *
 * <p>A second thread renews the turn. {@link #poll} is for the reader.
 */
final class BatchDelivery implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(BatchDelivery.class);

    private static final Duration LOOK_AGAIN = Duration.ofMillis(500);
    private static final Duration RECORDED_AGAIN = Duration.ofMillis(20);

    /** Clocks differ, and looking further back costs nothing. */
    private static final Duration CLOCKS = Duration.ofHours(1);

    /** Results whose items are looked up at once. */
    private static final int PAGE = 200;

    /** More than the lanes and the writer can have in hand: what was handed out earlier is recorded. */
    private static final int MOST_WITH_LANES = 12_000;

    /** Items claimed in one statement. */
    private static final int CLAIM = 5_000;

    /** How often it is sent, or its results are asked for, in vain. */
    private static final int MOST_ATTEMPTS = 5;

    private final ProviderBatches batches;
    private final BatchItems items;
    private final BatchJobs jobs;
    private final ModelProviders providers;
    private final ConversationProcessor processor;
    private final BatchSettings settings;
    private final Collection<UUID> jobIds;
    private final Supplier<ClaimOwner> owner;
    private final @Nullable String providerOverride;
    private final Runnable onNews;
    private final BlockingQueue<PendingItem> answered = new ArrayBlockingQueue<>(PAGE);
    private final Thread driver = new Thread(this::drive, "parley-batches");
    private final ScheduledExecutorService renewal = Executors.newSingleThreadScheduledExecutor(task -> {
        Thread thread = new Thread(task, "parley-batches-renewal");
        thread.setDaemon(true);
        return thread;
    });
    /** What may still be with the lanes or the writer; the driver's own. */
    private final ArrayDeque<UUID> handed = new ArrayDeque<>();

    private volatile @Nullable ProviderBatch current;
    private volatile @Nullable RuntimeException failure;
    private volatile boolean closed;

    /**
     * @param jobIds the jobs to serve; empty means all
     * @param onNews called when there is something to {@link #poll}
     */
    BatchDelivery(
            ProviderBatches batches,
            BatchItems items,
            BatchJobs jobs,
            ModelProviders providers,
            ConversationProcessor processor,
            BatchSettings settings,
            Collection<UUID> jobIds,
            Supplier<ClaimOwner> owner,
            @Nullable String providerOverride,
            Runnable onNews) {
        this.batches = batches;
        this.items = items;
        this.jobs = jobs;
        this.providers = providers;
        this.processor = processor;
        this.settings = settings;
        this.jobIds = jobIds;
        this.owner = owner;
        this.providerOverride = providerOverride;
        this.onNews = onNews;
    }

    void start() {
        long third = owner.get().lease().toMillis() / 3;
        renewal.scheduleWithFixedDelay(this::renew, third, third, TimeUnit.MILLISECONDS);
        driver.setDaemon(true);
        driver.start();
    }

    /** An item that waits for nobody; null when there is none now. Any thread. */
    @Nullable
    PendingItem poll() {
        RuntimeException broken = failure;
        if (broken != null) {
            throw broken;
        }
        return answered.poll();
    }

    /** Whether there is something left to do for a batch of the run's jobs, also of those that are closed. */
    boolean underWay() {
        return !batches.underWay(jobIds).isEmpty();
    }

    /** Ends the turn where it is; another process, or the next run, goes on from there. */
    @Override
    public void close() {
        closed = true;
        driver.interrupt();
        renewal.shutdownNow();
        try {
            driver.join(Duration.ofSeconds(30).toMillis());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private void renew() {
        ProviderBatch held = current;
        try {
            if (held != null && !batches.renew(held, owner.get()) && held.equals(current)) {
                log.warn("Batch {} is driven by another process", held.id());
                driver.interrupt();
            }
        } catch (RuntimeException e) {
            log.warn("The turn of batch {} could not be renewed: {}", held == null ? "" : held.id(), e.getMessage());
        }
    }

    private void drive() {
        while (!closed) {
            boolean worked = false;
            try {
                worked = turn();
            } catch (InterruptedException | CallInterruptedException e) {
                log.debug("A turn was interrupted", e);
                endTurn();
            } catch (TakenOverException e) {
                log.warn("A turn ends: {}", e.getMessage());
            } catch (RuntimeException e) {
                if (!closed && !Outage.isOne(e)) {
                    failure = e;
                    onNews.run();
                    return;
                }
                log.warn("Batches wait for the database: {}", e.getMessage());
                endTurn();
            } finally {
                current = null;
                handed.clear();
            }
            boolean interrupted = Thread.interrupted(); // of this turn, not of the next
            if (!worked && !closed && !interrupted) {
                try {
                    sleep(settings.pollMin().compareTo(LOOK_AGAIN) < 0 ? settings.pollMin() : LOOK_AGAIN);
                } catch (InterruptedException e) {
                    log.debug("Woken", e);
                }
            }
        }
    }

    /** Or the next one would have to wait until the lease has ended. */
    private void endTurn() {
        boolean interrupted = Thread.interrupted();
        ProviderBatch batch = current;
        try {
            if (batch != null) {
                batches.giveBack(batch, Duration.ZERO, null);
            }
        } catch (RuntimeException e) {
            log.warn("Batch {} waits until the lease of this turn has ended: {}", batch, e.getMessage());
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    /** Says whether there was something to do. */
    private boolean turn() throws InterruptedException {
        ProviderBatch batch = batches.take(jobIds, owner.get()).orElse(null);
        if (batch == null) {
            return openOne();
        }
        current = batch;
        try {
            switch (batch.status()) {
                case PREPARING -> submit(batch);
                case SUBMITTING -> find(batch);
                case IN_PROGRESS, CANCELING -> look(batch);
                default -> collect(batch, batch.items());
            }
        } catch (ModelException e) {
            stumbled(batch, e.failure());
        } catch (StoreException e) {
            log.warn("Batch {} waits for the object store: {}", batch.id(), e.getMessage());
            batches.giveBack(batch, settings.pollMin(), e.getMessage());
        }
        return true;
    }

    /** The provider could not be asked about a batch that it may have: the batch is none the worse for it. */
    private void stumbled(ProviderBatch batch, ModelFailure why) {
        log.warn("Batch {} ({}) cannot be looked at: {}", batch.id(), batch.providerId(), why.detail());
        if (why.next() == Next.PAUSE_JOB) {
            jobs.pause(batch.jobId(), why.detail());
        }
        Duration wait = why.retryAfter() == null ? backOff(batch) : why.retryAfter();
        batches.giveBack(batch, wait, why.detail());
    }

    /** A tenth of its age: what takes an hour is not asked for every few seconds. */
    private Duration backOff(ProviderBatch batch) {
        Duration wait = batch.age().dividedBy(10);
        wait = wait.compareTo(settings.pollMin()) < 0 ? settings.pollMin() : wait;
        return wait.compareTo(settings.pollMax()) > 0 ? settings.pollMax() : wait;
    }

    private boolean isOpen(UUID job) {
        return jobs.notOpen(List.of(job)).isEmpty();
    }

    // Gather

    private boolean openOne() throws InterruptedException {
        for (BatchJob job : jobs.open()) {
            if (job.settings().delivery().batched() && (jobIds.isEmpty() || jobIds.contains(job.id())) && open(job)) {
                return true;
            }
        }
        return false;
    }

    private boolean open(BatchJob job) throws InterruptedException {
        String provider =
                providers.nameOf(providerOverride == null ? job.settings().provider() : providerOverride);
        boolean untried = job.settings().delivery() == Delivery.BATCH_THEN_LIVE;
        int room = Math.min(settings.maxRequests(), settings.maxQueued() - batches.atProvider(provider));
        if (room <= 0 || items.dueForBatch(job.id(), room, untried) == 0 || !provenLive(job)) {
            return false;
        }
        try {
            providers.batches(provider);
        } catch (IllegalArgumentException e) {
            jobs.pause(job.id(), "delivery is " + job.settings().delivery().key() + ", but " + e.getMessage());
            return false;
        }
        ProviderBatch batch = batches.open(job.id(), provider, job.settings().model(), owner.get());
        current = batch;
        int gathered = 0;
        int asked;
        int claimed;
        do {
            asked = Math.min(CLAIM, room - gathered);
            claimed = items.claimForBatch(job.id(), batch.id(), asked, untried);
            gathered += claimed;
        } while (claimed == asked && gathered < room);
        if (gathered == 0) {
            batches.discard(batch);
            return false;
        }
        submit(batch);
        return true;
    }

    /** Where asked, an item of a job is called for live before its first batch: says whether that went well. */
    private boolean provenLive(BatchJob job) throws InterruptedException {
        if (!settings.smokeTest()
                || job.successfulItems() > 0
                || batches.overview(List.of(job.id())).containsKey(job.id())) {
            return true;
        }
        for (BatchItem first : items.claimFirst(job.id(), owner.get())) {
            hand(PendingItem.live(first));
            while (!items.isRecorded(first) && !closed && isStillClaimed(first)) {
                sleep(RECORDED_AGAIN);
            }
        }
        BatchJob after = jobs.find(job.id()).orElse(job);
        if (after.failedItems() > 0 && after.successfulItems() == 0) {
            jobs.pause(job.id(), "the first item failed, so that no batch was sent: " + jobs.lastItemError(job.id()));
        }
        return after.successfulItems() > 0;
    }

    private boolean isStillClaimed(BatchItem item) {
        return jobs.itemsAmong(List.of(item.id())).stream()
                .anyMatch(state -> state.status().equals("processing"));
    }

    // Send

    private void submit(ProviderBatch batch) throws InterruptedException {
        if (!isOpen(batch.jobId())) {
            items.releaseBatch(batch.id());
            batches.done(batch, "the job was closed before it was sent");
            return;
        }
        MessageBatches door = providers.batches(batch.provider());
        List<BatchItem> asked = new ArrayList<>();
        List<BatchItem> tooMuch = new ArrayList<>();
        MessageBatches.Measure measure = door.measure(settings.maxSize().toBytes());
        for (BatchItem item : equalPrefixesTogether(items.inBatch(batch.id()))) {
            MessageBatches.Request request =
                    measure.requests() >= settings.maxRequests() ? null : requestFor(batch, item);
            if (measure.requests() >= settings.maxRequests()) {
                tooMuch.add(item);
            } else if (request == null) {
                hand(PendingItem.stored(item));
            } else if (measure.add(request)) {
                asked.add(item);
            } else {
                tooMuch.add(item);
            }
        }
        items.release(tooMuch);
        awaitRecorded(batch);
        if (asked.isEmpty()) {
            batches.done(batch, null);
            return;
        }
        MessageBatches.Body body = measure.body();
        batches.intend(batch, asked.size(), body.bytes(), body.sha256());
        try {
            MessageBatches.Batch created = door.create(requests(batch, asked), body);
            batches.progress(batch, progress(created));
            log.info("Batch {} of {} requests is {} at {}", batch.id(), asked.size(), created.id(), batch.provider());
            batches.giveBack(batch, settings.pollMin(), null);
        } catch (NotCreatedException e) {
            boolean interrupted = Thread.interrupted(); // what is known has to be written down all the same
            notCreated(batch, asked, e);
            if (interrupted) {
                throw new InterruptedException();
            }
        }
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

    /** Template and arc decide about the prefix; a provider's cache finds it if its requests are neighbours. */
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

    private MessageBatches.@Nullable Request requestFor(ProviderBatch batch, BatchItem item) {
        Question question = processor.question(item).orElse(null);
        return question == null
                ? null
                : new MessageBatches.Request(
                        CustomId.of(batch.id(), item, question.number()).toString(), question.request());
    }

    /** Made anew as they are sent. */
    private Iterable<MessageBatches.Request> requests(ProviderBatch batch, List<BatchItem> asked) {
        return () -> {
            Iterator<BatchItem> each = asked.iterator();
            return new Iterator<>() {
                @Override
                public boolean hasNext() {
                    return each.hasNext();
                }

                @Override
                public MessageBatches.Request next() {
                    return Objects.requireNonNull(requestFor(batch, each.next()));
                }
            };
        };
    }

    // Find again

    /** Only what is in none of the provider's batches, and has had time to turn up, may be sent a second time. */
    private void find(ProviderBatch batch) {
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
                batches.progress(batch, progress(one));
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
            ours[0] = CustomId.isOf(batch.id(), result.customId());
            return false;
        });
        return ours[0];
    }

    // Look after it

    private void look(ProviderBatch batch) throws InterruptedException {
        MessageBatches door = providers.batches(batch.provider());
        String id = Objects.requireNonNull(batch.providerId());
        MessageBatches.Batch now;
        try {
            now = batch.status() == Status.IN_PROGRESS && !isOpen(batch.jobId()) ? door.cancel(id) : door.get(id);
        } catch (ModelException e) {
            if (e.failure().code().equals(FailureCode.NOT_FOUND.key())) {
                endWithout(batch);
                return;
            }
            throw e;
        }
        batches.progress(batch, progress(now));
        if (now.status() == MessageBatches.Status.ENDED) {
            collect(batch, now.size());
        } else {
            batches.giveBack(batch, backOff(batch), null);
        }
    }

    private static ProviderBatches.Progress progress(MessageBatches.Batch batch) {
        return new ProviderBatches.Progress(
                batch.id(),
                Status.valueOf(batch.status().name()),
                batch.processing(),
                batch.succeeded(),
                batch.errored(),
                batch.canceled(),
                batch.expired(),
                batch.expiresAt());
    }

    // Take its results

    private void collect(ProviderBatch batch, int size) throws InterruptedException {
        Collecting collecting = new Collecting(batch);
        boolean whole = false;
        ModelException cut = null;
        for (int attempt = 1; attempt <= MOST_ATTEMPTS && !whole; attempt++) {
            if (attempt > 1) {
                sleep(settings.pollMin().dividedBy(10));
            }
            try {
                whole = collecting.read() >= size;
                cut = null;
            } catch (ModelException e) {
                log.warn(
                        "Results of batch {} were cut: {}",
                        batch.id(),
                        e.failure().detail());
                cut = e;
            }
        }
        awaitRecorded(batch); // or the next turn would hand them out again
        if (cut != null) {
            throw cut;
        }
        endWithout(batch);
    }

    /** What has no result by now will never have one. It may have been billed. */
    private void endWithout(ProviderBatch batch) throws InterruptedException {
        for (BatchItem item : items.inBatch(batch.id())) {
            ModelFailure missing = FailureCode.ANSWER_CUT.because(
                    "batch " + batch.providerId() + " has no result for it; it may have been billed");
            hand(PendingItem.answered(item, Integer.MAX_VALUE, new Result("", null, missing)));
        }
        awaitRecorded(batch);
        batches.done(batch, null);
        log.info("Batch {} ({}) is done", batch.id(), batch.providerId());
    }

    /** Hands out results, each one once, however often they are read. */
    private final class Collecting {
        private final ProviderBatch batch;
        private final Set<UUID> taken = new HashSet<>();
        private final Map<UUID, PendingItem.Answered> page = new LinkedHashMap<>();
        private int lines;

        Collecting(ProviderBatch batch) {
            this.batch = batch;
        }

        /** Returns how many there were. */
        int read() throws InterruptedException {
            lines = 0;
            page.clear();
            try {
                providers.batches(batch.provider()).results(Objects.requireNonNull(batch.providerId()), this::take);
            } finally {
                handOut();
            }
            return lines;
        }

        private boolean take(Result result) throws InterruptedException {
            lines++;
            CustomId id = CustomId.parse(batch.id(), result.customId());
            if (id == null) {
                log.warn("Batch {} has a result that is not ours: {}", batch.providerId(), result.customId());
            } else if (!taken.contains(id.item())) {
                page.put(id.item(), new PendingItem.Answered(id.number(), result));
                if (page.size() == PAGE) {
                    handOut();
                }
            }
            return true;
        }

        private void handOut() throws InterruptedException {
            for (BatchItem item : items.inBatch(batch.id(), page.keySet())) {
                PendingItem.Answered answer = Objects.requireNonNull(page.get(item.id()));
                taken.add(item.id());
                hand(PendingItem.answered(item, answer.number(), answer.result()));
            }
            page.clear();
        }
    }

    private void hand(PendingItem item) throws InterruptedException {
        answered.put(item);
        handed.add(item.item().id());
        if (handed.size() > MOST_WITH_LANES) {
            handed.remove();
        }
        onNews.run();
    }

    /** Waits until what was handed out is no longer in the batch. */
    private void awaitRecorded(ProviderBatch batch) throws InterruptedException {
        while (!handed.isEmpty()) {
            List<UUID> left = items.inBatch(batch.id(), handed).stream()
                    .map(BatchItem::id)
                    .toList();
            handed.clear();
            handed.addAll(left);
            if (!left.isEmpty()) {
                sleep(RECORDED_AGAIN);
            }
        }
    }

    private static void sleep(Duration time) throws InterruptedException {
        TimeUnit.NANOSECONDS.sleep(time.toNanos());
    }
}
