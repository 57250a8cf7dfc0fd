package dev.parley.provider;

import java.io.IOException;
import java.net.ConnectException;
import java.net.SocketException;
import java.net.SocketTimeoutException;
import java.nio.charset.StandardCharsets;
import java.time.Clock;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.time.format.DateTimeFormatter;
import java.util.Locale;
import org.apache.hc.client5.http.ConnectTimeoutException;
import org.apache.hc.core5.http.ConnectionClosedException;
import org.apache.hc.core5.http.ConnectionRequestTimeoutException;
import org.apache.hc.core5.http.MalformedChunkCodingException;
import org.apache.hc.core5.http.NoHttpResponseException;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * What each way a call can fail means, and what happens next: the whole of it, for all providers, in one place. Stateless but
 * for the clock.
 *
 * @see <a href="https://platform.claude.com/docs/en/api/errors">Anthropic's error table</a>, as of 2026-11
 * @see <a href="https://platform.openai.com/docs/guides/error-codes">OpenAI's</a>; vLLM, Ollama and Gemini word theirs
 *     differently within the same statuses
 */
final class FailurePolicy {
    private static final int LONGEST_MESSAGE = 400;
    private static final int LONGEST_RAW_TEXT = 200;

    private final JsonMapper json;
    private final Clock clock;
    private final String provider;
    private final String secret;

    /**
     * @param provider below whose name in the settings timeouts and connections are found
     * @param secret cut out of whatever is shown, should a provider or a proxy repeat it; empty where there is none
     */
    FailurePolicy(JsonMapper json, Clock clock, String provider, String secret) {
        this.json = json;
        this.clock = clock;
        this.provider = provider;
        this.secret = secret;
    }

    /** What a status and the body that came with it mean. The body may be anything: HTML, empty, half of a JSON text. */
    ModelFailure ofResponse(int status, byte[] body, @Nullable String requestId, @Nullable String retryAfter) {
        ErrorBody error = errorBody(body, requestId);
        Duration wait = waitOf(retryAfter == null ? error.retryAfter : retryAfter);
        FailureCode code = codeOf(status, error, wait != null);
        return new ModelFailure(code.key(), detail(status, body, error), code.next(), wait, error.requestId);
    }

    private static FailureCode codeOf(int status, ErrorBody error, boolean saysWhen) {
        return switch (status) {
            case 400 -> {
                if (error.isLimitTheCustomerSet()) {
                    yield FailureCode.SPEND_LIMIT_REACHED;
                }
                if (error.isOrganizationOnHold()) {
                    yield FailureCode.ORGANIZATION_ON_HOLD;
                }
                if (error.isOutOfCredit()) {
                    yield FailureCode.BILLING_FAILED;
                }
                yield error.isInvalidKey() ? FailureCode.AUTHENTICATION_FAILED : codeOfRequest(error);
            }
            case 401 -> FailureCode.AUTHENTICATION_FAILED;
            case 402 -> FailureCode.BILLING_FAILED;
            case 403 -> FailureCode.PERMISSION_DENIED;
            case 404 -> FailureCode.NOT_FOUND; // the model or the base URL is wrong: so it is for all items
            case 408 -> FailureCode.TIMED_OUT;
            case 409 -> FailureCode.CONFLICT;
            case 413 -> FailureCode.REQUEST_TOO_LARGE;
            case 429 -> {
                if (error.isOutOfCredit()) {
                    yield FailureCode.BILLING_FAILED;
                }
                // Never tried again in a loop: it ends on a date. A limit that says when to come back is a rate limit.
                if (error.hasCode("spend_limit") || (!saysWhen && error.isSpendLimit())) {
                    yield FailureCode.SPEND_LIMIT_REACHED;
                }
                if (error.isLargerThanALimit()) {
                    yield FailureCode.REQUEST_TOO_LARGE;
                }
                if (error.hasCode("ramp_limit")) {
                    yield FailureCode.RAMP_LIMITED;
                }
                yield FailureCode.RATE_LIMITED;
            }
            case 500 -> FailureCode.PROVIDER_ERROR;
            case 502 -> FailureCode.PROVIDER_UNAVAILABLE;
            case 503 -> error.isOverload() ? FailureCode.OVERLOADED : FailureCode.PROVIDER_UNAVAILABLE;
            case 504 -> FailureCode.TIMED_OUT;
            case 529 -> FailureCode.OVERLOADED;
            default -> {
                if (status >= 500) {
                    yield FailureCode.PROVIDER_ERROR;
                }
                if (status >= 400) {
                    yield FailureCode.UNEXPECTED_STATUS;
                }
                yield FailureCode.UNEXPECTED_REDIRECT; // a redirect: the base URL is wrong
            }
        };
    }

    /** Whether it is this request that is wrong, or all that the settings make. */
    private static FailureCode codeOfRequest(ErrorBody error) {
        if (error.isContextWindow()) {
            return FailureCode.REQUEST_TOO_LARGE;
        }
        if (error.isContentFilter()) {
            return FailureCode.REFUSED;
        }
        if (error.hasCode("model_not_found")) {
            return FailureCode.NOT_FOUND;
        }
        return error.isAboutSettings() ? FailureCode.INVALID_SETTINGS : FailureCode.INVALID_REQUEST;
    }

    /** What a call means that ended without a whole answer. */
    ModelFailure ofTransport(IOException e, String what) {
        FailureCode code;
        String meaning;
        if (e instanceof ConnectTimeoutException) {
            code = FailureCode.CONNECT_TIMED_OUT;
            meaning = "no connection within the connect timeout";
        } else if (e instanceof ConnectionRequestTimeoutException) {
            code = FailureCode.CONNECT_TIMED_OUT;
            meaning = "no free connection; raise parley." + provider + ".max-connections or use fewer lanes";
        } else if (e instanceof SocketTimeoutException) {
            code = FailureCode.TIMED_OUT;
            meaning = "no answer within parley." + provider + ".call-timeout; it may have been billed";
        } else if (e instanceof ConnectException) {
            code = FailureCode.CONNECTION_REFUSED;
            meaning = "the connection was refused";
        } else if (e instanceof ConnectionClosedException || e instanceof MalformedChunkCodingException) {
            code = FailureCode.ANSWER_CUT;
            meaning = "the connection ended in the middle of the answer, which may have been billed";
        } else if (e instanceof NoHttpResponseException || e instanceof SocketException) {
            code = FailureCode.CONNECTION_RESET;
            meaning = "the connection was closed before there was an answer";
        } else {
            code = FailureCode.CONNECTION_FAILED;
            meaning = "the connection failed";
        }
        return code.because(shown(what + ": " + meaning + " (" + describe(e) + ")"));
    }

    /** A call that was cancelled because its whole time was up, though bytes may have kept coming. */
    ModelFailure ofCallTimeout(Duration callTimeout, String what) {
        String detail = what + ": no whole answer within " + callTimeout.toMillis() / 1000.0 + " s (parley." + provider
                + ".call-timeout); it may have been billed";
        return FailureCode.TIMED_OUT.because(detail);
    }

    /** The exception's class and message, and the root cause's where that is another; never an empty text. */
    static String describe(Throwable e) {
        Throwable root = e;
        while (root.getCause() != null && root.getCause() != root) {
            root = root.getCause();
        }
        return root == e ? classAndMessage(e) : classAndMessage(e) + ", caused by " + classAndMessage(root);
    }

    private static String classAndMessage(Throwable e) {
        String message = e.getMessage();
        String name = e.getClass().getSimpleName();
        return message == null || message.isBlank() ? name : name + ": " + message;
    }

    private String detail(int status, byte[] body, ErrorBody error) {
        StringBuilder detail = new StringBuilder("HTTP ").append(status);
        if (error.type != null) {
            detail.append(' ').append(error.type);
            if (error.code != null) {
                detail.append(" (").append(error.code).append(')');
            }
        }
        if (error.message != null) {
            detail.append(": ").append(oneLine(error.message, LONGEST_MESSAGE));
        } else if (body.length == 0) {
            detail.append(" with an empty body");
        } else if (error.type == null) {
            detail.append(" with a body that is no error of the provider's: ").append(prefixOf(body));
        }
        if (error.requestId != null) {
            detail.append(" (request ").append(error.requestId).append(')');
        }
        return shown(detail.toString());
    }

    /** The beginning of a body that is no JSON, on one line. */
    static String prefixOf(byte[] body) {
        int length = Math.min(body.length, 4 * LONGEST_RAW_TEXT);
        return oneLine(new String(body, 0, length, StandardCharsets.UTF_8), LONGEST_RAW_TEXT);
    }

    private static String oneLine(String text, int longest) {
        String line = text.replaceAll("[\\s\\p{Cntrl}]+", " ").strip();
        return line.length() <= longest ? line : line.substring(0, longest) + "…";
    }

    private String shown(String text) {
        return secret.isEmpty() ? text : text.replace(secret, "[key]");
    }

    private ErrorBody errorBody(byte[] body, @Nullable String requestIdHeader) {
        try {
            JsonNode root = json.readTree(body);
            if (root.isArray()) { // Gemini
                root = root.path(0);
            }
            JsonNode error = root.path("object").asString("").equals("error") ? root : root.path("error"); // vLLM
            String requestId = requestIdHeader != null ? requestIdHeader : textOf(root.path("request_id"));
            return new ErrorBody(
                    firstTextOf(error.path("type"), error.path("status")),
                    firstTextOf(error.path("message"), error),
                    firstTextOf(error.path("details").path("error_code"), error.path("code")),
                    textOf(error.path("param")),
                    retryDelay(error.path("details")),
                    requestId);
        } catch (JacksonException notJson) {
            return new ErrorBody(null, null, null, null, null, requestIdHeader);
        }
    }

    /** Gemini's {@code google.rpc.RetryInfo}, such as {@code 17s}. */
    private static @Nullable String retryDelay(JsonNode details) {
        for (JsonNode detail : details) {
            String delay = textOf(detail.path("retryDelay"));
            if (delay != null && delay.endsWith("s")) {
                return delay.substring(0, delay.length() - 1);
            }
        }
        return null;
    }

    private static @Nullable String firstTextOf(JsonNode one, JsonNode other) {
        String text = textOf(one);
        return text == null ? textOf(other) : text;
    }

    private static @Nullable String textOf(JsonNode node) {
        return node.isString() && !node.stringValue().isBlank() ? node.stringValue() : null;
    }

    /** {@code retry-after} is seconds by the provider's documentation and may be a date by HTTP's; anything else is ignored. */
    private @Nullable Duration waitOf(@Nullable String retryAfter) {
        if (retryAfter == null || retryAfter.isBlank()) {
            return null;
        }
        String value = retryAfter.strip();
        if (value.matches("\\d{1,9}(\\.\\d{1,9})?")) {
            return Duration.ofMillis(Math.round(Double.parseDouble(value) * 1000));
        }
        try {
            Instant until = Instant.from(DateTimeFormatter.RFC_1123_DATE_TIME.parse(value));
            Duration wait = Duration.between(clock.instant(), until);
            return wait.isNegative() ? Duration.ZERO : wait;
        } catch (DateTimeException e) {
            return null;
        }
    }

    /** @param param the field of the request that is wrong */
    private record ErrorBody(
            @Nullable String type,
            @Nullable String message,
            @Nullable String code,
            @Nullable String param,
            @Nullable String retryAfter,
            @Nullable String requestId) {

        boolean hasCode(String part) {
            return code != null && code.contains(part);
        }

        /** Of an organization or of a workspace; known by its first words, no code comes with it. */
        boolean isLimitTheCustomerSet() {
            return message != null && message.startsWith("You have reached your specified") && says("api usage limits");
        }

        /** The tier's, a contract's or a linked organization's. */
        boolean isSpendLimit() {
            return says("api usage limits") || says("spend limit");
        }

        boolean isOrganizationOnHold() {
            return hasCode("on_hold") || says("organization has been disabled") || says("organization is on hold");
        }

        /** OpenAI's message is Gemini's for a limit a minute, so there only the code tells. */
        boolean isOutOfCredit() {
            return says("credit balance is too low")
                    || hasCode("insufficient_quota")
                    || hasCode("billing_hard_limit_reached")
                    || "insufficient_quota".equals(type);
        }

        boolean isInvalidKey() {
            return says("api key not valid") || hasCode("invalid_api_key");
        }

        boolean isContextWindow() {
            return hasCode("context_length_exceeded") || says("maximum context length");
        }

        /** One request of more tokens than a whole minute allows: waiting would not end. */
        boolean isLargerThanALimit() {
            return says("request too large");
        }

        boolean isContentFilter() {
            return hasCode("content_filter") || hasCode("content_policy_violation");
        }

        boolean isOverload() {
            return says("overloaded") || says("slow down");
        }

        /** The same for all requests: a parameter that the model does not take, a schema that it cannot follow. */
        boolean isAboutSettings() {
            return hasCode("unsupported_parameter")
                    || hasCode("unsupported_value")
                    || (param != null && param.startsWith("response_format"));
        }

        private boolean says(String words) {
            return message != null && message.toLowerCase(Locale.ROOT).contains(words);
        }
    }
}
