package dev.parley.batch;

import dev.parley.generation.GenerationLogs;
import dev.parley.work.BatchJobs;
import dev.parley.work.FailedItems;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.UUID;
import org.springframework.stereotype.Component;
import org.springframework.transaction.annotation.Transactional;

/** Gives failed items another round, and keeps what they tell of the last one. Thread-safe. */
@Component
public class Retries {
    private final BatchJobs jobs;
    private final GenerationLogs ledger;

    Retries(BatchJobs jobs, GenerationLogs ledger) {
        this.jobs = jobs;
        this.ledger = ledger;
    }

    /**
     * Puts failed items back into the queue, all or none; their jobs are open again. A run, here or elsewhere, works them off.
     *
     * @param failed by job, in one order everywhere, or two processes could deadlock
     * @param parseOnly whether they are to be made of stored answers, without a call, whoever claims them
     * @return how many, by job
     */
    @Transactional
    public Map<UUID, Integer> requeue(SortedMap<UUID, FailedItems> failed, boolean parseOnly) {
        Map<UUID, Integer> requeued = new TreeMap<>();
        failed.forEach((job, which) -> {
            requeued.put(job, jobs.requeue(job, which, parseOnly));
            ledger.keepFailures(job);
        });
        return requeued;
    }
}
