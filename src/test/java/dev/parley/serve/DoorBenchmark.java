package dev.parley.serve;

import dev.parley.TestDatabase;
import java.lang.management.ManagementFactory;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.WebSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import org.springframework.scheduling.concurrent.CustomizableThreadFactory;
import tools.jackson.databind.json.JsonMapper;

/**
 * The tracker's WebSocket under many connections that each send at a steady pace, on PostgreSQL, with the JDK's client in the
 * same process. A latency is the time from when a message was due to be sent until its ack was read, so that a client that falls
 * behind does not flatter the server. A program, not a test: a table on standard output and {@code target/bench/door.json}.
 * {@code -Dparley.bench.connections=1000 -Dparley.bench.rate=20 -Dparley.bench.seconds=60} are its measures.
 */
public final class DoorBenchmark {
    private static final int CREDIT = 64;
    private static final String CONTENT =
            "I am thinking about paying off the loan early, and do not know whether that is wise.";

    private final int connections = Integer.getInteger("parley.bench.connections", 1_000);
    private final int rate = Integer.getInteger("parley.bench.rate", 20);
    private final int seconds = Integer.getInteger("parley.bench.seconds", 60);
    private final int warmUp = Integer.getInteger("parley.bench.warm-up", 10);
    private final int[] latencies = new int[connections * rate * seconds]; // microseconds
    private final int[] fromSend = new int[latencies.length];
    private final AtomicInteger measured = new AtomicInteger();
    private final AtomicInteger refused = new AtomicInteger();
    private final AtomicInteger closed = new AtomicInteger();
    private volatile long measureFrom;

    private DoorBenchmark() {}

    public static void main(String[] arguments) throws Exception {
        Path data = Files.createTempDirectory("parley-bench");
        Map<String, Object> results;
        try (DoorServer server =
                DoorServer.start(TestDatabase.POSTGRESQL, data, "logging.level.dev.parley.tracking=error")) {
            results = new DoorBenchmark().run(server);
        }
        Path file = Path.of("target", "bench", "door.json");
        Files.createDirectories(file.getParent());
        Files.write(file, JsonMapper.shared().writerWithDefaultPrettyPrinter().writeValueAsBytes(results));
    }

    /** One client: what it has sent and not seen settled, by the time it was due. */
    private final class Client implements WebSocket.Listener {
        private final UUID session = UUID.randomUUID();
        private final CountDownLatch ready = new CountDownLatch(1);
        private final long[] due = new long[1 << 10];
        private final long[] sentAt = new long[due.length];
        private final Queue<Long> waiting = new ArrayDeque<>();
        private final StringBuilder begun = new StringBuilder();
        private volatile long sent;
        private volatile long settled;
        private WebSocket socket;
        private CompletableFuture<?> sending = CompletableFuture.completedFuture(null);

        void start() {
            sent = 1;
            socket.sendText(
                            "{\"type\":\"session.start\",\"session_id\":\"" + session + "\",\"user_id\":\""
                                    + UUID.randomUUID() + "\"}",
                            true)
                    .join();
        }

        /** What is due, as far as the credit goes; the rest waits, and its latency grows. */
        void say(long at) {
            waiting.add(at);
            catchUp();
        }

        private void catchUp() {
            while (!waiting.isEmpty() && sent - settled < CREDIT) {
                send(waiting.remove());
            }
        }

        boolean isBehind() {
            catchUp();
            return settled < sent;
        }

        private void send(long at) {
            sending.join();
            due[(int) ((sent + 1) & (due.length - 1))] = at;
            sentAt[(int) ((sent + 1) & (due.length - 1))] = System.nanoTime();
            sent++;
            sending = socket.sendText(
                    "{\"type\":\"message\",\"message_id\":\"" + UUID.randomUUID() + "\",\"session_id\":\"" + session
                            + "\",\"role\":\"user\",\"content\":\"" + CONTENT + "\"}",
                    true);
        }

        @Override
        public CompletionStage<?> onText(WebSocket from, CharSequence data, boolean last) {
            begun.append(data);
            if (last) {
                read(begun.toString());
                begun.setLength(0);
            }
            from.request(1);
            return null;
        }

        private void read(String frame) {
            if (frame.startsWith("{\"type\":\"ack\"")) {
                int begin = frame.indexOf(":", 14) + 1;
                long upTo = Long.parseLong(frame.substring(begin, frame.indexOf(',', begin)));
                long now = System.nanoTime();
                for (long n = settled + 1; n <= upTo; n++) {
                    long at = due[(int) (n & (due.length - 1))];
                    if (n > 1 && at >= measureFrom) {
                        int place = measured.getAndIncrement();
                        if (place < latencies.length) {
                            latencies[place] = (int) ((now - at) / 1_000);
                            fromSend[place] = (int) ((now - sentAt[(int) (n & (due.length - 1))]) / 1_000);
                        }
                    }
                }
                settled = upTo;
            } else if (frame.startsWith("{\"type\":\"ready\"")) {
                ready.countDown();
            } else {
                refused.incrementAndGet();
            }
        }

        @Override
        public CompletionStage<?> onClose(WebSocket from, int status, String reason) {
            closed.incrementAndGet();
            return null;
        }

        @Override
        public void onError(WebSocket from, Throwable error) {
            closed.incrementAndGet();
        }
    }

    private Map<String, Object> run(DoorServer server) throws Exception {
        CustomizableThreadFactory daemons = new CustomizableThreadFactory("client-");
        daemons.setDaemon(true);
        HttpClient http = HttpClient.newBuilder()
                .executor(Executors.newFixedThreadPool(2, daemons))
                .build();
        List<Client> clients = new ArrayList<>();
        for (int i = 0; i < connections; i++) {
            Client client = new Client();
            client.socket = http.newWebSocketBuilder()
                    .subprotocols(TrackSocket.PROTOCOL)
                    .buildAsync(URI.create("ws://127.0.0.1:" + server.port() + "/api/track"), client)
                    .join();
            client.start();
            clients.add(client);
        }
        for (Client client : clients) {
            client.ready.await();
        }
        System.out.printf("%,d connections are open%n", connections);

        long total = (long) connections * rate * (warmUp + seconds);
        long begun = System.nanoTime() + Duration.ofMillis(100).toNanos();
        measureFrom = begun + Duration.ofSeconds(warmUp).toNanos();
        long most = 0;
        long cpu = 0;
        for (long i = 0; i < total; i++) {
            long due = begun + i * 1_000_000_000L / ((long) connections * rate);
            long early = due - System.nanoTime();
            if (early > 0) {
                LockSupport.parkNanos(early);
            } else {
                most = Math.max(most, -early);
            }
            if (cpu == 0 && due >= measureFrom) {
                cpu = cpuNanos();
                most = 0;
            }
            clients.get((int) (i % connections)).say(due);
        }
        double cpuSeconds = (cpuNanos() - cpu) / 1e9;
        long until = System.nanoTime() + Duration.ofSeconds(60).toNanos();
        while (clients.stream().anyMatch(Client::isBehind) && System.nanoTime() < until) {
            LockSupport.parkNanos(1_000_000);
        }
        long expected = total;
        long stored = stored(server);
        while (stored < expected && System.nanoTime() < until) {
            LockSupport.parkNanos(100_000_000);
            stored = stored(server);
        }
        clients.forEach(client -> client.socket.abort());

        int count = Math.min(measured.get(), latencies.length);
        int[] sorted = Arrays.copyOf(latencies, count);
        Arrays.sort(sorted);
        Map<String, Object> results = new LinkedHashMap<>();
        results.put("connections", connections);
        results.put("messagesPerSecondEach", rate);
        results.put("seconds", seconds);
        results.put("acks", count);
        results.put("p50Ms", sorted[count / 2] / 1e3);
        results.put("p99Ms", sorted[(int) (count * 0.99)] / 1e3);
        results.put("p999Ms", sorted[(int) (count * 0.999)] / 1e3);
        results.put("maxMs", sorted[count - 1] / 1e3);
        int[] sortedFromSend = Arrays.copyOf(fromSend, count);
        Arrays.sort(sortedFromSend);
        results.put("p50FromSendMs", sortedFromSend[count / 2] / 1e3);
        results.put("p99FromSendMs", sortedFromSend[(int) (count * 0.99)] / 1e3);
        results.put("senderBehindAtMostMs", most / 1e6);
        results.put("cpuSecondsWithClient", cpuSeconds);
        results.put("refusedOrError", refused.get());
        results.put("closed", closed.get());
        results.put("sent", expected);
        results.put("stored", stored);
        results.forEach((name, value) -> System.out.printf("  %-24s %s%n", name, value));
        return results;
    }

    private static long stored(DoorServer server) {
        return server.jdbc()
                .sql("SELECT count(*) FROM conversation_messages")
                .query(Long.class)
                .single();
    }

    private static long cpuNanos() {
        return ((com.sun.management.OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean())
                .getProcessCpuTime();
    }
}
