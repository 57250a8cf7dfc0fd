package dev.parley.provider;

import static dev.parley.provider.FakeAnswer.error;
import static dev.parley.provider.FakeAnswer.raw;
import static dev.parley.provider.ModelFailure.Next.FAIL;
import static dev.parley.provider.ModelFailure.Next.PAUSE_JOB;
import static dev.parley.provider.ModelFailure.Next.RETRY;
import static dev.parley.provider.ModelFailure.Next.WAIT;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import dev.parley.provider.FakeAnswer.Delivery;
import dev.parley.provider.ModelFailure.Next;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import tools.jackson.databind.json.JsonMapper;

@DisplayName("The failure table, row by row, on the wire (A55, A57)")
class FailurePolicyTests {
    private final FakeAnthropic server = FakeAnthropic.start();

    @AfterEach
    void stop() {
        server.close();
    }

    static Stream<Arguments> table() {
        String limits = "API usage limits. You will regain access on 2026-12-01 at 00:00 UTC.";
        String tier = "You have reached your API usage limits: your organization has crossed its monthly threshold."
                + " You will regain access on 2026-12-01 at 00:00 UTC.";
        return Stream.of(
                arguments(error(400, "invalid_request_error", "messages: too many"), "invalid_request", FAIL),
                arguments(
                        error(400, "invalid_request_error", "You have reached your specified " + limits),
                        "spend_limit_reached",
                        PAUSE_JOB),
                arguments(
                        error(400, "invalid_request_error", "You have reached your specified workspace " + limits),
                        "spend_limit_reached",
                        PAUSE_JOB),
                arguments(
                        error(
                                400,
                                "invalid_request_error",
                                "This organization has been disabled.",
                                "organization_on_hold"),
                        "organization_on_hold",
                        PAUSE_JOB),
                arguments(
                        error(400, "invalid_request_error", "Your credit balance is too low to access the API."),
                        "billing_failed",
                        PAUSE_JOB),
                arguments(error(401, "authentication_error", "invalid x-api-key"), "authentication_failed", PAUSE_JOB),
                arguments(error(402, "billing_error", "Payment is due"), "billing_failed", PAUSE_JOB),
                arguments(error(403, "permission_error", "Not for this key"), "permission_denied", PAUSE_JOB),
                arguments(error(404, "not_found_error", "model: claude-nothing"), "not_found", PAUSE_JOB),
                arguments(error(409, "conflict_error", "Try again"), "conflict", RETRY),
                arguments(error(413, "request_too_large", "Over 32 MB"), "request_too_large", FAIL),
                arguments(FakeAnswer.rateLimited(Duration.ofSeconds(7)), "rate_limited", WAIT),
                arguments(FakeAnswer.rateLimited(), "rate_limited", WAIT),
                arguments(FakeAnswer.rampLimited(Duration.ofSeconds(7)), "ramp_limited", WAIT),
                arguments(
                        error(429, "rate_limit_error", tier, "enforced_spend_limit_reached"),
                        "spend_limit_reached",
                        PAUSE_JOB),
                arguments(
                        error(429, "rate_limit_error", "The contract's spend limit is reached until 2026-12-01"),
                        "spend_limit_reached",
                        PAUSE_JOB),
                arguments(
                        error(429, "rate_limit_error", "Over the workspace's spend limit")
                                .with("retry-after", "60"),
                        "rate_limited",
                        WAIT),
                arguments(error(500, "api_error", "Internal server error"), "provider_error", RETRY),
                arguments(raw(502, "<html>Bad Gateway</html>"), "provider_unavailable", RETRY),
                arguments(raw(503, ""), "provider_unavailable", RETRY),
                arguments(error(504, "timeout_error", "Timed out"), "timed_out", RETRY),
                arguments(error(529, "overloaded_error", "Overloaded"), "overloaded", WAIT),
                arguments(raw(408, ""), "timed_out", RETRY),
                arguments(raw(418, "short and stout"), "unexpected_status", FAIL),
                arguments(raw(301, "").with("location", "http://127.0.0.1:1/"), "unexpected_redirect", PAUSE_JOB),
                arguments(raw(524, "a timeout occurred"), "provider_error", RETRY),
                arguments(FakeAnswer.reset(), "connection_reset", RETRY),
                arguments(FakeAnswer.conversation().delivered(Delivery.CLOSE), "connection_reset", RETRY),
                arguments(FakeAnswer.cut(), "answer_cut", RETRY),
                arguments(FakeAnswer.conversation().delivered(Delivery.CUT_CHUNKED), "answer_cut", RETRY));
    }

    @ParameterizedTest(name = "{1}, {2}")
    @MethodSource("table")
    void eachFailureHasACodeAndSaysWhatHappensNext(FakeAnswer answer, String code, Next next) {
        server.answers(answer);

        ModelFailure failure = failureOf(server.provider());

        assertThat(failure.code()).isEqualTo(code);
        assertThat(failure.next()).isEqualTo(next);
        assertThat(failure.detail()).isNotBlank().doesNotContain("\n", "Unknown error", "Write one", FakeAnthropic.KEY);
    }

    @Test
    void theDetailIsOneReadableLineWithStatusTypeMessageAndRequestId() {
        server.answers(FakeAnswer.overloaded());

        ModelFailure failure = failureOf(server.provider());

        assertThat(failure.detail()).isEqualTo("HTTP 529 overloaded_error: Overloaded (request req_fake000001)");
        assertThat(failure.requestId()).isEqualTo("req_fake000001");
    }

    @Test
    void aSpendLimitIsToldInTheProvidersWordsWithItsDate() {
        server.answers(FakeAnswer.spendLimitReached());

        ModelFailure failure = failureOf(server.provider());

        assertThat(failure.detail()).contains("You will regain access on 2026-12-01 at 00:00 UTC");
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            502 | <html>\\n<h1>Bad Gateway</h1>\\n</html>            | HTTP 502 with a body that is no error of the provider's: <html> <h1>Bad Gateway</h1> </html> (request req_fake000001)
            502 | ''                                              | HTTP 502 with an empty body (request req_fake000001)
            500 | '{"type":"error","error":{"type":"api_er'         | HTTP 500 with a body that is no error of the provider's: {"type":"error","error":{"type":"api_er (request req_fake000001)
            """)
    void anErrorBodyThatIsNoJsonIsShownWithItsStatus(int status, String body, String detail) { // A55
        server.answers(raw(status, body.replace("\\n", "\n")));

        ModelFailure failure = failureOf(server.provider());

        assertThat(failure.detail()).isEqualTo(detail);
    }

    @Test
    void anErrorWhoseBodyIsCutOnTheWireIsStillKnownByItsStatus() { // A55
        server.answers(FakeAnswer.unauthorized().delivered(Delivery.CUT));

        ModelFailure failure = failureOf(server.provider());

        assertThat(failure.code()).isEqualTo("authentication_failed");
        assertThat(failure.detail()).startsWith("HTTP 401").contains("\"type\":\"error\"");
    }

    @Test
    void aLongBodyIsShownByItsBeginning() {
        server.answers(raw(500, "x".repeat(100_000)));

        assertThat(failureOf(server.provider()).detail()).hasSizeLessThan(400).contains("xxx…");
    }

    @Test
    void aRefusedConnectionIsToldFromAReset() throws IOException {
        int nobodyListens;
        try (ServerSocket socket = new ServerSocket(0)) {
            nobodyListens = socket.getLocalPort();
        }

        ModelFailure failure = failureAt("http://127.0.0.1:" + nobodyListens + "/v1/");

        assertThat(failure.code()).isEqualTo("connection_refused");
        assertThat(failure.next()).isEqualTo(RETRY);
        assertThat(failure.detail()).startsWith("POST http://127.0.0.1:" + nobodyListens + "/v1/messages: ");
    }

    @Test
    void anAddressThatDoesNotAcceptIsGivenUpAfterTheConnectTimeout() throws IOException {
        List<Socket> queued = new ArrayList<>();
        try (ServerSocket full = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            try {
                for (int i = 0; i < 4; i++) { // more than the backlog takes: the system drops the next one's packets
                    Socket socket = new Socket();
                    queued.add(socket);
                    socket.connect(full.getLocalSocketAddress(), 200);
                }
            } catch (SocketTimeoutException itIsFull) {
                assertThat(queued).hasSizeGreaterThan(1);
            }

            ModelFailure failure = failureAt("http://127.0.0.1:" + full.getLocalPort());

            assertThat(failure.code()).isEqualTo("connect_timed_out");
            assertThat(failure.next()).isEqualTo(RETRY);
        } finally {
            for (Socket socket : queued) {
                socket.close();
            }
        }
    }

    @Test
    void anAddressThatDoesNotSpeakTlsIsAFailedConnection() throws IOException {
        ModelFailure failure = failureAt(server.baseUrl().replace("http:", "https:"));

        assertThat(failure.code()).isEqualTo("connection_failed");
        assertThat(failure.next()).isEqualTo(RETRY);
    }

    @ParameterizedTest
    @CsvSource({"HANG", "DRIP"})
    void aCallThatIsNotDoneInTimeEndsEvenWhenBytesKeepComing(Delivery delivery) throws IOException {
        server.answers(FakeAnswer.conversation().delivered(delivery));

        ModelFailure failure;
        try (AnthropicProvider provider =
                new AnthropicProvider(server.settings(Duration.ofMillis(300), 10), Clock.systemUTC())) {
            failure = failureOf(provider);
        }

        assertThat(failure.code()).isEqualTo("timed_out");
        assertThat(failure.next()).isEqualTo(RETRY);
        server.awaitDropped(1);
    }

    @ParameterizedTest
    @CsvSource({
        "7, PT7S",
        "0, PT0S",
        "1.5, PT1.5S",
        "'Mon, 09 Nov 2026 12:00:30 GMT', PT30S",
        "'Mon, 09 Nov 2026 11:00:00 GMT', PT0S",
        "soon,",
        "9e99999999,"
    })
    void retryAfterIsSecondsOrADate(String header, Duration expected) {
        Clock noon = Clock.fixed(Instant.parse("2026-11-09T12:00:00Z"), ZoneOffset.UTC);

        ModelFailure failure = new FailurePolicy(JsonMapper.shared(), noon, "anthropic", "")
                .ofResponse(429, new byte[0], null, header);

        assertThat(failure.retryAfter()).isEqualTo(expected);
    }

    @Test
    void anExceptionWithoutAMessageShowsItsClassAndItsRoot() { // A21
        IOException outer = new IOException(new IllegalStateException("the pool is gone"));

        assertThat(FailurePolicy.describe(new IOException())).isEqualTo("IOException");
        assertThat(FailurePolicy.describe(new NullPointerException())).isEqualTo("NullPointerException");
        assertThat(FailurePolicy.describe(outer)).endsWith("caused by IllegalStateException: the pool is gone");
    }

    private static ModelFailure failureAt(String baseUrl) throws IOException {
        AnthropicSettings settings =
                new AnthropicSettings(baseUrl, "key", "m", "v", Duration.ofSeconds(5), Duration.ofMillis(300), 1);
        try (AnthropicProvider provider = new AnthropicProvider(settings, Clock.systemUTC())) {
            return failureOf(provider);
        }
    }

    private static ModelFailure failureOf(ModelProvider provider) {
        ModelRequest request = new ModelRequest("key-1", null, 900, "Rules", "Write one.", null, Map.of());
        ModelException thrown = catchThrowableOfType(ModelException.class, () -> provider.call(request));
        assertThat(thrown).isNotNull();
        return thrown.failure();
    }
}
