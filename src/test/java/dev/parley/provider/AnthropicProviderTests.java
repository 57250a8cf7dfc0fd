package dev.parley.provider;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.parley.provider.Completion.StopReason;
import dev.parley.provider.ModelFailure.Next;
import java.nio.charset.StandardCharsets;
import java.time.Clock;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;

class AnthropicProviderTests {
    private static final String SCHEMA = "{\"type\": \"object\", \"additionalProperties\": false, \"properties\": {}}";

    private final FakeAnthropic server = FakeAnthropic.start();
    private final ModelProvider provider = server.provider();

    @AfterEach
    void stop() {
        server.close();
    }

    @Test
    void sendsTheStablePartForTheCacheAndTheRestAsOneUserMessage() {
        provider.call(new ModelRequest("key-1", null, 900, "The rules.", "Persona: David", SCHEMA, Map.of()));

        FakeAnthropic.Request sent = server.requests().get(0);
        assertThat(sent.headers())
                .containsEntry("x-api-key", FakeAnthropic.KEY)
                .containsEntry("anthropic-version", "2026-10-21")
                .containsEntry("content-type", "application/json")
                .containsEntry("idempotency-key", "key-1")
                .containsEntry("content-length", String.valueOf(sent.body().length));
        assertThat(new String(sent.body(), StandardCharsets.UTF_8))
                .isEqualTo("{\"model\":\"claude-sonnet-5-5\","
                        + "\"system\":[{\"type\":\"text\",\"text\":\"The rules.\",\"cache_control\":{\"type\":\"ephemeral\"}}],"
                        + "\"messages\":[{\"role\":\"user\",\"content\":\"Persona: David\"}],\"max_tokens\":900,"
                        + "\"output_config\":{\"format\":{\"type\":\"json_schema\",\"schema\":" + SCHEMA + "}}}");
    }

    @Test
    void leavesOutWhatIsNotAskedFor() {
        provider.call(new ModelRequest("key-1", "claude-haiku-5-5", 900, "", "Hello", null, Map.of()));

        assertThat(server.requests().get(0).json().propertyNames()).containsExactly("model", "messages", "max_tokens");
        assertThat(server.requests().get(0).json().path("model").asString()).isEqualTo("claude-haiku-5-5");
    }

    @Test
    void extraFieldsAreMergedIntoWhatIsSent() {
        Map<String, Object> extra =
                Map.of("output_config", Map.of("effort", "low"), "metadata", Map.of("user_id", "nightly"));

        provider.call(new ModelRequest("key-1", null, 900, "Rules", "Hello", SCHEMA, extra));

        JsonNode sent = server.requests().get(0).json();
        assertThat(sent.path("output_config").path("effort").asString()).isEqualTo("low");
        assertThat(sent.path("output_config").path("format").path("schema").isObject())
                .isTrue();
        assertThat(sent.path("metadata").path("user_id").asString()).isEqualTo("nightly");
    }

    @Test
    void streamingIsRefusedBeforeAnythingIsSent() {
        ModelRequest streaming = new ModelRequest("key-1", null, 900, "", "Hello", null, Map.of("stream", true));

        ModelFailure failure = failureOf(() -> provider.call(streaming));

        assertThat(failure.next()).isEqualTo(Next.PAUSE_JOB);
        assertThat(server.calls()).isZero();
    }

    @Test
    void theBodyComesBackByteForByteAndIsReadInASecondStep() { // A56
        server.answers(FakeAnswer.raw(200, "{\"id\": \"msg_1\", <html> \u00e4"));

        RawReply reply = provider.call(request("key-1"));

        assertThat(new String(reply.body(), StandardCharsets.UTF_8)).isEqualTo("{\"id\": \"msg_1\", <html> \u00e4");
        assertThat(reply.requestId()).isEqualTo("req_fake000001");
        assertThat(reply.duration()).isPositive();
        assertThat(failureOf(() -> provider.read(reply.body())).code()).isEqualTo("malformed_envelope");
    }

    @Test
    void anEmptyBodyWithStatus200IsAMalformedEnvelope() { // A56
        server.answers(FakeAnswer.raw(200, ""));

        RawReply reply = provider.call(request("key-1"));

        assertThat(reply.body()).isEmpty();
        assertThat(failureOf(() -> provider.read(reply.body())).detail()).contains("it is empty");
    }

    @Test
    void readsTextStopReasonAndUsageOfAnAnswerThatBeganWithThinking() {
        server.answers(FakeAnswer.text("Hello there").thinkingFirst());

        Completion first = provider.read(provider.call(request("key-1")).body());
        Completion second = provider.read(provider.call(request("key-1")).body());

        assertThat(first.text()).isEqualTo("Hello there");
        assertThat(first.stopReason()).isEqualTo(StopReason.END_TURN);
        assertThat(first.model()).isEqualTo("claude-sonnet-5-5");
        assertThat(first.usage().cacheWrite5m()).isPositive();
        assertThat(second.usage().cacheRead()).isEqualTo(first.usage().cacheWrite5m());
        assertThat(server.totalUsage().output())
                .isEqualTo(first.usage().output() + second.usage().output());
    }

    @Test
    void connectionsAreUsedAgainAlsoAfterAnError() {
        server.answers(FakeAnswer.overloaded(), FakeAnswer.raw(502, "<html>Bad Gateway</html>"));

        failureOf(() -> provider.call(request("key-1")));
        failureOf(() -> provider.call(request("key-1")));
        provider.call(request("key-1"));
        provider.call(request("key-1"));

        assertThat(server.connectionsOpened()).isEqualTo(1);
        assertThat(server.calls("key-1")).isEqualTo(4);
    }

    @Test
    void nothingIsSentTwiceByItself() {
        List<FakeAnswer> answers = List.of(
                FakeAnswer.raw(503, "").with("retry-after", "0"),
                FakeAnswer.rateLimited(Duration.ZERO),
                FakeAnswer.raw(307, "").with("location", server.baseUrl() + "/v1/messages"),
                FakeAnswer.reset(),
                FakeAnswer.conversation().delivered(FakeAnswer.Delivery.CLOSE),
                FakeAnswer.cut());

        for (int i = 0; i < answers.size(); i++) {
            server.answersTo("key-" + i, answers.get(i));
            ModelRequest request = request("key-" + i);
            failureOf(() -> provider.call(request));
        }

        assertThat(server.callsByKey())
                .hasSize(answers.size())
                .allSatisfy((key, calls) -> assertThat(calls).isEqualTo(1));
    }

    @Test
    void cookiesAreNotSentBack() {
        server.answers(FakeAnswer.conversation().with("set-cookie", "session=1"));

        provider.call(request("key-1"));
        provider.call(request("key-2"));

        assertThat(server.requests().get(1).headers()).doesNotContainKey("cookie");
    }

    @Test
    void hundredsOfLanesCallAtOnce() throws Exception {
        int lanes = 400;
        CountDownLatch allArrived = new CountDownLatch(1);
        server.answersOtherwise(FakeAnswer.conversation().after(allArrived));
        ExecutorService pool = Executors.newFixedThreadPool(lanes);

        List<Future<RawReply>> replies = IntStream.range(0, lanes)
                .mapToObj(lane -> pool.submit(() -> provider.call(request("key-" + lane))))
                .toList();
        server.awaitCalls(lanes);
        allArrived.countDown();
        for (Future<RawReply> reply : replies) {
            reply.get();
        }
        pool.shutdown();

        assertThat(server.mostInFlight()).isEqualTo(lanes);
    }

    @Test
    void aKeyIsNeverInWhatIsShown() { // A36
        AnthropicSettings settings = server.settings();
        server.answers(FakeAnswer.invalidRequest("the key " + FakeAnthropic.KEY + " is odd"));

        ModelFailure failure = failureOf(() -> provider.call(request("key-1")));

        assertThat(failure.detail()).contains("the key [key] is odd").doesNotContain(FakeAnthropic.KEY);
        assertThat(settings.toString()).doesNotContain(FakeAnthropic.KEY).contains("apiKey=set");
    }

    @Test
    void withoutAKeyThereIsNoProvider() { // A35
        AnthropicSettings settings =
                new AnthropicSettings("", " ", "", "", Duration.ofMinutes(5), Duration.ofSeconds(10), 1000);

        assertThatThrownBy(() -> new AnthropicProvider(settings, Clock.systemUTC()))
                .hasMessageContaining("ANTHROPIC_API_KEY");
    }

    private static ModelRequest request(String key) {
        return new ModelRequest(key, null, 900, "You write conversations.", "Write one.", null, Map.of());
    }

    private static ModelFailure failureOf(org.assertj.core.api.ThrowableAssert.ThrowingCallable call) {
        ModelException thrown = catchThrowableOfType(ModelException.class, call);
        assertThat(thrown).isNotNull();
        return thrown.failure();
    }
}
