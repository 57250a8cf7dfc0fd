package dev.parley.serve;

import dev.parley.tracking.ConversationTracker;
import dev.parley.tracking.TrackResult;
import dev.parley.tracking.TrackerHealth;
import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.TimeGauge;
import io.micrometer.core.instrument.binder.MeterBinder;
import java.util.Locale;
import java.util.concurrent.TimeUnit;
import java.util.function.ToDoubleFunction;
import org.springframework.boot.autoconfigure.condition.ConditionalOnWebApplication;
import org.springframework.stereotype.Component;

/** What the tracker's health tells, as metrics; and how many connections its door has. */
@Component
@ConditionalOnWebApplication
class TrackerMetrics implements MeterBinder {
    private final ConversationTracker tracker;
    private final TrackSocket socket;

    TrackerMetrics(ConversationTracker tracker, TrackSocket socket) {
        this.tracker = tracker;
        this.socket = socket;
    }

    @Override
    public void bindTo(MeterRegistry registry) {
        gauge(registry, "queue.depth", "what waits for the journal", TrackerHealth::queueDepth);
        gauge(registry, "queue.capacity", "what may wait for the journal", TrackerHealth::queueCapacity);
        gauge(registry, "journal.bytes", "size of the journal", TrackerHealth::journalBytes);
        gauge(registry, "journal.quota.bytes", "what the journal may have", TrackerHealth::journalQuota);
        gauge(registry, "journal.waiting.bytes", "of the journal, not in the database", TrackerHealth::waitingBytes);
        gauge(registry, "sessions.active", "started and not ended", TrackerHealth::activeSessions);
        TimeGauge.builder(
                        "parley.tracker.lag",
                        tracker,
                        TimeUnit.MILLISECONDS,
                        one -> one.health().lag().toMillis())
                .description("age of the oldest that is not in the database")
                .register(registry);
        counter(registry, "accepted", "starts, messages and ends", TrackerHealth::accepted);
        counter(registry, "journalled", "written to the journal", TrackerHealth::journalled);
        counter(registry, "stored", "new rows in the database", TrackerHealth::stored);
        counter(registry, "duplicates", "rows that were there already", TrackerHealth::duplicates);
        counter(registry, "dead.letters", "refused by the database for good", TrackerHealth::deadLetters);
        counter(registry, "dropped", "given up by a full journal", TrackerHealth::dropped);
        counter(registry, "damaged", "lines of the journal kept aside", TrackerHealth::damaged);
        counter(registry, "late", "messages after the end of their session", TrackerHealth::lateMessages);
        for (TrackResult.Reason reason : TrackResult.Reason.values()) {
            FunctionCounter.builder(
                            "parley.tracker.refused",
                            tracker,
                            one -> one.health().refused().getOrDefault(reason, 0L))
                    .tag("reason", reason.name().toLowerCase(Locale.ROOT))
                    .description("starts, messages and ends that were refused")
                    .register(registry);
        }
        Gauge.builder("parley.door.connections", socket, TrackSocket::connections)
                .description("WebSocket connections of the tracker")
                .register(registry);
    }

    private void gauge(MeterRegistry registry, String name, String description, ToDoubleFunction<TrackerHealth> value) {
        Gauge.builder("parley.tracker." + name, tracker, one -> value.applyAsDouble(one.health()))
                .description(description)
                .register(registry);
    }

    private void counter(
            MeterRegistry registry, String name, String description, ToDoubleFunction<TrackerHealth> value) {
        FunctionCounter.builder("parley.tracker." + name, tracker, one -> value.applyAsDouble(one.health()))
                .description(description)
                .register(registry);
    }
}
