package dev.parley.serve;

import dev.parley.tracking.ConversationTracker;
import dev.parley.tracking.TrackerHealth;
import org.springframework.boot.autoconfigure.condition.ConditionalOnWebApplication;
import org.springframework.boot.health.contributor.Health;
import org.springframework.boot.health.contributor.HealthIndicator;
import org.springframework.boot.health.contributor.Status;
import org.springframework.stereotype.Component;

/** UP, DEGRADED (all is accepted and kept, and something needs a look) or DOWN (something is refused), with the reason. */
@Component
@ConditionalOnWebApplication
class TrackerHealthIndicator implements HealthIndicator {
    private final ConversationTracker tracker;

    TrackerHealthIndicator(ConversationTracker tracker) {
        this.tracker = tracker;
    }

    @Override
    public Health health() {
        TrackerHealth health = tracker.health();
        String reason = health.reason();
        Health.Builder answer = Health.status(new Status(health.status().name(), reason == null ? "" : reason));
        return (reason == null ? answer : answer.withDetail("reason", reason)).build();
    }
}
