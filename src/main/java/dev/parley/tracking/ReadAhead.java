package dev.parley.tracking;

import dev.parley.tracking.Journal.Position;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.Executor;
import org.jspecify.annotations.Nullable;

/**
 * Reads the next batch of a long backlog while the database works on the one before it. Never more than one, and only after a
 * full one: what comes live is read when it is asked for.
 */
final class ReadAhead implements Backlog {
    private final Backlog backlog;
    private final Executor reader;
    private @Nullable CompletableFuture<Batch> ahead;

    ReadAhead(Backlog backlog, Executor reader) {
        this.backlog = backlog;
        this.reader = reader;
    }

    @Override
    public Batch next(int most) throws IOException {
        CompletableFuture<Batch> read = ahead;
        ahead = null; // should it have failed, the next call reads again
        Batch batch = read == null ? backlog.next(most) : result(read);
        if (batch.entries().size() == most) {
            ahead = CompletableFuture.supplyAsync(() -> read(most), reader);
        }
        return batch;
    }

    private Batch read(int most) {
        try {
            return backlog.next(most);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static Batch result(CompletableFuture<Batch> read) throws IOException {
        try {
            return read.join();
        } catch (CompletionException e) {
            if (e.getCause() instanceof UncheckedIOException failure) {
                throw failure.getCause();
            }
            throw e;
        }
    }

    @Override
    public void settled(Position mark) throws IOException {
        backlog.settled(mark);
    }

    @Override
    public boolean isDone() {
        return ahead == null && backlog.isDone();
    }
}
