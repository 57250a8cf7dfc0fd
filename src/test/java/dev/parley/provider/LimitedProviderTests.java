package dev.parley.provider;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.assertj.core.api.Assertions.within;

import dev.parley.provider.LimitSettings.Share;
import dev.parley.provider.ModelFailure.Next;
import java.io.IOException;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.Map;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** By a clock that only moves while something waits, so that what is measured is the waiting. */
class LimitedProviderTests {
    private static final Duration DOWN_AFTER = Duration.ofSeconds(30);

    private final FakeAnthropic server = FakeAnthropic.start();
    private final AnthropicProvider anthropic = new AnthropicProvider(server.settings(), Clock.systemUTC());
    private final HandTicker ticker = new HandTicker();

    @AfterEach
    void stop() throws IOException {
        anthropic.close();
        server.close();
    }

    @Test
    void callsBeginEvenlyWithAQuarterOfASecondsWorthAtOnce() {
        LimitedProvider provider = limitedTo(1800L, 0L, 0L);

        double first = ticker.seconds(() -> calls(provider, 7));
        double then = ticker.seconds(() -> calls(provider, 60));

        assertThat(first).isZero();
        assertThat(then).isCloseTo(2.0, within(0.05));
    }

    @Test
    void aLimitTheProviderTellsIsKeptFromWhenItIsNear() {
        server.sendsAlways("anthropic-ratelimit-requests-limit", "1800")
                .sendsAlways("anthropic-ratelimit-requests-remaining", "25");
        LimitedProvider provider = limitedTo(null, null, null);

        calls(provider, 8);
        double then = ticker.seconds(() -> calls(provider, 60));

        assertThat(then).isCloseTo(2.0, within(0.05));
    }

    @Test
    void aLimitThatIsNowhereNearNeedsNoPace() {
        server.sendsAlways("anthropic-ratelimit-requests-limit", "60")
                .sendsAlways("anthropic-ratelimit-requests-remaining", "59")
                .sendsAlways("anthropic-ratelimit-output-tokens-limit", "1000")
                .sendsAlways("anthropic-ratelimit-output-tokens-remaining", "1000");
        LimitedProvider provider = limitedTo(null, null, null);

        assertThat(ticker.seconds(() -> calls(provider, 100))).isZero();
    }

    @Test
    void beforeTheFirstAnswerNoMoreBeginsThanTheSmallestTierAllows() {
        server.answersOtherwise(FakeAnswer.reset()); // no answer, so nothing to learn from
        LimitedProvider provider = limitedTo(null, null, null);

        double waited = ticker.seconds(() -> IntStream.range(0, 66).forEach(n -> failureOf(provider)));

        assertThat(waited).isCloseTo(3.0, within(0.1));
    }

    @Test
    void aSmallerLimitThanTheConfiguredOneIsBelieved() {
        server.sendsAlways("anthropic-ratelimit-requests-limit", "600")
                .sendsAlways("anthropic-ratelimit-requests-remaining", "100");
        LimitedProvider provider = limitedTo(1800L, 0L, 0L);

        calls(provider, 4);

        assertThat(ticker.seconds(() -> calls(provider, 20))).isCloseTo(2.0, within(0.15));
    }

    @Test
    void whenSomeoneElseSpendsFromTheSameLimitThereIsRoomLeft() {
        server.sendsAlways("anthropic-ratelimit-requests-limit", "1800")
                .sendsAlways("anthropic-ratelimit-requests-remaining", "0");
        LimitedProvider provider = limitedTo(1800L, 0L, 0L);

        calls(provider, 7);

        assertThat(ticker.seconds(() -> calls(provider, 30))).isGreaterThan(1.2).isLessThan(3);
    }

    @Test
    void outputTokensAreSettledByWhatWasReallyProduced() {
        LimitedProvider provider = limitedTo(0L, 0L, 60_000L); // a thousand a second

        double waited = ticker.seconds(() -> calls(provider, 30));

        double produced = server.totalUsage().output() / 1000.0;
        assertThat(waited).isCloseTo(produced / 0.99, within(3.0)); // the last estimates are not spent yet
    }

    @Test
    void whatComesFromTheCacheDoesNotCountAsInput() {
        LimitedProvider provider = limitedTo(0L, 60_000L, 0L);
        ModelRequest request = new ModelRequest("key", null, 900, "x".repeat(40_000), "Write one.", null, Map.of());

        provider.call(request); // writes ten thousand tokens to the cache, which count
        provider.call(request);
        double waited = ticker.seconds(() -> IntStream.range(0, 200).forEach(n -> provider.call(request)));

        assertThat(server.totalUsage().cacheRead()).isGreaterThan(2_000_000);
        assertThat(waited).isLessThan(120); // the estimate needs a few calls to come down from the first one's
        assertThat(ticker.seconds(() -> IntStream.range(0, 100).forEach(n -> provider.call(request))))
                .isLessThan(1);
    }

    @Test
    void aPauseTheProviderAsksForHoldsAllCalls() {
        server.answers(FakeAnswer.rateLimited(Duration.ofSeconds(3)));
        LimitedProvider provider = limitedTo(0L, 0L, 0L);

        failureOf(provider);
        Duration pause = provider.pause();
        double waited = ticker.seconds(() -> calls(provider, 1));

        assertThat(pause).isEqualTo(Duration.ofSeconds(3));
        assertThat(waited).isBetween(3.0, 3.8);
        assertThat(provider.pause()).isZero();
    }

    @Test
    void withoutARetryAfterTheTimeOfTheResetTellsWhenSomethingIsLeftAgain() {
        server.answers(FakeAnswer.rateLimited()
                .with("anthropic-ratelimit-requests-limit", "20")
                .with("anthropic-ratelimit-requests-remaining", "0")
                .with(
                        "anthropic-ratelimit-requests-reset",
                        Instant.now().plusSeconds(60).toString()));
        LimitedProvider provider = limitedTo(0L, 0L, 0L);

        failureOf(provider);

        assertThat(provider.pause()).isBetween(Duration.ofSeconds(1), Duration.ofSeconds(3));
    }

    @Test
    void aLimitOfTokensOfBothKindsIsKept() throws IOException {
        try (FakeOpenAi openAi = FakeOpenAi.start();
                OpenAiProvider unlimited =
                        new OpenAiProvider(FakeOpenAi.settings(openAi.baseUrl(), FakeOpenAi.KEY), Clock.systemUTC())) {
            openAi.server()
                    .sendsAlways("x-ratelimit-limit-tokens", "60000")
                    .sendsAlways("x-ratelimit-remaining-tokens", "20000")
                    .sendsAlways("x-ratelimit-reset-tokens", "40s");
            LimitedProvider provider = new LimitedProvider(
                    unlimited, new LimitSettings(0L, null, null, null, 0, Share.PROCESS, DOWN_AFTER), null, ticker);

            double waited = ticker.seconds(() -> calls(provider, 30));

            TokenUsage used = openAi.server().totalUsage();
            assertThat(waited).isCloseTo((used.prompt() + used.output()) / 1000.0 / 0.99, within(3.0));
        }
    }

    @Test
    void aLongPauseIsNotWaitedForWithAnItemInHand() {
        server.answers(FakeAnswer.rateLimited(Duration.ofSeconds(60)));
        LimitedProvider provider = limitedTo(0L, 0L, 0L);
        failureOf(provider);

        ModelException refusal = catchThrowableOfType(ModelException.class, () -> calls(provider, 1));

        assertThat(refusal.called()).isFalse();
        assertThat(refusal.failure().next()).isEqualTo(Next.WAIT);
        assertThat(refusal.failure().retryAfter()).isEqualTo(Duration.ofSeconds(60));
        assertThat(server.calls()).isEqualTo(1);
    }

    @Test
    void aProviderThatIsDownIsOnlyTriedNowAndThen() {
        LimitedProvider provider = limitedTo(0L, 0L, 0L);
        server.answersOtherwise(FakeAnswer.serverError());
        failFor(DOWN_AFTER, provider);
        int calls = server.calls();

        assertThat(failureOf(provider).code()).isEqualTo("provider_down");
        assertThat(provider.pause()).isEqualTo(Duration.ofSeconds(5));
        assertThat(server.calls()).isEqualTo(calls);

        ticker.pass(Duration.ofSeconds(5));
        assertThat(provider.pause()).isZero();
        assertThat(failureOf(provider).next()).isEqualTo(Next.WAIT);
        assertThat(server.calls()).isEqualTo(calls + 1);
        assertThat(provider.pause()).isEqualTo(Duration.ofSeconds(10));

        for (int probe = 0; probe < 5; probe++) {
            ticker.pass(provider.pause());
            failureOf(provider);
        }
        assertThat(provider.pause()).isEqualTo(Duration.ofMinutes(1));

        server.answersOtherwise(FakeAnswer.conversation());
        ticker.pass(Duration.ofMinutes(1));
        calls(provider, 100);
        assertThat(provider.pause()).isZero();
    }

    @Test
    void aFailureThatEveryCallMeetsIsNotCountedAgainstTheItem() {
        LimitedProvider provider = limitedTo(0L, 0L, 0L);
        server.answersOtherwise(FakeAnswer.serverError());

        Next first = failureOf(provider).next();
        failFor(Duration.ofSeconds(4), provider);

        assertThat(first).isEqualTo(Next.RETRY);
        assertThat(failureOf(provider).next()).isEqualTo(Next.WAIT);
        assertThat(failureOf(provider).code()).isEqualTo("provider_error");
    }

    @Test
    void oneGoodAnswerInBetweenMeansThatTheProviderIsUp() {
        LimitedProvider provider = limitedTo(0L, 0L, 0L);
        server.answersOtherwise(FakeAnswer.serverError());

        for (int spell = 0; spell < 4; spell++) {
            failFor(Duration.ofSeconds(20), provider);
            server.answers(FakeAnswer.conversation());
            calls(provider, 1);
        }

        assertThat(failureOf(provider).code()).isEqualTo("provider_error");
    }

    @Test
    void interruptedWhileItWaitsTheCallIsNotMade() {
        LimitedProvider provider = limitedTo(1L, 0L, 0L);
        calls(provider, 1);
        Thread.currentThread().interrupt();

        CallInterruptedException thrown =
                catchThrowableOfType(CallInterruptedException.class, () -> calls(provider, 1));

        assertThat(thrown).isNotNull();
        assertThat(Thread.interrupted()).isTrue();
        assertThat(server.calls()).isEqualTo(1);
    }

    @Test
    void tooManyInFlightAreSevenInTenFromThenOnAndGrowAgain() throws InterruptedException {
        InFlight inFlight = new InFlight();
        for (int call = 0; call < 100; call++) {
            inFlight.enter();
        }

        inFlight.tooMany(10, 20);
        inFlight.tooMany(15, 25); // of the same round trip
        int cut = inFlight.allowed();
        IntStream.range(0, 70).forEach(n -> inFlight.good());
        int grown = inFlight.allowed();
        inFlight.tooMany(30, 40);

        assertThat(cut).isEqualTo(70);
        assertThat(grown).isEqualTo(71);
        assertThat(inFlight.allowed()).isEqualTo(49);
    }

    @Test
    void oneCallMayAlwaysBeInFlight() throws InterruptedException {
        InFlight inFlight = new InFlight();

        for (int round = 0; round < 10; round++) {
            inFlight.enter();
            inFlight.tooMany(2 * round, 2 * round + 1);
            inFlight.leave();
        }

        assertThat(inFlight.allowed()).isEqualTo(1);
    }

    private LimitedProvider limitedTo(Long requests, Long input, Long output) {
        return new LimitedProvider(
                anthropic,
                new LimitSettings(requests, input, output, null, 0, Share.PROCESS, DOWN_AFTER),
                null,
                ticker);
    }

    private static void calls(ModelProvider provider, int count) {
        for (int call = 0; call < count; call++) {
            provider.call(request());
        }
    }

    private void failFor(Duration time, ModelProvider provider) {
        for (int call = 0; call < 20; call++) {
            failureOf(provider);
            ticker.pass(time.dividedBy(20));
        }
        failureOf(provider);
    }

    private static ModelRequest request() {
        return new ModelRequest("key", null, 900, "You write conversations.", "Write one.", null, Map.of());
    }

    private static ModelFailure failureOf(ModelProvider provider) {
        return catchThrowableOfType(ModelException.class, () -> provider.call(request()))
                .failure();
    }
}
