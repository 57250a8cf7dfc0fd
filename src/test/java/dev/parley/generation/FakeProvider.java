package dev.parley.generation;

import dev.parley.provider.Completion;
import dev.parley.provider.Completion.StopReason;
import dev.parley.provider.FailureCode;
import dev.parley.provider.ModelException;
import dev.parley.provider.ModelFailure;
import dev.parley.provider.ModelProvider;
import dev.parley.provider.ModelRequest;
import dev.parley.provider.RawReply;
import dev.parley.provider.TokenUsage;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Locale;

/** Answers what it was told to, in an envelope of two lines: the stop reason, then the text. */
final class FakeProvider implements ModelProvider {
    static final TokenUsage USAGE = new TokenUsage(100, 200, 30, 4, 0);

    final List<ModelRequest> requests = new ArrayList<>();
    private final Deque<Object> answers = new ArrayDeque<>();

    FakeProvider answers(String text) {
        return answers(StopReason.END_TURN, text);
    }

    FakeProvider answers(StopReason stop, String text) {
        answers.add(envelope(stop, text));
        return this;
    }

    FakeProvider answersBytes(String body) {
        answers.add(body.getBytes(StandardCharsets.UTF_8));
        return this;
    }

    FakeProvider fails(RuntimeException failure) {
        answers.add(failure);
        return this;
    }

    static byte[] envelope(StopReason stop, String text) {
        return ("stop=" + stop + "\n" + text).getBytes(StandardCharsets.UTF_8);
    }

    int calls() {
        return requests.size();
    }

    @Override
    public String name() {
        return "fake";
    }

    @Override
    public RawReply call(ModelRequest request) {
        requests.add(request);
        Object answer = answers.remove();
        if (answer instanceof RuntimeException failure) {
            throw failure;
        }
        return new RawReply((byte[]) answer, "req_" + requests.size(), Duration.ofMillis(1500));
    }

    @Override
    public Completion read(byte[] body) {
        String text = new String(body, StandardCharsets.UTF_8);
        int end = text.indexOf('\n');
        if (!text.startsWith("stop=") || end < 0) {
            ModelFailure failure = FailureCode.MALFORMED_ENVELOPE.because("no envelope");
            throw new ModelException(failure, null);
        }
        StopReason stop = StopReason.valueOf(text.substring(5, end));
        return new Completion(
                "msg_1", "model-x-1", text.substring(end + 1), stop, stop.name().toLowerCase(Locale.ROOT), USAGE);
    }
}
