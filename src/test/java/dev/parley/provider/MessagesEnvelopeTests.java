package dev.parley.provider;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.parley.provider.Completion.StopReason;
import dev.parley.provider.ModelFailure.Next;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class MessagesEnvelopeTests {

    @Test
    void joinsTextBlocksWhereverTheyStandAndIgnoresWhatItDoesNotKnow() {
        Completion completion = read("""
                {"id": "msg_1", "type": "message", "model": "claude-opus-5-5", "brand_new": {"a": 1},
                 "content": [{"type": "thinking", "thinking": "hm", "text": "not this"}, {"type": "text", "text": "Hel"},
                             {"type": "novelty"}, {"type": "text", "text": "lo", "citations": null}],
                 "stop_reason": "end_turn", "usage": {"input_tokens": 1, "output_tokens": 2}}
                """);

        assertThat(completion.text()).isEqualTo("Hello");
        assertThat(completion.messageId()).isEqualTo("msg_1");
        assertThat(completion.model()).isEqualTo("claude-opus-5-5");
    }

    @ParameterizedTest
    @CsvSource({
        "'\"end_turn\"', END_TURN, end_turn",
        "'\"max_tokens\"', MAX_TOKENS, max_tokens",
        "'\"model_context_window_exceeded\"', CONTEXT_WINDOW, model_context_window_exceeded",
        "'\"refusal\", \"stop_details\": {\"category\": \"bio\"}', REFUSAL, refusal: bio",
        "'\"refusal\", \"stop_details\": null', REFUSAL, refusal",
        "'\"stop_sequence\"', OTHER, stop_sequence",
        "'\"tool_use\"', OTHER, tool_use",
        "'\"pause_turn\"', OTHER, pause_turn",
        "'\"something_new\"', OTHER, something_new",
        "null, OTHER, none"
    })
    void saysWhyTheModelStopped(String stopReason, StopReason expected, String detail) {
        Completion completion = read("{\"content\": [], \"stop_reason\": " + stopReason + "}");

        assertThat(completion.stopReason()).isEqualTo(expected);
        assertThat(completion.stopDetail()).isEqualTo(detail);
    }

    @Test
    void countsCachedTokensBySplit() {
        Completion completion = read("""
                {"content": [], "stop_reason": "end_turn",
                 "usage": {"input_tokens": 10, "output_tokens": 20, "cache_read_input_tokens": 30,
                           "cache_creation_input_tokens": 900,
                           "cache_creation": {"ephemeral_5m_input_tokens": 500, "ephemeral_1h_input_tokens": 400}}}
                """);

        assertThat(completion.usage()).isEqualTo(new TokenUsage(10, 20, 30, 500, 400));
        assertThat(completion.usage().prompt()).isEqualTo(940);
    }

    @Test
    void cacheWritesWithoutASplitAreFiveMinuteOnes() {
        Completion completion = read("""
                {"content": [], "stop_reason": "end_turn",
                 "usage": {"input_tokens": 10, "output_tokens": 20, "cache_read_input_tokens": null,
                           "cache_creation_input_tokens": 900, "cache_creation": null}}
                """);

        assertThat(completion.usage()).isEqualTo(new TokenUsage(10, 20, 0, 900, 0));
    }

    @Test
    void emptyContentIsAnEmptyText() {
        Completion completion = read("{\"content\": [], \"stop_reason\": \"end_turn\"}");

        assertThat(completion.text()).isEmpty();
        assertThat(completion.usage()).isEqualTo(TokenUsage.NONE);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            '{"content": [{"type": "text", "text": "a secret plan"'                | it is no JSON from line 1
            '{"content": [], "stop_reason": "end_turn"}<html>'                     | it is no JSON from line 1
            '<html>Please log in</html>'                                           | <html>Please log in</html>
            '"just text"'                                                          | it is no JSON object
            '[]'                                                                   | it is no JSON object
            '{}'                                                                   | it has no content array
            '{"type": "error", "error": {"type": "overloaded_error"}}'             | but an error, overloaded_error
            ''                                                                     | it is empty
            """)
    void whatIsNoEnvelopeIsAFailureThatTellsNothingOfTheAnswer(String body, String detail) { // A56
        ModelException thrown = catchThrowableOfType(ModelException.class, () -> read(body));

        assertThat(thrown.failure().code()).isEqualTo("malformed_envelope");
        assertThat(thrown.failure().next()).isEqualTo(Next.FAIL);
        assertThat(thrown.failure().detail()).contains(detail).doesNotContain("secret plan");
    }

    private Completion read(String body) {
        return MessagesEnvelope.read(body.getBytes(StandardCharsets.UTF_8));
    }
}
