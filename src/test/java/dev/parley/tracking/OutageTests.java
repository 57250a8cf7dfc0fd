package dev.parley.tracking;

import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import dev.parley.HandClock;
import dev.parley.TestDatabase;
import dev.parley.tracking.TrackResult.Reason;
import dev.parley.tracking.TrackResult.Refused;
import dev.parley.tracking.TrackerHealth.Status;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;
import java.util.stream.IntStream;
import javax.sql.DataSource;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.slf4j.LoggerFactory;
import org.springframework.jdbc.core.JdbcTemplate;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.jdbc.datasource.DataSourceTransactionManager;
import org.springframework.jdbc.datasource.DelegatingDataSource;

/** A database that is away, not as it should be, or refuses rows. */
class OutageTests {
    private static final UUID SESSION = UUID.randomUUID();
    private static final UUID USER = UUID.randomUUID();

    @TempDir
    private Path folder;

    private final HandClock clock = new HandClock("2026-11-21T03:00:00.123456Z");
    private final AtomicInteger transactions = new AtomicInteger();
    private final Logger logger = (Logger) LoggerFactory.getLogger(Flusher.class);
    private final ListAppender<ILoggingEvent> log = new ListAppender<>();
    private DataSource database;
    private JdbcClient jdbc;
    private ConversationTracker tracker;

    @BeforeEach
    void start() {
        log.start();
        logger.addAppender(log);
        database = TestDatabase.POSTGRESQL.empty();
        jdbc = JdbcClient.create(database);
    }

    @AfterEach
    void close() {
        if (tracker != null) {
            tracker.close();
        }
        logger.detachAppender(log);
        jdbc.sql("DROP TRIGGER IF EXISTS refuse ON conversation_messages").update();
    }

    @Test
    void aDatabaseThatIsAwayIsWaitedForAndNothingIsLost() throws Exception { // B38, B39
        Away away = new Away(database);
        away.port = 1; // also when it starts
        tracker = Fixture.tracker(away, clock, Fixture.settings(folder));
        Fixture.await(() -> tracker.health().status() == Status.DEGRADED, "the outage is not noticed");
        assertThat(tracker.health().reason())
                .startsWith("Database not initialized: ")
                .contains("refused");
        tracker.start(SESSION, USER, null);
        track(0, 3_000);
        Fixture.await(() -> tracker.health().journalled() == 3_001, "what cannot be stored is not journalled");
        assertThat(tracker.health().waitingBytes()).isPositive();

        away.port = 0;
        Fixture.await(() -> tracker.health().stored() == 3_001, "it does not recover");

        assertThat(tracker.health().status()).isEqualTo(Status.UP);
        assertThat(contents())
                .hasSize(3_000)
                .startsWith("message 0", "message 1")
                .endsWith("message 2999");
    }

    @Test
    void aConnectionThatIsKilledIsReplaced() { // B38
        tracker = Fixture.tracker(database, clock, Fixture.settings(folder));
        tracker.start(SESSION, USER, null);
        for (int i = 0; i < 10; i++) {
            track(100 * i, 100);
            jdbc.sql(
                            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = 'parley'")
                    .query()
                    .listOfRows();
        }

        Fixture.await(() -> contents().size() == 1_000, "rows are missing");
    }

    @Test
    void whatWaitsIsStoredByTheNextStartAndNothingTwice() {
        Away away = new Away(database);
        tracker = Fixture.tracker(away, clock, Fixture.settings(folder, "shutdown-timeout=300ms"));
        tracker.start(SESSION, USER, null);
        track(0, 10);
        Fixture.await(() -> contents().size() == 10, "rows are missing");
        away.port = 1;
        track(10, 500);
        tracker.end(SESSION);
        long begun = System.nanoTime();
        tracker.close();
        assertThat(Duration.ofNanos(System.nanoTime() - begun)).isLessThan(Duration.ofSeconds(8));

        tracker = Fixture.tracker(database, clock, Fixture.settings(folder));
        Fixture.await(() -> tracker.health().waitingBytes() == 0, "the journal is not replayed");

        assertThat(contents()).hasSize(510).endsWith("message 509");
        assertThat(jdbc.sql("SELECT count(*) FROM conversation_sessions WHERE ended_at IS NOT NULL")
                        .query(Long.class)
                        .single())
                .isEqualTo(1);
    }

    @Test
    void aMissingColumnIsAnOutageThatNamesItAndTheRemedy() { // B1, B2, B20: the incident's own
        tracker = Fixture.tracker(database, clock, Fixture.settings(folder));
        Fixture.await(() -> transactionsAreDone(), "it does not start");
        jdbc.sql("ALTER TABLE conversation_messages RENAME COLUMN audio_url TO audio")
                .update();
        try {
            tracker.start(SESSION, USER, null);
            track(0, 10);
            Fixture.await(() -> tracker.health().status() == Status.DEGRADED, "the mismatch is not noticed");

            assertThat(tracker.health().reason())
                    .contains("no column conversation_messages.audio_url")
                    .contains("bring its schema up to date");
            assertThat(tracker.health().deadLetters()).isZero();
        } finally {
            jdbc.sql("ALTER TABLE conversation_messages RENAME COLUMN audio TO audio_url")
                    .update();
        }
        Fixture.await(() -> contents().size() == 10, "it does not recover");
    }

    private boolean transactionsAreDone() {
        return tracker.health().status() == Status.UP;
    }

    @Test
    void oneBadRowIsFoundInFewStatementsAndTheOthersAreStored() { // the figure: one in 500, at most 25
        refuse("bad");
        EntryStore store = countingStore();
        List<Entry> entries = new java.util.ArrayList<>(messages(0, 500));
        entries.set(333, message("bad"));

        EntryStore.Stored stored = store.store(entries);

        assertThat(stored.refused()).hasSize(1);
        assertThat(stored.refused().get(0).entry()).isSameAs(entries.get(333));
        assertThat(stored.refused().get(0).why().code()).isEqualTo("database_23514");
        assertThat(contents()).hasSize(499);
        assertThat(transactions.get()).isLessThanOrEqualTo(25);
        System.out.println("one bad row in 500: " + transactions.get() + " statements");
    }

    @Test
    void rowsThatAreThereAlreadyAreSentAgainTheFirstTimeOnlyAndAskedWhoseTheyAre() {
        EntryStore store = countingStore();
        List<Entry> entries = messages(0, 500);

        assertThat(store.store(entries.subList(0, 200)).inserted()).isEqualTo(200);
        assertThat(transactions.get()).isEqualTo(1);
        assertThat(store.store(entries.subList(100, 300))).isEqualTo(new EntryStore.Stored(100, List.of()));
        assertThat(transactions.get()).isEqualTo(1 + 3);
        assertThat(store.store(entries.subList(200, 400))).isEqualTo(new EntryStore.Stored(100, List.of()));
        assertThat(transactions.get()).isEqualTo(1 + 3 + 2);
        refuse("message 450");
        EntryStore.Stored half = store.store(entries);

        assertThat(half.inserted()).isEqualTo(99);
        assertThat(half.refused()).hasSize(1);
        assertThat(contents()).hasSize(499);
    }

    /** Of a session that is there. */
    private EntryStore countingStore() {
        jdbc.sql("INSERT INTO conversation_sessions (session_id, user_id) VALUES (:session, :user)")
                .param("session", SESSION)
                .param("user", USER)
                .update();
        EntryStore store = Fixture.store(new DelegatingDataSource(database) {
            @Override
            public java.sql.Connection getConnection() throws java.sql.SQLException {
                transactions.incrementAndGet(); // each is one statement
                return super.getConnection();
            }
        });
        store.store(List.of(message("the first look at the database")));
        jdbc.sql("DELETE FROM conversation_messages").update();
        transactions.set(0);
        return store;
    }

    private List<Entry> messages(int from, int to) {
        return IntStream.range(from, to).mapToObj(i -> message("message " + i)).toList();
    }

    private Entry message(String content) {
        return new Entry.Message(
                UUID.randomUUID(), SESSION, USER, MessageRole.USER, content, null, null, 1, clock.instant());
    }

    @Test
    void aRefusedRowIsTriedThreeTimesAndThenADeadLetterWhileTheOthersGoOn() { // B30, B35, B36, B48
        refuse("bad");
        tracker = Fixture.tracker(database, clock, Fixture.settings(folder));
        tracker.start(SESSION, USER, null);
        tracker.track(TrackedMessage.of(SESSION, MessageRole.USER, "bad"));
        tracker.track(TrackedMessage.of(UUID.randomUUID(), MessageRole.USER, "of no session"));
        track(0, 10);
        Fixture.await(() -> contents().size() == 10, "good rows wait for the bad one");
        assertThat(tracker.health().deadLetters()).isZero();
        assertThat(tracker.health().waitingBytes())
                .as("the checkpoint waits for it")
                .isPositive();

        clock.move(Duration.ofMillis(999));
        stays(() -> tries() == 0);
        clock.move(Duration.ofMillis(1)); // 1 s after the first
        Fixture.await(() -> tries() == 1, "no second try");
        clock.move(Duration.ofMillis(1_999));
        stays(() -> tracker.health().deadLetters() == 0);
        clock.move(Duration.ofMillis(1)); // 2 s after the second
        Fixture.await(() -> tracker.health().deadLetters() == 2, "no dead letter");
        Fixture.await(() -> tracker.health().waitingBytes() == 0, "the checkpoint still waits for it");

        List<DeadLetters.DeadLetter> letters = new DeadLetters(new JdbcTemplate(database)).oldest(10);
        assertThat(letters).allSatisfy(letter -> assertThat(letter.attempts()).isEqualTo(3));
        assertThat(letters)
                .extracting(DeadLetters.DeadLetter::errorCode)
                .containsExactlyInAnyOrder("database_23514", "database_23503");
        assertThat(letters).anySatisfy(letter -> assertThat(letter.payload()).contains("\"content\":\"bad\""));
    }

    @Test
    void aRefusedRowIsStoredWhenItsThirdTryGoesWell() { // B35
        refuse("bad");
        tracker = Fixture.tracker(database, clock, Fixture.settings(folder));
        tracker.start(SESSION, USER, null);
        tracker.track(TrackedMessage.of(SESSION, MessageRole.USER, "bad"));
        Fixture.await(() -> tracker.health().stored() == 1, "the session is not stored");
        clock.move(Duration.ofSeconds(1));
        Fixture.await(() -> tries() == 1, "no second try");

        jdbc.sql("DROP TRIGGER refuse ON conversation_messages").update();
        clock.move(Duration.ofSeconds(2));
        Fixture.await(() -> contents().size() == 1, "no third try");

        assertThat(tracker.health().deadLetters()).isZero();
    }

    @Test
    void nothingGoesIntoAnotherUsersSession() {
        UUID owner = UUID.randomUUID();
        jdbc.sql("INSERT INTO conversation_sessions (session_id, user_id) VALUES (?, ?)")
                .params(SESSION, owner)
                .update();
        tracker = Fixture.tracker(database, clock, Fixture.settings(folder));

        tracker.start(SESSION, USER, null); // nobody asked the database
        tracker.track(TrackedMessage.of(SESSION, MessageRole.USER, "forged"));
        tracker.end(SESSION);
        Fixture.await(() -> tracker.health().deadLetters() == 2, "no dead letters");

        assertThat(contents()).isEmpty();
        assertThat(jdbc.sql("SELECT count(*) FROM conversation_sessions WHERE user_id = ? AND ended_at IS NULL")
                        .param(owner)
                        .query(Long.class)
                        .single())
                .isOne();
        assertThat(jdbc.sql("SELECT DISTINCT error_code || ' ' || attempts FROM tracking_dead_letters")
                        .query(String.class)
                        .list())
                .containsExactly("not_yours 1");
        assertThat(tracker.userOf(SESSION)).isNull();
        assertThat(tracker.health().activeSessions()).isZero();
    }

    @Test
    void deadLettersAreStoredOnceTheReasonIsMended() {
        refuse("bad");
        tracker = Fixture.tracker(database, clock, Fixture.settings(folder));
        tracker.start(SESSION, USER, null);
        tracker.track(TrackedMessage.of(SESSION, MessageRole.USER, "bad"));
        tracker.track(TrackedMessage.of(SESSION, MessageRole.USER, "bad as well"));
        Fixture.await(
                () -> {
                    clock.move(Duration.ofMillis(100));
                    return tracker.health().deadLetters() == 2;
                },
                "no dead letters");
        DeadLetterRetry retry = new DeadLetterRetry(
                new DeadLetters(new JdbcTemplate(database)),
                Fixture.sessions(database),
                new DataSourceTransactionManager(database));

        assertThat(retry.run()).isEqualTo(new DeadLetterRetry.Outcome(0, 2));
        jdbc.sql("DROP TRIGGER refuse ON conversation_messages").update();
        assertThat(retry.run()).isEqualTo(new DeadLetterRetry.Outcome(2, 0));
        assertThat(retry.run()).isEqualTo(new DeadLetterRetry.Outcome(0, 0));

        assertThat(contents()).hasSize(2);
    }

    @Test
    void aFullJournalRefusesWithTheReasonUntilTheDatabaseIsBack() {
        Away away = new Away(database);
        tracker = Fixture.tracker(away, clock, Fixture.settings(folder, "quota=64KB"));
        away.port = 1;
        tracker.start(SESSION, USER, null);
        int accepted = 0;
        boolean degraded = false;
        TrackResult last = tracker.track(message(accepted));
        while (last.accepted()) {
            accepted++;
            String reason = tracker.health().reason();
            degraded |= reason != null && reason.contains("% full");
            Fixture.await(() -> tracker.health().queueDepth() == 0, "it is not journalled");
            last = tracker.track(message(accepted));
        }

        assertThat(((Refused) last).reason()).isEqualTo(Reason.JOURNAL_FULL);
        assertThat(((Refused) last).detail()).contains("parley.tracking.quota");
        assertThat(tracker.health().status()).isEqualTo(Status.DOWN);
        away.port = 0;
        int all = accepted;
        Fixture.await(() -> contents().size() == all, "what was accepted is not stored");
        Fixture.await(() -> tracker.health().status() == Status.UP, "it is not up again");
        assertThat(tracker.track(message(accepted)).accepted()).isTrue();
    }

    @Test
    void aFullJournalGivesUpItsOldestIfItIsToldTo() {
        Away away = new Away(database);
        away.port = 1;
        tracker = Fixture.tracker(away, clock, Fixture.settings(folder, "quota=64KB", "when-full=drop-oldest"));
        tracker.start(SESSION, USER, null);
        for (int i = 0; i < 1_000; i++) {
            assertThat(tracker.track(message(i)).accepted()).isTrue();
            if (i % 50 == 0) { // or all of it would be one segment
                Fixture.await(() -> tracker.health().queueDepth() == 0, "it is not journalled");
            }
        }
        Fixture.await(() -> tracker.health().queueDepth() == 0, "it is not journalled");
        assertThat(tracker.health().dropped()).isPositive();
        insertSession();

        away.port = 0;
        Fixture.await(() -> contents().contains("message 999"), "the newest is not stored");

        assertThat(tracker.health().journalBytes()).isLessThanOrEqualTo(64 * 1024);
        assertThat(contents())
                .as("the newest, and what the flusher had in its hands")
                .hasSizeLessThan(1_000)
                .endsWith("message 999");
    }

    private void insertSession() {
        jdbc.sql("INSERT INTO conversation_sessions (session_id, user_id) VALUES (:session, :user)")
                .param("session", SESSION)
                .param("user", USER)
                .update();
    }

    private void refuse(String beginning) {
        jdbc.sql("""
                CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
                BEGIN
                    IF NEW.content LIKE '%s%%' THEN
                        RAISE EXCEPTION 'refused' USING ERRCODE = '23514';
                    END IF;
                    RETURN NEW;
                END $$""".formatted(beginning)).update();
        jdbc.sql(
                        "CREATE OR REPLACE TRIGGER refuse BEFORE INSERT ON conversation_messages FOR EACH ROW EXECUTE FUNCTION refuse()")
                .update();
    }

    private void track(int first, int count) {
        for (int i = first; i < first + count; i++) {
            assertThat(tracker.track(message(i)).accepted()).isTrue();
        }
    }

    private static TrackedMessage message(int number) {
        return TrackedMessage.of(SESSION, MessageRole.USER, "message " + number);
    }

    private List<String> contents() {
        return jdbc.sql("SELECT content FROM conversation_messages ORDER BY seq")
                .query(String.class)
                .list();
    }

    private long tries() {
        return List.copyOf(log.list).stream()
                .filter(event -> event.getFormattedMessage().contains("try 2 of 3: ERROR: refused"))
                .count();
    }

    private static void stays(BooleanSupplier condition) {
        long until = System.nanoTime() + Duration.ofMillis(150).toNanos();
        while (System.nanoTime() < until) {
            assertThat(condition.getAsBoolean()).isTrue();
        }
    }

    /** The database as it is, or behind a port where nobody listens. */
    private static final class Away extends DelegatingDataSource {
        private volatile int port;

        Away(DataSource database) {
            super(database);
        }

        @Override
        public java.sql.Connection getConnection() throws java.sql.SQLException {
            if (port == 0) {
                return super.getConnection();
            }
            org.postgresql.ds.PGSimpleDataSource nobody = new org.postgresql.ds.PGSimpleDataSource();
            nobody.setUrl("jdbc:postgresql://127.0.0.1:" + port + "/parley");
            nobody.setUser("postgres");
            return nobody.getConnection();
        }
    }
}
