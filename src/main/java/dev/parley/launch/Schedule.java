package dev.parley.launch;

import com.fasterxml.jackson.annotation.JsonAlias;
import com.fasterxml.jackson.annotation.JsonProperty;
import jakarta.validation.constraints.NotBlank;
import java.time.DateTimeException;
import java.time.Instant;
import java.time.LocalDateTime;
import java.time.ZoneId;
import org.jspecify.annotations.Nullable;
import org.springframework.boot.context.properties.bind.DefaultValue;
import org.springframework.scheduling.support.CronExpression;

/**
 * When {@code parley serve} starts a job file, and what that means.
 *
 * @param cron second, minute, hour, day of month, month, day of week, as Spring's {@link CronExpression} reads them
 * @param zone whose clock the cron expression is about
 */
record Schedule(
        @NotBlank String cron,
        @DefaultValue("UTC") String zone,

        @DefaultValue("pending-only") @JsonAlias("each-run") EachRun eachRun,

        @DefaultValue("skip") Missed missed) {

    /** What a tick is for; {@link #key()} is how files and the table spell it. */
    enum EachRun {
        /** Enqueues the file anew, unless the job of an earlier tick is not through yet. */
        @JsonProperty("new-job")
        NEW_JOB("new-job"),
        /** Sees to it that the file is enqueued once, and that what is left of it is worked off. */
        @JsonProperty("pending-only")
        PENDING_ONLY("pending-only");

        private final String key;

        EachRun(String key) {
            this.key = key;
        }

        String key() {
            return key;
        }
    }

    /** What becomes of a tick at whose time nobody was there; {@link #key()} is how files and the table spell it. */
    enum Missed {
        @JsonProperty("skip")
        SKIP("skip"),
        /** Makes up for it once, however many were missed. */
        @JsonProperty("run-once")
        RUN_ONCE("run-once");

        private final String key;

        Missed(String key) {
            this.key = key;
        }

        String key() {
            return key;
        }
    }

    Schedule {
        if (cron != null) {
            CronExpression.parse(cron);
        }
        try {
            ZoneId.of(zone);
        } catch (DateTimeException e) {
            throw new IllegalArgumentException(
                    "zone '" + zone + "' is no time zone; write one such as Europe/Berlin", e);
        }
    }

    /** The first tick after a time; null when there is none any more. */
    @Nullable
    Instant next(Instant after) {
        return next(cron, zone, after);
    }

    /**
     * Spring, asked by the zone's clock, would have no tick at a time that the clock skips in spring, and two at one that it
     * repeats in autumn. So it is asked by the calendar, on which each time of day is there once.
     */
    static @Nullable Instant next(String cron, String zone, Instant after) {
        CronExpression times = CronExpression.parse(cron);
        LocalDateTime next = times.next(LocalDateTime.ofInstant(after, ZoneId.of(zone)));
        while (next != null && !next.atZone(ZoneId.of(zone)).toInstant().isAfter(after)) {
            next = times.next(next);
        }
        return next == null ? null : next.atZone(ZoneId.of(zone)).toInstant();
    }

    /** The last tick after one time and not after another; null when there is none. */
    @Nullable
    Instant latest(Instant after, Instant until) {
        Instant latest = null;
        for (Instant tick = next(after); tick != null && !tick.isAfter(until); tick = next(tick)) {
            latest = tick;
        }
        return latest;
    }
}
