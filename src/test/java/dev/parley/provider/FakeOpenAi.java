package dev.parley.provider;

import dev.parley.provider.FakeAnthropic.Request;
import dev.parley.provider.LimitSettings.Share;
import dev.parley.provider.OpenAiSettings.JsonOutput;
import java.time.Clock;
import java.time.Duration;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/**
 * The Chat Completions API on loopback, as strict as OpenAI's. What it is told to answer, and what it counts, is the
 * {@link #server}'s, which is {@link FakeAnthropic}'s in all but the protocol: a refusal is a {@code refusal} here,
 * {@code end_turn} is {@code stop}, and {@code max_tokens} is {@code length}.
 */
public final class FakeOpenAi implements AutoCloseable {
    public static final String KEY = "sk-proj-test-0123456789";

    private static final JsonMapper JSON = JsonMapper.shared();

    private final FakeAnthropic server = FakeAnthropic.speaking(new ChatCompletions());
    private final ModelProviders providers;

    private FakeOpenAi() {
        this.providers = new ModelProviders(
                new ProviderSettings("openai"),
                server.settings(),
                settings(baseUrl(), KEY),
                OfflineSettings.plain(),
                new LimitSettings(0L, 0L, 0L, null, 0, Share.PROCESS, Duration.ofSeconds(30)),
                null,
                Clock.systemUTC());
    }

    public static FakeOpenAi start() {
        return new FakeOpenAi();
    }

    public FakeAnthropic server() {
        return server;
    }

    /** For {@code parley.openai.base-url}. */
    public String baseUrl() {
        return server.baseUrl() + "/v1";
    }

    /** Settings of a Spring context that is to call this server. */
    public String[] properties() {
        return new String[] {
            "parley.provider=openai",
            "parley.openai.base-url=" + baseUrl(),
            "parley.openai.api-key=" + KEY,
            "parley.limits.requests-per-minute=0"
        };
    }

    public ModelProvider provider() {
        return providers.byName(null);
    }

    static OpenAiSettings settings(String baseUrl, String apiKey) {
        return settings(baseUrl, apiKey, JsonOutput.JSON_SCHEMA, Duration.ofSeconds(60));
    }

    static OpenAiSettings settings(String baseUrl, String apiKey, JsonOutput jsonOutput, Duration callTimeout) {
        return new OpenAiSettings(
                baseUrl, apiKey, "gpt-5-mini", jsonOutput, null, callTimeout, Duration.ofSeconds(10), 1000);
    }

    /** An error as OpenAI words it. */
    static FakeAnswer error(int status, String type, String code, String message) {
        ObjectNode root = JSON.createObjectNode();
        root.putObject("error")
                .put("message", message)
                .put("type", type)
                .putNull("param")
                .put("code", code);
        return FakeAnswer.raw(status, JSON.writeValueAsString(root));
    }

    @Override
    public void close() {
        try {
            providers.close();
        } catch (Exception e) {
            throw new IllegalStateException(e);
        }
        server.close();
    }

    private static final class ChatCompletions implements FakeAnthropic.Protocol {
        @Override
        public FakeAnswer complaintAbout(Request request) {
            if (!request.requestLine().startsWith("POST /v1/chat/completions ")) {
                return error(404, "invalid_request_error", "unknown_url", "Unknown request URL");
            }
            if (!("Bearer " + KEY).equals(request.headers().get("authorization"))) {
                return error(401, "invalid_request_error", "invalid_api_key", "Incorrect API key provided");
            }
            JsonNode body;
            try {
                body = request.json();
            } catch (JacksonException e) {
                return error(400, "invalid_request_error", null, "We could not parse the JSON body of your request");
            }
            if (!body.path("model").isString()) {
                return error(400, "invalid_request_error", null, "you must provide a model parameter");
            }
            if (body.path("max_tokens").asInt(body.path("max_completion_tokens").asInt(0)) < 1) {
                return error(400, "invalid_request_error", "integer_below_min_value", "Invalid 'max_tokens'");
            }
            if (body.path("messages").isEmpty()) {
                return error(400, "invalid_request_error", "empty_array", "Invalid 'messages': empty array");
            }
            JsonNode format = body.path("response_format");
            if (format.path("type").asString("").equals("json_schema")) {
                String problem = problemOf(format.path("json_schema").path("schema"));
                if (problem != null) {
                    return error(400, "invalid_request_error", null, "Invalid schema for response_format: " + problem);
                }
            }
            return null;
        }

        /** In strict mode every object names all of its properties as required, and allows no others. */
        private static String problemOf(JsonNode schema) {
            if (schema.has("properties")) {
                Set<String> required = new HashSet<>();
                schema.path("required").forEach(name -> required.add(name.asString("")));
                for (String name : schema.path("properties").propertyNames()) {
                    if (!required.contains(name)) {
                        return "'required' must name every property; missing '" + name + "'";
                    }
                }
                if (schema.path("additionalProperties").asBoolean(true)) {
                    return "'additionalProperties' is required to be false";
                }
            }
            for (JsonNode part : schema) {
                String problem = problemOf(part);
                if (problem != null) {
                    return problem;
                }
            }
            return null;
        }

        @Override
        public ObjectNode envelope(FakeAnswer answer, Request request, String requestId, TokenUsage usage) {
            ObjectNode envelope = JSON.createObjectNode()
                    .put("id", requestId.replace("req_", "chatcmpl-"))
                    .put("object", "chat.completion")
                    .put("model", request.json().path("model").asString("") + "-2025-08-07");
            ObjectNode choice = envelope.putArray("choices").addObject().put("index", 0);
            ObjectNode message = choice.putObject("message").put("role", "assistant");
            boolean refused = answer.stopReason().equals("refusal");
            message.put("content", refused ? null : answer.text()).put("refusal", refused ? answer.text() : null);
            choice.put(
                    "finish_reason",
                    Map.of("end_turn", "stop", "max_tokens", "length", "refusal", "stop")
                            .getOrDefault(answer.stopReason(), answer.stopReason()));
            ObjectNode billed = envelope.putObject("usage")
                    .put("prompt_tokens", usage.prompt())
                    .put("completion_tokens", usage.output())
                    .put("total_tokens", usage.prompt() + usage.output());
            billed.putObject("prompt_tokens_details").put("cached_tokens", usage.cacheRead());
            billed.putObject("completion_tokens_details").put("reasoning_tokens", 0);
            return envelope;
        }

        @Override
        public FakeAnswer tooFast() {
            return error(429, "requests", "rate_limit_exceeded", "Rate limit reached")
                    .with("retry-after", "1");
        }

        @Override
        public String requestIdHeader() {
            return "x-request-id";
        }

        @Override
        public String limitHeader(String what) {
            return "x-ratelimit-" + what + "-requests";
        }
    }
}
