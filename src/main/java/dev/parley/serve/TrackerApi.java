package dev.parley.serve;

import dev.parley.tracking.ConversationSessions;
import dev.parley.tracking.ConversationSessions.Session;
import dev.parley.tracking.ConversationSessions.StoredMessage;
import dev.parley.tracking.ConversationTracker;
import dev.parley.tracking.DeadLetterRetry;
import dev.parley.tracking.DeadLetters;
import dev.parley.tracking.DeadLetters.DeadLetter;
import dev.parley.tracking.TrackResult;
import dev.parley.tracking.TrackerHealth;
import io.swagger.v3.oas.annotations.Operation;
import io.swagger.v3.oas.annotations.Parameter;
import jakarta.servlet.http.HttpServletRequest;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.UUID;
import java.util.function.Function;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.springframework.boot.autoconfigure.condition.ConditionalOnWebApplication;
import org.springframework.http.HttpStatus;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.RestController;
import org.springframework.web.server.ResponseStatusException;

/** The tracker, as the page and other programs read it. A user sees his own sessions only. */
@RestController
@RequestMapping("/api/tracker")
@ConditionalOnWebApplication
class TrackerApi {
    private static final int MOST = 500;

    private final ConversationTracker tracker;
    private final ConversationSessions sessions;
    private final DeadLetters letters;
    private final DeadLetterRetry retry;

    TrackerApi(ConversationTracker tracker, ConversationSessions sessions, DeadLetters letters, DeadLetterRetry retry) {
        this.tracker = tracker;
        this.sessions = sessions;
        this.letters = letters;
        this.retry = retry;
    }

    record Queue(int depth, int capacity) {}

    record Journal(long bytes, long quotaBytes) {}

    /**
     * How the tracker is.
     *
     * @param reason why it is not up; null when it is
     * @param refused how often, by reason
     * @param lagMs age of the oldest that is not in the database
     */
    record TrackerView(
            TrackerHealth.Status status,
            @Nullable String reason,
            Queue queue,
            Journal journal,
            long accepted,
            Map<String, Long> refused,
            long stored,
            long duplicates,
            long deadLetters,
            int activeSessions,
            long lateMessages,
            long lagMs) {
        private static TrackerView of(TrackerHealth health) {
            Map<String, Long> refused = new TreeMap<>();
            health.refused().forEach((reason, count) -> refused.put(key(reason), count));
            return new TrackerView(
                    health.status(),
                    health.reason(),
                    new Queue(health.queueDepth(), health.queueCapacity()),
                    new Journal(health.journalBytes(), health.journalQuota()),
                    health.accepted(),
                    refused,
                    health.stored(),
                    health.duplicates(),
                    health.deadLetters(),
                    health.activeSessions(),
                    health.lateMessages(),
                    health.lag().toMillis());
        }

        private static String key(TrackResult.Reason reason) {
            return reason.name().toLowerCase(Locale.ROOT);
        }
    }

    /** @param next to be given as {@code after} for the next page; null on the last one */
    record SessionPage(List<Session> sessions, @Nullable UUID next) {}

    /** @param next to be given as {@code after} for the next page; null on the last one */
    record MessagePage(
            List<StoredMessage> messages, @Nullable UUID next) {}

    /** @param next to be given as {@code after} for the next page; null on the last one */
    record DeadLetterPage(
            List<DeadLetter> deadLetters, @Nullable UUID next) {}

    /**
     * @param retried which are stored, and dead letters no more
     * @param refused which the database refuses still
     */
    record Retried(long retried, long refused) {}

    @Operation(summary = "How the tracker is, and what it has done since it was started")
    @GetMapping
    TrackerView tracker() {
        return TrackerView.of(tracker.health());
    }

    @Operation(summary = "Sessions, the newest first")
    @GetMapping("/sessions")
    SessionPage sessions(
            HttpServletRequest request,
            @Parameter(description = "Only what comes after this one: `next` of the page before")
                    @RequestParam(required = false)
                    @Nullable
                    UUID after,
            @Parameter(description = "How many at most, 1 to 500") @RequestParam(defaultValue = "50") int limit) {
        UUID user = Caller.of(request.getUserPrincipal()).user();
        int most = checked(limit);
        List<Session> page = as(user, () -> sessions.recent(user, after, most));
        return new SessionPage(page, next(page, most, Session::sessionId));
    }

    @Operation(summary = "The messages of a session, in the order in which they were tracked")
    @GetMapping("/sessions/{id}/messages")
    MessagePage messages(
            HttpServletRequest request,
            @Parameter(description = "The session's id") @PathVariable UUID id,
            @Parameter(description = "Only what comes after this one: `next` of the page before")
                    @RequestParam(required = false)
                    @Nullable
                    UUID after,
            @Parameter(description = "How many at most, 1 to 500") @RequestParam(defaultValue = "50") int limit) {
        UUID user = Caller.of(request.getUserPrincipal()).user();
        int most = checked(limit);
        List<StoredMessage> page = as(user, () -> {
            UUID owner = sessions.userOf(id).orElse(null);
            if (owner == null || user != null && !user.equals(owner)) { // whether it is there is no business of others
                throw new ResponseStatusException(HttpStatus.NOT_FOUND, "There is no session " + id);
            }
            return sessions.messages(id, after, most);
        });
        return new MessagePage(page, next(page, most, StoredMessage::id));
    }

    @Operation(summary = "What the database refused for good, the oldest first")
    @GetMapping("/dead-letters")
    DeadLetterPage deadLetters(
            HttpServletRequest request,
            @Parameter(description = "Only what comes after this one: `next` of the page before")
                    @RequestParam(required = false)
                    @Nullable
                    UUID after,
            @Parameter(description = "How many at most, 1 to 500") @RequestParam(defaultValue = "50") int limit) {
        refuseUsers(request);
        int most = checked(limit);
        List<DeadLetter> page = after == null ? letters.oldest(most) : letters.oldestAfter(after, most);
        return new DeadLetterPage(page, next(page, most, DeadLetter::id));
    }

    @Operation(summary = "Tries to store all dead letters")
    @PostMapping("/dead-letters/retry")
    Retried retry(HttpServletRequest request) {
        refuseUsers(request);
        DeadLetterRetry.Outcome outcome = retry.run();
        return new Retried(outcome.stored(), outcome.refused());
    }

    private <T> T as(@Nullable UUID user, Supplier<T> read) {
        return user == null ? read.get() : sessions.asUser(user, read);
    }

    /** They have everybody's messages in them. */
    private static void refuseUsers(HttpServletRequest request) {
        if (Caller.of(request.getUserPrincipal()).user() != null) {
            throw new ResponseStatusException(HttpStatus.FORBIDDEN, "Dead letters are not a user's to see");
        }
    }

    private static int checked(int limit) {
        if (limit < 1 || limit > MOST) {
            throw new ResponseStatusException(HttpStatus.BAD_REQUEST, "limit is " + limit + "; should be 1 to " + MOST);
        }
        return limit;
    }

    private static <T> @Nullable UUID next(List<T> page, int limit, Function<T, UUID> id) {
        return page.size() < limit ? null : id.apply(page.get(page.size() - 1));
    }
}
