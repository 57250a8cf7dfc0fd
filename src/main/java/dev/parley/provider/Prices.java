package dev.parley.provider;

import dev.parley.provider.PriceSettings.Row;
import java.math.BigDecimal;
import java.math.RoundingMode;
import java.time.Instant;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.stereotype.Component;

/** What calls cost, by an effective-dated price list. Thread-safe. */
@Component
public class Prices {
    private static final Logger LOG = LoggerFactory.getLogger(Prices.class);

    private static final Comparator<Map.Entry<String, Row>> LONG_PROMPTS_THEN_LATEST =
            Comparator.<Map.Entry<String, Row>>comparingLong(
                            row -> row.getValue().promptAbove())
                    .thenComparing(row -> firstDay(row.getValue()))
                    .thenComparing(Map.Entry::getKey);

    private final Map<String, Row> rows;
    private final Map<String, List<Map.Entry<String, Row>>> rowsOf = new ConcurrentHashMap<>();
    private final Set<String> warnedOf = ConcurrentHashMap.newKeySet();

    Prices(PriceSettings settings) {
        this.rows = Map.copyOf(settings.prices());
    }

    /**
     * The cost of one call. A model without a price costs nothing here, shows as {@code unknown:<model>} in
     * {@link Cost#priceVersion()}, and is warned of once: work that is paid for is not thrown away for want of a price.
     *
     * @param model as the answer names it
     * @param at when it was called
     */
    public Cost cost(String model, TokenUsage usage, Instant at) {
        return cost(model, usage, at, false);
    }

    /** The cost of one request inside a provider's batch. */
    public Cost batchCost(String model, TokenUsage usage, Instant at) {
        return cost(model, usage, at, true);
    }

    private Cost cost(String model, TokenUsage usage, Instant at, boolean batch) {
        Optional<Map.Entry<String, Row>> row = rowFor(model, usage.prompt(), at);
        if (row.isEmpty()) {
            if (warnedOf.add(model)) {
                LOG.warn(
                        "no price is configured for model '{}': its calls are recorded at 0 USD; add a row parley.prices.<name>"
                                + " with models: [{}]",
                        model,
                        model);
            }
            return new Cost(BigDecimal.ZERO.setScale(8), Cost.UNKNOWN + model);
        }
        Row price = row.get().getValue();
        BigDecimal usd = times(price.input(), usage.input())
                .add(times(price.output(), usage.output()))
                .add(times(price.cacheRead(), usage.cacheRead()))
                .add(times(price.cacheWrite5m(), usage.cacheWrite5m()))
                .add(times(price.cacheWrite1h(), usage.cacheWrite1h()))
                .multiply(batch ? price.batchFactor() : BigDecimal.ONE)
                .movePointLeft(6)
                .setScale(8, RoundingMode.HALF_UP);
        return new Cost(usd, row.get().getKey());
    }

    private Optional<Map.Entry<String, Row>> rowFor(String model, long promptTokens, Instant at) {
        LocalDate day = at.atZone(ZoneOffset.UTC).toLocalDate();
        for (Map.Entry<String, Row> row : rowsOf.computeIfAbsent(model, this::rowsOf)) {
            long above = row.getValue().promptAbove();
            if ((promptTokens > above || above == 0)
                    && !firstDay(row.getValue()).isAfter(day)) {
                return Optional.of(row);
            }
        }
        return Optional.empty();
    }

    /** A model's rows, the one that is to be looked at first in front. */
    private List<Map.Entry<String, Row>> rowsOf(String model) {
        return rows.entrySet().stream()
                .filter(row -> row.getValue().models().stream().anyMatch(id -> isSnapshotOf(id, model)))
                .sorted(LONG_PROMPTS_THEN_LATEST.reversed())
                .toList();
    }

    /** Not any prefix: {@code claude-opus-5} must not price {@code claude-opus-5-5}. */
    private static boolean isSnapshotOf(String id, String model) {
        return model.startsWith(id)
                && model.substring(id.length()).matches("|[-@](\\d{8}|\\d{4}-\\d{2}-\\d{2}|latest)");
    }

    private static LocalDate firstDay(Row row) {
        return row.from() == null ? LocalDate.MIN : row.from();
    }

    private static BigDecimal times(BigDecimal pricePerMillion, long tokens) {
        return pricePerMillion.multiply(BigDecimal.valueOf(tokens));
    }
}
