package dev.parley.provider;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.parley.provider.LimitSettings.Share;
import dev.parley.provider.MessageBatches.Batch;
import dev.parley.provider.MessageBatches.Measure;
import dev.parley.provider.MessageBatches.Request;
import dev.parley.provider.MessageBatches.Status;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The provider's batch door on the wire. */
@Timeout(30)
class MessageBatchesTests {
    private static final Request REQUEST =
            new Request("ours-1-1", new ModelRequest("ours-1-1", null, 900, "Rules", "Write one.", null, Map.of()));

    private final FakeAnthropic server = FakeAnthropic.start();

    @AfterEach
    void stop() {
        server.close();
    }

    private static Batch create(MessageBatches door) {
        Measure measure = door.measure(1_000_000);
        assertThat(measure.add(REQUEST)).isTrue();
        return door.create(List.of(REQUEST), measure.body());
    }

    @Test
    void everyKindOfCallTakesItsTurnByTheLimitOfTheDoor() throws Exception {
        HandTicker ticker = new HandTicker();
        List<String> answered = new ArrayList<>();
        server.batches().take(Duration.ofHours(1));

        try (AnthropicProvider provider = new AnthropicProvider(server.settings(), Clock.systemUTC());
                MessageBatches door = provider.batches(Pace.ofProcess(60, 1, ticker))) {
            double seconds = ticker.seconds(() -> {
                String id = create(door).id();
                assertThat(door.get(id).status()).isEqualTo(Status.IN_PROGRESS);
                assertThat(door.createdSince(Instant.EPOCH)).hasSize(1);
                assertThat(door.cancel(id).status()).isEqualTo(Status.ENDED);
                door.results(id, result -> answered.add(result.customId()));
                door.delete(id);
                assertThat(door.createdSince(Instant.EPOCH)).isEmpty();
            });

            assertThat(answered).containsExactly("ours-1-1");
            assertThat(server.batches().calls()).isEqualTo(7);
            assertThat(seconds).as("one at once, then one a second").isBetween(6.0, 6.1);
        }
    }

    @Test
    void theSettingIsTheLimitOfTheDoor() throws Exception {
        MessageBatches door = limited(1);
        door.createdSince(Instant.EPOCH);
        CompletableFuture<Throwable> second = new CompletableFuture<>();
        Thread caller = new Thread(() -> {
            try {
                door.createdSince(Instant.EPOCH);
                second.complete(null);
            } catch (RuntimeException e) {
                second.complete(e);
            }
        });

        caller.start();
        while (caller.getState() != Thread.State.TIMED_WAITING && !second.isDone()) {
            Thread.onSpinWait();
        }
        caller.interrupt();

        assertThat(second.get()).isInstanceOf(CallInterruptedException.class);
        assertThat(server.batches().calls()).as("a minute has not passed").isEqualTo(1);
    }

    @Test
    void zeroIsNoLimit() {
        MessageBatches door = limited(0);

        for (int i = 0; i < 50; i++) {
            door.createdSince(Instant.EPOCH);
        }

        assertThat(server.batches().calls()).isEqualTo(50);
    }

    private MessageBatches limited(long perMinute) {
        return server.providers(
                        new LimitSettings(0L, 0L, 0L, null, perMinute, Share.PROCESS, Duration.ofSeconds(30)), null)
                .batches("anthropic");
    }

    @Test
    void aBatchThatHasNotEndedIsNotDeleted() {
        MessageBatches door = limited(0);
        server.batches().take(Duration.ofHours(1));
        String id = create(door).id();

        assertThatThrownBy(() -> door.delete(id)).isInstanceOf(ModelException.class);

        assertThat(door.get(id).size()).isEqualTo(1);
    }
}
