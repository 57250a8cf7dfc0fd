package dev.parley.provider;

import java.time.Duration;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * What an answer says of the provider's limits. Each part is null where the answer says nothing of it.
 *
 * @param input prompt tokens
 * @param output tokens produced
 * @param tokens of both together
 */
public record RateLimitHeaders(
        @Nullable Limit requests,
        @Nullable Limit input,
        @Nullable Limit output,
        @Nullable Limit tokens) {
    public static final RateLimitHeaders NONE = new RateLimitHeaders(null, null, null, null);

    /** How long until the first of the limits that are used up allows something again; zero when that is not told. */
    Duration untilNext() {
        Duration longest = Duration.ZERO;
        for (Limit limit : new Limit[] {requests, input, output, tokens}) {
            if (limit != null && limit.untilNext().compareTo(longest) > 0) {
                longest = limit.untilNext();
            }
        }
        return longest;
    }

    /**
     * One limit.
     *
     * @param perMinute what is allowed
     * @param remaining what was left of it when the answer was sent; of tokens rounded to thousands
     * @param untilNext how long until something is left again; zero when something is, or when it is not told
     */
    public record Limit(long perMinute, long remaining, Duration untilNext) {
        private static final Duration MINUTE = Duration.ofMinutes(1);
        /** Times are told in whole seconds, by another clock. */
        private static final Duration SLACK = Duration.ofSeconds(10);

        /**
         * As headers tell it; null when they do not.
         *
         * @param reset how long until all of it would be left again; null when that is not told. Only asked where not all of
         *     it is left. What takes longer than a minute to fill up is a limit of an hour or a day: it does not matter
         *     before it is almost used up, and then how fast it fills up is what it allows a minute
         */
        static @Nullable Limit told(
                @Nullable String limit, @Nullable String remaining, Supplier<@Nullable Duration> reset) {
            if (limit == null || remaining == null || !isNumber(limit) || !isNumber(remaining)) {
                return null;
            }
            long all = Long.parseLong(limit);
            long left = Long.parseLong(remaining);
            Duration untilFull = left < all ? reset.get() : null;
            if (untilFull == null || untilFull.isNegative()) {
                return new Limit(all, left, Duration.ZERO);
            }
            Duration untilNext = left > 0 ? Duration.ZERO : untilFull.dividedBy(all);
            if (untilFull.compareTo(MINUTE.plus(SLACK)) <= 0) {
                return new Limit(all, left, untilNext);
            }
            long aMinute = Math.max(1, Math.round((double) (all - left) * MINUTE.toMillis() / untilFull.toMillis()));
            return left > aMinute ? null : new Limit(aMinute, left, untilNext);
        }

        private static boolean isNumber(String value) {
            return !value.isEmpty() && value.length() <= 15 && value.chars().allMatch(c -> c >= '0' && c <= '9');
        }

        boolean isNear() {
            return 2 * remaining < perMinute;
        }
    }
}
