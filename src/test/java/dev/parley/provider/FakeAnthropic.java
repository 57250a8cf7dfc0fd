package dev.parley.provider;

import dev.parley.provider.LimitSettings.Share;
import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import javax.sql.DataSource;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * The Messages API on loopback: checks what it is sent as strictly as the real one, answers as it is told (see
 * {@link FakeAnswer}), a valid conversation by default, and keeps count. For tests of any package.
 *
 * <p>HTTP by hand over a {@link ServerSocket}, one thread a connection, because the JDK's server cannot reset a connection
 * or stop in the middle of an answer. All state is guarded by {@code this}.
 */
public final class FakeAnthropic implements AutoCloseable {
    public static final String KEY = "sk-ant-test-0123456789";
    static final String REQUEST_ID_HERE = "req_to_be_replaced";

    private static final JsonMapper JSON = JsonMapper.shared();
    private static final Duration PATIENCE = Duration.ofMinutes(3);

    private final ServerSocket server;
    private final Protocol protocol;
    private final Set<Socket> connections = ConcurrentHashMap.newKeySet();
    private final CountDownLatch closing = new CountDownLatch(1);
    private final List<AutoCloseable> made = new ArrayList<>();

    private volatile FakeBatches batches = new FakeBatches(this);
    private int batchesMade;
    private final Queue<FakeAnswer> next = new ArrayDeque<>();
    private final Map<String, Queue<FakeAnswer>> nextByKey = new HashMap<>();
    private FakeAnswer otherwise = FakeAnswer.conversation();
    private final Map<String, String> headersOfAll = new LinkedHashMap<>();

    private final List<Request> requests = new ArrayList<>();
    private final Map<String, TokenUsage> usageByKey = new LinkedHashMap<>();
    private final Set<String> cachedPrefixes = new HashSet<>();
    private RequestLimit requestLimit;
    private TokenUsage delivered = TokenUsage.NONE;
    private int tokenCounts;
    private int accepted;
    private int inFlight;
    private int mostInFlight;
    private int dropped;

    /** A bucket of requests, as strict as can be: full at first, refilled continuously. */
    private static final class RequestLimit {
        private final long perMinute;
        private final int burst;
        private double tokens;
        private long at = System.nanoTime();
        private int refused;

        RequestLimit(long perMinute, int burst) {
            this.perMinute = perMinute;
            this.burst = burst;
            this.tokens = burst;
        }

        boolean take() {
            long now = System.nanoTime();
            tokens = Math.min(burst, tokens + (now - at) * 1e-9 * perMinute / 60);
            at = now;
            boolean taken = tokens >= 1;
            if (taken) {
                tokens--;
            } else {
                refused++;
            }
            return taken;
        }
    }

    /** One call as it arrived; header names are in lower case. */
    @SuppressWarnings("ArrayRecordComponent") // never compared
    public record Request(String requestLine, Map<String, String> headers, byte[] body) {
        public JsonNode json() {
            return JSON.readTree(body);
        }

        public String idempotencyKey() {
            return headers.getOrDefault("idempotency-key", "");
        }

        /** The text of the user message. */
        public String prompt() {
            JsonNode messages = json().path("messages");
            return messages.path(messages.size() - 1).path("content").asString("");
        }

        /** The text of the system block, or of the system message. */
        public String stablePrefix() {
            JsonNode first = json().path("messages").path(0);
            return first.path("role").asString("").equals("system")
                    ? first.path("content").asString("")
                    : json().path("system").path(0).path("text").asString("");
        }
    }

    /** What differs between providers on the wire. */
    interface Protocol {
        /** What the real one would refuse; null when it would not. */
        FakeAnswer complaintAbout(Request request);

        ObjectNode envelope(FakeAnswer answer, Request request, String requestId, TokenUsage usage);

        FakeAnswer tooFast();

        String requestIdHeader();

        /** @param what limit or remaining, of requests */
        String limitHeader(String what);
    }

    private FakeAnthropic(ServerSocket server, Protocol protocol) {
        this.server = server;
        this.protocol = protocol;
    }

    public static FakeAnthropic start() {
        return speaking(new Messages());
    }

    /** A server like this one in all but the protocol. */
    static FakeAnthropic speaking(Protocol protocol) {
        try {
            FakeAnthropic fake =
                    new FakeAnthropic(new ServerSocket(0, 4096, InetAddress.getLoopbackAddress()), protocol);
            fake.startThread("fake-anthropic-accept", fake::accept);
            return fake;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** The other door. */
    public FakeBatches batches() {
        return batches;
    }

    /** The other door, as if it had never been used. */
    public FakeBatches newBatches() {
        batches = new FakeBatches(this);
        return batches;
    }

    synchronized int nextBatch() {
        return ++batchesMade;
    }

    synchronized FakeAnswer batchAnswer() {
        return otherwise;
    }

    /** For {@code parley.anthropic.base-url}. */
    public String baseUrl() {
        return "http://127.0.0.1:" + server.getLocalPort();
    }

    /** Settings of a Spring context that is to call this server. */
    public String[] properties() {
        return new String[] {
            "parley.provider=anthropic",
            "parley.anthropic.base-url=" + baseUrl(),
            "parley.anthropic.api-key=" + KEY,
            "parley.limits.requests-per-minute=0" // all lanes may call at once, before the first answer too
        };
    }

    /** An adapter that calls this server with its key; closed with it. */
    public ModelProvider provider() {
        return providers().byName("anthropic");
    }

    /** The providers, this server being the default; closed with it. */
    public ModelProviders providers() {
        return providers(new LimitSettings(0L, 0L, 0L, null, 0, Share.PROCESS, Duration.ofSeconds(30)), null);
    }

    /** Like those of another process: with connections and limits of their own. */
    ModelProviders providers(LimitSettings limits, DataSource database) {
        ModelProviders providers = new ModelProviders(
                new ProviderSettings("anthropic"),
                settings(),
                FakeOpenAi.settings("http://127.0.0.1:1", null),
                OfflineSettings.plain(),
                limits,
                database,
                Clock.systemUTC());
        synchronized (this) {
            made.add(providers);
        }
        return providers;
    }

    AnthropicSettings settings() {
        return settings(Duration.ofSeconds(60), 1000);
    }

    AnthropicSettings settings(Duration callTimeout, int maxConnections) {
        return new AnthropicSettings(
                baseUrl(), KEY, "claude-sonnet-5-5", "2026-10-21", callTimeout, Duration.ofSeconds(10), maxConnections);
    }

    /** What the next calls get, one each, whosever they are. */
    public synchronized FakeAnthropic answers(FakeAnswer... inOrder) {
        next.addAll(Arrays.asList(inOrder));
        return this;
    }

    /** What the next calls with this key get; comes before {@link #answers}. */
    public synchronized FakeAnthropic answersTo(String idempotencyKey, FakeAnswer... inOrder) {
        nextByKey.computeIfAbsent(idempotencyKey, key -> new ArrayDeque<>()).addAll(Arrays.asList(inOrder));
        return this;
    }

    /** What calls get when nothing is left for them. */
    public synchronized FakeAnthropic answersOtherwise(FakeAnswer answer) {
        otherwise = answer;
        return this;
    }

    /** A header of every answer, such as {@code anthropic-ratelimit-requests-remaining}. */
    public synchronized FakeAnthropic sendsAlways(String header, String value) {
        headersOfAll.put(header, value);
        return this;
    }

    /** Refuses what comes faster, and tells of the limit with every answer. */
    public synchronized FakeAnthropic allows(long requestsPerMinute, int burst) {
        requestLimit = new RequestLimit(requestsPerMinute, burst);
        return this;
    }

    /** Calls that came faster than {@link #allows}. */
    public synchronized int refused() {
        return requestLimit.refused;
    }

    public synchronized List<Request> requests() {
        return List.copyOf(requests);
    }

    public synchronized int calls() {
        return requests.size();
    }

    public int calls(String idempotencyKey) {
        return callsByKey().getOrDefault(idempotencyKey, 0);
    }

    public synchronized Map<String, Integer> callsByKey() {
        Map<String, Integer> calls = new LinkedHashMap<>();
        requests.forEach(request -> calls.merge(request.idempotencyKey(), 1, Integer::sum));
        return calls;
    }

    /** What was billed for this key: all answers with an envelope, seen by the caller or not. */
    public synchronized TokenUsage usage(String idempotencyKey) {
        return usageByKey.getOrDefault(idempotencyKey, TokenUsage.NONE);
    }

    public synchronized TokenUsage totalUsage() {
        return usageByKey.values().stream().reduce(TokenUsage.NONE, FakeAnthropic::plus);
    }

    /** What was billed for answers that were sent whole. */
    public synchronized TokenUsage deliveredUsage() {
        return delivered;
    }

    /** Requests to count tokens; they are no calls. */
    public synchronized int tokenCounts() {
        return tokenCounts;
    }

    public synchronized int mostInFlight() {
        return mostInFlight;
    }

    /** How many connections were ever opened. */
    public synchronized int connectionsOpened() {
        return accepted;
    }

    /** Waits until so many calls have arrived in all. */
    public void awaitCalls(int calls) {
        await(() -> requests.size() >= calls, calls + " calls");
    }

    /** Waits until so many callers have gone away before their answer was whole. */
    public void awaitDropped(int calls) {
        await(() -> dropped >= calls, calls + " dropped calls");
    }

    private synchronized void await(BooleanSupplier condition, String what) {
        long deadline = System.nanoTime() + PATIENCE.toNanos();
        try {
            while (!condition.getAsBoolean()) {
                long left = deadline - System.nanoTime();
                if (left <= 0) {
                    throw new AssertionError("waited " + PATIENCE + " for " + what + "; there were " + requests.size()
                            + " calls, " + dropped + " of them dropped");
                }
                TimeUnit.NANOSECONDS.timedWait(this, left);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new AssertionError("interrupted while waiting for " + what, e);
        }
    }

    @Override
    public void close() {
        closing.countDown();
        try {
            for (AutoCloseable client : List.copyOf(made)) {
                client.close();
            }
            server.close();
            for (Socket connection : connections) {
                connection.close();
            }
        } catch (Exception e) {
            throw new IllegalStateException(e);
        }
    }

    private void accept() {
        while (!server.isClosed()) {
            try {
                Socket connection = server.accept();
                connection.setTcpNoDelay(true);
                connections.add(connection);
                synchronized (this) {
                    accepted++;
                }
                startThread("fake-anthropic-connection", () -> serve(connection));
            } catch (IOException closed) {
                return;
            }
        }
    }

    private void startThread(String name, Runnable work) {
        Thread thread = new Thread(work, name);
        thread.setDaemon(true);
        thread.start();
    }

    private void serve(Socket connection) {
        try (connection) {
            InputStream in = new BufferedInputStream(connection.getInputStream());
            boolean open = true;
            while (open) {
                Request request = readRequest(in);
                if (request == null) {
                    return;
                }
                open = FakeBatches.isFor(request)
                        ? batch(request, connection)
                        : request.requestLine().startsWith("POST /v1/messages/count_tokens ")
                                ? count(request, connection)
                                : answer(request, connection, in);
            }
        } catch (IOException gone) {
            // the caller or the test went away
        } finally {
            connections.remove(connection);
        }
    }

    private boolean batch(Request request, Socket connection) throws IOException {
        FakeBatches.Reply reply = batches.answer(request);
        if (reply == null) {
            connection.setSoLinger(true, 0); // closing it is a reset now
            return false;
        }
        byte[] body = reply.answer().body();
        OutputStream out = connection.getOutputStream();
        out.write(head(reply.answer(), "req_batch", "content-length: " + body.length));
        int sent = Math.min(reply.sent(), body.length);
        out.write(body, 0, sent / 2);
        batches.halfSent(request);
        out.write(body, sent / 2, sent - sent / 2);
        batches.sent(request);
        return sent == body.length;
    }

    /** As strict as the real one: what only an answer needs is refused. */
    private boolean count(Request request, Socket connection) throws IOException {
        FakeAnswer answer;
        synchronized (this) {
            tokenCounts++;
        }
        if (!KEY.equals(request.headers().get("x-api-key"))) {
            answer = FakeAnswer.unauthorized();
        } else if (request.json().has("max_tokens")) {
            answer = FakeAnswer.invalidRequest("max_tokens: Extra inputs are not permitted");
        } else {
            answer = FakeAnswer.raw(
                    200,
                    "{\"input_tokens\": "
                            + (request.stablePrefix().length()
                                            + request.prompt().length())
                                    / 4
                            + "}");
        }
        ByteArrayOutputStream whole = new ByteArrayOutputStream();
        whole.writeBytes(head(answer, "req_count", "content-length: " + answer.body().length));
        whole.writeBytes(answer.body());
        whole.writeTo(connection.getOutputStream());
        return true;
    }

    private boolean answer(Request request, Socket connection, InputStream in) throws IOException {
        FakeAnswer answer = arrived(request);
        boolean whole = false;
        try {
            // The body is made now: it is billed from the moment the model begins, whoever is still listening.
            String requestId = requestId();
            byte[] body = bodyOf(answer, request, requestId);
            if (!answer.delay().isZero() && closing.await(answer.delay().toNanos(), TimeUnit.NANOSECONDS)) {
                return false;
            }
            while (!answer.gate().await(100, TimeUnit.MILLISECONDS)) {
                if (closing.getCount() == 0) {
                    return false;
                }
            }
            whole = deliver(answer, requestId, body, connection, in);
            return whole;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return false;
        } finally {
            left(whole);
        }
    }

    private synchronized FakeAnswer arrived(Request request) {
        requests.add(request);
        inFlight++;
        mostInFlight = Math.max(mostInFlight, inFlight);
        notifyAll();
        FakeAnswer complaint = protocol.complaintAbout(request);
        if (complaint != null) {
            return complaint;
        }
        if (requestLimit != null && !requestLimit.take()) {
            return protocol.tooFast();
        }
        Queue<FakeAnswer> own = nextByKey.get(request.idempotencyKey());
        FakeAnswer answer = own == null ? null : own.poll();
        if (answer == null) {
            answer = next.poll();
        }
        return answer == null ? otherwise : answer;
    }

    private synchronized void left(boolean whole) {
        inFlight--;
        if (!whole) {
            dropped++;
        }
        notifyAll();
    }

    private synchronized String requestId() {
        return "req_fake%06d".formatted(requests.size());
    }

    private synchronized byte[] bodyOf(FakeAnswer answer, Request request, String requestId) {
        if (answer.text() == null) {
            return new String(answer.body(), StandardCharsets.UTF_8)
                    .replace(REQUEST_ID_HERE, requestId)
                    .getBytes(StandardCharsets.UTF_8);
        }
        TokenUsage usage = usageOf(request, answer);
        usageByKey.merge(request.idempotencyKey(), usage, FakeAnthropic::plus);
        if (answer.delivery() == FakeAnswer.Delivery.WHOLE) {
            delivered = plus(delivered, usage);
        }
        return JSON.writeValueAsBytes(protocol.envelope(answer, request, requestId, usage));
    }

    /** Four characters a token; a prefix is written to the cache when first seen and read from then on. */
    private TokenUsage usageOf(Request request, FakeAnswer answer) {
        long prefix = request.stablePrefix().length() / 4;
        boolean cached = !cachedPrefixes.add(request.stablePrefix());
        return new TokenUsage(
                request.prompt().length() / 4 + 1,
                answer.text().length() / 4 + 1,
                cached ? prefix : 0,
                cached ? 0 : prefix,
                0);
    }

    static TokenUsage plus(TokenUsage a, TokenUsage b) {
        return new TokenUsage(
                a.input() + b.input(),
                a.output() + b.output(),
                a.cacheRead() + b.cacheRead(),
                a.cacheWrite5m() + b.cacheWrite5m(),
                a.cacheWrite1h() + b.cacheWrite1h());
    }

    /** Says whether the answer was sent whole, and the connection is good for another. */
    private boolean deliver(FakeAnswer answer, String requestId, byte[] body, Socket connection, InputStream in)
            throws IOException, InterruptedException {
        OutputStream out = connection.getOutputStream();
        byte[] half = Arrays.copyOf(body, body.length / 2);
        switch (answer.delivery()) {
            case WHOLE -> {
                ByteArrayOutputStream whole = new ByteArrayOutputStream();
                whole.writeBytes(head(answer, requestId, "content-length: " + body.length));
                whole.writeBytes(body);
                whole.writeTo(out);
                return true;
            }
            case CUT -> {
                out.write(head(answer, requestId, "content-length: " + body.length));
                out.write(half);
            }
            case CUT_CHUNKED -> {
                out.write(head(answer, requestId, "transfer-encoding: chunked"));
                out.write((Integer.toHexString(half.length) + "\r\n").getBytes(StandardCharsets.US_ASCII));
                out.write(half);
            }
            case DRIP -> {
                out.write(head(answer, requestId, "content-length: " + Integer.MAX_VALUE));
                while (!closing.await(10, TimeUnit.MILLISECONDS)) {
                    out.write(' ');
                }
            }
            case RESET -> connection.setSoLinger(true, 0); // closing it is a reset now
            case CLOSE -> {}
            case HANG -> in.read(); // ends when the other side or close() ends the connection
        }
        return false;
    }

    private synchronized byte[] head(FakeAnswer answer, String requestId, String framing) {
        StringBuilder head = new StringBuilder("HTTP/1.1 " + answer.status() + " Said\r\n");
        Map<String, String> headers = new LinkedHashMap<>();
        headers.put("content-type", "application/json");
        headers.put(protocol.requestIdHeader(), requestId);
        if (requestLimit != null) {
            headers.put(protocol.limitHeader("limit"), String.valueOf(requestLimit.perMinute));
            headers.put(protocol.limitHeader("remaining"), String.valueOf((long) requestLimit.tokens));
        }
        headers.putAll(headersOfAll);
        headers.putAll(answer.headers());
        headers.forEach(
                (name, value) -> head.append(name).append(": ").append(value).append("\r\n"));
        return head.append(framing).append("\r\n\r\n").toString().getBytes(StandardCharsets.ISO_8859_1);
    }

    private static Request readRequest(InputStream in) throws IOException {
        String requestLine = readLine(in);
        if (requestLine == null) {
            return null;
        }
        Map<String, String> headers = new LinkedHashMap<>();
        for (String line = readLine(in); line != null && !line.isEmpty(); line = readLine(in)) {
            int colon = line.indexOf(':');
            headers.put(
                    line.substring(0, colon).toLowerCase(Locale.ROOT),
                    line.substring(colon + 1).strip());
        }
        return new Request(requestLine, headers, readBody(in, headers));
    }

    private static byte[] readBody(InputStream in, Map<String, String> headers) throws IOException {
        if (!"chunked".equals(headers.get("transfer-encoding"))) {
            return in.readNBytes(Integer.parseInt(headers.getOrDefault("content-length", "0")));
        }
        ByteArrayOutputStream body = new ByteArrayOutputStream();
        for (int size = chunkSize(in); size > 0; size = chunkSize(in)) {
            body.write(in.readNBytes(size));
            readLine(in);
        }
        readLine(in);
        return body.toByteArray();
    }

    private static int chunkSize(InputStream in) throws IOException {
        String line = readLine(in);
        return line == null ? 0 : Integer.parseInt(line, 16);
    }

    private static String readLine(InputStream in) throws IOException {
        ByteArrayOutputStream line = new ByteArrayOutputStream();
        for (int b = in.read(); b >= 0; b = in.read()) {
            if (b == '\n') {
                return line.toString(StandardCharsets.ISO_8859_1).strip();
            }
            line.write(b);
        }
        return null;
    }

    static ObjectNode messageOf(FakeAnswer answer, JsonNode params, String id, TokenUsage usage) {
        ObjectNode message = JSON.createObjectNode()
                .put("id", id)
                .put("type", "message")
                .put("role", "assistant")
                .put("model", params.path("model").asString(""));
        ArrayNode content = message.putArray("content");
        if (answer.thinksFirst()) {
            content.addObject()
                    .put("type", "thinking")
                    .put("thinking", "Let me think.")
                    .put("signature", "c2ln");
        }
        content.addObject().put("type", "text").put("text", answer.text());
        message.put("stop_reason", answer.stopReason()).putNull("stop_sequence");
        ObjectNode billed = message.putObject("usage")
                .put("input_tokens", usage.input())
                .put("cache_creation_input_tokens", usage.cacheWrite())
                .put("cache_read_input_tokens", usage.cacheRead())
                .put("output_tokens", usage.output())
                .put("service_tier", "standard");
        billed.putObject("cache_creation")
                .put("ephemeral_5m_input_tokens", usage.cacheWrite5m())
                .put("ephemeral_1h_input_tokens", usage.cacheWrite1h());
        return message;
    }

    private static final class Messages implements Protocol {
        @Override
        public FakeAnswer complaintAbout(Request request) {
            if (!request.requestLine().startsWith("POST /v1/messages ")) {
                return FakeAnswer.error(404, "not_found_error", "Not found");
            }
            if (!KEY.equals(request.headers().get("x-api-key"))) {
                return FakeAnswer.unauthorized();
            }
            if (!request.headers().containsKey("anthropic-version")) {
                return FakeAnswer.invalidRequest("anthropic-version: header is required");
            }
            if (!request.headers().getOrDefault("content-type", "").startsWith("application/json")) {
                return FakeAnswer.invalidRequest("content-type: must be application/json");
            }
            JsonNode body;
            try {
                body = request.json();
            } catch (JacksonException e) {
                return FakeAnswer.invalidRequest("The request body is not valid JSON");
            }
            if (!body.path("model").isString()) {
                return FakeAnswer.invalidRequest("model: Field required");
            }
            if (body.path("max_tokens").asInt(0) < 1) {
                return FakeAnswer.invalidRequest("max_tokens: must be at least 1");
            }
            JsonNode messages = body.path("messages");
            if (messages.isEmpty()
                    || !messages.path(messages.size() - 1)
                            .path("role")
                            .asString("")
                            .equals("user")) {
                return FakeAnswer.invalidRequest("messages: the last one must be the user's");
            }
            for (String sampling : List.of("temperature", "top_p", "top_k")) {
                if (body.has(sampling)) {
                    return FakeAnswer.invalidRequest(sampling + ": is not supported by this version");
                }
            }
            JsonNode format = body.path("output_config").path("format");
            if (!format.isMissingNode()
                    && !(format.path("type").asString("").equals("json_schema")
                            && format.path("schema").isObject())) {
                return FakeAnswer.invalidRequest("output_config.format: needs type json_schema and a schema");
            }
            return null;
        }

        @Override
        public ObjectNode envelope(FakeAnswer answer, Request request, String requestId, TokenUsage usage) {
            return messageOf(answer, request.json(), requestId.replace("req_", "msg_"), usage);
        }

        @Override
        public FakeAnswer tooFast() {
            return FakeAnswer.rateLimited(Duration.ofSeconds(1));
        }

        @Override
        public String requestIdHeader() {
            return "request-id";
        }

        @Override
        public String limitHeader(String what) {
            return "anthropic-ratelimit-requests-" + what;
        }
    }
}
