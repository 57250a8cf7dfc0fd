package dev.parley.provider;

import dev.parley.provider.Completion.StopReason;
import tools.jackson.databind.JsonNode;

/**
 * Reads the answer of the Messages API. Fields it does not know are left alone: within a version the provider may add
 * some. Stateless.
 */
final class MessagesEnvelope {
    private MessagesEnvelope() {}

    static Completion read(byte[] body) {
        JsonNode message = Envelope.parse(body);
        if (!message.path("content").isArray()) {
            throw Envelope.without("content array", message);
        }
        StringBuilder text = new StringBuilder();
        for (JsonNode block : message.path("content")) { // thinking may come first, so never by index
            if (block.path("type").asString("").equals("text")) {
                text.append(block.path("text").asString(""));
            }
        }
        String stop = message.path("stop_reason").asString("none");
        String category = message.path("stop_details").path("category").asString("");
        return new Completion(
                message.path("id").stringValue(null),
                message.path("model").asString("unknown"),
                text.toString(),
                stopReason(stop),
                category.isEmpty() ? stop : stop + ": " + category,
                usage(message.path("usage")),
                message.path("usage").path("service_tier").asString("").equals("batch"));
    }

    private static StopReason stopReason(String stop) {
        return switch (stop) {
            case "end_turn" -> StopReason.END_TURN;
            case "max_tokens" -> StopReason.MAX_TOKENS;
            case "model_context_window_exceeded" -> StopReason.CONTEXT_WINDOW;
            case "refusal" -> StopReason.REFUSAL;
            default -> StopReason.OTHER;
        };
    }

    /** Cache writes without a split, or more than the split tells of, are five-minute ones: that is the default. */
    private static TokenUsage usage(JsonNode usage) {
        long written = usage.path("cache_creation_input_tokens").asLong(0);
        JsonNode split = usage.path("cache_creation");
        long oneHour = split.path("ephemeral_1h_input_tokens").asLong(0);
        long fiveMinutes = split.path("ephemeral_5m_input_tokens").asLong(0);
        return new TokenUsage(
                usage.path("input_tokens").asLong(0),
                usage.path("output_tokens").asLong(0),
                usage.path("cache_read_input_tokens").asLong(0),
                Math.max(fiveMinutes, written - oneHour),
                oneHour);
    }
}
