package dev.parley.serve;

import dev.parley.serve.Door.Outcome;
import dev.parley.tracking.ConversationTracker;
import dev.parley.tracking.TrackingSettings;
import dev.parley.tracking.TrackingSettings.Durability;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.beans.factory.DisposableBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnWebApplication;
import org.springframework.context.SmartLifecycle;
import org.springframework.http.HttpStatus;
import org.springframework.http.HttpStatusCode;
import org.springframework.http.server.ServerHttpRequest;
import org.springframework.http.server.ServerHttpResponse;
import org.springframework.scheduling.concurrent.CustomizableThreadFactory;
import org.springframework.stereotype.Component;
import org.springframework.web.server.ResponseStatusException;
import org.springframework.web.socket.BinaryMessage;
import org.springframework.web.socket.CloseStatus;
import org.springframework.web.socket.PongMessage;
import org.springframework.web.socket.SubProtocolCapable;
import org.springframework.web.socket.TextMessage;
import org.springframework.web.socket.WebSocketHandler;
import org.springframework.web.socket.WebSocketSession;
import org.springframework.web.socket.handler.AbstractWebSocketHandler;
import org.springframework.web.socket.server.HandshakeInterceptor;

/**
 * All connections of {@code convtrack.v1}. Once a second it looks after silent ones and ends sessions whose connection has been
 * gone for too long. It stops first when the application does: clients are told to come again, and their sessions go on then.
 */
@Component
@ConditionalOnWebApplication
class TrackSocket extends AbstractWebSocketHandler
        implements SubProtocolCapable, HandshakeInterceptor, SmartLifecycle, DisposableBean {
    static final String PROTOCOL = "convtrack.v1";

    private static final Logger log = LoggerFactory.getLogger(TrackSocket.class);
    private static final int ASIDE = 4;
    private static final Duration GOOD_BYE = Duration.ofSeconds(5);
    private static final String CALLER = Caller.class.getName();

    private final Door door;
    private final ConversationTracker tracker;
    private final DoorSettings settings;
    private final Durability durability;
    private final Clock clock;
    private final OpenSessions sessions = new OpenSessions();
    private final Map<String, DoorConnection> connections = new ConcurrentHashMap<>();
    private final ExecutorService aside = Executors.newFixedThreadPool(ASIDE, threads("parley-door-aside-"));
    private final ScheduledExecutorService timer =
            Executors.newSingleThreadScheduledExecutor(threads("parley-door-timer-"));
    private volatile boolean running;

    TrackSocket(Door door, ConversationTracker tracker, DoorSettings settings, TrackingSettings tracking, Clock clock) {
        this.door = door;
        this.tracker = tracker;
        this.settings = settings;
        this.durability = tracking.durability();
        this.clock = clock;
        timer.scheduleWithFixedDelay(this::look, 1, 1, TimeUnit.SECONDS);
    }

    private static CustomizableThreadFactory threads(String prefix) {
        CustomizableThreadFactory threads = new CustomizableThreadFactory(prefix);
        threads.setDaemon(true);
        return threads;
    }

    @Override
    public List<String> getSubProtocols() {
        return List.of(PROTOCOL);
    }

    /** Pieces are put together in {@link DoorConnection}, so that a connection has no buffer as large as a frame may be. */
    @Override
    public boolean supportsPartialMessages() {
        return true;
    }

    @Override
    public boolean beforeHandshake(
            ServerHttpRequest request,
            ServerHttpResponse response,
            WebSocketHandler handler,
            Map<String, Object> session) {
        List<String> offered = request.getHeaders().getValuesAsList("Sec-WebSocket-Protocol");
        if (!offered.contains(PROTOCOL)) {
            return refuse(response, HttpStatus.BAD_REQUEST);
        }
        if (!running) {
            return refuse(response, HttpStatus.SERVICE_UNAVAILABLE);
        }
        try {
            session.put(CALLER, Caller.of(request.getPrincipal()));
            return true;
        } catch (ResponseStatusException e) {
            return refuse(response, e.getStatusCode());
        }
    }

    private static boolean refuse(ServerHttpResponse response, HttpStatusCode status) {
        response.setStatusCode(status);
        response.getHeaders().set("Sec-WebSocket-Protocol", PROTOCOL); // what would be right
        return false;
    }

    @Override
    public void afterHandshake(
            ServerHttpRequest request,
            ServerHttpResponse response,
            WebSocketHandler handler,
            @Nullable Exception failure) {}

    @Override
    public void afterConnectionEstablished(WebSocketSession socket) {
        Caller caller = (Caller) Objects.requireNonNull(socket.getAttributes().get(CALLER)); // of the handshake
        connections.put(socket.getId(), new DoorConnection(socket, caller, this, settings, clock.instant()));
    }

    @Override
    protected void handleTextMessage(WebSocketSession socket, TextMessage message) {
        DoorConnection connection = connections.get(socket.getId());
        if (connection != null) {
            connection.heard(clock.instant());
            connection.receive(message.getPayload(), message.isLast());
        }
    }

    @Override
    protected void handleBinaryMessage(WebSocketSession socket, BinaryMessage message) {
        DoorConnection connection = connections.get(socket.getId());
        if (connection != null) {
            connection.end(CloseStatus.NOT_ACCEPTABLE.withReason("frames are text"));
        }
    }

    @Override
    protected void handlePongMessage(WebSocketSession socket, PongMessage message) {
        DoorConnection connection = connections.get(socket.getId());
        if (connection != null) {
            connection.heard(clock.instant());
        }
    }

    @Override
    public void handleTransportError(WebSocketSession socket, Throwable failure) {
        log.debug("A session's connection failed", failure);
    }

    @Override
    public void afterConnectionClosed(WebSocketSession socket, CloseStatus status) {
        DoorConnection connection = connections.remove(socket.getId());
        if (connection != null) {
            connection.gone();
            left(connection);
        }
    }

    void left(DoorConnection connection) {
        sessions.leave(connection, clock.instant());
    }

    CompletableFuture<Outcome> take(Caller caller, ClientFrame frame) {
        return door.take(caller, frame);
    }

    void attend(UUID sessionId, DoorConnection connection) {
        sessions.attend(sessionId, connection);
    }

    void ended(UUID sessionId) {
        sessions.end(sessionId);
    }

    Durability durability() {
        return durability;
    }

    /** What a connection may have unsettled now: less once the tracker's queue is more than half full. */
    int credit() {
        double room = Math.min(1, 2 * (1 - tracker.load()));
        return Math.max(1, (int) (settings.credit() * room));
    }

    /** How many there are. */
    int connections() {
        return connections.size();
    }

    void close(DoorConnection connection, CloseStatus status) {
        left(connection); // its sessions need not wait for the other end's good-bye
        aside(() -> connection.closeSocket(status));
    }

    /** For what may have to wait a moment for the other end. */
    void aside(Runnable task) {
        aside.execute(task);
    }

    private void look() {
        if (!running) {
            return;
        }
        try {
            Instant now = clock.instant();
            connections.values().forEach(connection -> connection.look(now));
            sessions.leftBefore(now.minus(settings.grace())).forEach((session, leftAt) -> {
                if (tracker.userOf(session) != null
                        && !tracker.end(session, leftAt).accepted()) {
                    sessions.putBack(session, leftAt);
                }
            });
        } catch (RuntimeException e) { // thrown on, it would end the timer without a word
            log.warn("Sessions without a connection could not be ended: {}", e.toString());
        }
    }

    @Override
    public void start() {
        running = true;
    }

    /** Whoever is told to come again keeps what is not settled, and the next process takes it. */
    @Override
    public void stop() {
        running = false;
        connections.values().forEach(connection -> connection.end(CloseStatus.SERVICE_RESTARTED));
    }

    @Override
    public void destroy() throws InterruptedException {
        timer.shutdownNow();
        aside.shutdown();
        if (!aside.awaitTermination(GOOD_BYE.toMillis(), TimeUnit.MILLISECONDS)) {
            log.debug("Some sessions' connections do not answer the good-bye");
        }
    }

    @Override
    public boolean isRunning() {
        return running;
    }
}
