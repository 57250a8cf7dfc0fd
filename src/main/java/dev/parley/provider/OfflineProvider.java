package dev.parley.provider;

import java.io.ByteArrayOutputStream;
import java.io.StringWriter;
import java.time.Duration;
import java.util.OptionalLong;
import java.util.SplittableRandom;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JsonGenerator;
import tools.jackson.databind.json.JsonMapper;

/**
 * A provider without a network or a bill, for trying things out, tests and measurements. The same key and prompt always
 * give the same answer, in the Messages API's envelope, so that all that follows a call is as with the real one.
 *
 * <p>It can be told to be slow and to fail (see {@link OfflineSettings}). What befalls a call is settled by its key and
 * by how often this process has been asked for that key; the counts start anew with the process. Thread-safe.
 */
final class OfflineProvider implements ModelProvider {
    static final String NAME = "offline";
    /** The model of every answer, whatever was asked for, so that no price of a real one is put on it. */
    static final String MODEL = "offline";

    /** From here on a provider's cache would serve the stable prefix. */
    private static final int CACHED_FROM_TOKENS = 512;

    private static final int CHARACTERS_PER_TOKEN = 4;
    private static final int OVERHEAD_TOKENS = 8;

    private final OfflineSettings settings;
    private final JsonMapper json = JsonMapper.shared();
    /** Keys that have met with a mishap, until they get an answer. Empty when no failures are asked for. */
    private final ConcurrentMap<String, Integer> attempts = new ConcurrentHashMap<>();

    OfflineProvider(OfflineSettings settings) {
        this.settings = settings;
    }

    @Override
    public String name() {
        return NAME;
    }

    @Override
    public RawReply call(ModelRequest request) {
        long begun = System.nanoTime();
        long seed = seedOf(request);
        int attempt = attemptAt(request.idempotencyKey());
        SplittableRandom luck = new SplittableRandom(seed + attempt);
        pause(luck);
        Mishap mishap = mishap(luck.nextDouble());
        if (mishap == Mishap.NONE) {
            attempts.remove(request.idempotencyKey());
        } else if (mishap.failure != null) {
            throw new ModelException(mishap.failure, null);
        }
        byte[] body = answer(request, seed, mishap);
        return new RawReply(body, "req_offline_" + Long.toHexString(seed), Duration.ofNanos(System.nanoTime() - begun));
    }

    @Override
    public Completion read(byte[] body) {
        return MessagesEnvelope.read(body);
    }

    @Override
    public OptionalLong countTokens(ModelRequest request) {
        return OptionalLong.of(
                (request.stablePrefix().length() + request.prompt().length()) / CHARACTERS_PER_TOKEN + OVERHEAD_TOKENS);
    }

    private static long seedOf(ModelRequest request) {
        int prompt = 31 * request.stablePrefix().hashCode() + request.prompt().hashCode();
        return (long) request.idempotencyKey().hashCode() << 32 | Integer.toUnsignedLong(prompt);
    }

    private int attemptAt(String key) {
        return settings.failures().none() ? 1 : attempts.merge(key, 1, Integer::sum);
    }

    private void pause(SplittableRandom luck) {
        OfflineSettings.Latency latency = settings.latency();
        double nanos = (double) latency.median().toNanos();
        if (latency.sigma() > 0) {
            nanos = Math.min((double) latency.max().toNanos(), nanos * Math.exp(latency.sigma() * luck.nextGaussian()));
        }
        if (Thread.currentThread().isInterrupted()) {
            throw new CallInterruptedException();
        }
        if (nanos < 1) {
            return;
        }
        try {
            TimeUnit.NANOSECONDS.sleep((long) nanos);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new CallInterruptedException(e);
        }
    }

    private Mishap mishap(double luck) {
        OfflineSettings.Failures rates = settings.failures();
        double left = luck;
        for (Mishap mishap : Mishap.ALL) {
            left -= mishap.rate(rates);
            if (left < 0) {
                return mishap;
            }
        }
        return Mishap.NONE;
    }

    private byte[] answer(ModelRequest request, long seed, Mishap mishap) {
        String text;
        String stopReason = "end_turn";
        if (mishap == Mishap.REFUSED) {
            text = "I can't help with this one.";
            stopReason = "refusal";
        } else if (mishap == Mishap.MALFORMED) {
            text = "Here is the conversation you asked for. The client begins: I am not sure where to start.";
        } else {
            text = conversation(request, seed);
            if (mishap == Mishap.TRUNCATED) {
                text = text.substring(0, text.length() * 2 / 3);
                stopReason = "max_tokens";
            }
        }
        return envelope(request, seed, text, stopReason);
    }

    private String conversation(ModelRequest request, long seed) {
        StringWriter text = new StringWriter(8192);
        try (JsonGenerator out = json.createGenerator(text)) {
            new OfflineConversation(PromptFacts.in(request.prompt()), new SplittableRandom(seed)).writeTo(out);
        }
        return text.toString();
    }

    private byte[] envelope(ModelRequest request, long seed, String text, String stopReason) {
        long prefix = request.stablePrefix().length() / CHARACTERS_PER_TOKEN;
        boolean cached = prefix >= CACHED_FROM_TOKENS;
        ByteArrayOutputStream body = new ByteArrayOutputStream(text.length() + 1024);
        try (JsonGenerator out = json.createGenerator(body)) {
            out.writeStartObject();
            out.writeStringProperty("id", "msg_offline_" + Long.toHexString(seed));
            out.writeStringProperty("type", "message");
            out.writeStringProperty("role", "assistant");
            out.writeStringProperty("model", MODEL);
            out.writeArrayPropertyStart("content");
            out.writeStartObject();
            out.writeStringProperty("type", "text");
            out.writeStringProperty("text", text);
            out.writeEndObject();
            out.writeEndArray();
            out.writeStringProperty("stop_reason", stopReason);
            out.writeNullProperty("stop_sequence");
            out.writeObjectPropertyStart("usage");
            out.writeNumberProperty(
                    "input_tokens",
                    request.prompt().length() / CHARACTERS_PER_TOKEN + (cached ? 0 : prefix) + OVERHEAD_TOKENS);
            out.writeNumberProperty("cache_creation_input_tokens", 0);
            out.writeNumberProperty("cache_read_input_tokens", cached ? prefix : 0);
            out.writeNumberProperty("output_tokens", text.length() / CHARACTERS_PER_TOKEN + 1);
            out.writeEndObject();
            out.writeEndObject();
        }
        return body.toByteArray();
    }

    /** How a call can go wrong; those with a failure give no answer at all. */
    private enum Mishap {
        NONE(null),
        RATE_LIMITED(
                failure(FailureCode.RATE_LIMITED, "HTTP 429 rate_limit_error: played offline", Duration.ofSeconds(1))),
        OVERLOADED(failure(FailureCode.OVERLOADED, "HTTP 529 overloaded_error: played offline", null)),
        UNAVAILABLE(failure(FailureCode.PROVIDER_UNAVAILABLE, "HTTP 503: played offline", null)),
        TIMED_OUT(failure(FailureCode.TIMED_OUT, "no answer in time: played offline", null)),
        REFUSED(null),
        TRUNCATED(null),
        MALFORMED(null);

        static final Mishap[] ALL = values();

        @SuppressWarnings("ImmutableEnumChecker") // a record of immutable parts
        final @Nullable ModelFailure failure;

        Mishap(@Nullable ModelFailure failure) {
            this.failure = failure;
        }

        private static ModelFailure failure(FailureCode code, String detail, @Nullable Duration retryAfter) {
            return new ModelFailure(code.key(), detail, code.next(), retryAfter, null);
        }

        double rate(OfflineSettings.Failures rates) {
            return switch (this) {
                case NONE -> 0;
                case RATE_LIMITED -> rates.rateLimited();
                case OVERLOADED -> rates.overloaded();
                case UNAVAILABLE -> rates.unavailable();
                case TIMED_OUT -> rates.timedOut();
                case REFUSED -> rates.refused();
                case TRUNCATED -> rates.truncated();
                case MALFORMED -> rates.malformed();
            };
        }
    }
}
