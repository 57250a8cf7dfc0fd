package dev.parley.provider;

/**
 * Tokens of one call as the provider counted them. The whole prompt is {@code input + cacheRead + cacheWrite}.
 *
 * @param input tokens after the last cache breakpoint
 * @param output tokens produced, thinking included
 * @param cacheRead prompt tokens served from the cache
 * @param cacheWrite5m prompt tokens written to the five-minute cache
 * @param cacheWrite1h prompt tokens written to the one-hour cache
 */
public record TokenUsage(long input, long output, long cacheRead, long cacheWrite5m, long cacheWrite1h) {
    public static final TokenUsage NONE = new TokenUsage(0, 0, 0, 0, 0);

    public long cacheWrite() {
        return cacheWrite5m + cacheWrite1h;
    }

    public long prompt() {
        return input + cacheRead + cacheWrite();
    }
}
