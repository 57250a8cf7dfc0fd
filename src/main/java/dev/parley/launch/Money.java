package dev.parley.launch;

import dev.parley.work.BatchJob;
import java.math.BigDecimal;
import java.math.MathContext;
import java.math.RoundingMode;

/** US dollars for people: cents, and more digits only below ten of them. */
final class Money {
    private static final BigDecimal TEN_CENTS = new BigDecimal("0.10");

    private Money() {}

    /** What a job has cost, of what it may cost. */
    static String spent(BatchJob job) {
        BigDecimal budget = job.budgetUsd();
        BigDecimal estimate = job.estimatedCost();
        return "$" + of(job.actualCost()) + (budget == null ? "" : " of a budget of $" + of(budget))
                + (estimate == null || estimate.signum() == 0 ? "" : ", estimated at $" + of(estimate) + " at most");
    }

    /** No more precise than an estimate is: two digits. */
    static String roughly(BigDecimal usd) {
        BigDecimal rounded = usd.round(new MathContext(2, RoundingMode.HALF_UP));
        return rounded.scale() > 2
                ? rounded.toPlainString()
                : rounded.setScale(usd.compareTo(BigDecimal.TEN) < 0 ? 2 : 0, RoundingMode.HALF_UP)
                        .toPlainString();
    }

    static String of(BigDecimal usd) {
        boolean small = usd.signum() > 0 && usd.compareTo(TEN_CENTS) < 0;
        return usd.setScale(small ? 4 : 2, RoundingMode.HALF_UP).toPlainString();
    }
}
