package dev.parley.tracking;

import ch.qos.logback.classic.AsyncAppender;
import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.LoggerContext;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.AppenderBase;
import dev.parley.TestDatabase;
import dev.parley.tracking.Entry.Message;
import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.sdk.common.CompletableResultCode;
import io.opentelemetry.sdk.logs.SdkLoggerProvider;
import io.opentelemetry.sdk.logs.data.LogRecordData;
import io.opentelemetry.sdk.logs.export.BatchLogRecordProcessor;
import io.opentelemetry.sdk.logs.export.LogRecordExporter;
import io.zonky.test.db.postgres.embedded.EmbeddedPostgres;
import java.io.StringReader;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.time.Clock;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import java.util.function.LongConsumer;
import org.postgresql.copy.CopyManager;
import org.postgresql.core.BaseConnection;
import org.postgresql.ds.PGSimpleDataSource;
import org.slf4j.LoggerFactory;
import org.springframework.jdbc.core.simple.JdbcClient;
import tools.jackson.databind.json.JsonMapper;

/**
 * The tracker beside what people use for this: OpenTelemetry's {@code BatchLogRecordProcessor}, logback's
 * {@code AsyncAppender}, and the incident's own pattern, a queue and one worker that inserts row by row, three tries and drop.
 * A program, not a test: tables on standard output and {@code target/bench/tracker.json}. Arguments choose parts:
 * {@code enqueue}, {@code store}, {@code outage}.
 */
public final class TrackerBenchmark {
    private static final UUID SESSION = UUID.randomUUID();
    private static final UUID USER = UUID.randomUUID();
    private static final int PER_SECOND = 20_000;
    private static final int PRODUCERS = 4;
    private static final int QUEUE = 10_000;
    private static final String CONTENT =
            "I am thinking about paying off the loan early, and do not know whether that is wise. ";
    private static final AttributeKey<String> SESSION_KEY = AttributeKey.stringKey("session.id");
    private static final String INSERT = """
            INSERT INTO conversation_messages (id, session_id, user_id, role, content, created_at)
            VALUES (?, ?, ?, 'user', ?, now()) ON CONFLICT DO NOTHING
            """;

    private final Path folder = Files.createTempDirectory("parley-bench");
    private final Map<String, Object> results = new LinkedHashMap<>();
    private EmbeddedPostgres server;
    private final int port;
    private PGSimpleDataSource database;

    private TrackerBenchmark() throws Exception {
        try (java.net.ServerSocket socket =
                new java.net.ServerSocket(0, 1, java.net.InetAddress.getLoopbackAddress())) {
            port = socket.getLocalPort();
        }
        startServer();
        TestDatabase.migrate(database);
    }

    private void startServer() throws Exception {
        server = EmbeddedPostgres.builder()
                .setPort(port)
                .setDataDirectory(folder.resolve("postgres"))
                .setCleanDataDirectory(false)
                .setServerConfig("listen_addresses", "127.0.0.1")
                .setServerConfig("max_wal_size", "4GB")
                .setServerConfig("fsync", "on")
                .setServerConfig("synchronous_commit", "on")
                .setLocaleConfig("locale", "C")
                .start();
        database = new PGSimpleDataSource();
        database.setUrl("jdbc:postgresql://127.0.0.1:" + port + "/postgres?stringtype=unspecified");
        database.setUser("postgres");
    }

    public static void main(String[] arguments) throws Exception {
        ((Logger) LoggerFactory.getLogger("ROOT")).setLevel(Level.ERROR);
        ((Logger) LoggerFactory.getLogger("dev.parley.tracking")).setLevel(Level.OFF);
        List<String> parts = arguments.length == 0 ? List.of("enqueue", "store", "outage") : List.of(arguments);
        TrackerBenchmark benchmark = new TrackerBenchmark();
        try {
            if (parts.contains("store")) {
                benchmark.store();
            }
            if (parts.contains("enqueue")) {
                benchmark.enqueue();
            }
            if (parts.contains("outage")) {
                benchmark.outage();
            }
        } finally {
            benchmark.server.close();
        }
        Path file = Path.of("target", "bench", "tracker.json");
        Files.createDirectories(file.getParent());
        Files.write(file, JsonMapper.shared().writerWithDefaultPrettyPrinter().writeValueAsBytes(benchmark.results));
    }

    private JdbcClient emptyTables() {
        JdbcClient jdbc = JdbcClient.create(database);
        jdbc.sql("TRUNCATE conversation_messages, conversation_sessions, tracking_dead_letters")
                .update();
        jdbc.sql("INSERT INTO conversation_sessions (session_id, user_id) VALUES (?, ?)")
                .params(SESSION, USER)
                .update();
        return jdbc;
    }

    /** Something that takes messages, each with a number of its own. */
    private interface Contender extends AutoCloseable {
        void take(UUID id, String content);

        @Override
        void close() throws Exception;
    }

    private Contender tracker() throws Exception {
        ConversationTracker tracker = Fixture.tracker(
                pooled(),
                Clock.systemUTC(),
                Fixture.settings(Files.createTempDirectory(folder, "journal"), "shutdown-timeout=60s"));
        ThreadLocal<UUID> sessions = ThreadLocal.withInitial(
                () -> { // a producer is a conversation
                    UUID session = UUID.randomUUID();
                    tracker.start(session, USER, null);
                    return session;
                });
        return new Contender() {
            @Override
            public void take(UUID id, String content) {
                tracker.track(new TrackedMessage(id, sessions.get(), MessageRole.USER, content, null, null));
            }

            @Override
            public void close() {
                tracker.close();
            }
        };
    }

    /** One connection that is kept, as from a pool, and made anew when it is broken. */
    private javax.sql.DataSource pooled() {
        com.zaxxer.hikari.HikariConfig config = new com.zaxxer.hikari.HikariConfig();
        config.setDataSource(database);
        config.setMaximumPoolSize(2);
        config.setConnectionTimeout(1_000);
        config.setInitializationFailTimeout(-1);
        return new com.zaxxer.hikari.HikariDataSource(config);
    }

    private Contender openTelemetry() {
        javax.sql.DataSource pool = pooled();
        EntryStore store = Fixture.store(pool);
        BatchLogRecordProcessor processor = BatchLogRecordProcessor.builder(new LogRecordExporter() {
                    @Override
                    public CompletableResultCode export(Collection<LogRecordData> records) {
                        try {
                            List<Entry> entries = new ArrayList<>();
                            records.forEach(record -> entries.add(message(
                                    UUID.fromString(record.getAttributes().get(SESSION_KEY)),
                                    record.getBodyValue().asString())));
                            store.store(entries);
                            return CompletableResultCode.ofSuccess();
                        } catch (RuntimeException e) {
                            return CompletableResultCode.ofFailure();
                        }
                    }

                    @Override
                    public CompletableResultCode flush() {
                        return CompletableResultCode.ofSuccess();
                    }

                    @Override
                    public CompletableResultCode shutdown() {
                        return CompletableResultCode.ofSuccess();
                    }
                })
                .setMaxQueueSize(QUEUE)
                .setMaxExportBatchSize(512)
                .build();
        SdkLoggerProvider provider =
                SdkLoggerProvider.builder().addLogRecordProcessor(processor).build();
        io.opentelemetry.api.logs.Logger logger = provider.get("bench");
        return new Contender() {
            @Override
            public void take(UUID id, String content) {
                logger.logRecordBuilder()
                        .setAttribute(SESSION_KEY, id.toString())
                        .setBody(content)
                        .emit();
            }

            @Override
            public void close() {
                provider.shutdown().join(60, TimeUnit.SECONDS);
            }
        };
    }

    /** Its appender does nothing: inserting row by row it could not keep up. */
    private static Contender logback() {
        LoggerContext context = new LoggerContext();
        AppenderBase<ILoggingEvent> sink = new AppenderBase<>() {
            @Override
            protected void append(ILoggingEvent event) {
                event.getFormattedMessage();
            }
        };
        sink.setContext(context);
        sink.start();
        AsyncAppender async = new AsyncAppender();
        async.setContext(context);
        async.setQueueSize(QUEUE);
        async.setNeverBlock(true);
        async.setDiscardingThreshold(0);
        async.addAppender(sink);
        async.start();
        Logger logger = context.getLogger("bench");
        logger.setLevel(Level.INFO);
        logger.addAppender(async);
        return new Contender() {
            @Override
            public void take(UUID id, String content) {
                logger.info("{} {}", id, content);
            }

            @Override
            public void close() {
                context.stop();
            }
        };
    }

    /** The incident's pattern. */
    private Contender queueAndRetry() {
        javax.sql.DataSource pool = pooled();
        LinkedBlockingQueue<Message> queue = new LinkedBlockingQueue<>(QUEUE);
        AtomicBoolean closed = new AtomicBoolean();
        Thread worker = new Thread(() -> {
            while (!closed.get() || !queue.isEmpty()) {
                try {
                    Message message = queue.poll(10, TimeUnit.MILLISECONDS);
                    if (message != null) {
                        insertWithThreeTries(pool, message);
                    }
                } catch (InterruptedException e) {
                    return;
                }
            }
        });
        worker.start();
        return new Contender() {
            @Override
            public void take(UUID id, String content) {
                queue.offer(message(id, content));
            }

            @Override
            public void close() throws Exception {
                closed.set(true);
                worker.join();
            }
        };
    }

    private static void insertWithThreeTries(javax.sql.DataSource pool, Message message) throws InterruptedException {
        for (int tries = 1; tries <= 3; tries++) {
            try (Connection connection = pool.getConnection()) {
                insert(connection, message);
                return;
            } catch (java.sql.SQLException e) {
                if (tries < 3) {
                    TimeUnit.SECONDS.sleep(tries);
                }
            }
        }
    }

    private static void insert(Connection connection, Message message) throws java.sql.SQLException {
        try (PreparedStatement statement = connection.prepareStatement(INSERT)) {
            statement.setObject(1, message.id());
            statement.setObject(2, message.sessionId());
            statement.setObject(3, message.userId());
            statement.setString(4, message.content());
            statement.executeUpdate();
        }
    }

    private static Message message(UUID id, String content) {
        return new Message(
                id, SESSION, USER, MessageRole.USER, content, null, null, 1, Instant.ofEpochSecond(1_790_000_000));
    }

    // --- enqueue

    private void enqueue() throws Exception {
        System.out.printf("%n%-32s %9s %9s %9s %11s%n", "enqueue, 4 x 5,000/s, µs", "p50", "p99", "p99.9", "max");
        for (int round = 0; round < 2; round++) { // the first one warms up
            boolean counts = round == 1;
            int seconds = counts ? 8 : 3;
            measureEnqueue("Parley", tracker(), seconds, counts);
            measureEnqueue("BatchLogRecordProcessor", openTelemetry(), seconds, counts);
            measureEnqueue("AsyncAppender", logback(), seconds, counts);
            measureEnqueue("queue and retry", queueAndRetry(), seconds, counts);
        }
    }

    private void measureEnqueue(String name, Contender contender, int seconds, boolean counts) throws Exception {
        emptyTables();
        int each = PER_SECOND / PRODUCERS * seconds;
        long[][] took = new long[PRODUCERS][each];
        List<Thread> producers = new ArrayList<>();
        for (long[] mine : took) {
            UUID[] ids = new UUID[each];
            Arrays.setAll(ids, i -> UUID.randomUUID());
            Thread producer = new Thread(() -> pace(each, PER_SECOND / PRODUCERS, number -> {
                UUID id = ids[(int) number];
                long begun = System.nanoTime();
                contender.take(id, CONTENT);
                mine[(int) number] = System.nanoTime() - begun;
            }));
            producers.add(producer);
        }
        producers.forEach(Thread::start);
        for (Thread producer : producers) {
            producer.join();
        }
        contender.close();
        long[] all = Arrays.stream(took).flatMapToLong(Arrays::stream).sorted().toArray();
        if (counts) {
            double[] micros = {at(all, 0.5), at(all, 0.99), at(all, 0.999), at(all, 1)};
            System.out.printf("%-32s %9.2f %9.2f %9.1f %11.0f%n", name, micros[0], micros[1], micros[2], micros[3]);
            results.put("enqueue " + name, micros);
        }
    }

    private static double at(long[] sorted, double quantile) {
        return sorted[(int) Math.min(sorted.length - 1, (long) (quantile * sorted.length))] / 1e3;
    }

    private static void pace(long count, int perSecond, LongConsumer action) {
        long begun = System.nanoTime();
        for (long number = 0; number < count; number++) {
            long due = begun + number * 1_000_000_000L / perSecond;
            while (System.nanoTime() - due < 0) {
                LockSupport.parkNanos(100_000);
            }
            action.accept(number);
        }
    }

    // --- store

    private void store() throws Exception {
        int rows = 100_000;
        int batch = 500;
        double ours = 0;
        double copy = 0;
        double single = 0;
        for (int round = 0; round < 4; round++) { // the first one warms up; the best of the others
            emptyTables();
            EntryStore store = Fixture.store(pooled());
            List<Entry> entries = new ArrayList<>();
            for (int i = 0; i < rows; i++) {
                entries.add(message(new UUID(0x0190_0000_0000_7000L + ((long) round << 32) + i, i), CONTENT));
            }
            long begun = System.nanoTime();
            for (int i = 0; i < rows; i += batch) {
                store.store(entries.subList(i, i + batch));
            }
            double rate = rows * 1e9 / (System.nanoTime() - begun);
            ours = round == 0 ? 0 : Math.max(ours, rate);

            emptyTables();
            try (Connection connection = database.getConnection()) {
                connection.setAutoCommit(false);
                CopyManager copies = new CopyManager((BaseConnection) connection);
                begun = System.nanoTime();
                for (int i = 0; i < rows; i += batch) {
                    StringBuilder text = new StringBuilder();
                    for (Entry entry : entries.subList(i, i + batch)) {
                        Message m = (Message) entry;
                        text.append(m.id())
                                .append('\t')
                                .append(m.sessionId())
                                .append('\t')
                                .append(m.userId());
                        text.append("\tuser\t")
                                .append(m.content())
                                .append("\t\\N\t\\N\t")
                                .append(m.seq())
                                .append('\t');
                        text.append(m.at()).append('\n');
                    }
                    copies.copyIn(
                            "COPY conversation_messages (id, session_id, user_id, role, content, audio_url, metadata, seq, created_at)"
                                    + " FROM STDIN",
                            new StringReader(text.toString()));
                    connection.commit();
                }
                rate = rows * 1e9 / (System.nanoTime() - begun);
                copy = round == 0 ? 0 : Math.max(copy, rate);
            }

            emptyTables();
            try (Connection connection = database.getConnection()) {
                begun = System.nanoTime();
                int some = rows / 20;
                for (int i = 0; i < some; i++) {
                    insert(connection, (Message) entries.get(i));
                }
                rate = some * 1e9 / (System.nanoTime() - begun);
                single = round == 0 ? 0 : Math.max(single, rate);
            }
        }
        System.out.printf("%n%-32s %12s %12s%n", "store, batches of 500", "rows/s", "of COPY");
        System.out.printf("%-32s %,12.0f %12.2f%n", "Parley", ours, ours / copy);
        System.out.printf("%-32s %,12.0f %12.2f%n", "COPY", copy, 1.0);
        System.out.printf("%-32s %,12.0f %12.2f%n", "row by row", single, single / copy);
        results.put("store rows/s", Map.of("Parley", ours, "COPY", copy, "row by row", single));
    }

    // --- outage

    private void outage() throws Exception {
        System.out.printf(
                "%n%-32s %10s %8s %11s %14s %12s%n",
                "database killed 10 s, 20,000/s", "sent", "kept", "duplicates", "catch-up, /s", "heap, MB");
        measureOutage("Parley", tracker());
        measureOutage("BatchLogRecordProcessor", openTelemetry());
        measureOutage("queue and retry", queueAndRetry());
    }

    private void measureOutage(String name, Contender contender) throws Exception {
        JdbcClient jdbc = emptyTables();
        AtomicLong accepted = new AtomicLong();
        AtomicBoolean over = new AtomicBoolean();
        Thread producer = new Thread(() -> {
            long begun = System.nanoTime();
            for (long number = 0; !over.get(); number++) {
                long due = begun + number * 1_000_000_000L / PER_SECOND;
                while (System.nanoTime() - due < 0) {
                    LockSupport.parkNanos(100_000);
                }
                contender.take(new UUID(0x7000, number), CONTENT);
                accepted.set(number + 1);
            }
        });
        long heapBefore = liveHeap();
        producer.start();
        Thread.sleep(2_000);
        new ProcessBuilder("sh", "-c", "kill -QUIT $(head -1 " + folder.resolve("postgres/postmaster.pid") + ")")
                .start()
                .waitFor();
        Thread.sleep(9_000);
        long heapAfter = liveHeap();
        Thread.sleep(1_000);
        server.close();
        startServer();
        double fastest = catchUp(jdbc, accepted);
        over.set(true);
        producer.join();
        long sent = accepted.get();
        contender.close();
        long kept = count(jdbc);
        long duplicates = kept
                - jdbc.sql("SELECT count(DISTINCT id) FROM conversation_messages")
                        .query(Long.class)
                        .single();
        System.out.printf(
                "%-32s %,10d %7.1f%% %11d %,14.0f %5d → %4d%n",
                name, sent, 100.0 * kept / sent, duplicates, fastest, heapBefore >> 20, heapAfter >> 20);
        results.put(
                "outage " + name,
                Map.of(
                        "sent",
                        sent,
                        "kept",
                        kept,
                        "catchUp",
                        fastest,
                        "heapBefore",
                        heapBefore,
                        "heapAfter",
                        heapAfter));
    }

    /** Rows stored a second while more waited than come in half a second, with the traffic going on. */
    private static double catchUp(JdbcClient jdbc, AtomicLong accepted) throws InterruptedException {
        long begun = System.nanoTime();
        long before = count(jdbc);
        long now = before;
        while (accepted.get() - now > PER_SECOND / 2 && System.nanoTime() - begun < TimeUnit.SECONDS.toNanos(30)) {
            Thread.sleep(500); // to count takes the server's time
            now = count(jdbc);
        }
        return (now - before) * 1e9 / (System.nanoTime() - begun);
    }

    private static long count(JdbcClient jdbc) {
        return jdbc.sql("SELECT count(*) FROM conversation_messages")
                .query(Long.class)
                .single();
    }

    private static long liveHeap() {
        System.gc();
        return ManagementFactory.getMemoryMXBean().getHeapMemoryUsage().getUsed();
    }
}
