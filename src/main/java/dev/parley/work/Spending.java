package dev.parley.work;

import java.math.BigDecimal;
import org.jspecify.annotations.Nullable;

/**
 * What some calls cost.
 *
 * @param usd of those whose cost is known
 * @param dearestCall the most that one of them cost
 * @param unknownCalls calls that may have been billed, nobody knows with how much
 */
public record Spending(BigDecimal usd, BigDecimal dearestCall, int unknownCalls) {
    public static final Spending NONE = new Spending(BigDecimal.ZERO, BigDecimal.ZERO, 0);

    /** @param costUsd of one more call; null when nobody knows */
    public Spending plus(@Nullable BigDecimal costUsd) {
        return costUsd == null
                ? new Spending(usd, dearestCall, unknownCalls + 1)
                : new Spending(usd.add(costUsd), dearestCall.max(costUsd), unknownCalls);
    }
}
