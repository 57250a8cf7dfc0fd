package dev.parley.work;

import java.math.BigDecimal;
import java.math.RoundingMode;
import java.sql.ResultSet;
import java.sql.SQLException;
import org.jspecify.annotations.Nullable;

/**
 * What a job with a budget may still claim. A claimed item makes one call at most, and for each such call as much is set
 * aside as the dearest so far has cost: an average is exceeded by half of the calls. So what is spent and what is in flight
 * together stay within the budget, as long as no call is dearer than all before it and dearer than estimated.
 *
 * @param unknownCalls calls that may have been billed, nobody knows with how much; set down as the dearest
 * @param estimate of the whole job at the most; null when there is none
 */
record Budget(
        BigDecimal usd,
        BigDecimal spent,
        int unknownCalls,
        BigDecimal dearestCall,
        @Nullable BigDecimal estimate,
        int items) {
    private static final BigDecimal TEN_CENTS = new BigDecimal("0.10");

    static Budget of(ResultSet row, int number) throws SQLException {
        return new Budget(
                row.getBigDecimal("budget_usd"),
                row.getBigDecimal("actual_cost"),
                row.getInt("unknown_cost_calls"),
                row.getBigDecimal("dearest_call"),
                row.getBigDecimal("estimated_cost"),
                row.getInt("total_items"));
    }

    /** How many more items may be claimed while so many are held, by whatever process. */
    int affordable(long held) {
        BigDecimal reserve = reserve();
        if (reserve == null) {
            return held == 0 && spent.compareTo(usd) < 0 ? 1 : 0; // the first one tells what a call costs
        }
        if (reserve.signum() == 0) {
            return Integer.MAX_VALUE; // free, by the estimate and by all calls so far
        }
        BigDecimal left = usd.subtract(spent).subtract(reserve.multiply(BigDecimal.valueOf(unknownCalls)));
        BigDecimal calls = left.divide(reserve, 0, RoundingMode.FLOOR).subtract(BigDecimal.valueOf(held));
        return calls.min(BigDecimal.valueOf(Integer.MAX_VALUE))
                .max(BigDecimal.ZERO)
                .intValueExact();
    }

    /** Why nothing more is claimed. */
    String reached() {
        BigDecimal reserve = reserve();
        return "budget of $" + cents(usd) + " reached: $" + cents(spent) + " spent"
                + (unknownCalls == 0
                        ? ""
                        : ", " + unknownCalls + (unknownCalls == 1 ? " call" : " calls")
                                + " of unknown cost that may have been billed")
                + (reserve == null ? "" : ", the next call may cost $" + cents(reserve))
                + "; raise it with --budget when you resume the job";
    }

    /** For one call; null when nothing is known. */
    private @Nullable BigDecimal reserve() {
        if (estimate == null || items == 0) {
            return dearestCall.signum() == 0 ? null : dearestCall;
        }
        return estimate.divide(BigDecimal.valueOf(items), 8, RoundingMode.UP).max(dearestCall);
    }

    private static String cents(BigDecimal amount) {
        boolean small = amount.signum() > 0 && amount.compareTo(TEN_CENTS) < 0;
        return amount.setScale(small ? 4 : 2, RoundingMode.HALF_UP).toPlainString();
    }
}
