package dev.parley.provider;

import jakarta.validation.constraints.NotNull;
import jakarta.validation.constraints.Positive;
import java.net.URI;
import java.time.Duration;
import org.jspecify.annotations.Nullable;
import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.bind.DefaultValue;
import org.springframework.util.StringUtils;
import org.springframework.validation.annotation.Validated;

/**
 * Settings under {@code parley.openai.*}, for whoever speaks the Chat Completions API. A blank value counts as not set.
 *
 * @param baseUrl what comes before {@code /chat/completions}; {@code /v1} is added to a host alone
 * @param apiKey null when there is none, as local servers need none; never shown
 * @param model the model id of requests that name none
 * @param jsonOutput how the answer's shape is asked for
 * @param outputLimit the field that bounds the answer; null is {@code max_completion_tokens} at OpenAI, which takes nothing
 *     else for its newer models, and {@code max_tokens} elsewhere
 * @param callTimeout from taking a connection to the last byte of the answer
 * @param maxConnections lanes that can be calling at once; more wait for a connection
 */
@Validated
@ConfigurationProperties("parley.openai")
record OpenAiSettings(
        @DefaultValue(DEFAULT_BASE_URL) String baseUrl,
        @Nullable String apiKey,
        @DefaultValue(DEFAULT_MODEL) String model,
        @DefaultValue("json_schema") @NotNull JsonOutput jsonOutput,
        @Nullable OutputLimit outputLimit,
        @DefaultValue("5m") Duration callTimeout,
        @DefaultValue("10s") Duration connectTimeout,
        @DefaultValue("1000") @Positive int maxConnections) {
    private static final String DEFAULT_BASE_URL = "https://api.openai.com/v1";
    private static final String DEFAULT_MODEL = "gpt-5-mini";

    /** {@code response_format}, by how much of it a server offers. */
    enum JsonOutput {
        /** The answer follows the schema. */
        JSON_SCHEMA,
        /** The answer is some JSON object; the prompt alone tells its shape. */
        JSON_OBJECT,
        /** Nothing is asked for. */
        OFF
    }

    /** How the field is called that bounds the answer. */
    enum OutputLimit {
        MAX_COMPLETION_TOKENS,
        MAX_TOKENS
    }

    OpenAiSettings {
        baseUrl = orDefault(baseUrl, DEFAULT_BASE_URL).replaceFirst("/+$", "").replaceFirst("/chat/completions$", "");
        model = orDefault(model, DEFAULT_MODEL);
        apiKey = StringUtils.hasText(apiKey) ? apiKey.strip() : null;
        if (!baseUrl.matches("https?://[^/?#]+(/[^?#]*)?")) {
            throw new IllegalArgumentException("parley.openai.base-url '" + baseUrl
                    + "' is not an http or https address, such as " + DEFAULT_BASE_URL);
        }
        if (baseUrl.matches("https?://[^/]+")) {
            baseUrl += "/v1";
        }
        if (apiKey != null && !apiKey.chars().allMatch(c -> c > ' ' && c < 127)) {
            throw new IllegalArgumentException(
                    "parley.openai.api-key (OPENAI_API_KEY) holds a space, line break or other character no key has");
        }
        requirePositive("call-timeout", callTimeout);
        requirePositive("connect-timeout", connectTimeout);
    }

    URI endpoint() {
        return URI.create(baseUrl + "/chat/completions");
    }

    /** OpenAI itself, and none of those that speak like it. */
    boolean isOpenAi() {
        return "api.openai.com".equals(endpoint().getHost());
    }

    OutputLimit outputLimitOrDefault() {
        if (outputLimit != null) {
            return outputLimit;
        }
        return isOpenAi() ? OutputLimit.MAX_COMPLETION_TOKENS : OutputLimit.MAX_TOKENS;
    }

    String modelOr(@Nullable String requested) {
        return orDefault(requested, model);
    }

    /** Without the key. */
    @Override
    public String toString() {
        return "OpenAiSettings[baseUrl=" + baseUrl + ", apiKey=" + (apiKey == null ? "none" : "set") + ", model="
                + model + ", jsonOutput=" + jsonOutput + ", outputLimit=" + outputLimit + ", callTimeout=" + callTimeout
                + ", connectTimeout=" + connectTimeout + ", maxConnections=" + maxConnections + "]";
    }

    private static String orDefault(@Nullable String value, String otherwise) {
        return value == null || value.isBlank() ? otherwise : value.strip();
    }

    private static void requirePositive(String name, Duration value) {
        if (value.isZero() || value.isNegative()) {
            throw new IllegalArgumentException("parley.openai." + name + " must be longer than zero, not " + value);
        }
    }
}
