package dev.parley.serve;

import dev.parley.serve.ClientFrame.Message;
import dev.parley.serve.ClientFrame.Ping;
import dev.parley.serve.ClientFrame.SessionEnd;
import dev.parley.serve.ClientFrame.SessionStart;
import dev.parley.serve.Door.Outcome;
import dev.parley.serve.Refusal.Reason;
import jakarta.websocket.RemoteEndpoint;
import jakarta.websocket.SendHandler;
import jakarta.websocket.SendResult;
import jakarta.websocket.Session;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.Objects;
import java.util.Queue;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.web.socket.CloseStatus;
import org.springframework.web.socket.PingMessage;
import org.springframework.web.socket.WebSocketSession;
import org.springframework.web.socket.adapter.NativeWebSocketSession;

/**
 * One connection of {@code convtrack.v1}. Frames come in one at a time, answers from any thread; nothing waits here.
 *
 * <p>What waits to go out is bounded by what came in: a frame is answered once at most, acks are a number of which only the
 * last is sent, and a client that has more frames unsettled than its credit is sent away. One send is under way at a time; if it
 * does not end within {@code parley.door.send-timeout}, nobody reads at the other end, and the connection is closed.
 */
final class DoorConnection {
    private static final Logger log = LoggerFactory.getLogger(DoorConnection.class);
    private static final int MOST_BYTES_OF_A_CHAR = 3;

    private final WebSocketSession socket;
    private final RemoteEndpoint.Async remote;
    private final Caller caller;
    private final TrackSocket door;
    private final DoorSettings settings;
    private final long maxFrame;
    private final StringBuilder begun = new StringBuilder(); // of the receiving thread only
    private final Queue<Unsettled> unsettled = new ArrayDeque<>();
    private final Queue<ServerFrame> answers = new ArrayDeque<>();
    private long received;
    private long settled;
    private long acknowledged;
    private boolean sending;
    private boolean over;
    private @Nullable CloseStatus closing;
    private volatile Instant heardAt;
    private volatile Instant pingedAt;

    /** A frame whose turn to be acknowledged comes when all before it are settled. */
    private static final class Unsettled {
        private boolean done;
    }

    DoorConnection(WebSocketSession socket, Caller caller, TrackSocket door, DoorSettings settings, Instant now) {
        this.socket = socket;
        this.caller = caller;
        this.door = door;
        this.settings = settings;
        this.maxFrame = settings.maxFrame().toBytes();
        this.remote = Objects.requireNonNull(((NativeWebSocketSession) socket).getNativeSession(Session.class))
                .getAsyncRemote();
        remote.setSendTimeout(settings.sendTimeout().toMillis());
        this.heardAt = now;
        this.pingedAt = now;
    }

    /** Anything came in. */
    void heard(Instant now) {
        heardAt = now;
    }

    /** A frame, or a piece of one. */
    void receive(String text, boolean last) {
        if (begun.isEmpty() && last) {
            receive(text);
            return;
        }
        begun.append(text);
        if (begun.length() > maxFrame) {
            begun.setLength(0);
            refuse(number(), tooLarge(), CloseStatus.TOO_BIG_TO_PROCESS);
        } else if (last) {
            String whole = begun.toString();
            begun.setLength(0);
            begun.trimToSize();
            receive(whole);
        }
    }

    private void receive(String text) {
        long frame = number();
        if (frame == 0) {
            return;
        }
        if (text.length() > maxFrame / MOST_BYTES_OF_A_CHAR
                && text.getBytes(StandardCharsets.UTF_8).length > maxFrame) {
            refuse(frame, tooLarge(), CloseStatus.TOO_BIG_TO_PROCESS);
            return;
        }
        Unsettled place = new Unsettled();
        synchronized (this) {
            unsettled.add(place);
        }
        ClientFrame read;
        try {
            read = Frames.read(text);
        } catch (IllegalArgumentException e) {
            settle(place, new ServerFrame.Error(frame, Reason.INVALID, String.valueOf(e.getMessage()), false));
            return;
        }
        door.take(caller, read).thenAccept(outcome -> settle(place, answer(frame, read, outcome)));
    }

    /** The number of the next frame; 0 when it is of no interest any more. */
    private long number() {
        long frame;
        boolean exceeded;
        synchronized (this) {
            if (closing != null || over) {
                return 0;
            }
            frame = ++received;
            exceeded = frame - acknowledged > settings.credit();
        }
        if (exceeded) {
            refuse(
                    frame,
                    new Refusal(
                            Reason.CREDIT_EXCEEDED,
                            "more than " + settings.credit() + " frames are unsettled; wait for acks"),
                    CloseStatus.POLICY_VIOLATION);
            return 0;
        }
        return frame;
    }

    private Refusal tooLarge() {
        return new Refusal(Reason.TOO_LARGE, "a frame has at most " + maxFrame + " bytes (parley.door.max-frame)");
    }

    private @Nullable ServerFrame answer(long frame, ClientFrame read, Outcome outcome) {
        if (outcome instanceof Outcome.Refused refused) {
            Refusal why = refused.why();
            return new ServerFrame.Nack(
                    frame,
                    sessionOf(read),
                    read instanceof Message message ? message.messageId() : null,
                    why.reason(),
                    why.detail(),
                    why.reason().retryAfter() == null
                            ? null
                            : why.reason().retryAfter().toMillis());
        }
        if (read instanceof SessionStart start) {
            door.attend(start.sessionId(), this);
            if (isOver()) { // it was closed while the session was looked up
                door.left(this);
            }
            return new ServerFrame.Ready(start.sessionId(), door.credit(), maxFrame, door.durability());
        }
        if (read instanceof SessionEnd end) {
            door.ended(end.sessionId());
        }
        return read instanceof Ping ? new ServerFrame.Pong(frame) : null;
    }

    private static @Nullable UUID sessionOf(ClientFrame frame) {
        return frame instanceof Message message
                ? message.sessionId()
                : frame instanceof SessionStart start
                        ? start.sessionId()
                        : frame instanceof SessionEnd end ? end.sessionId() : null;
    }

    private void settle(Unsettled place, @Nullable ServerFrame answer) {
        synchronized (this) {
            place.done = true;
            if (answer != null) {
                answers.add(answer);
            }
            while (!unsettled.isEmpty() && unsettled.element().done) {
                unsettled.remove();
                settled++;
            }
        }
        send();
    }

    /** Says why, and closes. */
    void refuse(long frame, Refusal why, CloseStatus status) {
        if (frame > 0) {
            close(
                    new ServerFrame.Error(frame, why.reason(), why.detail(), true),
                    status.withReason(why.reason().key()));
        }
    }

    /** Closes after what waits to be sent, and that. */
    private void close(ServerFrame last, CloseStatus status) {
        synchronized (this) {
            if (closing == null) {
                answers.add(last);
                closing = status;
            }
        }
        send();
    }

    /** Sends what there is to be sent, unless that is under way. */
    private void send() {
        for (ServerFrame next = begin(); next != null; next = begin()) {
            new Send().begin(Frames.write(next));
        }
    }

    /** What is to be sent now; null when there is nothing, and then perhaps it is time to close. */
    private @Nullable ServerFrame begin() {
        CloseStatus status;
        synchronized (this) {
            if (sending || over) {
                return null;
            }
            ServerFrame next = next();
            sending = next != null;
            if (sending || closing == null) {
                return next;
            }
            over = true;
            status = closing;
        }
        door.close(this, status);
        return null;
    }

    /** Acks go last: what they pass over has been told by then. */
    private @Nullable ServerFrame next() {
        ServerFrame answer = answers.poll();
        if (answer == null && settled > acknowledged) {
            acknowledged = settled;
            return new ServerFrame.Ack(settled, door.credit());
        }
        return answer;
    }

    private final class Send implements SendHandler {
        private final Thread sender = Thread.currentThread();
        private boolean returned;

        void begin(String text) {
            try {
                remote.sendText(text, this);
            } catch (RuntimeException e) { // the connection is closed
                onResult(new SendResult(null, e));
            }
            returned = true; // read by the same thread only
        }

        @Override
        public void onResult(SendResult result) {
            synchronized (DoorConnection.this) {
                sending = false;
            }
            if (!result.isOK()) {
                log.debug("A session's connection cannot be sent to", result.getException());
                end(CloseStatus.GOING_AWAY.withReason("not read"));
            } else if (Thread.currentThread() != sender || returned) {
                send(); // else the loop that began it goes on
            }
        }
    }

    private synchronized boolean isOver() {
        return over;
    }

    /** The socket is closed. */
    synchronized void gone() {
        over = true;
        answers.clear();
        unsettled.clear();
    }

    /** Closes at once, whatever waits. */
    void end(CloseStatus status) {
        synchronized (this) {
            if (over) {
                return;
            }
            over = true;
        }
        door.close(this, status);
    }

    /** Looks after a connection that is silent; called about once a second. */
    void look(Instant now) {
        Instant until = caller.until();
        if (until != null && now.isAfter(until)) {
            end(CloseStatus.POLICY_VIOLATION.withReason("the token has expired"));
        } else if (now.isAfter(heardAt.plus(settings.pingInterval().multipliedBy(2)))) {
            end(CloseStatus.GOING_AWAY.withReason("no answer to a ping"));
        } else if (now.isAfter(heardAt.plus(settings.pingInterval())) && !pingedAt.isAfter(heardAt) && isIdle()) {
            pingedAt = now;
            door.aside(this::ping);
        }
    }

    /** While something is being sent, a ping would wait for it; and the send has its own time. */
    private synchronized boolean isIdle() {
        return !sending && !over;
    }

    private void ping() {
        try {
            socket.sendMessage(new PingMessage());
        } catch (IOException | RuntimeException e) {
            end(CloseStatus.GOING_AWAY.withReason("no ping"));
        }
    }

    /** May wait a moment for the other end. */
    void closeSocket(CloseStatus status) {
        try {
            socket.close(status);
        } catch (IOException | RuntimeException e) {
            log.debug("A session's connection was closed already", e);
        }
    }
}
