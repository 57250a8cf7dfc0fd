package dev.parley.batch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import dev.parley.work.ProviderBatch;
import java.time.Duration;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.springframework.util.unit.DataSize;

class BatchSettingsTests {
    private static BatchSettings settings(Duration pollMin, Duration pollMax, DataSize maxSize) {
        return new BatchSettings(100, maxSize, 1_000, pollMin, pollMax, Duration.ofMinutes(10), false, false);
    }

    @ParameterizedTest
    @CsvSource({"PT5S, PT10S", "PT3M, PT18S", "PT15M, PT1M30S", "PT20H, PT2M"})
    void aBatchIsLookedAtEverMoreSeldomWithinBounds(Duration age, Duration wait) {
        BatchSettings settings = settings(Duration.ofSeconds(10), Duration.ofMinutes(2), DataSize.ofMegabytes(240));
        BatchResults results = new BatchResults(null, null, null, null, null, settings);
        ProviderBatch batch = new ProviderBatch(
                UUID.randomUUID(),
                UUID.randomUUID(),
                ProviderBatch.Status.IN_PROGRESS,
                1,
                "anthropic",
                null,
                8,
                "msgbatch_1",
                null,
                Duration.ZERO,
                age,
                UUID.randomUUID());

        assertThat(results.backOff(batch)).isEqualTo(wait);
    }

    @Test
    void whatTheProviderWouldRefuseIsRefusedAtTheStart() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> settings(Duration.ofSeconds(1), Duration.ofSeconds(1), DataSize.ofMegabytes(257)))
                .withMessageContaining("parley.batches.max-size");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> settings(Duration.ofSeconds(2), Duration.ofSeconds(1), DataSize.ofMegabytes(1)))
                .withMessageContaining("parley.batches.poll-max");
    }
}
