package dev.parley.provider;

import dev.parley.provider.Completion.StopReason;
import tools.jackson.databind.JsonNode;

/**
 * Reads the answer of the Chat Completions API, as OpenAI, vLLM, Ollama and Gemini give it. Fields it does not know are left
 * alone. Stateless.
 */
final class ChatEnvelope {
    private ChatEnvelope() {}

    static Completion read(byte[] body) {
        JsonNode answer = Envelope.parse(body);
        JsonNode choice = answer.path("choices").path(0);
        if (!choice.isObject()) {
            throw Envelope.without("choice", answer);
        }
        JsonNode message = choice.path("message");
        boolean refused = !message.path("refusal").asString("").isEmpty();
        String stop = refused ? "refusal" : choice.path("finish_reason").asString("none");
        return new Completion(
                answer.path("id").stringValue(null),
                answer.path("model").asString("unknown"),
                text(message.path("content")),
                stopReason(stop),
                stop,
                usage(answer.path("usage")));
    }

    /** Null where the model declined; some servers give it in parts. */
    private static String text(JsonNode content) {
        StringBuilder text = new StringBuilder(content.isString() ? content.stringValue() : "");
        for (JsonNode part : content) {
            text.append(part.path("text").asString(""));
        }
        return text.toString();
    }

    private static StopReason stopReason(String stop) {
        return switch (stop) {
            case "stop" -> StopReason.END_TURN;
            case "length" -> StopReason.MAX_TOKENS;
            case "content_filter", "refusal" -> StopReason.REFUSAL;
            default -> StopReason.OTHER;
        };
    }

    /** The prompt's tokens include those from the cache. Writing to it costs nothing extra, and is not told. */
    private static TokenUsage usage(JsonNode usage) {
        long prompt = usage.path("prompt_tokens").asLong(0);
        long cached = usage.path("prompt_tokens_details").path("cached_tokens").asLong(0);
        return new TokenUsage(
                Math.max(0, prompt - cached), usage.path("completion_tokens").asLong(0), cached, 0, 0);
    }
}
