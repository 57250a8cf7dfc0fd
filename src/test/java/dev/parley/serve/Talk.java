package dev.parley.serve;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.URI;
import java.net.http.WebSocket;
import java.net.http.WebSocketHandshakeException;
import java.nio.ByteBuffer;
import java.util.UUID;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** A client of the tracker's WebSocket: the JDK's, none of our code. */
final class Talk implements WebSocket.Listener, AutoCloseable {
    private static final int SECONDS = 20;

    private final BlockingQueue<String> received = new LinkedBlockingQueue<>();
    private final CompletableFuture<Integer> closed = new CompletableFuture<>();
    private final StringBuilder begun = new StringBuilder();
    private WebSocket socket;

    static Talk with(DoorServer server, String... headers) {
        return offering(TrackSocket.PROTOCOL, server, headers);
    }

    static Talk offering(String protocol, DoorServer server, String... headers) {
        Talk talk = new Talk();
        WebSocket.Builder builder = DoorServer.HTTP.newWebSocketBuilder();
        for (int i = 0; i < headers.length; i += 2) {
            builder.header(headers[i], headers[i + 1]);
        }
        if (!protocol.isEmpty()) {
            builder.subprotocols(protocol);
        }
        talk.socket = builder.buildAsync(URI.create("ws://127.0.0.1:" + server.port() + "/api/track"), talk)
                .join();
        return talk;
    }

    /** The status with which a handshake is refused. */
    static int refusal(DoorServer server, String protocol, String... headers) {
        try (Talk talk = offering(protocol, server, headers)) {
            return 101;
        } catch (CompletionException e) {
            return ((WebSocketHandshakeException) e.getCause()).getResponse().statusCode();
        }
    }

    Talk send(String frame) {
        socket.sendText(frame, true).join();
        return this;
    }

    void sendPiece(String piece, boolean last) {
        socket.sendText(piece, last).join();
    }

    void sendBinary() {
        socket.sendBinary(ByteBuffer.wrap(new byte[] {1}), true).join();
    }

    Talk start(UUID session, UUID user) {
        return send("{\"type\":\"session.start\",\"session_id\":\"" + session + "\",\"user_id\":\"" + user + "\"}");
    }

    Talk say(UUID session, UUID message, String content) {
        return send("{\"type\":\"message\",\"message_id\":\"" + message + "\",\"session_id\":\"" + session
                + "\",\"role\":\"user\",\"content\":\"" + content + "\"}");
    }

    Talk end(UUID session) {
        return send("{\"type\":\"session.end\",\"session_id\":\"" + session + "\"}");
    }

    /** The next frame. */
    JsonNode next() {
        try {
            String frame = received.poll(SECONDS, TimeUnit.SECONDS);
            assertThat(frame).as("no frame came within %s s", SECONDS).isNotNull();
            return JsonMapper.shared().readTree(frame);
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    /** The next frame of that type; others are passed over. */
    JsonNode next(String type) {
        JsonNode frame = next();
        while (!frame.get("type").asString().equals(type)) {
            frame = next();
        }
        return frame;
    }

    /** Waits until so many frames are settled. */
    Talk settled(long frames) {
        while (next("ack").get("up_to").asLong() < frames) {
            continue;
        }
        return this;
    }

    /** The code with which the server closes. */
    int closed() {
        try {
            return closed.get(SECONDS, TimeUnit.SECONDS);
        } catch (Exception e) {
            throw new AssertionError("not closed within " + SECONDS + " s", e);
        }
    }

    boolean isClosed() {
        return closed.isDone();
    }

    /** As when the cable is cut. */
    void cut() {
        socket.abort();
    }

    @Override
    public CompletionStage<?> onText(WebSocket from, CharSequence data, boolean last) {
        begun.append(data);
        if (last) {
            received.add(begun.toString());
            begun.setLength(0);
        }
        from.request(1);
        return null;
    }

    @Override
    public CompletionStage<?> onClose(WebSocket from, int status, String reason) {
        closed.complete(status);
        return null;
    }

    @Override
    public void onError(WebSocket from, Throwable error) {
        closed.completeExceptionally(error);
    }

    @Override
    public void close() {
        if (socket != null) {
            socket.abort();
        }
    }
}
