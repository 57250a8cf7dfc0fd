package dev.parley.provider;

import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * A successful answer as it came over the wire.
 *
 * @param body the whole body
 * @param requestId the provider's id of the request, for its support desk; null where it sends none
 * @param duration from the first byte sent to the last byte read
 * @param rateLimits what came with it about the provider's limits
 */
@SuppressWarnings("ArrayRecordComponent") // never compared, and copying what is stored at once would be waste
public record RawReply(byte[] body, @Nullable String requestId, Duration duration, RateLimitHeaders rateLimits) {
    public RawReply(byte[] body, @Nullable String requestId, Duration duration) {
        this(body, requestId, duration, RateLimitHeaders.NONE);
    }
}
