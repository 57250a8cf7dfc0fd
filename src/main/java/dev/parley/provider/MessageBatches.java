package dev.parley.provider;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.security.DigestOutputStream;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.time.Instant;
import java.time.format.DateTimeParseException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * Anthropic's Message Batches: many requests in one, answered within a day, at half the price. Thread-safe.
 *
 * <p>Neither the requests nor the results of a batch are ever in memory together. Nothing is sent twice by itself.
 */
public final class MessageBatches implements AutoCloseable {
    private static final JsonMapper JSON = JsonMapper.shared();
    private static final byte[] HEAD = {'{', '"', 'r', 'e', 'q', 'u', 'e', 's', 't', 's', '"', ':', '['};
    private static final byte[] TAIL = {']', '}'};
    private static final int PAGE = 100;

    private final ModelHttp http;
    private final String endpoint;
    private final Function<ModelRequest, byte[]> params;
    private final FailurePolicy failures;
    private final @Nullable Pace pace;

    /**
     * @param params the body that a request would have on its own
     * @param pace when each call may begin; null for at once
     */
    MessageBatches(
            ModelHttp http,
            String endpoint,
            Function<ModelRequest, byte[]> params,
            FailurePolicy failures,
            @Nullable Pace pace) {
        this.http = http;
        this.endpoint = endpoint;
        this.params = params;
        this.failures = failures;
        this.pace = pace;
    }

    /** The address of a call, when its turn has come. */
    private URI uri(String rest) {
        if (pace != null) {
            try {
                pace.await();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new CallInterruptedException();
            }
        }
        return URI.create(endpoint + rest);
    }

    /**
     * One request of a batch.
     *
     * @param customId 1 to 64 letters, digits, {@code _} and {@code -}; its result carries it
     */
    public record Request(String customId, ModelRequest request) {}

    /** Where a batch stands. */
    public enum Status {
        IN_PROGRESS,
        CANCELING,
        ENDED
    }

    /**
     * A batch as the provider tells of it.
     *
     * @param processing requests that have no result yet
     * @param expiresAt when it ends, whatever is left; null when it does not say
     */
    public record Batch(
            String id,
            Status status,
            int processing,
            int succeeded,
            int errored,
            int canceled,
            int expired,
            Instant createdAt,
            @Nullable Instant expiresAt) {
        public int size() {
            return processing + succeeded + errored + canceled + expired;
        }
    }

    /**
     * What became of one request; either an answer or a failure.
     *
     * @param answer the body that a live call would have got, byte for byte as it came over the wire
     */
    public record Result(
            String customId,
            @Nullable RawReply answer,
            @Nullable ModelFailure failure) {}

    /** Takes results as they arrive. */
    public interface Results {
        /** @return whether to go on */
        boolean take(Result result) throws InterruptedException;
    }

    /** A body as it would be sent: how large it is, and its hash. */
    public final class Measure {
        private final CountingDigest digest = new CountingDigest(OutputStream.nullOutputStream());
        private final long maxBytes;
        private int requests;

        private Measure(long maxBytes) throws IOException {
            this.maxBytes = maxBytes;
            digest.write(HEAD);
        }

        /** Adds a request, unless the body would become too large; the first one is always added. */
        public boolean add(Request request) {
            byte[] bytes = bytesOf(request);
            if (requests > 0 && digest.bytes() + 1 + bytes.length + TAIL.length > maxBytes) {
                return false;
            }
            try {
                if (requests++ > 0) {
                    digest.write(',');
                }
                digest.write(bytes);
            } catch (IOException e) {
                throw new IllegalStateException(e); // it goes nowhere
            }
            return true;
        }

        public int requests() {
            return requests;
        }

        /** Ends it. */
        public Body body() {
            try {
                digest.write(TAIL);
            } catch (IOException e) {
                throw new IllegalStateException(e); // it goes nowhere
            }
            return new Body(digest.bytes(), digest.sha256());
        }
    }

    /** @param sha256 in hexadecimal digits */
    public record Body(long bytes, String sha256) {}

    /** @param maxBytes of the whole body */
    public Measure measure(long maxBytes) {
        try {
            return new Measure(maxBytes);
        } catch (IOException e) {
            throw new IllegalStateException(e); // it goes nowhere
        }
    }

    /** A batch was not created, or nobody knows. */
    public static class NotCreatedException extends RuntimeException {
        private static final long serialVersionUID = 1L;

        private final transient ModelFailure failure;
        private final boolean surely;

        NotCreatedException(ModelFailure failure, boolean surely, @Nullable Throwable cause) {
            super(failure.detail(), cause);
            this.failure = failure;
            this.surely = surely;
        }

        public ModelFailure failure() {
            return failure;
        }

        /** Whether the provider surely has no such batch, and will have none of this request. */
        public boolean surely() {
            return surely;
        }
    }

    /**
     * Creates a batch. The body is made while it is sent.
     *
     * @param requests the same ones, in the same order, as were measured
     * @throws NotCreatedException when there is no answer that names a batch
     */
    public Batch create(Iterable<Request> requests, Body body) {
        boolean[] sentWhole = {false};
        try {
            RawReply reply = http.post(uri(""), body.bytes(), out -> sentWhole[0] = write(requests, body, out));
            return batchOf(Envelope.parse(reply.body()));
        } catch (CallInterruptedException e) {
            ModelFailure failure = FailureCode.CONNECTION_FAILED.because("told to stop while a batch was sent");
            throw new NotCreatedException(failure, !sentWhole[0], e);
        } catch (ModelException e) {
            // A body that is shorter than announced is no request, so that there is nothing to accept.
            throw new NotCreatedException(e.failure(), !sentWhole[0] || isRefusal(e.failure()), e);
        } catch (RuntimeException e) { // of a request, as it was made
            ModelFailure failure =
                    FailureCode.CONNECTION_FAILED.because("not all of it could be sent: " + e.getMessage());
            throw new NotCreatedException(failure, !sentWhole[0], e);
        }
    }

    private static boolean isRefusal(ModelFailure failure) {
        FailureCode code = FailureCode.of(failure.code());
        return code != null
                && switch (code) {
                    case TIMED_OUT,
                            CONNECTION_RESET,
                            CONNECTION_FAILED,
                            ANSWER_CUT,
                            MALFORMED_ENVELOPE,
                            PROVIDER_ERROR,
                            PROVIDER_UNAVAILABLE,
                            UNEXPECTED_REDIRECT -> false;
                    default -> true;
                };
    }

    /** Whole, unless it throws. */
    private boolean write(Iterable<Request> requests, Body body, OutputStream out) throws IOException {
        CountingDigest digest = new CountingDigest(out);
        digest.write(HEAD);
        Iterator<Request> each = requests.iterator();
        while (each.hasNext()) {
            digest.write(bytesOf(each.next()));
            if (each.hasNext()) {
                digest.write(',');
            }
        }
        if (digest.bytes() + TAIL.length != body.bytes()) {
            throw new IOException(
                    "the body would have " + (digest.bytes() + TAIL.length) + " bytes and was to have " + body.bytes());
        }
        digest.write(TAIL, 0, TAIL.length);
        out.flush();
        return true;
    }

    private byte[] bytesOf(Request request) {
        byte[] before =
                ("{\"custom_id\":\"" + request.customId() + "\",\"params\":").getBytes(StandardCharsets.US_ASCII);
        byte[] body = params.apply(request.request());
        byte[] bytes = new byte[before.length + body.length + 1];
        System.arraycopy(before, 0, bytes, 0, before.length);
        System.arraycopy(body, 0, bytes, before.length, body.length);
        bytes[bytes.length - 1] = '}';
        return bytes;
    }

    /** @throws ModelException when the provider does not say, with {@code not_found} when it does not know the batch */
    public Batch get(String id) {
        return batchOf(Envelope.parse(http.get(uri("/" + id)).body()));
    }

    /** Has a batch end soon; what it has not come to is cancelled, and not billed. Again does no harm. */
    public Batch cancel(String id) {
        return batchOf(Envelope.parse(
                http.post(uri("/" + id + "/cancel"), new byte[0], Map.of()).body()));
    }

    /**
     * Has the provider forget a batch that has ended, with what was asked and answered.
     *
     * @throws ModelException as {@link #get}
     */
    public void delete(String id) {
        http.delete(uri("/" + id));
    }

    /** All batches of the account that were created since, newest first. */
    public List<Batch> createdSince(Instant since) {
        List<Batch> found = new ArrayList<>();
        String after = "";
        while (true) {
            JsonNode page =
                    Envelope.parse(http.get(uri("?limit=" + PAGE + after)).body());
            for (JsonNode one : page.path("data")) {
                Batch batch = batchOf(one);
                if (batch.createdAt().isBefore(since)) {
                    return found;
                }
                found.add(batch);
            }
            String last = page.path("last_id").asString("");
            if (!page.path("has_more").asBoolean(false) || last.isEmpty()) {
                return found;
            }
            after = "&after_id=" + last;
        }
    }

    /**
     * Reads the results of a batch that has ended, in whatever order they come, one at a time.
     *
     * @throws ModelException when they do not come whole; what was taken is good
     * @throws CallInterruptedException when the thread was interrupted
     */
    public void results(String id, Results results) {
        http.get(uri("/" + id + "/results"), body -> {
            Lines lines = new Lines(body);
            try {
                for (byte[] line = lines.next(); line != null; line = lines.next()) {
                    if (line.length > 0 && !results.take(resultOf(line))) {
                        return true;
                    }
                }
                return false;
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new CallInterruptedException();
            }
        });
    }

    private Result resultOf(byte[] line) {
        JsonNode node;
        try {
            node = JSON.readTree(line);
        } catch (JacksonException e) {
            throw new ModelException(FailureCode.ANSWER_CUT.because("a line of the results is no JSON"), e);
        }
        String customId = node.path("custom_id").asString("");
        JsonNode result = node.path("result");
        return switch (result.path("type").asString("")) {
            case "succeeded" -> new Result(customId, new RawReply(message(line), null, Duration.ZERO), null);
            case "canceled" ->
                new Result(customId, null, FailureCode.BATCH_CANCELED.because("the batch was cancelled"));
            case "expired" -> new Result(customId, null, FailureCode.BATCH_EXPIRED.because("the batch expired"));
            default -> new Result(customId, null, failureOf(result.path("error")));
        };
    }

    /** The message's bytes within the line: what is kept is what was sent, not what a parser would make of it. */
    private static byte[] message(byte[] line) {
        try (JsonParser parser = JSON.createParser(line)) {
            boolean inResult = false;
            for (JsonToken token = parser.nextToken(); token != null; token = parser.nextToken()) {
                if (token != JsonToken.PROPERTY_NAME) {
                    continue;
                }
                boolean isResult = !inResult && parser.currentName().equals("result");
                boolean isMessage = inResult && parser.currentName().equals("message");
                parser.nextToken();
                if (isMessage) {
                    int from = (int) parser.currentTokenLocation().getByteOffset();
                    parser.skipChildren();
                    return Arrays.copyOfRange(
                            line, from, (int) parser.currentLocation().getByteOffset());
                }
                if (isResult) {
                    inResult = true;
                } else {
                    parser.skipChildren();
                }
            }
        }
        return new byte[0]; // as empty as the answer
    }

    private ModelFailure failureOf(JsonNode error) {
        String type = error.path("error").path("type").asString("api_error");
        int status = switch (type) {
            case "invalid_request_error" -> 400;
            case "authentication_error" -> 401;
            case "billing_error" -> 402;
            case "permission_error" -> 403;
            case "not_found_error" -> 404;
            case "request_too_large" -> 413;
            case "rate_limit_error" -> 429;
            case "timeout_error" -> 504;
            case "overloaded_error" -> 529;
            default -> 500;
        };
        return failures.ofResponse(status, JSON.writeValueAsBytes(error), null, null);
    }

    private static Batch batchOf(JsonNode batch) {
        JsonNode counts = batch.path("request_counts");
        String id = batch.path("id").asString("");
        Instant created = time(batch.path("created_at"));
        if (id.isEmpty() || created == null) {
            throw Envelope.without("id and time of a batch", batch);
        }
        return new Batch(
                id,
                switch (batch.path("processing_status").asString("")) {
                    case "ended" -> Status.ENDED;
                    case "canceling" -> Status.CANCELING;
                    default -> Status.IN_PROGRESS;
                },
                counts.path("processing").asInt(0),
                counts.path("succeeded").asInt(0),
                counts.path("errored").asInt(0),
                counts.path("canceled").asInt(0),
                counts.path("expired").asInt(0),
                created,
                time(batch.path("expires_at")));
    }

    private static @Nullable Instant time(JsonNode time) {
        try {
            return time.isString() ? Instant.parse(time.stringValue()) : null;
        } catch (DateTimeParseException e) {
            return null;
        }
    }

    @Override
    public void close() throws IOException {
        http.close();
    }

    /** Counts and hashes what goes through. */
    private static final class CountingDigest extends DigestOutputStream {
        private long bytes;

        CountingDigest(OutputStream out) {
            super(out, sha256Digest());
        }

        private static MessageDigest sha256Digest() {
            try {
                return MessageDigest.getInstance("SHA-256");
            } catch (NoSuchAlgorithmException e) {
                throw new IllegalStateException(e);
            }
        }

        @Override
        public void write(int b) throws IOException {
            super.write(b);
            bytes++;
        }

        @Override
        public void write(byte[] b, int from, int length) throws IOException {
            super.write(b, from, length);
            bytes += length;
        }

        long bytes() {
            return bytes;
        }

        String sha256() {
            return HexFormat.of().formatHex(getMessageDigest().digest());
        }
    }

    /** Splits bytes into lines, so that each stays the bytes it was. */
    private static final class Lines {
        private final InputStream in;
        private final byte[] buffer = new byte[1 << 16];
        private int from;
        private int to;

        Lines(InputStream in) {
            this.in = in;
        }

        /** The next line without its end; null after the last. */
        byte @Nullable [] next() throws IOException {
            ByteArrayOutputStream line = new ByteArrayOutputStream(1 << 13);
            while (true) {
                for (int i = from; i < to; i++) {
                    if (buffer[i] == '\n') {
                        line.write(buffer, from, i - from);
                        from = i + 1;
                        return line.toByteArray();
                    }
                }
                line.write(buffer, from, to - from);
                from = 0;
                to = Math.max(0, in.read(buffer));
                if (to == 0) {
                    return line.size() == 0 ? null : line.toByteArray();
                }
            }
        }
    }
}
