package dev.parley.batch;

import java.math.BigDecimal;

/**
 * What conversations may cost.
 *
 * @param lowUsd at the least
 * @param highUsd at the most, retries apart
 * @param items conversations
 * @param priced false when the model has no price; then the figures say nothing
 * @param basis what it rests on, for a person
 */
public record Estimate(BigDecimal lowUsd, BigDecimal highUsd, long items, String model, boolean priced, String basis) {
    public boolean free() {
        return priced && highUsd.signum() == 0;
    }
}
