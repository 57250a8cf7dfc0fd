package dev.parley.launch;

import java.time.Duration;
import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.bind.DefaultValue;
import org.springframework.validation.annotation.Validated;

/**
 * Settings under {@code parley.schedule.*}.
 *
 * @param enabled whether {@code parley serve} heeds schedules
 * @param tolerance how late a tick may be and still count as in time
 */
@Validated
@ConfigurationProperties("parley.schedule")
record ScheduleSettings(
        @DefaultValue("true") boolean enabled,
        @DefaultValue("1m") Duration tolerance) {
    ScheduleSettings {
        if (tolerance.compareTo(Duration.ofSeconds(5)) < 0) {
            throw new IllegalArgumentException(
                    "parley.schedule.tolerance " + tolerance + " is shorter than 5s, and every tick could be missed");
        }
    }
}
