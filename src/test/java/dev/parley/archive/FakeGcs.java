package dev.parley.archive;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URLDecoder;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Queue;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.zip.GZIPInputStream;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * Google Cloud Storage's JSON API on loopback, for the real client: buckets, single-request uploads, downloads, metadata,
 * lists, deletions, generations and their preconditions, checksums, and failures on demand. Thread-safe.
 *
 * @see <a href="https://docs.cloud.google.com/storage/docs/json_api/v1">JSON API</a>
 */
public final class FakeGcs implements AutoCloseable {
    /** An object as stored. */
    @SuppressWarnings("ArrayRecordComponent") // never compared
    public record Stored(byte[] content, String contentType, long generation) {
        public String text() {
            return new String(content, UTF_8);
        }
    }

    private final JsonMapper json = new JsonMapper();
    private final HttpServer server;
    private final ExecutorService threads = Executors.newCachedThreadPool();
    private final Map<String, TreeMap<String, Stored>> buckets = new ConcurrentHashMap<>(); // objects guarded by this
    private final Set<String> forbidden = ConcurrentHashMap.newKeySet();
    private final Queue<Integer> failures = new ConcurrentLinkedQueue<>();
    private final Queue<Runnable> rivals = new ConcurrentLinkedQueue<>();
    private final AtomicInteger answersToLose = new AtomicInteger();
    private final List<String> requests = new CopyOnWriteArrayList<>();
    private final Map<String, Begun> begun = new TreeMap<>(); // guarded by this
    private long generation = 1_000; // guarded by this

    /** Starts it on a free port. */
    public FakeGcs() {
        try {
            server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        server.setExecutor(threads);
        server.createContext("/", this::handle);
        server.start();
    }

    /** As in {@code STORAGE_EMULATOR_HOST}. */
    public String host() {
        return "127.0.0.1:" + server.getAddress().getPort();
    }

    /** Makes a bucket. */
    public FakeGcs bucket(String bucket) {
        buckets.putIfAbsent(bucket, new TreeMap<>());
        return this;
    }

    public boolean hasBucket(String bucket) {
        return buckets.containsKey(bucket);
    }

    /** Puts an object there as another client would. */
    public synchronized void put(String bucket, String path, byte[] content, String contentType) {
        buckets.computeIfAbsent(bucket, name -> new TreeMap<>())
                .put(path, new Stored(content.clone(), contentType, ++generation));
    }

    /** The object as it is now. */
    public synchronized Optional<Stored> object(String bucket, String path) {
        return Optional.ofNullable(buckets.getOrDefault(bucket, new TreeMap<>()).get(path));
    }

    /** Every object's path. */
    public synchronized List<String> paths(String bucket) {
        return List.copyOf(buckets.getOrDefault(bucket, new TreeMap<>()).keySet());
    }

    /** The next requests fail with these codes, and do nothing. */
    public void fail(int... codes) {
        for (int code : codes) {
            failures.add(code);
        }
    }

    /** The next uploads are carried out, but their connection breaks before the answer. */
    public void loseAnswers(int uploads) {
        answersToLose.set(uploads);
    }

    /** Runs just before the next upload's precondition is looked at. */
    public void beforeNextUpload(Runnable rival) {
        rivals.add(rival);
    }

    /** Forbids, with a 403, a permission such as {@code storage.buckets.create}. */
    public void forbid(String permission) {
        forbidden.add(permission);
    }

    /** Method and path with query of every request so far. */
    public List<String> requests() {
        return List.copyOf(requests);
    }

    @Override
    public void close() {
        server.stop(0);
        threads.shutdownNow();
    }

    private void handle(HttpExchange exchange) throws IOException {
        try (exchange) {
            boolean zipped = "gzip".equals(exchange.getRequestHeaders().getFirst("Content-Encoding"));
            InputStream in = exchange.getRequestBody();
            byte[] body = (zipped ? new GZIPInputStream(in) : in).readAllBytes();
            requests.add(exchange.getRequestMethod() + " " + exchange.getRequestURI());
            Integer failure = failures.poll();
            Answer answer = failure != null ? error(failure, "injected", "Injected failure.") : answer(exchange, body);
            if (isUpload(exchange)
                    && answer.status() == 200
                    && answersToLose.getAndUpdate(n -> Math.max(0, n - 1)) > 0) {
                return; // closed without an answer
            }
            exchange.getResponseHeaders().set("Content-Type", answer.contentType());
            exchange.sendResponseHeaders(answer.status(), answer.body().length == 0 ? -1 : answer.body().length);
            exchange.getResponseBody().write(answer.body());
        }
    }

    private static boolean isUpload(HttpExchange exchange) {
        return exchange.getRequestURI().getRawPath().contains("/upload/");
    }

    private Answer answer(HttpExchange exchange, byte[] body) {
        String method = exchange.getRequestMethod();
        Map<String, String> query = query(exchange);
        String path = exchange.getRequestURI().getRawPath();
        if (isUpload(exchange)) {
            Runnable rival = rivals.poll();
            if (rival != null) {
                rival.run();
            }
            if (method.equals("PUT")) {
                return resumed(query.get("upload_id"), body);
            }
            if ("resumable".equals(query.get("uploadType"))) {
                return resumable(exchange, path, query, body);
            }
            return upload(path, query, exchange.getRequestHeaders().getFirst("Content-Type"), body);
        }
        String[] parts = path.substring(path.indexOf("/storage/v1/") + "/storage/v1/".length())
                .split("/", -1);
        String bucket = parts.length > 1 ? parts[1] : "";
        if (parts.length == 1) {
            return insertBucket(body);
        }
        if (parts.length == 2) {
            return forbidden.contains("storage.buckets.get")
                    ? forbidden("storage.buckets.get")
                    : buckets.containsKey(bucket) ? ok(bucketJson(bucket)) : noBucket();
        }
        if (parts.length == 3) {
            return forbidden.contains("storage.objects.list")
                    ? forbidden("storage.objects.list")
                    : buckets.containsKey(bucket) ? list(bucket, query) : noBucket();
        }
        return object(method, bucket, URLDecoder.decode(parts[3], UTF_8), query);
    }

    private Answer insertBucket(byte[] body) {
        String name = json.readTree(body).path("name").asString();
        if (forbidden.contains("storage.buckets.create")) {
            return forbidden("storage.buckets.create");
        }
        if (buckets.putIfAbsent(name, new TreeMap<>()) != null) {
            return error(409, "conflict", "Your previous request to create the named bucket succeeded.");
        }
        return ok(bucketJson(name));
    }

    private Map<String, Object> bucketJson(String bucket) {
        return Map.of("kind", "storage#bucket", "id", bucket, "name", bucket);
    }

    private synchronized Answer list(String bucket, Map<String, String> query) {
        String prefix = query.getOrDefault("prefix", "");
        List<Map<String, Object>> items = buckets.get(bucket).entrySet().stream()
                .filter(object -> object.getKey().startsWith(prefix))
                .map(object -> objectJson(bucket, object.getKey(), object.getValue()))
                .toList();
        return ok(Map.of("kind", "storage#objects", "items", items));
    }

    private synchronized Answer object(String method, String bucket, String name, Map<String, String> query) {
        if (!buckets.containsKey(bucket)) {
            return noBucket();
        }
        Stored object = buckets.get(bucket).get(name);
        String wanted = query.get("generation");
        if (object == null || (wanted != null && Long.parseLong(wanted) != object.generation())) {
            return error(404, "notFound", "No such object: " + bucket + "/" + name);
        }
        if (!matches(object, query)) {
            return conditionNotMet();
        }
        if (method.equals("DELETE")) {
            buckets.get(bucket).remove(name);
            return new Answer(204, "application/json", new byte[0]);
        }
        if ("media".equals(query.get("alt"))) {
            return new Answer(200, object.contentType(), object.content());
        }
        return ok(objectJson(bucket, name, object));
    }

    private synchronized Answer resumable(HttpExchange exchange, String path, Map<String, String> query, byte[] body) {
        String bucket = path.substring(path.indexOf("/b/") + 3, path.lastIndexOf("/o"));
        if (!buckets.containsKey(bucket)) {
            return noBucket();
        }
        JsonNode metadata = json.readTree(body);
        String name = query.getOrDefault("name", metadata.path("name").asString());
        if (!matches(buckets.get(bucket).get(name), query)) {
            return conditionNotMet();
        }
        String id = Integer.toString(begun.size());
        begun.put(id, new Begun(bucket, name, metadata.path("contentType").asString()));
        exchange.getResponseHeaders().set("Location", "http://" + host() + path + "?upload_id=" + id);
        return ok(Map.of());
    }

    /** Takes the whole content in one request. */
    private synchronized Answer resumed(String id, byte[] content) {
        Begun upload = begun.get(id);
        Stored stored = new Stored(content, upload.contentType(), ++generation);
        buckets.get(upload.bucket()).put(upload.name(), stored);
        return ok(objectJson(upload.bucket(), upload.name(), stored));
    }

    private record Begun(String bucket, String name, String contentType) {}

    private synchronized Answer upload(String path, Map<String, String> query, String contentType, byte[] body) {
        if (!"multipart".equals(query.get("uploadType"))) {
            return error(501, "notImplemented", "This stand-in takes whole objects in one request only.");
        }
        String bucket = path.substring(path.indexOf("/b/") + 3, path.lastIndexOf("/o"));
        if (!buckets.containsKey(bucket)) {
            return noBucket();
        }
        String text = new String(body, ISO_8859_1);
        String boundary = "--" + contentType.replaceFirst(".*boundary=", "").replace("\"", "");
        int metadataStart = text.indexOf("\r\n\r\n") + 4;
        int metadataEnd = text.indexOf("\r\n" + boundary, metadataStart);
        int mediaStart = text.indexOf("\r\n\r\n", metadataEnd) + 4;
        int mediaEnd = text.lastIndexOf("\r\n" + boundary + "--");
        JsonNode metadata =
                json.readTree(text.substring(metadataStart, metadataEnd).getBytes(ISO_8859_1));
        byte[] content = text.substring(mediaStart, mediaEnd).getBytes(ISO_8859_1);
        String name = query.getOrDefault("name", metadata.path("name").asString());
        if (!matches(buckets.get(bucket).get(name), query)) {
            return conditionNotMet();
        }
        String crc = metadata.path("crc32c").asString(GcsObjectStore.crc32c(content));
        if (!crc.equals(GcsObjectStore.crc32c(content))) {
            return error(400, "invalid", "Provided CRC32C does not match.");
        }
        Stored stored = new Stored(content, metadata.path("contentType").asString(), ++generation);
        buckets.get(bucket).put(name, stored);
        return ok(objectJson(bucket, name, stored));
    }

    private static boolean matches(Stored object, Map<String, String> query) {
        String expected = query.get("ifGenerationMatch");
        return expected == null || Long.parseLong(expected) == (object == null ? 0 : object.generation());
    }

    private static Map<String, Object> objectJson(String bucket, String name, Stored object) {
        return Map.of(
                "kind", "storage#object",
                "bucket", bucket,
                "name", name,
                "generation", Long.toString(object.generation()),
                "metageneration", "1",
                "contentType", object.contentType(),
                "size", Integer.toString(object.content().length),
                "crc32c", GcsObjectStore.crc32c(object.content()),
                "md5Hash", md5(object.content()));
    }

    private static String md5(byte[] content) {
        try {
            return Base64.getEncoder()
                    .encodeToString(MessageDigest.getInstance("MD5").digest(content));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e);
        }
    }

    private static Map<String, String> query(HttpExchange exchange) {
        Map<String, String> query = new TreeMap<>();
        String raw = exchange.getRequestURI().getRawQuery();
        for (String pair : raw == null ? new String[0] : raw.split("&", -1)) {
            String[] sides = pair.split("=", 2);
            query.put(sides[0], sides.length == 1 ? "" : URLDecoder.decode(sides[1], UTF_8));
        }
        return query;
    }

    private Answer ok(Map<String, Object> body) {
        return new Answer(200, "application/json; charset=UTF-8", json.writeValueAsBytes(body));
    }

    private Answer noBucket() {
        return error(404, "notFound", "The specified bucket does not exist.");
    }

    private Answer conditionNotMet() {
        return error(412, "conditionNotMet", "At least one of the pre-conditions you specified did not hold.");
    }

    private Answer forbidden(String permission) {
        return error(403, "forbidden", "The caller does not have " + permission + " access.");
    }

    private Answer error(int code, String reason, String message) {
        Map<String, Object> error = Map.of(
                "code", code,
                "message", message,
                "errors", List.of(Map.of("domain", "global", "reason", reason, "message", message)));
        return new Answer(code, "application/json; charset=UTF-8", json.writeValueAsBytes(Map.of("error", error)));
    }

    @SuppressWarnings("ArrayRecordComponent") // never compared
    private record Answer(int status, String contentType, byte[] body) {}
}
