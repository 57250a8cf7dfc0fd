package dev.parley.launch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.parley.launch.Schedule.EachRun;
import dev.parley.launch.Schedule.Missed;
import java.time.Instant;
import org.junit.jupiter.api.Test;

class ScheduleTests {
    private static Schedule of(String cron, String zone) {
        return new Schedule(cron, zone, EachRun.PENDING_ONLY, Missed.SKIP);
    }

    @Test
    void aTickIsAboutTheClockOfItsZone() {
        Schedule schedule = of("0 0 2 * * *", "Europe/Berlin");

        assertThat(schedule.next(Instant.parse("2026-11-21T00:59:59Z"))).isEqualTo("2026-11-21T01:00:00Z");
        assertThat(schedule.next(Instant.parse("2026-07-01T00:00:00Z"))).isEqualTo("2026-07-02T00:00:00Z");
    }

    /** A night of its own accord is neither left out nor paid for twice. */
    @Test
    void aTimeThatTheClockSkipsOrRepeatsIsOneTick() {
        Schedule schedule = of("0 30 2 * * *", "Europe/Berlin");

        assertThat(schedule.next(Instant.parse("2026-03-28T12:00:00Z"))).isEqualTo("2026-03-29T01:30:00Z");
        Instant autumn = schedule.next(Instant.parse("2026-10-24T12:00:00Z"));
        assertThat(autumn).isEqualTo("2026-10-25T00:30:00Z");
        assertThat(schedule.next(autumn)).isEqualTo("2026-10-26T01:30:00Z");

        Schedule often = of("0 * * * * *", "Europe/Berlin");
        assertThat(often.next(Instant.parse("2026-03-29T00:59:00Z"))).isEqualTo("2026-03-29T01:00:00Z");
        assertThat(often.next(Instant.parse("2026-03-29T01:00:00Z"))).isEqualTo("2026-03-29T01:01:00Z");
        assertThat(often.next(Instant.parse("2026-10-25T01:15:00Z"))).isEqualTo("2026-10-25T02:00:00Z");
    }

    @Test
    void theLatestTickIsTheLastOfThoseThatAreDue() {
        Schedule schedule = of("0 */10 * * * *", "UTC");
        Instant noon = Instant.parse("2026-11-21T12:00:00Z");

        assertThat(schedule.latest(noon, noon.plusSeconds(599))).isNull();
        assertThat(schedule.latest(noon, noon.plusSeconds(600))).isEqualTo("2026-11-21T12:10:00Z");
        assertThat(schedule.latest(noon, noon.plusSeconds(86_400))).isEqualTo("2026-11-22T12:00:00Z");
    }

    @Test
    void whatIsNoTimeIsRefused() {
        assertThatThrownBy(() -> of("0 2 * * *", "UTC")).hasMessageContaining("6 fields");
        assertThatThrownBy(() -> of("0 0 2 * * *", "Mars/Olympus")).hasMessageContaining("no time zone");
        assertThat(of("0 0 2 31 2 *", "UTC").next(Instant.parse("2026-11-21T12:00:00Z")))
                .as("never")
                .isNull();
    }
}
