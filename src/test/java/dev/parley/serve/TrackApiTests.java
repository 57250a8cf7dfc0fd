package dev.parley.serve;

import static org.assertj.core.api.Assertions.assertThat;

import dev.parley.TestDatabase;
import dev.parley.tracking.ConversationSessions;
import io.micrometer.core.instrument.MeterRegistry;
import java.io.IOException;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import javax.sql.DataSource;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** The tracker over HTTP, on PostgreSQL: a small queue and a small journal, and acks for what outlives the process. */
class TrackApiTests {
    private static final String NDJSON = "application/x-ndjson";

    @TempDir
    private static Path data;

    private static DoorServer server;

    private final UUID session = UUID.randomUUID();
    private final UUID user = UUID.randomUUID();
    private final String start =
            "{\"type\":\"session.start\",\"session_id\":\"" + session + "\",\"user_id\":\"" + user + "\"}\n";
    private final String end = "{\"type\":\"session.end\",\"session_id\":\"" + session + "\"}\n";

    @BeforeAll
    static void start() {
        server = DoorServer.start(
                TestDatabase.POSTGRESQL,
                data,
                "parley.tracking.durability=process",
                "parley.tracking.queue-capacity=10",
                "parley.tracking.quota=64KB",
                "parley.door.max-request=256KB",
                "parley.door.max-frame=4KB",
                "parley.door.max-lines=1000");
    }

    @AfterAll
    static void stop() {
        server.close();
    }

    @Test
    void linesAreTakenOneByOneAndEachHasItsResult() {
        UUID message = UUID.randomUUID();
        String body = start + message(message, "hello") + "\n" + message(message, "hello") + "{\"type\":\"shout\"}\n"
                + message(UUID.randomUUID(), "x".repeat(5_000)) + message(UUID.randomUUID(), "bye") + end.strip();

        HttpResponse<String> answer = server.post("/api/track", NDJSON, body);

        JsonNode json = json(answer);
        assertThat(answer.statusCode()).isEqualTo(200);
        assertThat(answer.headers().firstValue("Content-Type").orElseThrow()).startsWith("application/json");
        assertThat(List.of(
                        json.get("accepted").asInt(),
                        json.get("duplicates").asInt(),
                        json.get("refused").asInt()))
                .containsExactly(4, 1, 2);
        assertThat(json.has("resume_at")).isFalse();
        assertThat(lines(json))
                .containsExactly(
                        "1 accepted",
                        "2 accepted",
                        "4 duplicate",
                        "5 refused invalid type is 'shout'; should be session.start, message, session.end or ping",
                        "6 refused too_large a line has at most 4096 bytes (parley.door.max-frame)",
                        "7 accepted",
                        "8 accepted");
        assertThat(server.contents(session, 2)).containsExactly("hello", "bye");
    }

    @Test
    void theResultsCanBeLinesToo() {
        UUID message = UUID.randomUUID();
        HttpResponse<String> answer =
                server.post("/api/track", NDJSON, start + message(message, "hello") + "nothing\n", "Accept", NDJSON);

        assertThat(answer.headers().firstValue("Content-Type").orElseThrow()).startsWith(NDJSON);
        assertThat(answer.body().lines())
                .hasSize(3)
                .contains("{\"line\":2,\"result\":\"accepted\",\"message_id\":\"" + message + "\"}")
                .anySatisfy(line -> assertThat(line)
                        .startsWith("{\"line\":3,\"result\":\"refused\",\"reason\":\"invalid\",\"detail\":\"not JSON"));
    }

    @Test
    void anAckComesWhenTheMessageIsInTheJournal() throws IOException {
        String content = "kept " + UUID.randomUUID();
        try (Talk talk = Talk.with(server)) {
            assertThat(talk.start(session, user).next("ready").get("durability").asString())
                    .isEqualTo("process");
            talk.say(session, UUID.randomUUID(), content).settled(2);

            assertThat(journal()).contains(content);
        }
        HttpResponse<String> answer = server.post("/api/track", NDJSON, message(UUID.randomUUID(), content + " too"));
        assertThat(journal()).contains(content + " too");
        assertThat(json(answer).get("accepted").asInt()).isEqualTo(1);
    }

    private static String journal() throws IOException {
        StringBuilder journal = new StringBuilder();
        try (Stream<Path> files = Files.walk(data.resolve("tracking"))) {
            for (Path file : files.filter(Files::isRegularFile).toList()) {
                journal.append(Files.readString(file, StandardCharsets.ISO_8859_1));
            }
        }
        return journal.toString();
    }

    @Test
    void aFullQueueIsSaidWithALineToGoOnFrom() {
        List<String> lines = new ArrayList<>();
        IntStream.range(0, 900).forEach(i -> lines.add(message(UUID.randomUUID(), "n " + i)));
        server.post("/api/track", NDJSON, start);

        List<String> left = lines;
        int refusals = 0;
        while (!left.isEmpty()) {
            HttpResponse<String> answer = server.post("/api/track", NDJSON, String.join("", left));
            if (answer.statusCode() == 200) {
                break;
            }
            refusals++;
            assertThat(answer.statusCode()).isEqualTo(429);
            assertThat(answer.headers().firstValue("Retry-After")).contains("1");
            assertThat(json(answer).get("detail").asString()).contains("parley.tracking.queue-capacity");
            left = left.subList(json(answer).get("resume_at").asInt() - 1, left.size());
            assertThat(refusals).isLessThan(900);
        }

        assertThat(refusals).isPositive();
        assertThat(server.contents(session, 900))
                .containsExactlyElementsOf(
                        IntStream.range(0, 900).mapToObj(i -> "n " + i).toList());
    }

    @Test
    void aFullJournalIsSaidAndTakesMoreOnceTheDatabaseIsBack() {
        try (Talk talk = Talk.with(server)) {
            talk.start(session, user).next("ready");
            server.jdbc()
                    .sql("ALTER TABLE conversation_messages RENAME TO gone_messages")
                    .update();
            int frames = 1;
            try {
                JsonNode said;
                do {
                    said = talk.say(session, UUID.randomUUID(), "z".repeat(3_000))
                            .next();
                    frames++;
                } while (said.get("type").asString().equals("ack") && frames < 100);
                while (!said.get("type").asString().equals("nack")) {
                    said = talk.next();
                }
                assertThat(said.get("reason").asString()).isEqualTo("journal_full");
                assertThat(said.get("retry_after_ms").asLong()).isEqualTo(5_000);

                HttpResponse<String> answer = server.post("/api/track", NDJSON, message(UUID.randomUUID(), "no"));
                assertThat(answer.statusCode()).isEqualTo(503);
                assertThat(answer.headers().firstValue("Retry-After")).contains("5");
                assertThat(json(answer).get("resume_at").asLong()).isEqualTo(1);

                assertThat(tracker().get("status").asString()).isEqualTo("DOWN");
                assertThat(server.bean(TrackerHealthIndicator.class)
                                .health()
                                .getStatus()
                                .getCode())
                        .isEqualTo("DOWN");
                assertThat(server.bean(TrackerHealthIndicator.class)
                                .health()
                                .getDetails()
                                .get("reason")
                                .toString())
                        .startsWith("the journal is full, messages are refused");
            } finally {
                server.jdbc()
                        .sql("ALTER TABLE gone_messages RENAME TO conversation_messages")
                        .update();
            }
        }
        await(() -> tracker().get("status").asString().equals("UP"), "the tracker is up again");
        assertThat(json(server.post("/api/track", NDJSON, message(UUID.randomUUID(), "again")))
                        .get("accepted")
                        .asInt())
                .isEqualTo(1);
    }

    @Test
    void whoSendsBeyondHisCreditIsSentAwayAndOthersStay() throws Exception {
        try (Connection database = server.bean(DataSource.class).getConnection();
                Talk other = Talk.with(server);
                Talk greedy = Talk.with(server, DoorServer.SUBJECT, user.toString())) {
            database.setAutoCommit(false);
            database.createStatement().execute("LOCK TABLE conversation_sessions IN ACCESS EXCLUSIVE MODE");
            greedy.start(session, user); // is not settled before somebody can say whose it is
            for (int i = 0; i < 64; i++) {
                greedy.send("{\"type\":\"ping\"}");
            }

            JsonNode error = greedy.next("error");
            assertThat(error.get("reason").asString()).isEqualTo("credit_exceeded");
            assertThat(error.get("detail").asString()).contains("64 frames are unsettled; wait for acks");
            assertThat(greedy.closed()).isEqualTo(1008);
            other.send("{\"type\":\"ping\"}").next("pong");
            database.rollback();
        }
    }

    @Test
    void whatIsNoRequestOfTheDoorIsRefused() {
        assertThat(server.post("/api/track", "application/json", "{}").statusCode())
                .isEqualTo(415);
        assertThat(server.post("/api/track", "text/plain", "{}").statusCode()).isEqualTo(415);
        assertThat(server.post("/api/track", NDJSON, "x".repeat(300_000)).statusCode())
                .isEqualTo(413);
        HttpResponse<String> many = server.post("/api/track", NDJSON, "{}\n".repeat(1_001));
        assertThat(many.statusCode()).isEqualTo(413);
        assertThat(json(many).get("resume_at").asInt()).isEqualTo(1_001);
        assertThat(json(many).get("refused").asInt()).isEqualTo(1_000);
        assertThat(server.post("/api/track", NDJSON, start, DoorServer.SUBJECT, "anna")
                        .statusCode())
                .isEqualTo(403);
    }

    @Test
    void aUserWritesAndSeesOnlyHisOwn() {
        String me = UUID.randomUUID().toString();
        UUID mine = UUID.randomUUID();
        server.post("/api/track", NDJSON, start + message(UUID.randomUUID(), "secret"));
        server.contents(session, 1);

        JsonNode answer = json(server.post(
                "/api/track",
                NDJSON,
                "{\"type\":\"session.start\",\"session_id\":\"" + mine + "\"}\n"
                        + "{\"type\":\"message\",\"message_id\":\"" + UUID.randomUUID() + "\",\"session_id\":\"" + mine
                        + "\",\"role\":\"user\",\"content\":\"mine\"}\n"
                        + message(UUID.randomUUID(), "forged")
                        + end,
                DoorServer.SUBJECT,
                me));
        server.contents(mine, 1);

        assertThat(lines(answer).stream().map(line -> line.replaceAll(" session .*", "")))
                .containsExactly("1 accepted", "2 accepted", "3 refused not_yours", "4 refused not_yours");
        assertThat(ids(server.get("/api/tracker/sessions", DoorServer.SUBJECT, me), "sessions", "sessionId"))
                .containsExactly(mine.toString());
        assertThat(server.get("/api/tracker/sessions/" + mine + "/messages", DoorServer.SUBJECT, me)
                        .body())
                .contains("\"content\":\"mine\"");
        assertThat(server.get("/api/tracker/sessions/" + session + "/messages", DoorServer.SUBJECT, me)
                        .statusCode())
                .isEqualTo(404);
        assertThat(server.get("/api/tracker/dead-letters", DoorServer.SUBJECT, me)
                        .statusCode())
                .isEqualTo(403);
        assertThat(server.post("/api/tracker/dead-letters/retry", NDJSON, "", DoorServer.SUBJECT, me)
                        .statusCode())
                .isEqualTo(403);
        // row-level security underneath: a statement that names no user sees his rows only
        ConversationSessions sessions = server.bean(ConversationSessions.class);
        UUID id = UUID.fromString(me);
        assertThat(sessions.asUser(id, () -> sessions.recent(100)))
                .extracting(ConversationSessions.Session::sessionId)
                .containsExactly(mine);
        assertThat(sessions.asUser(id, () -> sessions.recentMessages(session, 10)))
                .isEmpty();
        assertThat(sessions.recentMessages(session, 10)).hasSize(1); // and nothing of it stays on the connection
    }

    @Test
    void aSessionThatThisProcessDoesNotKnowIsItsOwnersAlone() {
        String[] owner = {DoorServer.SUBJECT, user.toString()};
        String[] other = {DoorServer.SUBJECT, UUID.randomUUID().toString()};
        String begin = "{\"type\":\"session.start\",\"session_id\":\"" + session + "\"}\n";
        store(session, user); // as another process did, or this one before it was restarted

        assertThat(reasons(begin + message(UUID.randomUUID(), "forged") + end, other))
                .containsExactly("not_yours", "unknown_session", "unknown_session");
        try (Talk talk = Talk.with(server, other)) {
            for (String frame : List.of(begin, message(UUID.randomUUID(), "forged"), end)) {
                assertThat(talk.send(frame).next("nack").get("reason").asString())
                        .isIn("not_yours", "unknown_session");
            }
        }
        away("conversation_sessions", () -> {
            HttpResponse<String> answer = server.post("/api/track", NDJSON, begin, owner);
            assertThat(answer.statusCode()).isEqualTo(503);
            assertThat(json(answer).get("resume_at").asLong()).isEqualTo(1);
            assertThat(reasons(message(UUID.randomUUID(), "early") + end, owner))
                    .containsExactly("unknown_session", "unknown_session");
        });
        assertThat(reasons(begin + message(UUID.randomUUID(), "resumed") + end, owner))
                .isEmpty();

        assertThat(server.contents(session, 1)).containsExactly("resumed");
        await(() -> ended(session), "its owner has ended it");
    }

    /** The other process has it in its journal only, while its database is away. */
    @Test
    void aSessionThatNobodyCouldKnowOfYetIsItsOwnersAllTheSame() {
        String[] other = {DoorServer.SUBJECT, UUID.randomUUID().toString()};
        String begin = "{\"type\":\"session.start\",\"session_id\":\"" + session + "\"}\n";
        away(
                "conversation_messages",
                () -> { // so that nothing is stored
                    assertThat(reasons(begin + message(UUID.randomUUID(), "too soon") + end, other))
                            .isEmpty();
                    store(session, user);
                });
        await(() -> deadLetters().size() == 2, "the start and the message are dead letters");

        assertThat(deadLetters()).containsOnly("not_yours");
        assertThat(server.contents(session, 0)).isEmpty();
        assertThat(ended(session)).isFalse();
        assertThat(reasons(message(UUID.randomUUID(), "once more") + end + begin, other))
                .containsExactly("unknown_session", "unknown_session", "not_yours");
        server.jdbc().sql("DELETE FROM tracking_dead_letters").update();
    }

    private static void store(UUID session, UUID user) {
        server.jdbc()
                .sql("INSERT INTO conversation_sessions (session_id, user_id) VALUES (?, ?)")
                .params(session, user)
                .update();
    }

    private static void away(String table, Runnable meanwhile) {
        server.jdbc().sql("ALTER TABLE " + table + " RENAME TO gone_table").update();
        try {
            meanwhile.run();
        } finally {
            server.jdbc().sql("ALTER TABLE gone_table RENAME TO " + table).update();
        }
    }

    private static List<String> reasons(String lines, String... headers) {
        List<String> reasons = new ArrayList<>();
        json(server.post("/api/track", NDJSON, lines, headers)).get("results").forEach(line -> {
            if (line.has("reason")) {
                reasons.add(line.get("reason").asString());
            }
        });
        return reasons;
    }

    private static List<String> deadLetters() {
        return ids(server.get("/api/tracker/dead-letters"), "deadLetters", "errorCode");
    }

    private static boolean ended(UUID session) {
        return server.jdbc()
                .sql("SELECT ended_at IS NOT NULL FROM conversation_sessions WHERE session_id = ?")
                .param(session)
                .query(Boolean.class)
                .single();
    }

    @Test
    void sessionsAndMessagesArePagedByTheLastId() { // B49, B50
        List<String> started = new ArrayList<>();
        for (int i = 0; i < 5; i++) {
            UUID id = UUID.randomUUID();
            started.add(0, id.toString());
            server.post(
                    "/api/track",
                    NDJSON,
                    "{\"type\":\"session.start\",\"session_id\":\"" + id + "\",\"user_id\":\"" + user
                            + "\",\"metadata\":{\"n\":" + i + "}}");
        }
        await(
                () -> ids(server.get("/api/tracker/sessions?limit=500"), "sessions", "sessionId")
                        .containsAll(started),
                "all are stored");
        server.post("/api/track", NDJSON, start);
        for (int i = 0; i < 5; i++) {
            server.post("/api/track", NDJSON, message(UUID.randomUUID(), "m" + i));
        }
        server.contents(session, 5);

        List<String> sessions = pages("/api/tracker/sessions?limit=2", "sessions", "sessionId");
        List<String> messages = pages("/api/tracker/sessions/" + session + "/messages?limit=2", "messages", "content");
        JsonNode newest = json(server.get("/api/tracker/sessions?limit=2"))
                .get("sessions")
                .get(1);

        assertThat(sessions)
                .doesNotHaveDuplicates()
                .startsWith(session.toString())
                .containsSubsequence(started);
        assertThat(messages).containsExactly("m0", "m1", "m2", "m3", "m4");
        assertThat(newest.get("metadata").get("n").asInt()).isEqualTo(4);
        assertThat(newest.get("endedAt").isNull()).isTrue();
        assertThat(newest.get("startedAt").asString()).endsWith("Z");
        assertThat(server.get("/api/tracker/sessions?limit=0").statusCode()).isEqualTo(400);
        assertThat(server.get("/api/tracker/sessions?after=x").statusCode()).isEqualTo(400);
        assertThat(server.get("/api/tracker/sessions/" + UUID.randomUUID() + "/messages")
                        .statusCode())
                .isEqualTo(404);
    }

    @Test
    void deadLettersArePagedAndTriedAgain() {
        for (int i = 0; i < 3; i++) {
            server.jdbc()
                    .sql(
                            "INSERT INTO tracking_dead_letters (payload, error_code, error_message, attempts) VALUES (?, 'x', 'y', 3)")
                    .param(
                            i == 0
                                    ? "no entry"
                                    : "{\"type\":\"start\",\"session_id\":\"" + UUID.randomUUID() + "\",\"user_id\":\""
                                            + user + "\",\"metadata\":\"{}\",\"at\":1}")
                    .update();
        }

        assertThat(pages("/api/tracker/dead-letters?limit=1", "deadLetters", "id"))
                .hasSize(3)
                .doesNotHaveDuplicates();
        assertThat(json(server.post("/api/tracker/dead-letters/retry", "application/json", ""))
                        .toString())
                .isEqualTo("{\"retried\":2,\"refused\":1}");
        JsonNode left = json(server.get("/api/tracker/dead-letters")).get("deadLetters");
        assertThat(left).hasSize(1);
        assertThat(left.get(0).get("errorCode").asString()).isEqualTo("damaged");
        assertThat(left.get(0).get("attempts").asInt()).isEqualTo(5); // again, since others were stored
        server.jdbc().sql("DELETE FROM tracking_dead_letters").update();
    }

    @Test
    void theTrackersFiguresAreShownAndMeasured() { // B55
        server.post("/api/track", NDJSON, start + message(UUID.randomUUID(), "counted"));
        server.contents(session, 1);
        await(() -> tracker().get("lagMs").asLong() == 0, "nothing waits");

        JsonNode tracker = tracker();
        MeterRegistry registry = server.bean(MeterRegistry.class);

        assertThat(tracker.propertyNames())
                .containsExactlyInAnyOrder(
                        "status",
                        "reason",
                        "queue",
                        "journal",
                        "accepted",
                        "refused",
                        "stored",
                        "duplicates",
                        "deadLetters",
                        "activeSessions",
                        "lateMessages",
                        "lagMs");
        assertThat(tracker.get("queue").toString()).isEqualTo("{\"depth\":0,\"capacity\":10}");
        assertThat(tracker.get("journal").get("quotaBytes").asLong()).isEqualTo(65_536);
        assertThat(registry.get("parley.tracker.accepted").functionCounter().count())
                .isEqualTo(tracker.get("accepted").asDouble())
                .isGreaterThanOrEqualTo(2);
        assertThat(registry.get("parley.tracker.refused")
                        .tag("reason", "queue_full")
                        .functionCounter()
                        .count())
                .isEqualTo(tracker.get("refused").get("queue_full").asDouble());
        assertThat(registry.get("parley.tracker.queue.capacity").gauge().value())
                .isEqualTo(10);
        assertThat(registry.get("parley.tracker.sessions.active").gauge().value())
                .isEqualTo(tracker.get("activeSessions").asDouble());
        assertThat(registry.get("parley.tracker.lag").timeGauge().value()).isZero();
    }

    @Test
    void theDocumentIsServed() {
        assertThat(server.get("/asyncapi.yaml").body()).startsWith("asyncapi: 3.0.0");
    }

    private String message(UUID id, String content) {
        return "{\"type\":\"message\",\"message_id\":\"" + id + "\",\"session_id\":\"" + session
                + "\",\"role\":\"user\",\"content\":\"" + content + "\"}\n";
    }

    private static List<String> lines(JsonNode answer) {
        List<String> lines = new ArrayList<>();
        for (JsonNode line : answer.get("results")) {
            lines.add(line.get("line").asInt() + " " + line.get("result").asString()
                    + (line.has("reason")
                            ? " " + line.get("reason").asString() + " "
                                    + line.get("detail").asString()
                            : ""));
        }
        return lines;
    }

    private static List<String> pages(String path, String list, String field) {
        List<String> all = new ArrayList<>();
        String after = "";
        do {
            HttpResponse<String> page = server.get(path + after);
            all.addAll(ids(page, list, field));
            JsonNode next = json(page).get("next");
            after = next.isNull() ? null : "&after=" + next.asString();
        } while (after != null);
        return all;
    }

    private static List<String> ids(HttpResponse<String> page, String list, String field) {
        List<String> ids = new ArrayList<>();
        json(page).get(list).forEach(one -> ids.add(one.get(field).asString()));
        return ids;
    }

    private static JsonNode tracker() {
        return json(server.get("/api/tracker"));
    }

    private static JsonNode json(HttpResponse<String> answer) {
        return JsonMapper.shared().readTree(answer.body());
    }

    private static void await(BooleanSupplier condition, String what) {
        long deadline = System.nanoTime() + Duration.ofSeconds(20).toNanos();
        while (!condition.getAsBoolean()) {
            assertThat(System.nanoTime()).as(what).isLessThan(deadline);
            LockSupport.parkNanos(20_000_000);
        }
    }
}
