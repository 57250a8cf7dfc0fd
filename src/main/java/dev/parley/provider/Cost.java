package dev.parley.provider;

import java.math.BigDecimal;

/**
 * What a call costs.
 *
 * @param usd eight decimals, as the ledger keeps them; zero when the price is not known
 * @param priceVersion the price row it was reckoned with; {@code unknown:} and the model when there is none
 */
public record Cost(BigDecimal usd, String priceVersion) {
    static final String UNKNOWN = "unknown:";

    /** False when {@link #usd()} says nothing because no price is configured for the model. */
    public boolean known() {
        return !priceVersion.startsWith(UNKNOWN);
    }
}
