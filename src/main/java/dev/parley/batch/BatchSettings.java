package dev.parley.batch;

import jakarta.validation.constraints.Max;
import jakarta.validation.constraints.Min;
import jakarta.validation.constraints.NotNull;
import jakarta.validation.constraints.Positive;
import java.time.Duration;
import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.bind.DefaultValue;
import org.springframework.util.unit.DataSize;
import org.springframework.validation.annotation.Validated;

/**
 * Settings under {@code parley.batches.*}, for jobs whose delivery is by batch.
 *
 * @param maxRequests of one batch
 * @param maxSize of the body of one batch
 * @param maxQueued requests in the provider's queue at most, of all batches and jobs
 * @param pollMin how soon a batch is looked at after it was sent; then ever more seldom
 * @param pollMax how long between two looks at most
 * @param absenceAfter how long a batch whose creation nobody confirmed has to be missing from the provider's list before it
 *     is sent again
 * @param smokeTest whether one item of a job is called for live before its first batch, because a provider looks at what is
 *     in a batch only later
 * @param deleteWhenDone whether a batch is deleted at the provider as soon as all of its results are kept; otherwise what was
 *     asked and answered stays there as long as the provider keeps it
 */
@Validated
@ConfigurationProperties("parley.batches")
record BatchSettings(
        @DefaultValue("100000") @Min(1) @Max(100_000) int maxRequests,
        @DefaultValue("240MB") @NotNull DataSize maxSize,
        @DefaultValue("200000") @Positive int maxQueued,
        @DefaultValue("10s") @NotNull Duration pollMin,
        @DefaultValue("2m") @NotNull Duration pollMax,
        @DefaultValue("10m") @NotNull Duration absenceAfter,
        @DefaultValue("false") boolean smokeTest,
        @DefaultValue("false") boolean deleteWhenDone) {

    BatchSettings {
        if (pollMax.compareTo(pollMin) < 0) {
            throw new IllegalArgumentException(
                    "parley.batches.poll-max " + pollMax + " is shorter than parley.batches.poll-min " + pollMin);
        }
        if (maxSize.toBytes() > 256_000_000 || maxSize.toBytes() < 1) {
            throw new IllegalArgumentException("parley.batches.max-size " + maxSize + " is not from 1B to 256000000B");
        }
    }
}
