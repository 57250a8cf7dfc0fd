package dev.parley.provider;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Instant;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.springframework.boot.context.properties.EnableConfigurationProperties;
import org.springframework.boot.test.context.ConfigDataApplicationContextInitializer;
import org.springframework.boot.test.context.runner.ApplicationContextRunner;
import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Import;

/** With the price list as delivered. */
@ExtendWith(OutputCaptureExtension.class)
class PricesTests {
    private static final Instant NOVEMBER = Instant.parse("2026-11-20T12:00:00Z");

    private final ApplicationContextRunner context = new ApplicationContextRunner()
            .withInitializer(new ConfigDataApplicationContextInitializer())
            .withUserConfiguration(OnlyPrices.class);

    @ParameterizedTest
    @CsvSource({
        // tokens: input, output, cache read, five-minute and one-hour cache writes
        "claude-sonnet-5-5, 1000000, 0, 0, 0, 0, 2, sonnet-5-5-october-2026",
        "claude-sonnet-5-5, 1500, 2500, 0, 0, 0, 0.028, sonnet-5-5-october-2026",
        "claude-sonnet-5-5-20261101, 0, 0, 1000000, 0, 0, 0.10, sonnet-5-5-october-2026",
        "claude-sonnet-5-5, 0, 0, 0, 1000000, 1000000, 6.50, sonnet-5-5-october-2026",
        "claude-opus-5-5, 1000000, 1000000, 0, 0, 0, 24, opus-5-5",
        "claude-opus-5-20260701, 1000000, 1000000, 0, 0, 0, 30, opus-5",
        "claude-opus-4-6@20260115, 1000000, 1000000, 0, 0, 0, 30, opus-5",
        "claude-sonnet-4-6-latest, 1000000, 0, 0, 0, 0, 3, sonnet-4",
        "claude-fable-5-2, 1000000, 1000000, 1000000, 0, 0, 48.20, fable-5-2",
        "claude-haiku-4-5, 1000000, 1000000, 0, 0, 0, 6, haiku-4-5",
        "claude-haiku-5-5, 100000, 0, 0, 0, 0, 0.01, haiku-5-5",
        "claude-haiku-5-5, 100001, 1000, 0, 0, 0, 0.0525005, haiku-5-5-long-prompt",
        "claude-haiku-5-5, 1, 1000, 100000, 0, 0, 0.0075005, haiku-5-5-long-prompt",
        "offline, 1000, 1000, 1000, 0, 0, 0, offline"
    })
    void aCallCostsWhatTheListSays(
            String model, long in, long out, long read, long write5m, long write1h, String usd, String version) {
        context.run(running -> {
            Cost cost = running.getBean(Prices.class)
                    .cost(model, new TokenUsage(in, out, read, write5m, write1h), NOVEMBER);

            assertThat(cost.usd()).isEqualByComparingTo(usd).hasScaleOf(8);
            assertThat(cost.priceVersion()).isEqualTo(version);
            assertThat(cost.known()).isTrue();
        });
    }

    @ParameterizedTest
    @CsvSource({"2026-10-06T23:59:59Z, 0.20, sonnet-5-5", "2026-10-07T00:00:00Z, 0.10, sonnet-5-5-october-2026"})
    void aPriceHoldsFromItsDayOn(Instant at, String usd, String version) {
        context.run(running -> {
            Cost cost =
                    running.getBean(Prices.class).cost("claude-sonnet-5-5", new TokenUsage(0, 0, 1_000_000, 0, 0), at);

            assertThat(cost.usd()).isEqualByComparingTo(usd);
            assertThat(cost.priceVersion()).isEqualTo(version);
        });
    }

    @Test
    void aBatchCostsHalfCachedTokensIncluded() {
        context.run(running -> {
            TokenUsage usage = new TokenUsage(1_000_000, 1_000_000, 1_000_000, 0, 0);

            Cost cost = running.getBean(Prices.class).batchCost("claude-sonnet-5-5", usage, NOVEMBER);

            assertThat(cost.usd()).isEqualByComparingTo("6.05");
        });
    }

    @ParameterizedTest
    @CsvSource({"claude-opus-5-7", "claude-sonnet-5-5-turbo", "gpt-9", "unknown"})
    void aModelWithoutAPriceIsSeenInTheVersionAndWarnedOfOnce(String model, CapturedOutput output) {
        context.run(running -> {
            Prices prices = running.getBean(Prices.class);

            Cost cost = prices.cost(model, new TokenUsage(10, 10, 0, 0, 0), NOVEMBER);
            prices.cost(model, new TokenUsage(10, 10, 0, 0, 0), NOVEMBER);

            assertThat(cost.usd()).isZero();
            assertThat(cost.known()).isFalse();
            assertThat(cost.priceVersion()).isEqualTo("unknown:" + model);
            assertThat(output).containsOnlyOnce("no price is configured for model '" + model + "'");
        });
    }

    @Test
    void aRowCanBeAddedWithoutRepeatingTheList() {
        context.withPropertyValues(
                        "parley.prices.sonnet-5-5-december-2026.models=claude-sonnet-5-5",
                        "parley.prices.sonnet-5-5-december-2026.from=2026-12-01",
                        "parley.prices.sonnet-5-5-december-2026.input=1",
                        "parley.prices.sonnet-5-5-december-2026.output=5",
                        "parley.prices.sonnet-5-5-december-2026.cache-write-5m=1.25",
                        "parley.prices.sonnet-5-5-december-2026.cache-write-1h=2",
                        "parley.prices.sonnet-5-5-december-2026.cache-read=0.05")
                .run(running -> {
                    Prices prices = running.getBean(Prices.class);
                    TokenUsage usage = new TokenUsage(1_000_000, 0, 0, 0, 0);

                    assertThat(prices.cost("claude-sonnet-5-5", usage, Instant.parse("2026-12-01T00:00:00Z")))
                            .hasToString("Cost[usd=1.00000000, priceVersion=sonnet-5-5-december-2026]");
                    assertThat(prices.cost("claude-opus-5", usage, NOVEMBER).priceVersion())
                            .isEqualTo("opus-5");
                });
    }

    @Test
    void aRowWithoutAPriceStopsTheStart() {
        context.withPropertyValues("parley.prices.mine.models=my-model", "parley.prices.mine.input=1")
                .run(running -> assertThat(running)
                        .getFailure()
                        .rootCause()
                        .hasMessageContaining("parley.prices")
                        .hasMessageContaining("output"));
    }

    @Configuration(proxyBeanMethods = false)
    @EnableConfigurationProperties(PriceSettings.class)
    @Import(Prices.class)
    static class OnlyPrices {}
}
