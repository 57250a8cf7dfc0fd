package dev.parley.launch;

import java.io.IOException;
import java.io.PrintWriter;
import java.net.ConnectException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.WebSocket;
import java.net.http.WebSocketHandshakeException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.springframework.beans.factory.BeanFactory;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** A client of the tracker's door that has conversations with a running server and compares what it shows with what was sent. */
@Command(
        name = "demo",
        description = {
            "Has conversations with a running server, over its WebSocket, and looks at what it recorded:",
            "sent twice, interrupted and resumed, ended, and late. Exit code 0 if all was as promised, else 1."
        },
        mixinStandardHelpOptions = true,
        versionProvider = Version.class)
class TrackDemo implements Action {
    /** Where the credential comes from; a command line would be seen by others. */
    private static final String TOKEN = "PARLEY_TOKEN";

    private static final String PATH = "/api/track";
    private static final Pattern ADDRESS = Pattern.compile("wss?://[\\w.\\-\\[\\]:]+(/[\\w/.\\-]*)?");
    private static final Duration BETWEEN_LOOKS = Duration.ofMillis(100);

    @Option(names = "--url", paramLabel = "URL", description = "The server (${DEFAULT-VALUE}).")
    private String url = "ws://127.0.0.1:8080";

    @Option(names = "--sessions", paramLabel = "N", description = "How many conversations (${DEFAULT-VALUE}).")
    private int sessions = 1;

    @Option(
            names = "--user",
            paramLabel = "UUID",
            description = "Whose they are; needed with the token of a user, else one is made up. The token comes from "
                    + TOKEN + ".")
    private @Nullable UUID user;

    @Option(
            names = "--timeout",
            paramLabel = "SECONDS",
            description = "How long to wait for an answer, and for what was sent to be shown (${DEFAULT-VALUE}).")
    private int timeout = 15;

    private final HttpClient client = HttpClient.newHttpClient();

    /** It was not as promised. */
    private static final class BrokenPromiseException extends Exception {
        BrokenPromiseException(String message) {
            super(message);
        }
    }

    @Override
    public void check() {
        if (!ADDRESS.matcher(url).matches()) {
            throw new ConfigurationException(
                    "--url is " + url + "; should be the server's address, such as ws://127.0.0.1:8080");
        }
        if (sessions < 1 || timeout < 1) {
            throw new ConfigurationException(
                    (sessions < 1 ? "--sessions is " + sessions : "--timeout is " + timeout) + "; should be 1 or more");
        }
    }

    @Override
    public int run(BeanFactory beans, PrintWriter out) throws InterruptedException {
        UUID whose = user == null ? UUID.randomUUID() : user;
        for (int i = 1; i <= sessions; i++) {
            UUID session = UUID.randomUUID();
            try {
                converse(
                        session, whose, "Session " + i + " of " + sessions + ": " + session + " of user " + whose, out);
            } catch (BrokenPromiseException e) {
                out.println("  NOT AS PROMISED: " + e.getMessage());
                return ExitCode.UNEXPECTED;
            }
            out.flush();
        }
        out.println("All as promised.");
        return ExitCode.OK;
    }

    private void converse(UUID session, UUID whose, String title, PrintWriter out)
            throws BrokenPromiseException, InterruptedException {
        List<String> said = new ArrayList<>();
        Map<String, Object> start = Map.of(
                "type",
                "session.start",
                "session_id",
                session,
                "user_id",
                whose,
                "metadata",
                Map.of("channel", "demo"));
        UUID last = UUID.randomUUID();
        try (Connection first = connect()) {
            out.println(title);
            first.send(start);
            JsonNode ready = first.next("ready");
            out.println("  ready: credit " + ready.path("credit") + ", acks promise durability "
                    + ready.path("durability").asString());
            for (int turn = 1; turn <= 4; turn++) {
                first.send(message(UUID.randomUUID(), session, "user", "How do I begin, part " + turn + "?", said));
                first.send(message(
                        turn < 4 ? UUID.randomUUID() : last, session, "assistant", "With step " + turn + ".", said));
            }
            first.send(interim(session));
            first.settled();
            out.println("  sent 8 messages and one still being spoken; settled with " + first.acks + " acks");
        }
        try (Connection second = connect()) {
            second.send(start);
            second.next("ready");
            said.remove(said.size() - 1);
            second.send(message(last, session, "assistant", "With step 4.", said));
            second.send(message(UUID.randomUUID(), session, "user", "Thank you.", said));
            second.send(Map.of("type", "session.end", "session_id", session));
            second.send(message(UUID.randomUUID(), session, "assistant", "You are welcome, though late.", said));
            second.settled();
            out.println("  cut off and resumed; sent the last message again, another, the end, and one after it");
        }
        List<String> stored = stored(session, said.size());
        if (!stored.equals(said)) {
            throw new BrokenPromiseException("sent " + said + ", and the server shows " + stored);
        }
        JsonNode shown = session(session);
        if (!shown.path("userId").asString("").equals(whose.toString())
                || shown.path("endedAt").isNull()
                || !"demo".equals(shown.path("metadata").path("channel").asString(""))) {
            throw new BrokenPromiseException(
                    "the session should be ended, with its user and metadata, and is " + shown);
        }
        out.printf(
                Locale.ROOT,
                "  stored: %d messages, each once, in order; the session ended after %.1f s%n",
                stored.size(),
                shown.path("durationSeconds").asDouble());
    }

    private static Map<String, Object> message(UUID id, UUID session, String role, String content, List<String> said) {
        said.add(content);
        return Map.of("type", "message", "message_id", id, "session_id", session, "role", role, "content", content);
    }

    private static Map<String, Object> interim(UUID session) {
        return Map.of(
                "type",
                "message",
                "message_id",
                UUID.randomUUID(),
                "session_id",
                session,
                "role",
                "user",
                "content",
                "Tha",
                "final",
                false);
    }

    /** The messages that the server shows, once there are so many. */
    private List<String> stored(UUID session, int messages) throws BrokenPromiseException, InterruptedException {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(timeout);
        List<String> contents = new ArrayList<>();
        while (contents.size() < messages && System.nanoTime() - deadline < 0) {
            Thread.sleep(BETWEEN_LOOKS.toMillis());
            contents.clear();
            get("/api/tracker/sessions/" + session + "/messages?limit=100")
                    .path("messages")
                    .forEach(message -> contents.add(message.path("content").asString()));
        }
        return contents;
    }

    /** Once it is shown as ended. */
    private JsonNode session(UUID session) throws BrokenPromiseException, InterruptedException {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(timeout);
        while (true) {
            JsonNode found = null;
            for (JsonNode one : get("/api/tracker/sessions?limit=100").path("sessions")) {
                if (one.path("sessionId").asString().equals(session.toString())) {
                    found = one;
                }
            }
            if (found != null && (!found.path("endedAt").isNull() || System.nanoTime() - deadline > 0)) {
                return found;
            }
            if (System.nanoTime() - deadline > 0) {
                throw new BrokenPromiseException("the session is not among those that the server shows");
            }
            Thread.sleep(BETWEEN_LOOKS.toMillis());
        }
    }

    private JsonNode get(String path) throws BrokenPromiseException, InterruptedException {
        HttpRequest.Builder request = HttpRequest.newBuilder(
                        URI.create(url.replaceFirst("^ws", "http").replaceFirst("/$", "") + path))
                .timeout(Duration.ofSeconds(timeout));
        if (token() != null) {
            request.header("Authorization", token());
        }
        try {
            HttpResponse<String> answer = client.send(request.build(), HttpResponse.BodyHandlers.ofString());
            if (answer.statusCode() == 404) {
                return JsonMapper.shared().createObjectNode(); // not stored yet
            }
            if (answer.statusCode() != 200) {
                throw new BrokenPromiseException("GET " + path + " is answered with " + answer.statusCode());
            }
            return JsonMapper.shared().readTree(answer.body());
        } catch (IOException e) {
            throw new BrokenPromiseException("GET " + path + " is not answered: " + e);
        }
    }

    private static @Nullable String token() {
        String token = System.getenv(TOKEN);
        return token == null || token.isBlank() ? null : "Bearer " + token;
    }

    private Connection connect() throws BrokenPromiseException {
        Connection connection = new Connection();
        WebSocket.Builder builder =
                client.newWebSocketBuilder().subprotocols("convtrack.v1").connectTimeout(Duration.ofSeconds(timeout));
        if (token() != null) {
            builder.header("Authorization", token());
        }
        URI address = URI.create(url.replaceFirst("/$", "") + PATH);
        try {
            connection.socket = builder.buildAsync(address, connection).join();
            return connection;
        } catch (CompletionException e) {
            if (e.getCause() instanceof WebSocketHandshakeException refused) {
                int status = refused.getResponse().statusCode();
                if (status == 401 || status == 403) {
                    throw new ConfigurationException(address + " lets nobody in without credentials (" + status
                            + "): set " + TOKEN + " to a token with the right to track");
                }
                throw new ConfigurationException(address + " is no door of a tracker: it answers with " + status);
            }
            throw new ConfigurationException("No server answers at " + address + ": "
                    + (e.getCause() instanceof ConnectException ? "connection refused" : e.getCause())
                    + "\nStart one with parley serve, or name another with --url.");
        }
    }

    /** One connection; what comes in waits to be looked at. */
    private final class Connection implements WebSocket.Listener, AutoCloseable {
        private final BlockingQueue<JsonNode> received = new LinkedBlockingQueue<>();
        private final StringBuilder begun = new StringBuilder();
        private @Nullable WebSocket socket;
        private long sent;
        private int acks;

        void send(Map<String, Object> frame) {
            if (socket != null) {
                socket.sendText(JsonMapper.shared().writeValueAsString(frame), true)
                        .join();
                sent++;
            }
        }

        /** Passes over acks. */
        JsonNode next(String type) throws BrokenPromiseException, InterruptedException {
            while (true) {
                JsonNode frame = next();
                if (frame.path("type").asString("").equals(type)) {
                    return frame;
                }
                if (!frame.path("type").asString("").equals("ack")) {
                    throw new BrokenPromiseException("the server says " + frame);
                }
            }
        }

        /** Waits until all that was sent is. */
        void settled() throws BrokenPromiseException, InterruptedException {
            long upTo = 0;
            while (upTo < sent) {
                upTo = next("ack").path("up_to").asLong();
                acks++;
            }
        }

        private JsonNode next() throws BrokenPromiseException, InterruptedException {
            JsonNode frame = received.poll(timeout, TimeUnit.SECONDS);
            if (frame == null) {
                throw new BrokenPromiseException("the server says nothing for " + timeout + " s");
            }
            return frame;
        }

        @Override
        public @Nullable CompletionStage<?> onText(WebSocket from, CharSequence data, boolean last) {
            begun.append(data);
            if (last) {
                received.add(JsonMapper.shared().readTree(begun.toString()));
                begun.setLength(0);
            }
            from.request(1);
            return null;
        }

        @Override
        public @Nullable CompletionStage<?> onClose(WebSocket from, int status, String reason) {
            received.add(
                    JsonMapper.shared().createObjectNode().put("closed", status).put("reason", reason));
            return null;
        }

        /** As when a cable is cut. */
        @Override
        public void close() {
            if (socket != null) {
                socket.abort();
            }
        }
    }
}
