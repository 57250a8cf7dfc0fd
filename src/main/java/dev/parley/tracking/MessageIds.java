package dev.parley.tracking;

import java.security.SecureRandom;
import java.time.Instant;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Makes ids of messages, as version 7 UUIDs: by time, so that an index of them grows at its end. Two of one process differ by a
 * counter, those of two processes by a random number of 42 bits within the same millisecond. Thread-safe.
 */
final class MessageIds {
    private static final int COUNTER_BITS = 20;

    private final long process = new SecureRandom().nextLong() >>> (64 - 42);
    private final AtomicLong counter = new AtomicLong();

    UUID next(Instant at) {
        long count = counter.getAndIncrement();
        long high = at.toEpochMilli() << 16 | 0x7000 | (count >>> COUNTER_BITS & 0xFFF);
        long low = 0x8000_0000_0000_0000L | process << COUNTER_BITS | (count & ((1 << COUNTER_BITS) - 1));
        return new UUID(high, low);
    }
}
