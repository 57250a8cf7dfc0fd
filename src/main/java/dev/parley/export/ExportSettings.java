package dev.parley.export;

import jakarta.validation.constraints.Max;
import jakarta.validation.constraints.Min;
import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.bind.DefaultValue;
import org.springframework.validation.annotation.Validated;

/**
 * Settings under {@code parley.export.*}.
 *
 * @param concurrency documents read from the store at once
 * @param chunkSize conversations a transaction; that many documents are in memory
 */
@Validated
@ConfigurationProperties("parley.export")
record ExportSettings(
        @DefaultValue("16") @Min(1) @Max(1_000) int concurrency,
        @DefaultValue("500") @Min(1) @Max(10_000) int chunkSize) {}
