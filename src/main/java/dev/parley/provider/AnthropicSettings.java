package dev.parley.provider;

import jakarta.validation.constraints.Positive;
import java.net.URI;
import java.time.Duration;
import org.jspecify.annotations.Nullable;
import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.bind.DefaultValue;
import org.springframework.util.StringUtils;
import org.springframework.validation.annotation.Validated;

/**
 * Settings under {@code parley.anthropic.*}. A blank value counts as not set.
 *
 * @param baseUrl where {@code /v1/messages} is found; a trailing {@code /v1} is taken off
 * @param apiKey null when there is none; never shown
 * @param model the model id of requests that name none
 * @param version sent as {@code anthropic-version}
 * @param callTimeout from taking a connection to the last byte of the answer; answers take 10 to 80 s
 * @param maxConnections lanes that can be calling at once; more wait for a connection
 */
@Validated
@ConfigurationProperties("parley.anthropic")
record AnthropicSettings(
        @DefaultValue(DEFAULT_BASE_URL) String baseUrl,
        @Nullable String apiKey,
        @DefaultValue(DEFAULT_MODEL) String model,
        @DefaultValue(DEFAULT_VERSION) String version,
        @DefaultValue("5m") Duration callTimeout,
        @DefaultValue("10s") Duration connectTimeout,
        @DefaultValue("1000") @Positive int maxConnections) {
    private static final String DEFAULT_BASE_URL = "https://api.anthropic.com";
    private static final String DEFAULT_MODEL = "claude-sonnet-5-5";
    private static final String DEFAULT_VERSION = "2026-10-21";

    AnthropicSettings {
        baseUrl = orDefault(baseUrl, DEFAULT_BASE_URL).replaceFirst("/+$", "").replaceFirst("/v1$", "");
        model = orDefault(model, DEFAULT_MODEL);
        version = orDefault(version, DEFAULT_VERSION);
        apiKey = StringUtils.hasText(apiKey) ? apiKey.strip() : null;
        if (!baseUrl.matches("https?://[^/?#]+(/[^?#]*)?")) {
            throw new IllegalArgumentException("parley.anthropic.base-url '" + baseUrl
                    + "' is not an http or https address, such as " + DEFAULT_BASE_URL);
        }
        if (apiKey != null && !apiKey.chars().allMatch(c -> c > ' ' && c < 127)) {
            throw new IllegalArgumentException(
                    "parley.anthropic.api-key (ANTHROPIC_API_KEY) holds a space, line break or other character no key has");
        }
        requirePositive("call-timeout", callTimeout);
        requirePositive("connect-timeout", connectTimeout);
    }

    URI messagesEndpoint() {
        return URI.create(baseUrl + "/v1/messages");
    }

    URI countTokensEndpoint() {
        return URI.create(baseUrl + "/v1/messages/count_tokens");
    }

    String modelOr(@Nullable String requested) {
        return orDefault(requested, model);
    }

    /** Without the key. */
    @Override
    public String toString() {
        return "AnthropicSettings[baseUrl=" + baseUrl + ", apiKey=" + (apiKey == null ? "none" : "set") + ", model="
                + model
                + ", version=" + version + ", callTimeout=" + callTimeout + ", connectTimeout=" + connectTimeout
                + ", maxConnections=" + maxConnections + "]";
    }

    private static String orDefault(@Nullable String value, String otherwise) {
        return value == null || value.isBlank() ? otherwise : value.strip();
    }

    private static void requirePositive(String name, Duration value) {
        if (value.isZero() || value.isNegative()) {
            throw new IllegalArgumentException("parley.anthropic." + name + " must be longer than zero, not " + value);
        }
    }
}
