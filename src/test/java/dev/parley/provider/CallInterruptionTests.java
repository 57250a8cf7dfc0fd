package dev.parley.provider;

import static org.assertj.core.api.Assertions.assertThat;

import dev.parley.provider.FakeAnswer.Delivery;
import java.time.Clock;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledForJreRange;
import org.junit.jupiter.api.condition.JRE;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.springframework.core.task.VirtualThreadTaskExecutor;

@DisplayName("Being stopped is not a failure")
class CallInterruptionTests {
    private final FakeAnthropic server = FakeAnthropic.start();

    @AfterEach
    void stop() {
        server.close();
    }

    @ParameterizedTest
    @EnumSource(names = {"HANG", "DRIP"})
    void anInterruptEndsACallThatWaitsForItsAnswer(Delivery delivery) throws Exception {
        server.answers(FakeAnswer.conversation().delivered(delivery));
        Lane lane = Lane.calling(server.provider());
        server.awaitCalls(1);

        lane.thread.interrupt();

        assertThat(lane.outcome()).isEqualTo("CallInterruptedException, flag kept");
        server.awaitDropped(1);
    }

    @Test
    void anInterruptEndsACallWhoseErrorBodyKeepsDripping() throws Exception {
        server.answers(FakeAnswer.serverError().delivered(Delivery.DRIP));
        Lane lane = Lane.calling(server.provider());
        server.awaitCalls(1);

        lane.thread.interrupt();

        assertThat(lane.outcome()).isEqualTo("CallInterruptedException, flag kept");
    }

    @Test
    void anInterruptEndsACallThatWaitsForAConnection() throws Exception {
        server.answers(FakeAnswer.hang());
        try (AnthropicProvider oneConnection =
                new AnthropicProvider(server.settings(Duration.ofMinutes(1), 1), Clock.systemUTC())) {
            Lane first = Lane.calling(oneConnection);
            server.awaitCalls(1);
            Lane second = Lane.calling(oneConnection);

            second.thread.interrupt();

            assertThat(second.outcome()).isEqualTo("CallInterruptedException, flag kept");
            assertThat(server.calls()).isEqualTo(1);
            first.thread.interrupt();
            assertThat(first.outcome()).isEqualTo("CallInterruptedException, flag kept");
        }
    }

    @Test
    void anInterruptedThreadMakesNoCall() throws Exception {
        ModelProvider provider = server.provider();
        CompletableFuture<String> outcome = new CompletableFuture<>();
        Thread stopped = new Thread(() -> {
            Thread.currentThread().interrupt();
            outcome.complete(Lane.outcomeOf(provider));
        });

        stopped.start();

        assertThat(outcome.get(3, TimeUnit.MINUTES)).isEqualTo("CallInterruptedException, flag kept");
        assertThat(server.calls()).isZero();
    }

    @Test
    void theOtherLanesGoOn() throws Exception {
        server.answersTo("stopped", FakeAnswer.hang());
        ModelProvider provider = server.provider();
        Lane stopped = Lane.calling(provider, "stopped");
        server.awaitCalls(1);

        stopped.thread.interrupt();
        String others = Lane.outcomeOf(provider);

        assertThat(others).isEqualTo("answered");
        assertThat(stopped.outcome()).isEqualTo("CallInterruptedException, flag kept");
        assertThat(Lane.outcomeOf(provider)).isEqualTo("answered");
    }

    @Test
    void anInterruptEndsTheOfflineProvidersPauseToo() throws Exception {
        OfflineSettings slow = new OfflineSettings(
                new OfflineSettings.Latency(Duration.ofMinutes(1), 0, Duration.ofMinutes(1)),
                OfflineSettings.plain().failures());
        Lane lane = Lane.calling(new OfflineProvider(slow));

        lane.thread.interrupt();

        assertThat(lane.outcome()).isEqualTo("CallInterruptedException, flag kept");
    }

    @Test
    @EnabledForJreRange(min = JRE.JAVA_21)
    void anInterruptEndsTheCallOfAVirtualThread() throws Exception {
        server.answers(FakeAnswer.hang());
        ModelProvider provider = server.provider();
        CompletableFuture<Thread> thread = new CompletableFuture<>();
        CompletableFuture<String> outcome = new CompletableFuture<>();
        new VirtualThreadTaskExecutor().execute(() -> {
            thread.complete(Thread.currentThread());
            outcome.complete(Lane.outcomeOf(provider));
        });
        server.awaitCalls(1);

        thread.get().interrupt();

        assertThat(outcome.get(3, TimeUnit.MINUTES)).isEqualTo("CallInterruptedException, flag kept");
    }

    /** A thread with one call. */
    private record Lane(Thread thread, CompletableFuture<String> result) {
        static Lane calling(ModelProvider provider) {
            return calling(provider, "key-1");
        }

        static Lane calling(ModelProvider provider, String key) {
            CompletableFuture<String> result = new CompletableFuture<>();
            Thread thread = new Thread(() -> result.complete(outcomeOf(provider, key)));
            thread.start();
            return new Lane(thread, result);
        }

        String outcome() throws Exception {
            return result.get(3, TimeUnit.MINUTES);
        }

        static String outcomeOf(ModelProvider provider) {
            return outcomeOf(provider, "key-1");
        }

        static String outcomeOf(ModelProvider provider, String key) {
            try {
                provider.call(new ModelRequest(key, null, 900, "Rules", "Write one.", null, Map.of()));
                return "answered";
            } catch (RuntimeException e) {
                return e.getClass().getSimpleName()
                        + (Thread.currentThread().isInterrupted() ? ", flag kept" : ", flag lost");
            }
        }
    }
}
