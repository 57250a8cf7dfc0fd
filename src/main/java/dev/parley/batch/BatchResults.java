package dev.parley.batch;

import dev.parley.provider.FailureCode;
import dev.parley.provider.MessageBatches;
import dev.parley.provider.MessageBatches.Result;
import dev.parley.provider.ModelException;
import dev.parley.provider.ModelFailure;
import dev.parley.provider.ModelProviders;
import dev.parley.work.BatchItem;
import dev.parley.work.BatchItems;
import dev.parley.work.BatchJobs;
import dev.parley.work.JobStatus;
import dev.parley.work.ProviderBatch;
import dev.parley.work.ProviderBatch.Status;
import dev.parley.work.ProviderBatches;
import java.time.Duration;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A batch from where its provider has it: looked after, cancelled with its job, and its results taken. */
final class BatchResults {
    private static final Logger log = LoggerFactory.getLogger(BatchResults.class);

    /** Results whose items are looked up at once. */
    private static final int PAGE = 200;

    /** How often results are asked for in one turn when they do not come whole. */
    private static final int MOST_READS = 5;

    private final ProviderBatches batches;
    private final BatchItems items;
    private final BatchJobs jobs;
    private final ModelProviders providers;
    private final Handover lanes;
    private final BatchSettings settings;

    BatchResults(
            ProviderBatches batches,
            BatchItems items,
            BatchJobs jobs,
            ModelProviders providers,
            Handover lanes,
            BatchSettings settings) {
        this.batches = batches;
        this.items = items;
        this.jobs = jobs;
        this.providers = providers;
        this.lanes = lanes;
        this.settings = settings;
    }

    static ProviderBatches.Progress progress(MessageBatches.Batch batch) {
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

    /** Asks how far it is, has it end when its job is closed, and takes its results when it has ended. */
    void look(ProviderBatch batch) throws InterruptedException {
        MessageBatches door = providers.batches(batch.provider());
        String id = Objects.requireNonNull(batch.providerId());
        boolean end = batch.status() == Status.IN_PROGRESS
                && !jobs.notOpen(List.of(batch.jobId())).isEmpty();
        MessageBatches.Batch now;
        try {
            now = end ? door.cancel(id) : door.get(id);
        } catch (ModelException e) {
            if (!isNotFound(e)) {
                throw e;
            }
            notFound(batch);
            return;
        }
        batches.progress(batch, progress(now));
        if (now.status() == MessageBatches.Status.ENDED) {
            collect(batch, now.size());
        } else {
            batches.giveBack(batch, backOff(batch), null);
        }
    }

    /** A tenth of its age: what takes an hour is not asked for every few seconds. */
    Duration backOff(ProviderBatch batch) {
        Duration wait = batch.age().dividedBy(10);
        wait = wait.compareTo(settings.pollMin()) < 0 ? settings.pollMin() : wait;
        return wait.compareTo(settings.pollMax()) > 0 ? settings.pollMax() : wait;
    }

    /**
     * It may have been deleted, or the key be another workspace's: to ask again for all that is in it would be paid for, so a
     * person is asked first. When the job is gone on with, and still nobody knows it, it is given up.
     */
    private void notFound(ProviderBatch batch) throws InterruptedException {
        String why = "batch " + batch.providerId() + " is not known to " + batch.provider()
                + ": deleted, or of another workspace than the key; resumed after "
                + settings.absenceAfter().toMinutes() + " minutes or more, the job asks again for what was in it";
        boolean paused = jobs.find(batch.jobId())
                .filter(job -> job.status() == JobStatus.PAUSED)
                .isPresent();
        if (!paused && batch.lostFor().compareTo(settings.absenceAfter()) >= 0) {
            endWithout(batch, items.inBatch(batch.id()));
            return;
        }
        batches.lost(batch);
        jobs.pause(batch.jobId(), why);
        batches.giveBack(batch, backOff(batch), why);
    }

    private static boolean isNotFound(ModelException e) {
        return e.failure().code().equals(FailureCode.NOT_FOUND.key());
    }

    /**
     * Takes the results of a batch that has ended.
     *
     * @param size how many there are to be
     */
    void collect(ProviderBatch batch, int size) throws InterruptedException {
        Collecting collecting = new Collecting(batch);
        boolean whole = false;
        ModelException cut = null;
        for (int read = 1; read <= MOST_READS && !whole; read++) {
            if (read > 1) {
                TimeUnit.NANOSECONDS.sleep(settings.pollMin().dividedBy(10).toNanos());
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
        lanes.awaitRecorded(batch); // or the next turn would hand them out again
        if (cut != null && !isNotFound(cut)) {
            throw cut;
        }
        List<BatchItem> left = items.inBatch(batch.id());
        if (cut != null && !left.isEmpty()) {
            notFound(batch);
            return;
        }
        if (left.isEmpty() && settings.deleteWhenDone()) {
            delete(batch);
        }
        endWithout(batch, left);
    }

    /** Done once again when it is not known whether it was: that it is gone is all that is wanted. */
    private void delete(ProviderBatch batch) {
        try {
            providers.batches(batch.provider()).delete(Objects.requireNonNull(batch.providerId()));
        } catch (ModelException e) {
            if (!isNotFound(e)) {
                log.warn(
                        "Batch {} stays with {} as long as that keeps it, for it could not be deleted: {}",
                        batch.providerId(),
                        batch.provider(),
                        e.failure().detail());
            }
        }
    }

    /** What has no result by now will never have one. It may have been billed. */
    private void endWithout(ProviderBatch batch, List<BatchItem> left) throws InterruptedException {
        for (BatchItem item : left) {
            ModelFailure missing = FailureCode.ANSWER_CUT.because(
                    "batch " + batch.providerId() + " has no result for it; it may have been billed");
            lanes.hand(PendingItem.answered(item, Integer.MAX_VALUE, new Result("", null, missing)));
        }
        lanes.awaitRecorded(batch);
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
                PendingItem.@Nullable Answered answer = page.get(item.id());
                if (answer != null) {
                    taken.add(item.id());
                    lanes.hand(PendingItem.answered(item, answer.number(), answer.result()));
                }
            }
            page.clear();
        }
    }
}
