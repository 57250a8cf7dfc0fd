package dev.parley.serve;

import jakarta.validation.constraints.Max;
import jakarta.validation.constraints.Min;
import jakarta.validation.constraints.NotNull;
import java.time.Duration;
import java.util.List;
import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.bind.DefaultValue;
import org.springframework.util.unit.DataSize;
import org.springframework.validation.annotation.Validated;

/**
 * Settings under {@code parley.door.*}: the tracker's doors.
 *
 * @param credit frames that a connection may have sent and not seen settled
 * @param maxFrame of one frame, and of one line of a request
 * @param maxRequest of a request with lines
 * @param maxLines of a request
 * @param grace how long a session whose connection is lost may be resumed, before it is ended
 * @param pingInterval after so much silence a connection is pinged, and after as much again it is closed
 * @param sendTimeout after which a connection that does not read what it is sent is closed
 * @param allowedOrigins of web pages that may connect beside our own, such as https://chat.example.org
 */
@Validated
@ConfigurationProperties("parley.door")
record DoorSettings(
        @DefaultValue("64") @Min(1) @Max(10_000) int credit,
        @DefaultValue("64KB") @NotNull DataSize maxFrame,
        @DefaultValue("10MB") @NotNull DataSize maxRequest,
        @DefaultValue("10000") @Min(1) @Max(1_000_000) int maxLines,
        @DefaultValue("60s") @NotNull Duration grace,
        @DefaultValue("20s") @NotNull Duration pingInterval,
        @DefaultValue("10s") @NotNull Duration sendTimeout,
        @DefaultValue List<String> allowedOrigins) {

    private static final DataSize SMALLEST_FRAME = DataSize.ofBytes(256);
    private static final DataSize LARGEST_FRAME = DataSize.ofMegabytes(16);

    DoorSettings {
        if (maxFrame.compareTo(SMALLEST_FRAME) < 0 || maxFrame.compareTo(LARGEST_FRAME) > 0) {
            throw new IllegalArgumentException("parley.door.max-frame " + maxFrame + " is not within 256B and 16MB");
        }
        if (maxRequest.compareTo(maxFrame) < 0) {
            throw new IllegalArgumentException(
                    "parley.door.max-request " + maxRequest + " is less than parley.door.max-frame " + maxFrame);
        }
        if (grace.isNegative()) {
            throw new IllegalArgumentException("parley.door.grace " + grace + " is negative");
        }
        if (pingInterval.toMillis() <= 0 || sendTimeout.toMillis() <= 0) {
            throw new IllegalArgumentException(
                    "parley.door.ping-interval and parley.door.send-timeout must be positive");
        }
    }
}
