package dev.parley.serve;

import dev.parley.serve.ClientFrame.Message;
import dev.parley.serve.ClientFrame.SessionEnd;
import dev.parley.serve.ClientFrame.SessionStart;
import dev.parley.serve.Refusal.Reason;
import dev.parley.tracking.ConversationSessions;
import dev.parley.tracking.ConversationTracker;
import dev.parley.tracking.TrackResult;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.boot.autoconfigure.condition.ConditionalOnWebApplication;
import org.springframework.dao.DataAccessException;
import org.springframework.scheduling.concurrent.CustomizableThreadFactory;
import org.springframework.stereotype.Component;

/** Takes frames to the tracker, for whoever may: the same for a WebSocket and for a request. Blocks nobody. Thread-safe. */
@Component
@ConditionalOnWebApplication
class Door {
    private static final Logger log = LoggerFactory.getLogger(Door.class);
    private static final int LOOKERS = 2;
    private static final int MOST_LOOKUPS = 256;

    private final ConversationTracker tracker;
    private final ConversationSessions sessions;
    private final RecentMessages recent = new RecentMessages();
    private final Executor lookups;

    Door(ConversationTracker tracker, ConversationSessions sessions) {
        this.tracker = tracker;
        this.sessions = sessions;
        CustomizableThreadFactory threads = new CustomizableThreadFactory("parley-door-lookup-");
        threads.setDaemon(true);
        ThreadPoolExecutor pool = new ThreadPoolExecutor(
                LOOKERS, LOOKERS, 10, TimeUnit.SECONDS, new ArrayBlockingQueue<>(MOST_LOOKUPS), threads);
        pool.allowCoreThreadTimeOut(true);
        this.lookups = pool;
    }

    /** What became of a frame. */
    sealed interface Outcome {
        /** It is as safe as was promised; or there was nothing to record. */
        record Taken() implements Outcome {}

        /** It had been taken before, and is as safe. */
        record Duplicate() implements Outcome {}

        record Refused(Refusal why) implements Outcome {}
    }

    /** @return completed when it is settled; never exceptionally */
    CompletableFuture<Outcome> take(Caller caller, ClientFrame frame) {
        CompletableFuture<Outcome> outcome;
        if (frame instanceof Message message) {
            outcome = message(caller, message);
        } else if (frame instanceof SessionStart start) {
            outcome = start(caller, start);
        } else if (frame instanceof SessionEnd end) {
            outcome = end(caller, end);
        } else {
            outcome = CompletableFuture.completedFuture(new Outcome.Taken());
        }
        return outcome.exceptionally(e -> {
            log.error("A session's frame could not be taken", e);
            return new Outcome.Refused(new Refusal(Reason.UNAVAILABLE, "a fault of the server"));
        });
    }

    private CompletableFuture<Outcome> message(Caller caller, Message message) {
        if (caller.user() != null) {
            UUID owner = tracker.userOf(message.sessionId());
            if (owner == null) {
                return refused(
                        Reason.UNKNOWN_SESSION,
                        "session " + message.sessionId()
                                + " was not started here, or ended more than a minute ago: start it first");
            }
            if (caller.isNot(owner)) {
                return notYours(message.sessionId());
            }
        }
        if (!message.isToBeRecorded()) {
            return CompletableFuture.completedFuture(new Outcome.Taken());
        }
        return recent.once(
                message.sessionId(),
                message.messageId(),
                () -> tracker.trackDurable(message.tracked()).thenApply(Door::outcome));
    }

    private CompletableFuture<Outcome> end(Caller caller, SessionEnd end) {
        UUID owner = tracker.userOf(end.sessionId());
        if (owner != null && caller.isNot(owner)) {
            return notYours(end.sessionId());
        }
        return tracker.endDurable(end.sessionId()).thenApply(Door::outcome);
    }

    private CompletableFuture<Outcome> start(Caller caller, SessionStart start) {
        UUID user = start.userId() == null ? caller.user() : start.userId();
        if (user == null) {
            return refused(Reason.INVALID, "user_id is missing: a service says whose session it is");
        }
        if (caller.isNot(user)) {
            return refused(Reason.NOT_YOURS, "user_id is not the one of the token; it may be left out");
        }
        if (caller.user() == null || tracker.userOf(start.sessionId()) != null) {
            return start(start, user);
        }
        // a user may name a session that another process, or an earlier one, started for somebody else
        try {
            return CompletableFuture.supplyAsync(() -> owner(start.sessionId()), lookups)
                    .thenCompose(owner -> owner.isPresent() && !owner.get().equals(user)
                            ? notYours(start.sessionId())
                            : start(start, user))
                    .exceptionallyCompose(e -> e.getCause() instanceof DataAccessException
                            ? unavailable()
                            : CompletableFuture.failedFuture(e));
        } catch (RejectedExecutionException e) {
            return unavailable();
        }
    }

    private Optional<UUID> owner(UUID sessionId) {
        return sessions.userOf(sessionId);
    }

    private static CompletableFuture<Outcome> unavailable() {
        return refused(Reason.UNAVAILABLE, "whose the session is cannot be looked up, for the database is away");
    }

    private CompletableFuture<Outcome> start(SessionStart start, UUID user) {
        return tracker.startDurable(start.sessionId(), user, start.metadata())
                .thenCompose(result -> result.accepted() && !user.equals(tracker.userOf(start.sessionId()))
                        ? notYours(start.sessionId()) // known before, or started at the same moment, for another
                        : CompletableFuture.completedFuture(outcome(result)));
    }

    private static Outcome outcome(TrackResult result) {
        return result instanceof TrackResult.Refused refused
                ? new Outcome.Refused(Refusal.of(refused))
                : new Outcome.Taken();
    }

    private static CompletableFuture<Outcome> notYours(UUID sessionId) {
        return refused(Reason.NOT_YOURS, "session " + sessionId + " is another user's");
    }

    private static CompletableFuture<Outcome> refused(Reason reason, String detail) {
        return CompletableFuture.completedFuture(new Outcome.Refused(new Refusal(reason, detail)));
    }
}
