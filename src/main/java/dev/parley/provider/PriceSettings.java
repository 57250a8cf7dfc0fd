package dev.parley.provider;

import jakarta.validation.Valid;
import jakarta.validation.constraints.NotEmpty;
import jakarta.validation.constraints.NotNull;
import jakarta.validation.constraints.PositiveOrZero;
import java.math.BigDecimal;
import java.time.LocalDate;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.bind.DefaultValue;
import org.springframework.validation.annotation.Validated;

/**
 * {@code parley.prices.<name>.*}: the price list, {@code prices.yaml} as delivered. A map, so that a row can be added or
 * changed without repeating the others; its key is the price version on record with each call, so a new price is a new row.
 */
@Validated
@ConfigurationProperties("parley")
record PriceSettings(@DefaultValue Map<String, @Valid Row> prices) {

    /**
     * USD per million tokens.
     *
     * @param models model ids it holds for, and for their dated snapshots ({@code <id>-20261101}, {@code <id>-2026-11-01})
     * @param from the first day (UTC) it holds for; null has always held
     * @param promptAbove holds only for prompts of more tokens than this, and then for the whole request
     * @param batchFactor what a request inside a batch costs of the price, cached tokens included
     */
    record Row(
            @NotEmpty List<String> models,
            @Nullable LocalDate from,
            @DefaultValue("0") @PositiveOrZero long promptAbove,
            @NotNull @PositiveOrZero BigDecimal input,
            @NotNull @PositiveOrZero BigDecimal output,
            @NotNull @PositiveOrZero BigDecimal cacheWrite5m,
            @NotNull @PositiveOrZero BigDecimal cacheWrite1h,
            @NotNull @PositiveOrZero BigDecimal cacheRead,
            @DefaultValue("0.5") @PositiveOrZero BigDecimal batchFactor) {}
}
