package dev.parley.provider;

import dev.parley.provider.RateLimitHeaders.Limit;
import java.io.IOException;
import java.time.Clock;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.util.Map;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;
import org.springframework.http.HttpHeaders;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;
import tools.jackson.databind.util.RawValue;

/** The Messages API. */
final class AnthropicProvider implements ModelProvider, AutoCloseable {
    static final String NAME = "anthropic";

    /** A quarter of a gigabyte goes one way and some gigabytes come back, as fast as they can be worked off. */
    private static final Duration LONGEST_TRANSFER = Duration.ofHours(6);

    private static final int BATCH_CONNECTIONS = 4;

    private final AnthropicSettings settings;
    private final Clock clock;
    private final JsonMapper json = JsonMapper.shared();
    private final RequestBody.RepeatedText prefixes = new RequestBody.RepeatedText();
    private final FailurePolicy failures;
    private final Map<String, String> headers;
    private final ModelHttp http;

    AnthropicProvider(AnthropicSettings settings, Clock clock) {
        String apiKey = settings.apiKey();
        if (apiKey == null) {
            throw new IllegalArgumentException("provider 'anthropic' needs an API key:"
                    + " set ANTHROPIC_API_KEY (or parley.anthropic.api-key), or choose parley.provider=offline");
        }
        this.settings = settings;
        this.clock = clock;
        this.failures = new FailurePolicy(json, clock, NAME, apiKey);
        this.headers = Map.of("x-api-key", apiKey, "anthropic-version", settings.version());
        this.http = http(settings.callTimeout(), settings.maxConnections());
    }

    private ModelHttp http(Duration longestCall, int maxConnections) {
        return new ModelHttp(
                longestCall,
                settings.callTimeout(),
                settings.connectTimeout(),
                maxConnections,
                headers,
                failures,
                "request-id",
                this::rateLimits);
    }

    @Override
    public String name() {
        return NAME;
    }

    @Override
    public RawReply call(ModelRequest request) {
        return http.post(
                settings.messagesEndpoint(),
                bodyOf(request, null),
                Map.of("Idempotency-Key", request.idempotencyKey()));
    }

    /**
     * The other door, with connections of its own.
     *
     * @param pace how fast it is to be called; null for as fast as anybody likes
     */
    MessageBatches batches(@Nullable Pace pace) {
        return new MessageBatches(
                http(LONGEST_TRANSFER, BATCH_CONNECTIONS),
                settings.baseUrl() + "/v1/messages/batches",
                request -> bodyOf(request, "1h"),
                failures,
                pace);
    }

    private RateLimitHeaders rateLimits(HttpHeaders headers) {
        return new RateLimitHeaders(
                limit(headers, "requests"), limit(headers, "input-tokens"), limit(headers, "output-tokens"), null);
    }

    private @Nullable Limit limit(HttpHeaders headers, String what) {
        String prefix = "anthropic-ratelimit-" + what;
        return Limit.told(
                headers.getFirst(prefix + "-limit"),
                headers.getFirst(prefix + "-remaining"),
                () -> untilTime(headers.getFirst(prefix + "-reset")));
    }

    /** RFC 3339. */
    private @Nullable Duration untilTime(@Nullable String reset) {
        try {
            return reset == null ? null : Duration.between(clock.instant(), Instant.parse(reset));
        } catch (DateTimeException e) {
            return null;
        }
    }

    @Override
    public Completion read(byte[] body) {
        return MessagesEnvelope.read(body);
    }

    /** Free, with a rate limit of its own. The schema of a structured output is not counted. */
    @Override
    public OptionalLong countTokens(ModelRequest request) {
        RawReply reply =
                http.post(settings.countTokensEndpoint(), json.writeValueAsBytes(questionOf(request, null)), Map.of());
        try {
            JsonNode tokens = json.readTree(reply.body()).path("input_tokens");
            return tokens.isIntegralNumber() ? OptionalLong.of(tokens.longValue()) : OptionalLong.empty();
        } catch (JacksonException noCount) {
            return OptionalLong.empty();
        }
    }

    private byte[] bodyOf(ModelRequest request, @Nullable String cacheFor) {
        ObjectNode body = questionOf(request, cacheFor).put("max_tokens", request.maxOutputTokens());
        String schema = request.jsonSchema();
        if (schema != null) {
            body.putObject("output_config")
                    .putObject("format")
                    .put("type", "json_schema")
                    .putRawValue("schema", new RawValue(schema));
        }
        return RequestBody.bytes(body, request.extra());
    }

    /**
     * What the model reads.
     *
     * @param cacheFor how long the provider is to keep the stable prefix; null is its default
     */
    private ObjectNode questionOf(ModelRequest request, @Nullable String cacheFor) {
        ObjectNode body = json.createObjectNode().put("model", settings.modelOr(request.model()));
        if (!request.stablePrefix().isBlank()) {
            ObjectNode prefix = body.putArray("system").addObject();
            prefix.put("type", "text").putPOJO("text", prefixes.quoted(request.stablePrefix()));
            ObjectNode cached = prefix.putObject("cache_control").put("type", "ephemeral");
            if (cacheFor != null) {
                cached.put("ttl", cacheFor);
            }
        }
        RequestBody.message(body.putArray("messages").addObject(), "user", request.prompt());
        return body;
    }

    @Override
    public void close() throws IOException {
        http.close();
    }
}
