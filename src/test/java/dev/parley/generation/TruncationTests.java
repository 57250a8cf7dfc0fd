package dev.parley.generation;

import static dev.parley.generation.Samples.RAW;
import static dev.parley.generation.Samples.RAW_2;
import static dev.parley.generation.Samples.RAW_3;
import static dev.parley.generation.Samples.document;
import static dev.parley.generation.Samples.request;
import static org.assertj.core.api.Assertions.assertThat;

import dev.parley.conversation.ConversationRecord.ProcessingStatus;
import dev.parley.generation.GenerationResult.FailureType;
import dev.parley.generation.GenerationResult.Generated;
import dev.parley.generation.GenerationResult.NotGenerated;
import dev.parley.provider.Completion.StopReason;
import dev.parley.provider.ModelException;
import dev.parley.provider.ModelFailure;
import dev.parley.provider.ModelFailure.Next;
import dev.parley.provider.ModelRequest;
import java.math.BigDecimal;
import java.time.Clock;
import java.time.Duration;
import org.junit.jupiter.api.Test;

/** An answer that was cut off is paid for; it is never asked for again with the same request. */
class TruncationTests {
    private final MemoryStore store = new MemoryStore();
    private final FakeProvider provider = new FakeProvider();
    private final ConversationGenerator generator = generator(Samples.settings());

    @Test
    void itIsToBeTriedAgainWithAChangedRequest() {
        provider.answers(StopReason.MAX_TOKENS, "{\"conversation_metadata\": {");

        NotGenerated result = (NotGenerated) generator.generate(request(), provider);

        assertThat(result.failure().code()).isEqualTo("truncated");
        assertThat(result.failure().next()).isEqualTo(Next.RETRY_CHANGED);
        assertThat(result.failure().detail())
                .isEqualTo(
                        "the answer was cut off (stop reason max_tokens); to be asked again with a limit of 16384 tokens");
        assertThat(result.type()).isEqualTo(FailureType.TRUNCATION);
        assertThat(result.stopReason()).isEqualTo("max_tokens");
        assertThat(result.conversation().processingStatus()).isEqualTo(ProcessingStatus.RAW_STORED);
        assertThat(result.calls()).hasSize(1);
    }

    @Test
    void theNextAttemptDoublesTheLimitAndStoresItsAnswerBesideTheFirst() {
        provider.answers(StopReason.MAX_TOKENS, "cut").answers(document(8));

        generator.generate(request(), provider);
        Generated result = (Generated) generator.generate(request(), provider);

        assertThat(provider.requests).extracting(ModelRequest::maxOutputTokens).containsExactly(8192, 16384);
        assertThat(provider.requests)
                .extracting(ModelRequest::idempotencyKey)
                .containsExactly(Samples.KEY.toString(), Samples.KEY + "-2");
        assertThat(store.objects).containsKeys(RAW, RAW_2, Samples.FINAL);
        assertThat(result.conversation().rawPath()).isEqualTo(RAW_2);
        assertThat(result.conversation().outputTokens()).isEqualTo(400); // both answers were paid for
        assertThat(result.conversation().costUsd()).isEqualByComparingTo("2");
        assertThat(result.calls()).extracting(ProviderCall::requestId).containsExactly(null, "req_2");
    }

    @Test
    void whenTheLimitCannotGrowFewerTurnsAreAskedFor() {
        GenerationSettings tight = new GenerationSettings(8192, 16384, 3, 4, 8, 1, Duration.ZERO);
        provider.answers(StopReason.MAX_TOKENS, "cut")
                .answers(StopReason.MAX_TOKENS, "cut too")
                .answers(document(6));

        NotGenerated second = null;
        for (int attempt = 1; attempt <= 2; attempt++) {
            second = (NotGenerated) generator(tight).generate(request(), provider);
        }
        GenerationResult third = generator(tight).generate(request(), provider);

        assertThat(second.failure().detail()).endsWith("to be asked again asking for 6 turns, at most 16384 tokens");
        assertThat(third).isInstanceOf(Generated.class);
        assertThat(provider.requests).extracting(ModelRequest::maxOutputTokens).containsExactly(8192, 16384, 16384);
        assertThat(provider.requests.get(1).prompt()).endsWith("in 8 turns.");
        assertThat(provider.requests.get(2).prompt()).endsWith("in 6 turns.\n\nKeep it short: exactly 6 turns in all.");
        assertThat(provider.requests.get(2).stablePrefix())
                .isEqualTo(provider.requests.get(0).stablePrefix());
        assertThat(store.objects).containsKeys(RAW, RAW_2, RAW_3);
    }

    @Test
    void aFullContextWindowIsAnsweredWithFewerTurnsAtOnce() {
        provider.answers(StopReason.CONTEXT_WINDOW, "cut").answers(document(6));

        generator.generate(request(), provider);
        generator.generate(request(), provider);

        assertThat(provider.requests).extracting(ModelRequest::maxOutputTokens).containsExactly(8192, 8192);
        assertThat(provider.requests.get(1).prompt()).contains("exactly 6 turns");
    }

    @Test
    void whenNothingIsLeftToChangeItFailsAndNoCallIsMadeAnyMore() {
        for (int i = 0; i < 3; i++) {
            provider.answers(StopReason.MAX_TOKENS, "cut " + i);
        }

        generator.generate(request(), provider);
        generator.generate(request(), provider);
        NotGenerated third = (NotGenerated) generator.generate(request(), provider);
        NotGenerated fourth = (NotGenerated) generator.generate(request(), provider);

        assertThat(third.failure().next()).isEqualTo(Next.FAIL);
        assertThat(third.failure().detail())
                .isEqualTo(
                        "the answer was cut off (stop reason max_tokens); nothing is left to change after request 3");
        assertThat(third.conversation().processingStatus()).isEqualTo(ProcessingStatus.FAILED);
        assertThat(third.conversation().costUsd()).isEqualByComparingTo("3");
        assertThat(fourth.failure()).isEqualTo(third.failure());
        assertThat(provider.calls()).isEqualTo(3);
    }

    @Test
    void whileTheChangedCallFailsTheStoredAnswerStaysOnRecord() {
        ModelFailure busy = new ModelFailure("rate_limited", "HTTP 429", Next.WAIT, null, null);
        provider.answers(StopReason.MAX_TOKENS, "cut")
                .fails(new ModelException(busy, null))
                .answers(document(8));

        generator.generate(request(), provider);
        NotGenerated second = (NotGenerated) generator.generate(request(), provider);
        GenerationResult third = generator.generate(request(), provider);

        assertThat(second.failure()).isSameAs(busy);
        assertThat(second.conversation().processingStatus()).isEqualTo(ProcessingStatus.RAW_STORED);
        assertThat(second.conversation().rawPath()).isEqualTo(RAW);
        assertThat(third).isInstanceOf(Generated.class);
        assertThat(provider.requests.get(2).idempotencyKey()).isEqualTo(Samples.KEY + "-2"); // the same request again
    }

    private ConversationGenerator generator(GenerationSettings settings) {
        Pricing oneDollar = (model, usage, batched, at) -> new Pricing.Price(BigDecimal.ONE, "v1");
        return new ConversationGenerator(
                Samples.CATALOG, store, "conversation-files", Samples.NO_SPOOL, settings, oneDollar, Clock.systemUTC());
    }
}
