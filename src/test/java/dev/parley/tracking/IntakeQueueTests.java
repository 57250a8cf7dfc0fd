package dev.parley.tracking;

import static org.assertj.core.api.Assertions.assertThat;

import dev.parley.tracking.IntakeQueue.Offer;
import dev.parley.tracking.IntakeQueue.Tracked;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;

class IntakeQueueTests {
    private static final UUID SESSION = UUID.randomUUID();

    @Test
    void itHoldsWhatItIsMadeForAndRefusesTheNext() { // B37
        IntakeQueue queue = new IntakeQueue(3);

        List<Offer> offers =
                List.of(queue.offer(entry(1)), queue.offer(entry(2)), queue.offer(entry(3)), queue.offer(entry(4)));

        assertThat(offers).containsExactly(Offer.TAKEN, Offer.TAKEN, Offer.TAKEN, Offer.FULL);
        assertThat(drain(queue, 2)).containsExactly(1L, 2L);
        assertThat(queue.offer(entry(5))).isEqualTo(Offer.TAKEN);
        assertThat(drain(queue, 10)).containsExactly(3L, 5L);
        assertThat(queue.size()).isZero();
    }

    @Test
    void whatWasTakenBeforeItClosedComesOut() { // B43
        IntakeQueue queue = new IntakeQueue(3);
        queue.offer(entry(1));

        queue.close();

        assertThat(queue.offer(entry(2))).isEqualTo(Offer.CLOSED);
        assertThat(queue.isDone()).isFalse();
        assertThat(drain(queue, 10)).containsExactly(1L);
        assertThat(queue.isDone()).isTrue();
    }

    @Test
    void eachProducersOrderIsKeptAndNothingIsLostWhenItClosesAmidThem() throws Exception { // B34, B44
        int producers = 4;
        IntakeQueue queue = new IntakeQueue(64);
        ExecutorService pool = Executors.newFixedThreadPool(producers);
        List<Future<Long>> taken = new ArrayList<>();
        for (int producer = 0; producer < producers; producer++) {
            long base = producer * 1_000_000_000L;
            taken.add(pool.submit(() -> {
                long count = 0;
                while (true) {
                    switch (queue.offer(entry(base + count))) {
                        case TAKEN -> count++;
                        case FULL -> Thread.onSpinWait();
                        case CLOSED -> {
                            return count;
                        }
                    }
                }
            }));
        }
        Map<Long, Long> seen = new HashMap<>();
        List<Tracked> batch = new ArrayList<>();
        for (int rounds = 0; !queue.isDone(); rounds++) {
            if (rounds == 20_000) {
                queue.close();
            }
            batch.clear();
            queue.drainTo(batch, 50);
            for (Tracked tracked : batch) {
                long seq = ((Entry.End) tracked.entry()).messages();
                long next = seen.getOrDefault(seq / 1_000_000_000L, 0L);
                assertThat(seq % 1_000_000_000L).isEqualTo(next);
                seen.put(seq / 1_000_000_000L, next + 1);
            }
        }
        pool.shutdown();

        for (int producer = 0; producer < producers; producer++) {
            assertThat(seen.getOrDefault((long) producer, 0L))
                    .isEqualTo(taken.get(producer).get());
        }
    }

    private static Tracked entry(long number) {
        return new Tracked(new Entry.End(SESSION, null, Instant.EPOCH, number), null);
    }

    private static List<Long> drain(IntakeQueue queue, int most) {
        List<Tracked> taken = new ArrayList<>();
        queue.drainTo(taken, most);
        return taken.stream()
                .map(tracked -> ((Entry.End) tracked.entry()).messages())
                .toList();
    }
}
