package dev.parley.serve;

import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What somebody knows who may take long to answer, or never: one question at a time, whose answer is good for a while, and
 * nobody waits for it longer than he can. Thread-safe.
 */
final class Glimpse<T> {
    private static final Logger log = LoggerFactory.getLogger(Glimpse.class);
    private static final Duration PATIENCE = Duration.ofSeconds(2);

    private final String name;
    private final Supplier<T> question;
    private final Duration goodFor;
    private @Nullable FutureTask<T> asked; // guarded by this, as is the next one
    private long askedAt;

    Glimpse(String name, Supplier<T> question, Duration goodFor) {
        this.name = name;
        this.question = question;
        this.goodFor = goodFor;
    }

    /** Empty when there is no answer in time, or it cannot be given. */
    Optional<T> look() {
        try {
            return Optional.of(ask().get(PATIENCE.toNanos(), TimeUnit.NANOSECONDS));
        } catch (TimeoutException e) {
            return Optional.empty();
        } catch (ExecutionException e) {
            log.debug("{} cannot be told", name, e);
            return Optional.empty();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return Optional.empty();
        }
    }

    private synchronized FutureTask<T> ask() {
        FutureTask<T> current = asked;
        if (current == null || current.isDone() && System.nanoTime() - askedAt > goodFor.toNanos()) {
            current = new FutureTask<>(question::get);
            asked = current;
            askedAt = System.nanoTime();
            Thread thread = new Thread(current, "parley-" + name);
            thread.setDaemon(true);
            thread.start();
        }
        return current;
    }
}
