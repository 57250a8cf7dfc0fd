package dev.parley.batch;

import dev.parley.conversation.ConversationDocument.Turn;
import dev.parley.generation.GenerationResult.Generated;
import dev.parley.provider.ModelRequest;
import dev.parley.tracking.ConversationTracker;
import dev.parley.tracking.MessageRole;
import dev.parley.tracking.TrackResult;
import dev.parley.tracking.TrackResult.Reason;
import dev.parley.tracking.TrackResult.Refused;
import dev.parley.tracking.TrackedMessage;
import dev.parley.work.BatchItem;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.bind.DefaultValue;
import org.springframework.stereotype.Component;

/**
 * Records each generated conversation as a session of the tracker, if {@code parley.tracking.record-generations} is on: its
 * prompt, then its turns. The session's id is the conversation's key and the messages' are made of it, so that an item that is
 * processed again is recorded once. Thread-safe.
 */
@Component
class GenerationRecorder {
    private static final Logger log = LoggerFactory.getLogger(GenerationRecorder.class);
    private static final UUID NOBODY = new UUID(0, 0);
    private static final long PAUSE_MILLIS = 5;

    private final RecordingSettings settings;
    private final ObjectProvider<ConversationTracker> tracker;

    /** @param recordGenerations whether the batch job's conversations become sessions */
    @ConfigurationProperties("parley.tracking")
    record RecordingSettings(@DefaultValue("false") boolean recordGenerations) {}

    GenerationRecorder(RecordingSettings settings, ObjectProvider<ConversationTracker> tracker) {
        this.settings = settings;
        this.tracker = tracker;
    }

    /** @throws InterruptedException when told to stop while the tracker's queue is full */
    void record(BatchItem item, @Nullable UUID user, Generated generated) throws InterruptedException {
        if (!settings.recordGenerations()) {
            return;
        }
        ConversationTracker sessions = tracker.getObject();
        UUID session = item.conversationKey().value();
        Map<String, ?> metadata = Map.of("source", "generation", "batch_job_id", item.jobId(), "item_id", item.id());
        insist(() -> sessions.start(session, user == null ? NOBODY : user, metadata));
        ModelRequest question = generated.question();
        if (question != null) {
            String prompt = question.stablePrefix() + "\n" + question.prompt();
            insist(() -> sessions.track(message(session, 0, MessageRole.SYSTEM, prompt)));
        }
        for (Turn turn : generated.document().turns()) {
            insist(() -> sessions.track(
                    message(session, turn.turnNumber(), MessageRole.parse(turn.role()), turn.content())));
        }
        insist(() -> sessions.end(session));
    }

    private static TrackedMessage message(UUID session, int number, MessageRole role, String content) {
        UUID id = UUID.nameUUIDFromBytes((session + "#" + number).getBytes(StandardCharsets.UTF_8));
        return new TrackedMessage(id, session, role, content, null, null);
    }

    /** A lane may wait, unlike a live conversation. */
    private static void insist(Supplier<TrackResult> call) throws InterruptedException {
        while (call.get() instanceof Refused refused) {
            if (refused.reason() != Reason.QUEUE_FULL) {
                log.warn("A session's message of a generated conversation is not recorded: {}", refused.detail());
                return;
            }
            TimeUnit.MILLISECONDS.sleep(PAUSE_MILLIS);
        }
    }
}
