package dev.parley.tracking;

import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import dev.parley.HandClock;
import dev.parley.TestDatabase;
import dev.parley.tracking.TrackResult.Accepted;
import dev.parley.tracking.TrackResult.Reason;
import dev.parley.tracking.TrackResult.Refused;
import dev.parley.tracking.TrackerHealth.Status;
import java.nio.file.Path;
import java.time.Duration;
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.UUID;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import javax.sql.DataSource;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.slf4j.LoggerFactory;
import org.springframework.jdbc.core.simple.JdbcClient;

class ConversationTrackerTests {
    private static final UUID SESSION = UUID.fromString("fda86359-0000-4000-8000-000000000001");
    private static final UUID USER = UUID.fromString("03f6b167-0000-4000-8000-000000000002");

    @TempDir
    private Path folder;

    private final HandClock clock = new HandClock("2026-11-21T03:00:00.123456Z");
    private final Logger logger = (Logger) LoggerFactory.getLogger("dev.parley.tracking");
    private final ListAppender<ILoggingEvent> log = new ListAppender<>();
    private final List<ConversationTracker> started = new ArrayList<>();

    @BeforeEach
    void listen() {
        log.start();
        logger.addAppender(log);
        logger.setLevel(Level.DEBUG);
    }

    @AfterEach
    void close() {
        started.forEach(ConversationTracker::close);
        logger.setLevel(null);
        logger.detachAppender(log);
    }

    @ParameterizedTest
    @EnumSource(TestDatabase.class)
    void aConversationIsRecordedFromItsStartToItsEnd(
            TestDatabase database) { // B22 to B26, B40 to B42, B45 to B47, B51, B54, B57
        DataSource dataSource = database.empty();
        ConversationTracker tracker = start(dataSource);

        tracker.start(SESSION, USER, Map.of("channel", "voice"));
        for (int i = 0; i < 4; i++) {
            clock.move(Duration.ofSeconds(5));
            tracker.track(new TrackedMessage(
                    null, SESSION, MessageRole.USER, "", "https://example.org/" + i + ".ogg", Map.of("lang", "de")));
            tracker.track(TrackedMessage.of(SESSION, MessageRole.ASSISTANT, "answer " + i));
        }
        clock.move(Duration.ofMillis(25_200));
        tracker.end(SESSION);
        awaitStored(tracker, 9);
        tracker.close();

        JdbcClient jdbc = JdbcClient.create(dataSource);
        Map<String, Object> session =
                jdbc.sql("SELECT * FROM conversation_sessions").query().singleRow();
        assertThat(session)
                .containsEntry("session_id", SESSION)
                .containsEntry("user_id", USER)
                .containsEntry("duration_seconds", 45.2);
        assertThat(session.get("metadata").toString().replace(" ", "")).isEqualTo("{\"channel\":\"voice\"}");
        assertThat(jdbc.sql("SELECT started_at FROM conversation_sessions")
                        .query(OffsetDateTime.class)
                        .single()
                        .toInstant())
                .isEqualTo("2026-11-21T03:00:00.123456Z");
        ConversationSessions sessions = Fixture.sessions(dataSource);
        List<ConversationSessions.StoredMessage> newest = sessions.recentMessages(SESSION, 10);
        assertThat(newest)
                .hasSize(8)
                .allSatisfy(message -> assertThat(message.userId()).isEqualTo(USER));
        assertThat(newest.get(0).content()).isEqualTo("answer 3");
        assertThat(newest.get(0).audioUrl()).isNull();
        assertThat(newest.get(7).audioUrl()).isEqualTo("https://example.org/0.ogg");
        assertThat(newest.get(7).metadata().replace(" ", "")).isEqualTo("{\"lang\":\"de\"}");
        assertThat(newest.get(7).createdAt()).isEqualTo("2026-11-21T03:00:05.123456Z"); // B16: when it was tracked
        assertThat(logged())
                .contains(
                        "Started session fda86359... for user 03f6b167...",
                        "Saved user message for session fda86359...",
                        "Saved assistant message for session fda86359...",
                        "Ended session fda86359... (duration: 45.2s, messages: 8)");
        assertThat(log.list)
                .allSatisfy(event ->
                        assertThat(event.getFormattedMessage().toLowerCase()).containsAnyOf("session", "message"));
    }

    @ParameterizedTest
    @EnumSource(TestDatabase.class)
    void lateMessagesHaveTheirUserForAMinuteAndAreKeptAfterIt(TestDatabase database) { // B27, B29, B59
        DataSource dataSource = database.empty();
        ConversationTracker tracker = start(dataSource);
        tracker.start(SESSION, USER, null);
        tracker.end(SESSION);

        clock.move(Duration.ofSeconds(59));
        tracker.track(TrackedMessage.of(SESSION, MessageRole.USER, "at 59 s"));
        assertThat(tracker.state(SESSION)).isNotNull();
        awaitStored(tracker, 2);
        clock.move(Duration.ofSeconds(2));
        tracker.sweep();
        assertThat(tracker.state(SESSION)).isNull();
        tracker.track(TrackedMessage.of(SESSION, MessageRole.USER, "at 61 s"));
        awaitStored(tracker, 3);

        assertThat(JdbcClient.create(dataSource)
                        .sql(
                                "SELECT content || ' ' || coalesce(CAST(user_id AS varchar), 'nobody') FROM conversation_messages ORDER BY content")
                        .query(String.class)
                        .list())
                .containsExactly("at 59 s " + USER, "at 61 s nobody");
        assertThat(tracker.health().lateMessages()).isEqualTo(2);
    }

    @Test
    void aSecondStartAndASecondEndChangeNothing() { // B6, B32
        DataSource dataSource = TestDatabase.H2.empty();
        ConversationTracker tracker = start(dataSource);

        tracker.start(SESSION, USER, null);
        clock.move(Duration.ofSeconds(3));
        TrackResult startedAgain = tracker.start(SESSION, UUID.randomUUID(), null);
        tracker.track(TrackedMessage.of(SESSION, MessageRole.USER, "queued when it ends"));
        tracker.end(SESSION);
        clock.move(Duration.ofSeconds(3));
        TrackResult endedAgain = tracker.end(SESSION);
        tracker.close();

        assertThat(List.of(startedAgain, endedAgain)).containsOnly(new Accepted(SESSION));
        Map<String, Object> row = JdbcClient.create(dataSource)
                .sql("SELECT user_id, duration_seconds FROM conversation_sessions")
                .query()
                .singleRow();
        assertThat(row).containsEntry("user_id", USER).containsEntry("duration_seconds", 3.0);
        assertThat(count(dataSource, "conversation_messages")).isEqualTo(1);
    }

    @Test
    void theEndOfAnUnknownSessionIsSaidAndDoesNothing() { // B28, B60
        ConversationTracker tracker = start(TestDatabase.H2.empty());

        TrackResult result = tracker.end(SESSION);

        assertThat(result)
                .isInstanceOfSatisfying(
                        Refused.class, refused -> assertThat(refused.reason()).isEqualTo(Reason.UNKNOWN_SESSION));
        assertThat(logged()).contains("Session fda86359... not found in state");
        assertThat(ConversationTracker.shortId(null)).isEqualTo("null");
        assertThat(ConversationTracker.shortId("abc")).isEqualTo("abc");
    }

    @Test
    void aMessageBeforeItsStartFindsItsUser() { // B30
        DataSource dataSource = TestDatabase.POSTGRESQL.empty();
        ConversationTracker tracker = start(dataSource);

        tracker.track(TrackedMessage.of(SESSION, MessageRole.USER, "too early"));
        tracker.start(SESSION, USER, null);
        awaitMoving(() -> tracker.health().stored() == 2);

        assertThat(Fixture.sessions(dataSource)
                        .recentMessages(SESSION, 1)
                        .get(0)
                        .userId())
                .isEqualTo(USER);
    }

    @Test
    void aSessionThatNobodyEndsIsEndedAtItsLastMessage() { // never-ended sessions, here and of a dead process
        DataSource dataSource = TestDatabase.H2.empty();
        ConversationTracker dead = start(dataSource);
        UUID ofTheDead = UUID.randomUUID();
        dead.start(ofTheDead, USER, null);
        dead.close();
        ConversationTracker tracker = start(dataSource);
        tracker.start(SESSION, USER, null);
        clock.move(Duration.ofSeconds(30));
        tracker.track(TrackedMessage.of(SESSION, MessageRole.USER, "the last"));
        awaitStored(tracker, 2);

        clock.move(Duration.ofHours(13));
        tracker.sweep();
        Fixture.await(() -> ended(dataSource) == 2, "sessions are not ended");

        assertThat(JdbcClient.create(dataSource)
                        .sql("SELECT duration_seconds FROM conversation_sessions ORDER BY 1")
                        .query(Double.class)
                        .list())
                .containsExactly(0.0, 30.0);
    }

    @Test
    void itReturnsAtOnceWhileTheDatabaseBlocks() throws Exception { // B33, B38, B53
        DataSource dataSource = TestDatabase.POSTGRESQL.empty();
        ConversationTracker tracker = start(dataSource);
        try (var connection = dataSource.getConnection();
                var statement = connection.createStatement()) {
            connection.setAutoCommit(false);
            statement.execute("LOCK TABLE conversation_sessions IN ACCESS EXCLUSIVE MODE");

            tracker.start(SESSION, USER, null);
            for (int i = 0; i < 1_000; i++) { // would wait for the lock for ever
                assertThat(tracker.track(TrackedMessage.of(SESSION, MessageRole.USER, "message " + i))
                                .accepted())
                        .isTrue();
            }
            assertThat(tracker.health().stored()).isZero();
            connection.rollback();
        }
        awaitStored(tracker, 1_001);
    }

    @Test
    void withoutAJournalTheNextOneIsRefusedWhenTheQueueIsFull() throws Exception { // B37
        DataSource dataSource = TestDatabase.POSTGRESQL.empty();
        ConversationTracker tracker = start(dataSource, "durability=memory", "queue-capacity=20", "batch-size=5");
        tracker.start(SESSION, USER, null);
        awaitStored(tracker, 1);
        try (var connection = dataSource.getConnection();
                var statement = connection.createStatement()) {
            connection.setAutoCommit(false);
            statement.execute("LOCK TABLE conversation_messages IN ACCESS EXCLUSIVE MODE");
            List<TrackResult> results = new ArrayList<>();
            for (int i = 0; i < 40; i++) {
                results.add(tracker.track(TrackedMessage.of(SESSION, MessageRole.USER, "message " + i)));
            }

            long accepted = results.stream().filter(TrackResult::accepted).count();
            assertThat(accepted).isBetween(20L, 26L);
            assertThat(tracker.health().refused()).containsEntry(Reason.QUEUE_FULL, 40 - accepted);
            assertThat(logged()).filteredOn(line -> line.contains("is refused")).hasSize(1);
            connection.rollback();
            awaitStored(tracker, 1 + accepted);
        }
    }

    @Test
    void whatIsNotValidIsRefusedAndNeverThrown() { // B7, B14, B15
        ConversationTracker tracker = start(TestDatabase.H2.empty(), "max-content=100B");
        Object itself = new Object() {
            @SuppressWarnings("unused")
            public Object getSelf() {
                throw new IllegalStateException("no");
            }
        };

        List<TrackResult> results = List.of(
                tracker.start(SESSION, null, null),
                tracker.start(null, USER, null),
                tracker.start(SESSION, USER, Map.of("x", itself)),
                tracker.track(null),
                tracker.track(TrackedMessage.of(SESSION, MessageRole.USER, null)),
                tracker.track(TrackedMessage.of(null, MessageRole.USER, "")),
                tracker.track(TrackedMessage.of(SESSION, null, "")),
                tracker.track(TrackedMessage.of(SESSION, MessageRole.USER, "x".repeat(101))),
                tracker.end(null));

        assertThat(results)
                .allSatisfy(result -> assertThat(((Refused) result).reason()).isEqualTo(Reason.INVALID));
        assertThat(tracker.health().activeSessions()).isZero();
        assertThat(MessageRole.parse("agent")).isEqualTo(MessageRole.ASSISTANT);
    }

    @ParameterizedTest
    @EnumSource(TestDatabase.class)
    void whatIsSentTwiceIsRecordedOnce(TestDatabase database) {
        DataSource dataSource = database.empty();
        ConversationTracker tracker = start(dataSource);
        TrackedMessage message =
                new TrackedMessage(UUID.randomUUID(), SESSION, MessageRole.USER, "once\u0000", null, null);

        tracker.start(SESSION, USER, null);
        tracker.track(message);
        tracker.track(message);
        awaitStored(tracker, 2);
        tracker.track(message);
        Fixture.await(() -> tracker.health().duplicates() == 2, "the duplicates are not seen");

        assertThat(count(dataSource, "conversation_messages")).isEqualTo(1);
        assertThat(tracker.health().deadLetters()).isZero();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {"broken \uD83D emoji", "cut \uD83D", "\uDE00 tail only", "zero \u0000", "\uFFFF", "\r\n\t\b"})
    void noTextIsAReasonToLoseAMessage(String content) {
        DataSource dataSource = TestDatabase.POSTGRESQL.empty();
        ConversationTracker tracker = start(dataSource);

        tracker.start(SESSION, USER, null);
        tracker.track(TrackedMessage.of(SESSION, MessageRole.USER, content));
        tracker.close();

        assertThat(Fixture.sessions(dataSource).recentMessages(SESSION, 10))
                .singleElement()
                .satisfies(message -> assertThat(message.content().replace('?', '\uFFFD'))
                        .isEqualTo(content.replace('\uD83D', '\uFFFD')
                                .replace('\uDE00', '\uFFFD')
                                .replace('\0', '\uFFFD')));
    }

    @Test
    void aStopEmptiesTheQueueFirst() { // B43
        DataSource dataSource = TestDatabase.POSTGRESQL.empty();
        ConversationTracker tracker = start(dataSource);
        tracker.start(SESSION, USER, null);
        for (int i = 0; i < 100; i++) {
            tracker.track(TrackedMessage.of(SESSION, MessageRole.USER, "message " + i));
        }

        tracker.close();

        assertThat(count(dataSource, "conversation_messages")).isEqualTo(100);
        assertThat(tracker.track(TrackedMessage.of(SESSION, MessageRole.USER, "too late")))
                .isInstanceOfSatisfying(
                        Refused.class, refused -> assertThat(refused.reason()).isEqualTo(Reason.CLOSED));
        assertThat(tracker.health().status()).isEqualTo(Status.DOWN);
        assertThat(logged()).anyMatch(line -> line.contains("101 rows were saved, none wait"));
    }

    @ParameterizedTest
    @EnumSource(TestDatabase.class)
    void aThousandSessionsAtOnceAreAllThereAndInOrder(TestDatabase database) throws Exception { // B34, B44, B52
        DataSource dataSource = database.empty();
        ConversationTracker tracker = start(dataSource, "queue-capacity=100000", "shutdown-timeout=2m");
        ExecutorService callers = Executors.newFixedThreadPool(16);
        List<Future<?>> ends = new ArrayList<>();
        long messages = 0;
        for (int i = 0; i < 1_000; i++) {
            UUID session = UUID.randomUUID();
            int length = new Random(i).nextInt(12);
            messages += length;
            ends.add(callers.submit(() -> {
                tracker.start(session, USER, null);
                for (int n = 0; n < length; n++) {
                    tracker.track(TrackedMessage.of(session, MessageRole.USER, String.valueOf(n)));
                }
                tracker.end(session);
            }));
        }
        for (Future<?> end : ends) {
            end.get();
        }
        callers.shutdown();
        tracker.close();

        assertThat(tracker.health().deadLetters()).isZero();
        assertThat(count(dataSource, "conversation_sessions")).isEqualTo(1_000);
        assertThat(ended(dataSource)).isEqualTo(1_000);
        assertThat(count(dataSource, "conversation_messages")).isEqualTo(messages);
        assertThat(JdbcClient.create(dataSource).sql("""
                                SELECT count(*)
                                  FROM (SELECT CAST(content AS integer) AS n,
                                               row_number() OVER (PARTITION BY session_id ORDER BY seq) - 1 AS place
                                          FROM conversation_messages) m
                                 WHERE n <> place
                                """).query(Long.class).single())
                .as("out of order")
                .isZero();
    }

    @ParameterizedTest
    @EnumSource(TrackingSettings.Durability.class)
    void anAcknowledgementComesInEachDurability(TrackingSettings.Durability durability) throws Exception {
        DataSource dataSource = TestDatabase.H2.empty();
        ConversationTracker tracker = start(dataSource, "durability=" + durability);
        tracker.start(SESSION, USER, null);
        UUID id = UUID.randomUUID();

        TrackResult result = tracker.trackDurable(
                        new TrackedMessage(id, SESSION, MessageRole.USER, "hello", null, null))
                .get(3, TimeUnit.MINUTES);
        TrackResult wrong = tracker.trackDurable(TrackedMessage.of(SESSION, MessageRole.USER, null))
                .get(3, TimeUnit.MINUTES);

        assertThat(result).isEqualTo(new Accepted(id));
        assertThat(wrong.accepted()).isFalse();
        awaitStored(tracker, 2);
    }

    @Test
    void itIsUpAndCounts() { // B55
        ConversationTracker tracker = start(TestDatabase.H2.empty());
        tracker.start(SESSION, USER, null);
        tracker.track(TrackedMessage.of(SESSION, MessageRole.USER, "hello"));
        awaitStored(tracker, 2);
        Fixture.await(() -> tracker.health().waitingBytes() == 0, "the checkpoint does not follow");

        TrackerHealth health = tracker.health();

        assertThat(health.status()).isEqualTo(Status.UP);
        assertThat(health.reason()).isNull();
        assertThat(health.queueCapacity()).isEqualTo(10_000);
        assertThat(health.accepted()).isEqualTo(2);
        assertThat(health.journalled()).isEqualTo(2);
        assertThat(health.activeSessions()).isEqualTo(1);
        assertThat(health.lag()).isZero();
        assertThat(health.refused()).hasSize(Reason.values().length).containsEntry(Reason.QUEUE_FULL, 0L);
    }

    private ConversationTracker start(DataSource database, String... settings) {
        ConversationTracker tracker = Fixture.tracker(database, clock, Fixture.settings(folder, settings));
        started.add(tracker);
        return tracker;
    }

    private static void awaitStored(ConversationTracker tracker, long rows) {
        Fixture.await(() -> tracker.health().stored() >= rows, "rows are not stored");
    }

    /** With the clock going on, for what waits by it. */
    private void awaitMoving(java.util.function.BooleanSupplier condition) {
        Fixture.await(
                () -> {
                    clock.move(Duration.ofMillis(20));
                    return condition.getAsBoolean();
                },
                "it does not happen");
    }

    private static long count(DataSource database, String table) {
        return JdbcClient.create(database)
                .sql("SELECT count(*) FROM " + table)
                .query(Long.class)
                .single();
    }

    private static long ended(DataSource database) {
        return JdbcClient.create(database)
                .sql("SELECT count(*) FROM conversation_sessions WHERE ended_at IS NOT NULL")
                .query(Long.class)
                .single();
    }

    private List<String> logged() {
        return List.copyOf(log.list).stream()
                .map(ILoggingEvent::getFormattedMessage)
                .toList();
    }
}
