package dev.parley.provider;

import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/**
 * What {@link FakeAnthropic} does with one call. Made by the static methods; {@code with…} and {@code after…} give a changed
 * copy.
 *
 * @param text of a good answer, which gets its envelope and usage from the server; null when {@code body} is sent as it is
 */
@SuppressWarnings("ArrayRecordComponent") // never compared
public record FakeAnswer(
        int status,
        String text,
        String stopReason,
        boolean thinksFirst,
        byte[] body,
        Map<String, String> headers,
        Delivery delivery,
        Duration delay,
        CountDownLatch gate) {

    /** How much of an answer arrives. */
    public enum Delivery {
        WHOLE,
        /** Half of the body that was announced, then the connection ends. */
        CUT,
        /** As {@link #CUT}, but in HTTP chunks of no announced length. */
        CUT_CHUNKED,
        /** One byte every 10 ms, without end. */
        DRIP,
        /** Nothing, and the connection is reset. */
        RESET,
        /** Nothing, and the connection is closed in order. */
        CLOSE,
        /** Nothing, until the caller or the test goes away. */
        HANG
    }

    private static final JsonMapper JSON = JsonMapper.shared();

    private static final String CONVERSATION = """
            {"conversation_metadata": {"client_persona": "Someone Else - The Stranger",
              "session_context": "A first talk about estate planning", "conversation_phase": "exploration",
              "expected_outcome": "A first step is agreed on"},
             "turns": [
              {"turn_number": 1, "role": "user", "content": "We have two children and no will, and every time we bring it up we end up arguing about who would take them in.", "emotional_context": {"primary_emotion": "conflict", "secondary_emotion": "worry", "intensity": 0.8}},
              {"turn_number": 2, "role": "assistant", "content": "That argument shows how much you both care about them. Could each of you write down the three things that matter most, before you talk about names?", "emotional_context": {"primary_emotion": "empathy", "intensity": 0.5}},
              {"turn_number": 3, "role": "user", "content": "I suppose we could do that. I always thought that the name is the decision, and everything else follows from it.", "emotional_context": {"primary_emotion": "doubt", "intensity": 0.6}},
              {"turn_number": 4, "role": "assistant", "content": "It often goes the other way round: once you agree on what matters, the name is easy to find, and it can be changed later.", "emotional_context": {"primary_emotion": "calm", "intensity": 0.5}},
              {"turn_number": 5, "role": "user", "content": "We wrote our lists last night, and two of the three points were the same. I had not expected that at all.", "emotional_context": {"primary_emotion": "surprise", "intensity": 0.6}},
              {"turn_number": 6, "role": "assistant", "content": "That is a lot of common ground. Which of your friends or relatives comes closest to those two points, as you see it today?", "emotional_context": {"primary_emotion": "encouragement", "intensity": 0.6}},
              {"turn_number": 7, "role": "user", "content": "My sister, we both think so. We will ask her on Sunday, and then make an appointment with the notary.", "emotional_context": {"primary_emotion": "alignment", "secondary_emotion": "relief", "intensity": 0.5}},
              {"turn_number": 8, "role": "assistant", "content": "That is a plan you made together. Take the two lists along on Sunday, so that she sees why you thought of her.", "emotional_context": {"primary_emotion": "warmth", "intensity": 0.5}}]}
            """;

    /** A good answer: a valid conversation of eight turns. */
    public static FakeAnswer conversation() {
        return text(CONVERSATION.strip());
    }

    /** A good answer with this text. */
    public static FakeAnswer text(String text) {
        return stopped("end_turn", text);
    }

    /** An answer, billed like any, that ended for another reason: {@code max_tokens}, {@code refusal}, … */
    public static FakeAnswer stopped(String stopReason, String text) {
        return new FakeAnswer(
                200,
                text,
                stopReason,
                false,
                new byte[0],
                Map.of(),
                Delivery.WHOLE,
                Duration.ZERO,
                new CountDownLatch(0));
    }

    /** A conversation cut by the output limit. */
    public static FakeAnswer truncated() {
        return stopped("max_tokens", CONVERSATION.substring(0, CONVERSATION.length() / 2));
    }

    public static FakeAnswer refusal() {
        return stopped("refusal", "I can't help with that.");
    }

    /** A thinking block comes before the text. */
    public FakeAnswer thinkingFirst() {
        return new FakeAnswer(status, text, stopReason, true, body, headers, delivery, delay, gate);
    }

    /** Any status with any body, for what proxies say. */
    public static FakeAnswer raw(int status, String body) {
        return new FakeAnswer(
                status,
                null,
                "",
                false,
                body.getBytes(StandardCharsets.UTF_8),
                Map.of(),
                Delivery.WHOLE,
                Duration.ZERO,
                new CountDownLatch(0));
    }

    /** An error as the provider words it; the server adds its request id. */
    public static FakeAnswer error(int status, String type, String message) {
        return error(status, type, message, null);
    }

    /** An error with {@code error.details.error_code}. */
    public static FakeAnswer error(int status, String type, String message, String errorCode) {
        ObjectNode root = JSON.createObjectNode().put("type", "error");
        ObjectNode error = root.putObject("error").put("type", type).put("message", message);
        if (errorCode != null) {
            error.putObject("details").put("error_code", errorCode);
        }
        root.put("request_id", FakeAnthropic.REQUEST_ID_HERE);
        return raw(status, JSON.writeValueAsString(root));
    }

    public static FakeAnswer rateLimited(Duration retryAfter) {
        return rateLimited().with("retry-after", String.valueOf(retryAfter.toSeconds()));
    }

    /** Without a {@code retry-after}. */
    public static FakeAnswer rateLimited() {
        return error(429, "rate_limit_error", "Number of requests has exceeded your per-minute rate limit");
    }

    public static FakeAnswer rampLimited(Duration retryAfter) {
        return error(429, "rate_limit_error", "Your usage has increased too fast", "ramp_limit_exceeded")
                .with("retry-after", String.valueOf(retryAfter.toSeconds()));
    }

    /** The limit the customer set. */
    public static FakeAnswer spendLimitReached() {
        return error(
                400,
                "invalid_request_error",
                "You have reached your specified API usage limits. You will regain access on 2026-12-01 at 00:00 UTC.");
    }

    public static FakeAnswer overloaded() {
        return error(529, "overloaded_error", "Overloaded");
    }

    public static FakeAnswer serverError() {
        return error(500, "api_error", "Internal server error");
    }

    public static FakeAnswer invalidRequest(String message) {
        return error(400, "invalid_request_error", message);
    }

    public static FakeAnswer unauthorized() {
        return error(401, "authentication_error", "invalid x-api-key");
    }

    /** The connection is reset in place of an answer. */
    public static FakeAnswer reset() {
        return conversation().delivered(Delivery.RESET);
    }

    /** The connection ends in the middle of a good answer. */
    public static FakeAnswer cut() {
        return conversation().delivered(Delivery.CUT);
    }

    /** No answer, for as long as the caller waits. */
    public static FakeAnswer hang() {
        return conversation().delivered(Delivery.HANG);
    }

    public FakeAnswer delivered(Delivery how) {
        return new FakeAnswer(status, text, stopReason, thinksFirst, body, headers, how, delay, gate);
    }

    public FakeAnswer with(String header, String value) {
        Map<String, String> more = new LinkedHashMap<>(headers);
        more.put(header, value);
        return new FakeAnswer(status, text, stopReason, thinksFirst, body, Map.copyOf(more), delivery, delay, gate);
    }

    /** The call takes this long. */
    public FakeAnswer after(Duration time) {
        return new FakeAnswer(status, text, stopReason, thinksFirst, body, headers, delivery, time, gate);
    }

    /** The call takes until the gate is open. */
    public FakeAnswer after(CountDownLatch open) {
        return new FakeAnswer(status, text, stopReason, thinksFirst, body, headers, delivery, delay, open);
    }
}
