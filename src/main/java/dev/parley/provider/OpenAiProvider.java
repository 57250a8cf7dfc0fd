package dev.parley.provider;

import dev.parley.provider.OpenAiSettings.OutputLimit;
import dev.parley.provider.RateLimitHeaders.Limit;
import java.io.IOException;
import java.time.Clock;
import java.time.DateTimeException;
import java.time.Duration;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;
import org.springframework.http.HttpHeaders;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;
import tools.jackson.databind.util.RawValue;

/**
 * The Chat Completions API: OpenAI, and whoever speaks like it: vLLM, Ollama, Gemini. Prompts are cached there without being
 * asked, by their beginning, so the stable part goes first.
 */
final class OpenAiProvider implements ModelProvider, AutoCloseable {
    static final String NAME = "openai";

    private final OpenAiSettings settings;
    private final JsonMapper json = JsonMapper.shared();
    private final Map<String, RawValue> strictSchemas = new ConcurrentHashMap<>();
    private final ModelHttp http;

    OpenAiProvider(OpenAiSettings settings, Clock clock) {
        String apiKey = settings.apiKey();
        if (apiKey == null && settings.isOpenAi()) {
            throw new IllegalArgumentException("provider 'openai' needs an API key at OpenAI: set OPENAI_API_KEY"
                    + " (or parley.openai.api-key), or OPENAI_BASE_URL to the address of a server that needs none");
        }
        this.settings = settings;
        this.http = new ModelHttp(
                settings.callTimeout(),
                settings.callTimeout(),
                settings.connectTimeout(),
                settings.maxConnections(),
                apiKey == null ? Map.of() : Map.of(HttpHeaders.AUTHORIZATION, "Bearer " + apiKey),
                new FailurePolicy(json, clock, NAME, apiKey == null ? "" : apiKey),
                "x-request-id",
                OpenAiProvider::rateLimits);
    }

    @Override
    public String name() {
        return NAME;
    }

    @Override
    public RawReply call(ModelRequest request) {
        return http.post(settings.endpoint(), bodyOf(request), Map.of("Idempotency-Key", request.idempotencyKey()));
    }

    @Override
    public Completion read(byte[] body) {
        return ChatEnvelope.read(body);
    }

    private byte[] bodyOf(ModelRequest request) {
        ObjectNode body = json.createObjectNode().put("model", settings.modelOr(request.model()));
        ArrayNode messages = body.putArray("messages");
        if (!request.stablePrefix().isBlank()) {
            RequestBody.message(messages.addObject(), "system", request.stablePrefix());
        }
        RequestBody.message(messages.addObject(), "user", request.prompt());
        OutputLimit limit = settings.outputLimitOrDefault();
        body.put(limit.name().toLowerCase(Locale.ROOT), request.maxOutputTokens());
        String schema = request.jsonSchema();
        if (schema != null) {
            askForJson(body, schema);
        }
        return RequestBody.bytes(body, request.extra());
    }

    private void askForJson(ObjectNode body, String schema) {
        switch (settings.jsonOutput()) {
            case JSON_SCHEMA ->
                body.putObject("response_format")
                        .put("type", "json_schema")
                        .putObject("json_schema")
                        .put("name", "answer")
                        .put("strict", true)
                        .putRawValue("schema", strictSchemas.computeIfAbsent(schema, this::strict));
            case JSON_OBJECT -> body.putObject("response_format").put("type", "json_object");
            case OFF -> {}
        }
    }

    private RawValue strict(String schema) {
        JsonNode root = json.readTree(schema);
        requireAll(root);
        return new RawValue(json.writeValueAsString(root));
    }

    /** Where a schema is followed to the letter, each property is required, and what may be missing may be null instead. */
    private static void requireAll(JsonNode schema) {
        if (schema.path("properties") instanceof ObjectNode properties && schema instanceof ObjectNode object) {
            ArrayNode required = object.withArray("required");
            for (Map.Entry<String, JsonNode> property : properties.properties()) {
                boolean missing = required.valueStream()
                        .noneMatch(name -> name.asString("").equals(property.getKey()));
                if (missing && property.getValue() instanceof ObjectNode optional) {
                    String type = optional.path("type").asString("");
                    optional.putArray("type").add(type).add("null");
                    required.add(property.getKey());
                }
            }
        }
        schema.forEach(OpenAiProvider::requireAll);
    }

    private static RateLimitHeaders rateLimits(HttpHeaders headers) {
        return new RateLimitHeaders(limit(headers, "requests"), null, null, limit(headers, "tokens"));
    }

    private static @Nullable Limit limit(HttpHeaders headers, String what) {
        return Limit.told(
                headers.getFirst("x-ratelimit-limit-" + what),
                headers.getFirst("x-ratelimit-remaining-" + what),
                () -> duration(headers.getFirst("x-ratelimit-reset-" + what)));
    }

    /** Such as {@code 6m0s} or {@code 120ms}. */
    private static @Nullable Duration duration(@Nullable String reset) {
        if (reset == null) {
            return null;
        }
        try {
            return reset.matches("\\d{1,9}ms")
                    ? Duration.ofMillis(Long.parseLong(reset.substring(0, reset.length() - 2)))
                    : Duration.parse(reset.replaceFirst("^(\\d+d)?", "P$1T"));
        } catch (DateTimeException e) {
            return null;
        }
    }

    @Override
    public void close() throws IOException {
        http.close();
    }
}
