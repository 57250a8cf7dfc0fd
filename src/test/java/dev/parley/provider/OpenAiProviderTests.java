package dev.parley.provider;

import static dev.parley.provider.FakeAnswer.raw;
import static dev.parley.provider.FakeOpenAi.error;
import static dev.parley.provider.ModelFailure.Next.FAIL;
import static dev.parley.provider.ModelFailure.Next.PAUSE_JOB;
import static dev.parley.provider.ModelFailure.Next.RETRY;
import static dev.parley.provider.ModelFailure.Next.WAIT;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import dev.parley.provider.Completion.StopReason;
import dev.parley.provider.FakeAnswer.Delivery;
import dev.parley.provider.ModelFailure.Next;
import dev.parley.provider.OpenAiSettings.JsonOutput;
import dev.parley.provider.RateLimitHeaders.Limit;
import java.io.IOException;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.time.Clock;
import java.time.Duration;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import tools.jackson.databind.JsonNode;

@DisplayName("The Chat Completions API on the wire")
class OpenAiProviderTests {
    private static final String SCHEMA = """
            {"type":"object","properties":{"said":{"type":"string"},"mood":{"type":"string"}},"required":["said"],\
            "additionalProperties":false}""";

    private final FakeOpenAi openAi = FakeOpenAi.start();
    private final FakeAnthropic server = openAi.server();

    @AfterEach
    void stop() {
        openAi.close();
    }

    @Test
    void sendsTheStablePartFirstAndTheSchemaInTheFormThatStrictModeAsksFor() {
        openAi.provider().call(new ModelRequest("key-1", null, 900, "The rules.", "Persona: David", SCHEMA, Map.of()));

        FakeAnthropic.Request sent = server.requests().get(0);
        assertThat(sent.headers())
                .containsEntry("authorization", "Bearer " + FakeOpenAi.KEY)
                .containsEntry("idempotency-key", "key-1");
        assertThat(new String(sent.body(), StandardCharsets.UTF_8))
                .isEqualTo("{\"model\":\"gpt-5-mini\",\"messages\":[{\"role\":\"system\",\"content\":\"The rules.\"},"
                        + "{\"role\":\"user\",\"content\":\"Persona: David\"}],\"max_tokens\":900,"
                        + "\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"answer\","
                        + "\"strict\":true,\"schema\":{\"type\":\"object\",\"properties\":{\"said\":{\"type\":\"string\"},"
                        + "\"mood\":{\"type\":[\"string\",\"null\"]}},\"required\":[\"said\",\"mood\"],"
                        + "\"additionalProperties\":false}}}}");
    }

    @ParameterizedTest
    @EnumSource(JsonOutput.class)
    void whatAServerDoesNotOfferIsNotAskedFor(JsonOutput output) throws IOException {
        OpenAiSettings settings = FakeOpenAi.settings(openAi.baseUrl(), FakeOpenAi.KEY, output, Duration.ofSeconds(5));
        try (OpenAiProvider provider = new OpenAiProvider(settings, Clock.systemUTC())) {
            provider.call(new ModelRequest("key-1", "llama3", 900, "", "Hello", SCHEMA, Map.of()));
        }

        JsonNode format = server.requests().get(0).json().path("response_format");
        assertThat(format.path("type").asString("none"))
                .isEqualTo(output == JsonOutput.OFF ? "none" : output.name().toLowerCase(java.util.Locale.ROOT));
    }

    @Test
    void openAiItselfTakesAnotherFieldForTheLimitAndNeedsAKey() {
        assertThat(FakeOpenAi.settings("https://api.openai.com", "k").outputLimitOrDefault())
                .isEqualTo(OpenAiSettings.OutputLimit.MAX_COMPLETION_TOKENS);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new OpenAiProvider(FakeOpenAi.settings("", " "), Clock.systemUTC()))
                .withMessageContaining("OPENAI_API_KEY")
                .withMessageContaining("OPENAI_BASE_URL");
    }

    @ParameterizedTest
    @CsvSource({
        "http://127.0.0.1:11434, http://127.0.0.1:11434/v1/chat/completions",
        "http://127.0.0.1:8000/v1/, http://127.0.0.1:8000/v1/chat/completions",
        "https://gemini.example/v1beta/openai, https://gemini.example/v1beta/openai/chat/completions",
        "https://proxy.example/v1/chat/completions, https://proxy.example/v1/chat/completions"
    })
    void theAddressIsTakenAsPeopleWriteIt(String baseUrl, String endpoint) {
        assertThat(FakeOpenAi.settings(baseUrl, null).endpoint()).hasToString(endpoint);
    }

    @Test
    void withoutAKeyNoneIsSentAndWithAWrongOneTheJobIsPaused() throws IOException { // a local server needs none
        ModelFailure failure;
        try (OpenAiProvider provider =
                new OpenAiProvider(FakeOpenAi.settings(openAi.baseUrl(), null), Clock.systemUTC())) {
            failure = failureOf(provider);
        }

        assertThat(server.requests().get(0).headers()).doesNotContainKey("authorization");
        assertThat(failure.code()).isEqualTo("authentication_failed");
    }

    @Test
    void readsTextUsageAndTheSnapshotThatAnswered() {
        server.answers(FakeAnswer.text("Hello there"), FakeAnswer.text("Hello again"));

        Completion first = openAi.provider().read(call(openAi.provider()).body());
        Completion second = openAi.provider().read(call(openAi.provider()).body());

        assertThat(first.text()).isEqualTo("Hello there");
        assertThat(first.stopReason()).isEqualTo(StopReason.END_TURN);
        assertThat(first.model()).isEqualTo("gpt-5-mini-2025-08-07");
        assertThat(first.messageId()).startsWith("chatcmpl-");
        assertThat(second.usage().cacheRead()).as("cached tokens").isPositive();
        assertThat(second.usage().prompt())
                .as("the cached ones among them")
                .isEqualTo(first.usage().prompt());
        assertThat(second.usage().cacheWrite()).isZero();
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            {"message":{"content":"a"},"finish_reason":"stop"}                       | END_TURN   | stop
            {"message":{"content":"a"},"finish_reason":"length"}                     | MAX_TOKENS | length
            {"message":{"content":""},"finish_reason":"content_filter"}              | REFUSAL    | content_filter
            {"message":{"content":null,"refusal":"No."},"finish_reason":"stop"}      | REFUSAL    | refusal
            {"message":{"content":null,"tool_calls":[]},"finish_reason":"tool_calls"}| OTHER      | tool_calls
            {"message":{"content":[{"type":"text","text":"a"}]}}                     | OTHER      | none
            """)
    void whyItStopped(String choice, StopReason reason, String detail) {
        Completion read = ChatEnvelope.read(("{\"choices\":[" + choice + "]}").getBytes(StandardCharsets.UTF_8));

        assertThat(read.stopReason()).isEqualTo(reason);
        assertThat(read.stopDetail()).isEqualTo(detail);
        assertThat(read.usage()).as("a local server may not tell").isEqualTo(TokenUsage.NONE);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            ''                                             | it is empty
            <html>Welcome</html>                           | it is no JSON from line 1, column 1: <html>Welcome</html>
            {"object":"chat.comp                           | it is no JSON from line
            {"choices":[]}                                 | it has no choice
            {"error":{"type":"server_error"}}              | it has no choice but an error, server_error
            """)
    void anEnvelopeThatIsNoneIsToldApart(String body, String why) { // A56
        server.answers(raw(200, body));

        RawReply reply = call(openAi.provider());
        ModelException thrown = catchThrowableOfType(
                ModelException.class, () -> openAi.provider().read(reply.body()));

        assertThat(thrown.failure().code()).isEqualTo("malformed_envelope");
        assertThat(thrown.failure().detail()).contains(why);
    }

    static Stream<Arguments> table() {
        String quota = "You exceeded your current quota, please check your plan and billing details.";
        String gemini = """
                [{"error":{"code":429,"message":"%s","status":"RESOURCE_EXHAUSTED","details":[\
                {"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"17s"}]}}]""".formatted(quota);
        return Stream.of(
                arguments(invalid(null, "messages: too many"), "invalid_request", FAIL),
                arguments(invalid("context_length_exceeded", "Too long"), "request_too_large", FAIL),
                arguments(raw(400, """
                                {"object":"error","message":"This model's maximum context length is 4096 tokens",\
                                "type":"BadRequestError","param":null,"code":400}"""), "request_too_large", FAIL),
                arguments(invalid("content_filter", "The prompt was filtered"), "refused", FAIL),
                arguments(
                        invalid("unsupported_parameter", "Use 'max_completion_tokens'"), "invalid_settings", PAUSE_JOB),
                arguments(raw(400, """
                                {"error":{"message":"Invalid schema","type":"invalid_request_error",\
                                "param":"response_format","code":null}}"""), "invalid_settings", PAUSE_JOB),
                arguments(invalid("model_not_found", "no such model"), "not_found", PAUSE_JOB),
                arguments(invalid("billing_hard_limit_reached", "Billing hard limit"), "billing_failed", PAUSE_JOB),
                arguments(raw(400, """
                                [{"error":{"code":400,"message":"API key not valid. Please pass a valid API key.",\
                                "status":"INVALID_ARGUMENT"}}]"""), "authentication_failed", PAUSE_JOB),
                arguments(
                        error(401, "invalid_request_error", "invalid_api_key", "Incorrect API key"),
                        "authentication_failed",
                        PAUSE_JOB),
                arguments(
                        error(403, "invalid_request_error", "unsupported_country_region_territory", "Not here"),
                        "permission_denied",
                        PAUSE_JOB),
                arguments(
                        error(404, "invalid_request_error", "model_not_found", "The model does not exist"),
                        "not_found",
                        PAUSE_JOB),
                arguments(raw(404, "{\"error\":\"model 'nothing' not found\"}"), "not_found", PAUSE_JOB),
                arguments(raw(413, ""), "request_too_large", FAIL),
                arguments(
                        error(429, "requests", "rate_limit_exceeded", "Rate limit reached")
                                .with("retry-after", "7"),
                        "rate_limited",
                        WAIT),
                arguments(error(429, "tokens", "rate_limit_exceeded", "Rate limit reached"), "rate_limited", WAIT),
                arguments(raw(429, gemini), "rate_limited", WAIT),
                arguments(
                        error(429, "tokens", "rate_limit_exceeded", "Request too large: Limit 30000, Requested 45000"),
                        "request_too_large",
                        FAIL),
                arguments(
                        error(429, "insufficient_quota", "insufficient_quota", quota)
                                .with("retry-after", "1"),
                        "billing_failed",
                        PAUSE_JOB),
                arguments(error(500, "server_error", null, "The server had an error"), "provider_error", RETRY),
                arguments(raw(502, "<html>Bad Gateway</html>"), "provider_unavailable", RETRY),
                arguments(error(503, "server_error", null, "That model is currently overloaded"), "overloaded", WAIT),
                arguments(raw(503, ""), "provider_unavailable", RETRY),
                arguments(raw(504, "upstream"), "timed_out", RETRY),
                arguments(raw(418, "short and stout"), "unexpected_status", FAIL),
                arguments(raw(308, "").with("location", "http://127.0.0.1:1/"), "unexpected_redirect", PAUSE_JOB),
                arguments(FakeAnswer.reset(), "connection_reset", RETRY),
                arguments(FakeAnswer.conversation().delivered(Delivery.CLOSE), "connection_reset", RETRY),
                arguments(FakeAnswer.cut(), "answer_cut", RETRY),
                arguments(FakeAnswer.conversation().delivered(Delivery.CUT_CHUNKED), "answer_cut", RETRY));
    }

    private static FakeAnswer invalid(String code, String message) {
        return error(400, "invalid_request_error", code, message);
    }

    @ParameterizedTest(name = "{1}, {2}")
    @MethodSource("table")
    void eachFailureHasACodeAndSaysWhatHappensNext(FakeAnswer answer, String code, Next next) { // A55, A57
        server.answers(answer);

        ModelFailure failure = failureOf(openAi.provider());

        assertThat(failure.code()).isEqualTo(code);
        assertThat(failure.next()).isEqualTo(next);
        assertThat(failure.detail()).isNotBlank().doesNotContain("\n", "Unknown error", FakeOpenAi.KEY);
        assertThat(server.calls()).as("nothing is sent twice by itself").isEqualTo(1);
    }

    @Test
    void geminiTellsInTheBodyHowLongToWait() {
        server.answers(raw(429, """
                [{"error":{"code":429,"message":"Quota","status":"RESOURCE_EXHAUSTED","details":[\
                {"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"17s"}]}}]"""));

        ModelFailure failure = failureOf(openAi.provider());

        assertThat(failure.retryAfter()).isEqualTo(Duration.ofSeconds(17));
        assertThat(failure.detail()).startsWith("HTTP 429 RESOURCE_EXHAUSTED: Quota (request ");
    }

    @Test
    void nobodyListensAndNobodyAnswers() throws IOException {
        int nobodyListens;
        try (ServerSocket socket = new ServerSocket(0)) {
            nobodyListens = socket.getLocalPort();
        }
        server.answers(FakeAnswer.hang());

        assertThat(failureOf("http://127.0.0.1:" + nobodyListens).code()).isEqualTo("connection_refused");
        ModelFailure late = failureOf(openAi.baseUrl());

        assertThat(late.code()).isEqualTo("timed_out");
        assertThat(late.detail()).contains("parley.openai.call-timeout");
    }

    private static ModelFailure failureOf(String baseUrl) throws IOException {
        OpenAiSettings settings = FakeOpenAi.settings(baseUrl, FakeOpenAi.KEY, JsonOutput.OFF, Duration.ofMillis(300));
        try (OpenAiProvider provider = new OpenAiProvider(settings, Clock.systemUTC())) {
            return failureOf(provider);
        }
    }

    @Test
    void aKeyIsNeverInWhatIsShown() { // A36
        server.answers(error(401, "invalid_request_error", "invalid_api_key", "Incorrect key: " + FakeOpenAi.KEY));

        assertThat(failureOf(openAi.provider()).detail()).contains("[key]").doesNotContain(FakeOpenAi.KEY);
        assertThat(FakeOpenAi.settings("", FakeOpenAi.KEY).toString())
                .doesNotContain(FakeOpenAi.KEY)
                .contains("apiKey=set");
    }

    @ParameterizedTest
    @CsvSource({
        // a minute's: 60 with 59 left fill up within a second
        "60, 59, 1s, 60, 59, PT0S",
        "60, 0, 60s, 60, 0, PT1S",
        "60, 0, 120ms, 60, 0, PT0.002S",
        // a day's 10,000: it matters only when almost nothing is left, and then allows seven a minute
        "10000, 5000, 12h0m0s,,,",
        "10000, 2, 23h59m40s, 7, 2, PT0S",
        "10000, 5000, later, 10000, 5000, PT0S"
    })
    void limitsAreLearnedFromTheHeadersAndTheirTimeOfReset(
            String limit, String remaining, String reset, Long perMinute, Long left, Duration untilNext) {
        server.answers(FakeAnswer.conversation()
                .with("x-ratelimit-limit-requests", limit)
                .with("x-ratelimit-remaining-requests", remaining)
                .with("x-ratelimit-reset-requests", reset)
                .with("x-ratelimit-limit-tokens", "30000")
                .with("x-ratelimit-remaining-tokens", "29000"));

        RateLimitHeaders told = call(openAi.provider()).rateLimits();

        assertThat(told.requests()).isEqualTo(perMinute == null ? null : new Limit(perMinute, left, untilNext));
        assertThat(told.tokens()).isEqualTo(new Limit(30_000, 29_000, Duration.ZERO));
        assertThat(told.input()).isNull();
    }

    private static RawReply call(ModelProvider provider) {
        return provider.call(new ModelRequest("key-1", null, 900, "The rules of the house.", "Hi", null, Map.of()));
    }

    private static ModelFailure failureOf(ModelProvider provider) {
        ModelException thrown = catchThrowableOfType(ModelException.class, () -> call(provider));
        assertThat(thrown).isNotNull();
        return thrown.failure();
    }
}
