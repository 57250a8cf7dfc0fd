package dev.parley.generation;

import dev.parley.provider.TokenUsage;
import java.math.BigDecimal;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/** What a call costs. Thread-safe; never throws for a model it has no price for. */
@FunctionalInterface
public interface Pricing {
    /** @param batched whether it was one request of a provider's batch */
    Price of(String model, TokenUsage usage, boolean batched, Instant at);

    /**
     * A price.
     *
     * @param usd null when the model has no price
     * @param version the price row that was used; what stands there without one says so, or is null
     */
    record Price(@Nullable BigDecimal usd, @Nullable String version) {
        public static final Price NOTHING = new Price(BigDecimal.ZERO, null);
    }
}
