package dev.parley.launch;

import java.math.BigDecimal;
import java.math.RoundingMode;

/** US dollars for people: cents, and more digits only below ten of them. */
final class Money {
    private static final BigDecimal TEN_CENTS = new BigDecimal("0.10");

    private Money() {}

    static String of(BigDecimal usd) {
        boolean small = usd.signum() > 0 && usd.compareTo(TEN_CENTS) < 0;
        return usd.setScale(small ? 4 : 2, RoundingMode.HALF_UP).toPlainString();
    }
}
