package dev.parley.generation;

import jakarta.validation.constraints.Max;
import jakarta.validation.constraints.Min;
import jakarta.validation.constraints.Positive;
import java.time.Duration;
import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.bind.DefaultValue;
import org.springframework.validation.annotation.Validated;

/**
 * Settings under {@code parley.generation.*}.
 *
 * @param maxOutputTokens the most one answer may hold, where a job does not say
 * @param maxOutputTokensCap how far that is raised for an answer that was cut off; each changed request doubles it
 * @param maxRequests how many different requests one conversation may take, the first one included
 * @param minTurns shortest conversation where the arc does not say
 * @param maxTurns longest conversation where the arc does not say
 * @param writeAttempts how often a write to the object store is tried before the item gives up
 * @param writeDelay the first wait between two tries; each later one is longer by as much again
 */
@Validated
@ConfigurationProperties("parley.generation")
public record GenerationSettings(
        @DefaultValue("8192") @Positive int maxOutputTokens,
        @DefaultValue("32768") @Positive int maxOutputTokensCap,
        @DefaultValue("3") @Min(1) @Max(9) int maxRequests,
        @DefaultValue("4") @Min(2) int minTurns,
        @DefaultValue("8") @Min(2) int maxTurns,
        @DefaultValue("4") @Min(1) @Max(20) int writeAttempts,
        @DefaultValue("250ms") Duration writeDelay) {

    public GenerationSettings {
        if (maxTurns < minTurns) {
            throw new IllegalArgumentException("parley.generation.max-turns " + maxTurns
                    + " is smaller than parley.generation.min-turns " + minTurns);
        }
        if (maxOutputTokensCap < maxOutputTokens) {
            throw new IllegalArgumentException("parley.generation.max-output-tokens-cap " + maxOutputTokensCap
                    + " is smaller than parley.generation.max-output-tokens " + maxOutputTokens);
        }
        if (writeDelay.isNegative()) {
            throw new IllegalArgumentException("parley.generation.write-delay " + writeDelay + " is negative");
        }
    }
}
