package dev.parley.launch;

import jakarta.validation.constraints.NotNull;
import jakarta.validation.constraints.PositiveOrZero;
import java.math.BigDecimal;
import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.bind.DefaultValue;
import org.springframework.validation.annotation.Validated;

/** @param confirmAboveUsd {@code parley.confirm-above-usd}: a run that may cost more is begun only with a yes */
@Validated
@ConfigurationProperties("parley")
record ConfirmSettings(
        @DefaultValue("1") @NotNull @PositiveOrZero BigDecimal confirmAboveUsd) {}
