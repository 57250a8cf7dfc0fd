package dev.parley.batch;

import dev.parley.conversation.ConversationKey;
import dev.parley.conversation.ConversationPk;
import dev.parley.conversation.ConversationRecord;
import dev.parley.conversation.Conversations;
import dev.parley.database.RefusedRow;
import dev.parley.generation.GenerationLogs;
import dev.parley.generation.GenerationLogs.Entered;
import dev.parley.generation.GenerationResult.Generated;
import dev.parley.generation.GenerationResult.NotGenerated;
import dev.parley.work.BatchItem;
import dev.parley.work.BatchItems;
import dev.parley.work.BatchJobs;
import dev.parley.work.ErrorHandling;
import dev.parley.work.JobSeries;
import dev.parley.work.Outcome;
import dev.parley.work.Spending;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.batch.infrastructure.item.Chunk;
import org.springframework.batch.infrastructure.item.ItemWriter;
import org.springframework.transaction.support.TransactionSynchronization;
import org.springframework.transaction.support.TransactionSynchronizationManager;
import org.springframework.transaction.support.TransactionTemplate;

/**
 * Records every outcome, in the chunk's transaction: conversations upserted and their primary keys taken from the same
 * statement, items updated, calls entered in the ledger, jobs counted. Used by the step's own thread.
 */
class OutcomeWriter implements ItemWriter<ItemOutcome> {
    private static final Logger log = LoggerFactory.getLogger(OutcomeWriter.class);

    private final Conversations conversations;
    private final BatchItems items;
    private final BatchJobs jobs;
    private final JobSeries series;
    private final GenerationLogs ledger;
    private final RetryPolicy retries;
    private final TransactionTemplate transaction;
    private final JobLogListener jobLog;
    private final ItemTraces traces;
    private final Runnable onCommit;
    private final AtomicLong lostClaims = new AtomicLong();

    /** @param onCommit called after each transaction that recorded something */
    OutcomeWriter(
            Conversations conversations,
            BatchItems items,
            BatchJobs jobs,
            JobSeries series,
            GenerationLogs ledger,
            RetryPolicy retries,
            TransactionTemplate transaction,
            JobLogListener jobLog,
            ItemTraces traces,
            Runnable onCommit) {
        this.conversations = conversations;
        this.items = items;
        this.jobs = jobs;
        this.series = series;
        this.ledger = ledger;
        this.retries = retries;
        this.transaction = transaction;
        this.jobLog = jobLog;
        this.traces = traces;
        this.onCommit = onCommit;
    }

    @Override
    public void write(Chunk<? extends ItemOutcome> chunk) {
        Instant begun = traces.now();
        Collection<? extends ItemOutcome> results = chunk.getItems();
        Map<ConversationKey, ConversationPk> primaryKeys = conversations.upsert(conversationsOf(results));
        List<Outcome> outcomes =
                results.stream().map(result -> outcome(result, primaryKeys)).toList();
        record(results, outcomes, begun);
    }

    private static List<ConversationRecord> conversationsOf(Collection<? extends ItemOutcome> results) {
        List<ConversationRecord> rows = new ArrayList<>(results.size());
        for (ItemOutcome outcome : results) {
            if (outcome.result() instanceof Generated generated) {
                rows.add(generated.conversation());
            } else if (outcome.result() instanceof NotGenerated failed && failed.conversation() != null) {
                rows.add(failed.conversation());
            }
        }
        return rows;
    }

    private Outcome outcome(ItemOutcome outcome, Map<ConversationKey, ConversationPk> primaryKeys) {
        if (outcome.result() instanceof NotGenerated failed) {
            return retries.decide(outcome.item(), failed.failure());
        }
        ConversationKey key = outcome.item().conversationKey();
        ConversationPk pk = primaryKeys.get(key);
        return pk == null
                ? new Outcome.Failed(
                        outcome.item(),
                        "conversation_not_found",
                        "conversation not found for business key " + key,
                        true)
                : new Outcome.Completed(outcome.item(), pk);
    }

    private void record(Collection<? extends ItemOutcome> results, List<Outcome> outcomes, @Nullable Instant begun) {
        Set<UUID> lost = items.record(outcomes);
        if (!lost.isEmpty()) {
            throw new ClaimLostException(lost); // nothing of a chunk with a foreign item may stay; each is tried alone
        }
        count(ledger.enter(results.stream().map(OutcomeWriter::entry).toList()), outcomes);
        TransactionSynchronizationManager.registerSynchronization(new TransactionSynchronization() {
            @Override
            public void afterCommit() {
                traces.written(outcomes, begun);
                jobLog.written(outcomes); // not before: what is rolled back is tried again, item by item
                onCommit.run();
            }
        });
    }

    private static GenerationLogs.Entry entry(ItemOutcome outcome) {
        BatchItem item = outcome.item();
        return new GenerationLogs.Entry(
                item.jobId(), item.id(), item.conversationKey(), item.attempts(), item.unanswered(), outcome.result());
    }

    /** @param calls that are new in the ledger: what an answer cost that was read again is counted already */
    private void count(List<Entered> calls, List<Outcome> outcomes) {
        Map<UUID, Tally> tallies = new TreeMap<>(); // in one order everywhere, or two processes could deadlock
        Function<UUID, Tally> tallyOf = job -> tallies.computeIfAbsent(job, id -> new Tally());
        outcomes.forEach(outcome -> tallyOf.apply(outcome.item().jobId()).add(outcome));
        calls.forEach(call -> tallyOf.apply(call.jobId()).spend(call));
        tallies.forEach((job, tally) -> {
            int failed = tally.failures.size();
            jobs.count(job, tally.successful, failed, tally.spending);
            jobs.countCauses(job, tally.failures);
            series.add(job, tally.successful, failed, tally.spending.usd(), tally.durations);
            if (failed > 0 && jobs.errorHandling(job) == ErrorHandling.STOP) {
                String last = tally.failures.get(failed - 1).message();
                jobs.pause(job, "error_handling is stop, and an item failed: " + last);
            }
        });
    }

    /**
     * An item that cannot be written even alone. If it was taken over, only its calls are entered: the money is spent. If the
     * database refuses its row, it fails with the database's words. Anything else says nothing about the item and fails the
     * step; its answer is stored, and the next run goes on from there.
     */
    void writeFailed(ItemOutcome result, Exception cause) throws Exception {
        if (cause instanceof ClaimLostException) {
            claimLost(result);
            return;
        }
        RefusedRow refused = RefusedRow.of(cause).orElse(null);
        if (refused == null) {
            throw cause;
        }
        Outcome failed = new Outcome.Failed(result.item(), refused.code(), refused.message(), true);
        try {
            Instant begun = traces.now();
            transaction.executeWithoutResult(status -> record(List.of(result), List.of(failed), begun));
        } catch (ClaimLostException e) {
            claimLost(result);
        }
    }

    private void claimLost(ItemOutcome result) {
        BatchItem item = result.item();
        if (items.isRecorded(item)) {
            log.info("Item {} was recorded by a transaction whose end the database did not confirm", item.id());
            return;
        }
        lostClaims.incrementAndGet();
        log.warn("Item {} was taken over by another process; this late result is discarded", item.id());
        transaction.executeWithoutResult(status -> count(ledger.enterCalls(List.of(entry(result))), List.of()));
    }

    /** Results that were discarded because another process had taken the item over. */
    long lostClaims() {
        return lostClaims.get();
    }

    private static final class Tally {
        private int successful;
        private final List<Outcome.Failed> failures = new ArrayList<>();
        private Spending spending = Spending.NONE;
        private final List<Duration> durations = new ArrayList<>();

        private void add(Outcome outcome) {
            if (outcome instanceof Outcome.Completed) {
                successful++;
            } else if (outcome instanceof Outcome.Failed f) {
                failures.add(f);
            }
        }

        private void spend(Entered call) {
            spending = spending.plus(call.costUsd());
            if (call.duration() != null) {
                durations.add(call.duration());
            }
        }
    }
}
