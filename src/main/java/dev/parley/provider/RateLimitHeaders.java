package dev.parley.provider;

import org.jspecify.annotations.Nullable;

/**
 * What an answer says of the provider's limits. Each part is null where the answer says nothing of it.
 *
 * @param input prompt tokens
 * @param output tokens produced
 */
public record RateLimitHeaders(
        @Nullable Limit requests,
        @Nullable Limit input,
        @Nullable Limit output) {
    public static final RateLimitHeaders NONE = new RateLimitHeaders(null, null, null);

    /**
     * One limit.
     *
     * @param perMinute what is allowed
     * @param remaining what was left of it when the answer was sent; of tokens rounded to thousands
     */
    public record Limit(long perMinute, long remaining) {
        boolean isNear() {
            return 2 * remaining < perMinute;
        }
    }
}
