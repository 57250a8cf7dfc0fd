package dev.parley.step;

import dev.parley.step.ConcurrentChunkStep.Settings;
import dev.parley.step.ConcurrentChunkStep.WriteRetry.Next;
import dev.parley.step.Lanes.Completed;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.batch.core.step.StepExecution;
import org.springframework.batch.infrastructure.item.Chunk;
import org.springframework.transaction.CannotCreateTransactionException;
import org.springframework.transaction.TransactionStatus;
import org.springframework.transaction.UnexpectedRollbackException;
import org.springframework.transaction.support.TransactionTemplate;

/** Writes results, a chunk in a transaction, and counts what came of it. Used by the step's own thread only. */
final class ChunkWriter<I, O> {
    private static final Logger log = LoggerFactory.getLogger(ChunkWriter.class);

    private final Settings<I, O> settings;
    private final StepExecution counts;
    private final TransactionTemplate transaction;
    private final Runnable beforeTransaction;
    private final Consumer<Throwable> failStep;

    /** When the first of the attempts began that failed for what is no item's fault; null after one that did not. */
    private @Nullable Long failingSince;

    /**
     * @param beforeTransaction called before each transaction, outside it
     * @param failStep takes what fails the step; the rest of the results is written all the same
     */
    ChunkWriter(
            Settings<I, O> settings, StepExecution counts, Runnable beforeTransaction, Consumer<Throwable> failStep) {
        this.settings = settings;
        this.counts = counts;
        this.transaction = new TransactionTemplate(settings.transactionManager());
        this.beforeTransaction = beforeTransaction;
        this.failStep = failStep;
    }

    void write(List<Completed<I, O>> results) {
        try {
            writeStubbornly(results);
        } catch (GivenUp e) {
            failStep.accept(e.getCause());
        } catch (Exception e) {
            log.warn(
                    "{}: {} results could not be written together, trying them one by one",
                    counts.getStepName(),
                    results.size(),
                    e);
            writeOneByOne(results);
        } catch (Error e) {
            failStep.accept(e);
            writeOneByOne(results);
        }
    }

    private void writeOneByOne(List<Completed<I, O>> results) {
        for (Completed<I, O> result : results) {
            try {
                writeStubbornly(List.of(result));
            } catch (GivenUp e) {
                failStep.accept(e.getCause());
                return;
            } catch (CannotCreateTransactionException e) {
                // Says nothing about the item. A database that is away must not cost one connection timeout for each.
                failStep.accept(e);
                return;
            } catch (Exception e) {
                notWritten(result.result(), e);
            } catch (Error e) {
                failStep.accept(e);
            }
        }
    }

    private void writeStubbornly(List<Completed<I, O>> results) throws Exception {
        while (true) {
            long begunAt = System.nanoTime();
            try {
                inTransaction(results);
                failingSince = null;
                return;
            } catch (Exception e) {
                long since = failingSince == null ? begunAt : failingSince;
                Next next = settings.writeRetry().after(e, Duration.ofNanos(System.nanoTime() - since));
                if (next == Next.ISOLATE) {
                    throw e;
                }
                failingSince = since;
                if (next == Next.GIVE_UP) {
                    throw new GivenUp(e);
                }
            }
        }
    }

    private void notWritten(O result, Exception cause) {
        try {
            beforeTransaction.run();
            settings.writeFailure().handle(result, cause);
            counts.setWriteSkipCount(counts.getWriteSkipCount() + 1);
        } catch (Exception e) {
            StepRun.restoreInterrupt(e);
            failStep.accept(e);
        } catch (Error e) {
            failStep.accept(e);
        }
    }

    private void inTransaction(List<Completed<I, O>> results) throws Exception {
        Chunk<I> items = new Chunk<>(results.stream().map(Completed::item).toList());
        Chunk<O> outputs = new Chunk<>(results.stream().map(Completed::result).toList());
        AtomicBoolean begun = new AtomicBoolean();
        beforeTransaction.run();
        try {
            transaction.executeWithoutResult(status -> {
                begun.set(true);
                try {
                    writeAndTell(items, outputs, status);
                } catch (Exception e) {
                    throw new Undone(e);
                }
            });
        } catch (Undone e) {
            throw rolledBack(e.getCause(), begun.get(), outputs);
        } catch (Exception e) {
            throw rolledBack(e, begun.get(), outputs);
        } catch (Error e) {
            if (begun.get()) {
                counts.incrementRollbackCount();
            }
            throw e;
        }
        counts.setWriteCount(counts.getWriteCount() + results.size());
        counts.incrementCommitCount();
    }

    private void writeAndTell(Chunk<I> items, Chunk<O> outputs, TransactionStatus status) throws Exception {
        settings.listeners().chunk().beforeChunk(items);
        try {
            settings.listeners().write().beforeWrite(outputs);
            settings.writer().write(outputs);
            settings.listeners().write().afterWrite(outputs);
        } catch (Exception e) {
            settings.listeners().writeFailed(e, outputs);
            throw e;
        }
        settings.listeners().chunk().afterChunk(outputs);
        if (status.isRollbackOnly()) { // or the template would roll back without a word
            throw new UnexpectedRollbackException("the transaction was marked as rollback-only during the write");
        }
    }

    private Exception rolledBack(Exception cause, boolean begun, Chunk<O> outputs) {
        if (begun) {
            counts.incrementRollbackCount();
        }
        settings.listeners().chunkFailed(cause, outputs);
        StepRun.restoreInterrupt(cause);
        return cause;
    }

    /** A write failed for what is no item's fault and will not pass. */
    private static final class GivenUp extends Exception {
        private static final long serialVersionUID = 1L;

        GivenUp(Exception cause) {
            super(cause);
        }
    }

    /** Carries a checked exception through the transaction template. */
    private static final class Undone extends RuntimeException {
        private static final long serialVersionUID = 1L;

        private final transient Exception cause;

        Undone(Exception cause) {
            super(cause);
            this.cause = cause;
        }

        @Override
        public synchronized Exception getCause() {
            return cause;
        }
    }
}
