package dev.parley.serve;

import static org.assertj.core.api.Assertions.assertThat;

import dev.parley.TestDatabase;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.JsonNode;

/** {@code convtrack.v1} as a client that is not ours meets it, on a server that runs. */
class TrackSocketTests {
    @TempDir
    private static Path data;

    private static DoorServer server;

    private final UUID session = UUID.randomUUID();
    private final UUID user = UUID.randomUUID();

    @BeforeAll
    static void start() {
        server = DoorServer.start(
                TestDatabase.H2,
                data,
                "parley.door.max-frame=8KB",
                "parley.door.send-timeout=2s",
                "parley.door.allowed-origins=https://chat.example");
    }

    @AfterAll
    static void stop() {
        server.close();
    }

    @Test
    void aConversationIsRecordedFromItsStartToItsEnd() { // B22, B51, B54, B58
        try (Talk talk = Talk.with(server)) {
            JsonNode ready = talk.send("{\"type\":\"session.start\",\"session_id\":\"" + session + "\",\"user_id\":\""
                            + user + "\",\"metadata\":{\"channel\":\"voice\",\"rate\":0.1}}")
                    .next("ready");
            assertThat(ready.toString())
                    .isEqualTo("{\"type\":\"ready\",\"session_id\":\"" + session
                            + "\",\"credit\":64,\"max_frame_bytes\":8192,\"durability\":\"journal\"}");

            for (int i = 0; i < 4; i++) {
                talk.say(session, UUID.randomUUID(), "question " + i);
                talk.send(
                        "{\"type\":\"message\",\"message_id\":\"" + UUID.randomUUID() + "\",\"session_id\":\"" + session
                                + "\",\"role\":\"agent\",\"content\":\"answer " + i
                                + "\",\"audio_url\":\"https://example.org/a.ogg\",\"metadata\":{\"n\":[1,{\"x\":null}]}}");
            }
            talk.end(session).settled(10);
        }

        assertThat(server.contents(session, 8))
                .containsExactly(
                        "question 0",
                        "answer 0",
                        "question 1",
                        "answer 1",
                        "question 2",
                        "answer 2",
                        "question 3",
                        "answer 3");
        assertThat(server.jdbc()
                        .sql(
                                "SELECT role || ' ' || coalesce(audio_url, '-') || ' ' || coalesce(metadata, '-') || ' ' || user_id"
                                        + " FROM conversation_messages WHERE session_id = ? AND content LIKE '% 0' ORDER BY seq")
                        .param(session)
                        .query(String.class)
                        .list())
                .containsExactly(
                        "user - - " + user, "assistant https://example.org/a.ogg {\"n\":[1,{\"x\":null}]} " + user);
        await(() -> endedAt() != null, "the session is ended");
        assertThat(server.jdbc()
                        .sql("SELECT metadata FROM conversation_sessions WHERE session_id = ?")
                        .param(session)
                        .query(String.class)
                        .single())
                .isEqualTo("{\"channel\":\"voice\",\"rate\":0.1}");
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '"', textBlock = """
            {'type':'ping'}                                                                             | {'type':'pong','frame':2}
            not JSON                                                                                    | not JSON: Unrecognized token 'not'
            []                                                                                          | it is not one JSON object with a type
            {}                                                                                          | type is missing; should be session.start, message, session.end or ping
            {'type':'shout'}                                                                            | type is 'shout'; should be session.start, message, session.end or ping
            {'type':'ping'} {'type':'ping'}                                                             | it is not one JSON object with a type
            {'type':'ping','id':1}                                                                      | there is no field id
            {'type':'session.start','user_id':'@U'}                                                     | session_id is missing
            {'type':'session.start','session_id':'1-2-3-4-5','user_id':'@U'}                            | session_id is '1-2-3-4-5', which is not a UUID
            {'type':'session.start','session_id':'@N'}                                                  | 'reason':'invalid','detail':'user_id is missing
            {'type':'session.start','session_id':'@S','user_id':'@N'}                                   | 'reason':'not_yours'
            {'type':'session.start','session_id':'@N','user_id':'@U','metadata':[1]}                    | metadata is not a JSON object
            {'type':'session.end','session_id':'@N'}                                                    | 'reason':'unknown_session'
            {'type':'message','session_id':'@S','role':'user','content':'x'}                            | message_id is missing
            {'type':'message','message_id':'@N','role':'user','content':'x'}                            | session_id is missing
            {'type':'message','message_id':'@N','session_id':'@S','content':'x'}                        | role is missing
            {'type':'message','message_id':'@N','session_id':'@S','role':'user'}                        | content is missing
            {'type':'message','message_id':'@N','session_id':'@S','role':'bard','content':'x'}          | role is 'bard'; should be user, assistant (or agent) or system
            {'type':'message','message_id':'@N','session_id':'@S','role':'user','content':5}            | content is '5', which is not a text
            {'type':'message','message_id':'@N','session_id':'@S','role':'user','content':'x','final':'no'} | final is not true or false
            {'type':'message','message_id':'@N','session_id':'@S','role':'user','content':'\\ud800'}    | it has half a character
            {'type':'message','message_id':'@N','session_id':'@S','role':'user','content':'x','metadata':{'a':'\\udc00'}} | it has half a character
            """)
    void whatAFrameIsAnsweredWith(String frame, String answer) {
        try (Talk talk = Talk.with(server)) {
            talk.start(session, user).next("ready");

            talk.send(json(frame));

            JsonNode said = talk.next();
            while (said.get("type").asString().equals("ack")
                    && said.get("up_to").asLong() < 2) {
                said = talk.next();
            }
            assertThat(said.toString())
                    .contains(answer.contains("{") || answer.startsWith("'r") ? json(answer) : answer);
            talk.settled(2).send("{\"type\":\"ping\"}").next("pong"); // it goes on
        }
        assertThat(server.contents(session, 0)).isEmpty();
    }

    private String json(String text) {
        return text.replace("'", "\"")
                .replace("@S", session.toString())
                .replace("@U", user.toString())
                .replace("@N", UUID.randomUUID().toString());
    }

    @Test
    void aMessageThatIsSentTwiceIsRecordedOnceAndOneStillBeingSpokenNotAtAll() { // message_id, final
        UUID message = UUID.randomUUID();
        try (Talk talk = Talk.with(server)) {
            talk.start(session, user).next("ready");
            talk.send("{\"type\":\"message\",\"message_id\":\"" + message + "\",\"session_id\":\"" + session
                    + "\",\"role\":\"user\",\"content\":\"hel\",\"final\":false}");
            talk.say(session, message, "hello").say(session, message, "hello").settled(4);
        }
        try (Talk talk = Talk.with(server)) {
            talk.start(session, user).next("ready");
            talk.say(session, message, "hello")
                    .say(session, UUID.randomUUID(), "bye")
                    .settled(3);
        }

        assertThat(server.contents(session, 2)).containsExactly("hello", "bye");
    }

    @Test
    void aLostConnectionEndsItsSessionAfterTheGraceAsOfItsLoss() {
        try (Talk talk = Talk.with(server)) {
            talk.start(session, user).next("ready");
            talk.say(session, UUID.randomUUID(), "hello").settled(2);
            talk.cut();
        }
        awaitConnections(0);
        Instant lost = server.bean(DoorServer.MovedClock.class).instant();

        server.advance(Duration.ofSeconds(55));
        LockSupport.parkNanos(Duration.ofMillis(1_500).toNanos()); // one look of the door
        assertThat(endedAt()).isNull();
        server.advance(Duration.ofSeconds(6));

        await(() -> endedAt() != null, "the session is ended");
        assertThat(Duration.between(endedAt(), lost).abs()).isLessThan(Duration.ofSeconds(3));
    }

    @Test
    void aSessionThatIsResumedWithinTheGraceGoesOn() {
        Talk first = Talk.with(server);
        first.start(session, user).next("ready");
        first.say(session, UUID.randomUUID(), "before").settled(2);
        first.cut();
        awaitConnections(0);
        server.advance(Duration.ofSeconds(55));

        try (Talk second = Talk.with(server)) {
            second.start(session, user).next("ready");
            server.advance(Duration.ofSeconds(10));
            LockSupport.parkNanos(Duration.ofMillis(1_500).toNanos());
            second.say(session, UUID.randomUUID(), "after").settled(2);

            assertThat(server.contents(session, 2)).containsExactly("before", "after");
            assertThat(endedAt()).isNull();
        }
    }

    @Test
    void aFrameThatIsTooLargeIsRefusedAndTheConnectionClosed() {
        String large = "\u20ac".repeat(3_000); // fewer characters than the limit has bytes, and more bytes
        try (Talk talk = Talk.with(server)) {
            talk.start(session, user).next("ready");
            JsonNode error = talk.say(session, UUID.randomUUID(), large).next("error");

            assertThat(error.get("reason").asString()).isEqualTo("too_large");
            assertThat(error.get("detail").asString())
                    .isEqualTo("a frame has at most 8192 bytes (parley.door.max-frame)");
            assertThat(error.get("fatal").asBoolean()).isTrue();
            assertThat(talk.closed()).isEqualTo(1009);
        }
        try (Talk talk = Talk.with(server)) { // in pieces without an end
            for (int i = 0; i < 9; i++) {
                talk.sendPiece("x".repeat(1_000), false);
            }
            assertThat(talk.next("error").get("reason").asString()).isEqualTo("too_large");
            assertThat(talk.closed()).isEqualTo(1009);
        }
        assertThat(server.contents(session, 0)).isEmpty();
    }

    @Test
    void aFrameMayComeInPiecesAndHaveAsMuchAsTheLimit() {
        UUID message = UUID.randomUUID();
        String begin = "{\"type\":\"message\",\"message_id\":\"" + message + "\",\"session_id\":\"" + session
                + "\",\"role\":\"user\",\"content\":\"";
        String content = "y".repeat(8_192 - begin.length() - 2);
        try (Talk talk = Talk.with(server)) {
            talk.start(session, user).next("ready");
            String frame = begin + content + "\"}";
            for (int i = 0; i < frame.length(); i += 1_000) {
                int to = Math.min(frame.length(), i + 1_000);
                talk.sendPiece(frame.substring(i, to), to == frame.length());
            }
            talk.settled(2);
        }

        assertThat(server.contents(session, 1)).containsExactly(content);
    }

    @Test
    void aBinaryFrameEndsTheConnection() {
        try (Talk talk = Talk.with(server)) {
            talk.sendBinary();

            assertThat(talk.closed()).isEqualTo(1003);
        }
    }

    @Test
    void onlyItsProtocolAndAllowedOriginsAreLetIn() throws Exception {
        assertThat(Talk.refusal(server, "")).isEqualTo(400);
        assertThat(Talk.refusal(server, "graphql-ws")).isEqualTo(400);
        assertThat(Talk.refusal(server, TrackSocket.PROTOCOL, "Origin", "https://evil.example"))
                .isEqualTo(403);
        assertThat(Talk.refusal(server, TrackSocket.PROTOCOL, "Origin", "null")).isEqualTo(403);
        assertThat(Talk.refusal(server, TrackSocket.PROTOCOL, "Origin", "https://chat.example"))
                .isEqualTo(101);
        assertThat(Talk.refusal(server, TrackSocket.PROTOCOL, "Origin", server.http("")))
                .isEqualTo(101);
        assertThat(server.get("/api/track").statusCode()).isEqualTo(405);
    }

    @Test
    void oneThatDoesNotReadIsSentAwayAndOthersDoNotFeelIt() throws Exception {
        try (RawSocket slow = new RawSocket(server.port());
                Talk talk = Talk.with(server)) {
            talk.start(session, user).next("ready");
            Thread flood = new Thread(() -> {
                try {
                    while (true) {
                        slow.send("{\"type\":\"" + "shout".repeat(200) + "\"}"); // each is answered with more than that
                    }
                } catch (IOException e) {
                    return; // the server has had enough
                }
            });
            flood.start();

            int frames = 1;
            long slowest = 0;
            while (flood.isAlive() && frames < 2_000) {
                long begun = System.nanoTime();
                talk.say(session, UUID.randomUUID(), "n " + frames).settled(++frames);
                slowest = Math.max(slowest, System.nanoTime() - begun);
                LockSupport.parkNanos(2_000_000);
            }
            flood.join(20_000);

            assertThat(flood.isAlive())
                    .as("the one that does not read is still connected")
                    .isFalse();
            assertThat(Duration.ofNanos(slowest)).isLessThan(Duration.ofSeconds(5));
            assertThat(server.contents(session, frames - 1)).hasSize(frames - 1);
        }
    }

    @Test
    void oneThatAnswersNoPingIsClosedAndOthersStay() throws Exception {
        try (RawSocket dead = new RawSocket(server.port());
                Talk talk = Talk.with(server)) {
            dead.send("{\"type\":\"session.start\",\"session_id\":\"" + session + "\",\"user_id\":\"" + user + "\"}");
            assertThat(dead.read().opcode()).isEqualTo(RawSocket.TEXT);
            assertThat(dead.read().opcode()).isEqualTo(RawSocket.TEXT); // ready, ack

            server.advance(Duration.ofSeconds(21));
            assertThat(dead.read().opcode()).isEqualTo(RawSocket.PING);
            LockSupport.parkNanos(Duration.ofMillis(1_500).toNanos()); // the other's pong
            server.advance(Duration.ofSeconds(20));

            RawSocket.Frame last = dead.read();
            assertThat(last.opcode()).isEqualTo(RawSocket.CLOSE);
            assertThat(new String(last.payload(), 2, last.payload().length - 2)).isEqualTo("no answer to a ping");
            assertThat(talk.isClosed()).isFalse();
            talk.send("{\"type\":\"ping\"}").next("pong");
        }
        server.advance(Duration.ofSeconds(61));
        await(() -> endedAt() != null, "the dead one's session is ended");
    }

    @Test
    void aServerThatStopsTellsItsClientsToComeAgain() {
        TrackSocket door = server.bean(TrackSocket.class);
        try (Talk talk = Talk.with(server)) {
            talk.start(session, user).next("ready");
            talk.say(session, UUID.randomUUID(), "before").settled(2);

            door.stop();

            assertThat(talk.closed()).isEqualTo(1012);
            assertThat(Talk.refusal(server, TrackSocket.PROTOCOL)).isEqualTo(503);
        } finally {
            door.start();
        }
        try (Talk talk = Talk.with(server)) {
            talk.start(session, user).next("ready");
            talk.say(session, UUID.randomUUID(), "after").settled(2);
        }
        assertThat(server.contents(session, 2)).containsExactly("before", "after");
        assertThat(endedAt()).isNull();
    }

    @Test
    void aUserHasOnlyHisOwnSessions() {
        String me = user.toString();
        UUID others = UUID.randomUUID();
        UUID unknown = UUID.randomUUID();
        try (Talk service = Talk.with(server);
                Talk talk = Talk.with(server, DoorServer.SUBJECT, me)) {
            service.start(others, UUID.randomUUID()).next("ready");

            talk.send("{\"type\":\"session.start\",\"session_id\":\"" + session + "\"}")
                    .next("ready");
            talk.say(session, UUID.randomUUID(), "mine").settled(2);

            assertThat(refusal(talk.start(UUID.randomUUID(), UUID.randomUUID())))
                    .isEqualTo("not_yours");
            assertThat(refusal(talk.say(others, UUID.randomUUID(), "forged"))).isEqualTo("not_yours");
            assertThat(refusal(talk.end(others))).isEqualTo("not_yours");
            assertThat(refusal(talk.start(others, user))).isEqualTo("not_yours");
            assertThat(refusal(talk.say(unknown, UUID.randomUUID(), "early"))).isEqualTo("unknown_session");
            assertThat(refusal(talk.end(unknown))).isEqualTo("unknown_session");
        }
        assertThat(server.contents(session, 1)).containsExactly("mine");
        assertThat(server.contents(others, 0)).isEmpty();
        assertThat(Talk.refusal(server, TrackSocket.PROTOCOL, DoorServer.SUBJECT, "anna"))
                .isEqualTo(403);
    }

    @Test
    void aUserCannotTakeASessionThatAnotherProcessStarted() {
        server.jdbc()
                .sql("INSERT INTO conversation_sessions (session_id, user_id) VALUES (?, ?)")
                .params(session, UUID.randomUUID())
                .update();
        UUID own = UUID.randomUUID();
        server.jdbc()
                .sql("INSERT INTO conversation_sessions (session_id, user_id) VALUES (?, ?)")
                .params(own, user)
                .update();

        try (Talk talk = Talk.with(server, DoorServer.SUBJECT, user.toString())) {
            assertThat(refusal(talk.start(session, user))).isEqualTo("not_yours");
            assertThat(talk.start(own, user).next("ready").get("session_id").asString())
                    .isEqualTo(own.toString());
        }
    }

    @Test
    void aUserIsToldToComeAgainWhileNobodyCanSayWhoseASessionIs() {
        try (Talk service = Talk.with(server);
                Talk talk = Talk.with(server, DoorServer.SUBJECT, user.toString())) {
            UUID known = UUID.randomUUID();
            talk.start(known, user).next("ready");
            server.jdbc()
                    .sql("ALTER TABLE conversation_sessions RENAME TO gone_sessions")
                    .update();
            try {
                JsonNode nack = talk.start(session, user).next("nack");
                assertThat(nack.get("reason").asString()).isEqualTo("unavailable");
                assertThat(nack.get("retry_after_ms").asLong()).isEqualTo(2_000);
                service.start(UUID.randomUUID(), user).next("ready"); // a service's word is enough
                talk.start(known, user).next("ready");
                talk.say(known, UUID.randomUUID(), "goes on").settled(4);
            } finally {
                server.jdbc()
                        .sql("ALTER TABLE gone_sessions RENAME TO conversation_sessions")
                        .update();
            }
            talk.start(session, user).next("ready");
            assertThat(server.contents(known, 1)).containsExactly("goes on");
        }
    }

    private static String refusal(Talk talk) {
        return talk.next("nack").get("reason").asString();
    }

    private Instant endedAt() {
        List<OffsetDateTime> ended = server.jdbc()
                .sql("SELECT ended_at FROM conversation_sessions WHERE session_id = ? AND ended_at IS NOT NULL")
                .param(session)
                .query(OffsetDateTime.class)
                .list();
        return ended.isEmpty() ? null : ended.get(0).toInstant();
    }

    private static void awaitConnections(int number) {
        TrackSocket socket = server.bean(TrackSocket.class);
        await(() -> socket.connections() == number, "there are " + number + " connections");
    }

    private static void await(BooleanSupplier condition, String what) {
        long deadline = System.nanoTime() + Duration.ofSeconds(20).toNanos();
        while (!condition.getAsBoolean()) {
            assertThat(System.nanoTime()).as(what).isLessThan(deadline);
            LockSupport.parkNanos(5_000_000);
        }
    }
}
