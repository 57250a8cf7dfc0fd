package dev.parley.generation;

import dev.parley.conversation.ConversationKey;
import dev.parley.provider.Completion;
import dev.parley.provider.FailureCode;
import dev.parley.provider.ModelFailure;
import dev.parley.provider.ModelProvider;
import dev.parley.provider.RawReply;
import dev.parley.provider.TokenUsage;
import java.math.BigDecimal;
import java.nio.ByteBuffer;
import java.time.Clock;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** Makes the ledger's entries. Thread-safe. */
final class Ledger {
    private final Pricing pricing;
    private final Clock clock;

    Ledger(Pricing pricing, Clock clock) {
        this.pricing = pricing;
        this.clock = clock;
    }

    /**
     * An answer, whether it has just come or was found in the store. Its id follows from the answer, so that entering it
     * again changes nothing.
     *
     * @param reply how it came; null when it was found in the store, by which time that is no longer known
     * @param batched whether it came in a provider's batch
     */
    ProviderCall answered(
            GenerationRequest request,
            ModelProvider provider,
            byte[] body,
            @Nullable RawReply reply,
            Completion completion,
            boolean batched) {
        TokenUsage usage = completion.usage();
        Pricing.Price price = usage.equals(TokenUsage.NONE)
                ? Pricing.Price.NOTHING
                : pricing.of(completion.model(), usage, batched || completion.batched(), clock.instant());
        return new ProviderCall(
                idOf(request.key(), body),
                provider.name(),
                completion.model().isEmpty() ? request.model() : completion.model(),
                reply == null ? null : reply.requestId(),
                ProviderCall.Status.SUCCESS,
                completion.stopDetail(),
                null,
                null,
                usage,
                price.usd(),
                price.version(),
                reply == null ? null : reply.duration(),
                clock.instant(),
                reply != null);
    }

    /** An answer whose envelope cannot be read, and with it what it cost. */
    ProviderCall unreadable(
            GenerationRequest request, ModelProvider provider, byte[] body, @Nullable RawReply reply, String why) {
        return new ProviderCall(
                idOf(request.key(), body),
                provider.name(),
                request.model(),
                reply == null ? null : reply.requestId(),
                ProviderCall.Status.FAILED,
                null,
                FailureCode.MALFORMED_ENVELOPE.key(),
                why,
                TokenUsage.NONE,
                null,
                null,
                reply == null ? null : reply.duration(),
                clock.instant(),
                reply != null);
    }

    /**
     * A call without a whole answer; nothing is billed for most of them.
     *
     * @param billed whether the provider may have billed it
     */
    ProviderCall failed(GenerationRequest request, ModelProvider provider, ModelFailure failure, boolean billed) {
        return new ProviderCall(
                UUID.randomUUID(),
                provider.name(),
                request.model(),
                failure.requestId(),
                status(failure.code()),
                null,
                failure.code(),
                failure.detail(),
                TokenUsage.NONE,
                billed ? null : BigDecimal.ZERO,
                null,
                null,
                clock.instant(),
                true);
    }

    static boolean mayBeBilled(ModelFailure failure) {
        FailureCode code = FailureCode.of(failure.code());
        return code != null && code.mayBeBilled();
    }

    private static ProviderCall.Status status(String code) {
        return switch (code) {
            case "rate_limited" -> ProviderCall.Status.RATE_LIMITED;
            case "timed_out", "connect_timed_out" -> ProviderCall.Status.TIMEOUT;
            default -> ProviderCall.Status.FAILED;
        };
    }

    private static UUID idOf(ConversationKey key, byte[] body) {
        return UUID.nameUUIDFromBytes(ByteBuffer.allocate(16 + body.length)
                .putLong(key.value().getMostSignificantBits())
                .putLong(key.value().getLeastSignificantBits())
                .put(body)
                .array());
    }
}
