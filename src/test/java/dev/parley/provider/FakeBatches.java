package dev.parley.provider;

import dev.parley.provider.FakeAnthropic.Request;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.Random;
import java.util.Set;
import java.util.function.BiFunction;
import java.util.function.Consumer;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/**
 * The batch door of {@link FakeAnthropic}: as strict as the real one, slow and lossy as it is told, and it keeps count of what
 * it would bill. Batches end by themselves after a while, and their results come out of order.
 */
public final class FakeBatches {
    private static final JsonMapper JSON = JsonMapper.shared();

    /** What becomes of one request. */
    public enum Outcome {
        SUCCEEDED,
        /** An {@code overloaded_error}. */
        OVERLOADED,
        /** An {@code invalid_request_error}. */
        INVALID,
        EXPIRED,
        /** Billed, and there is no line for it. */
        LEFT_OUT
    }

    /** What goes wrong with a creation. */
    public enum Fault {
        /** Accepted, and the answer is lost. */
        ANSWER_LOST,
        /** Accepted, and a gateway says 502. */
        ACCEPTED_WITH_502,
        /** Gone before it was accepted. */
        RESET_BEFORE,
        RATE_LIMITED,
        TOO_LARGE
    }

    /** Where the real thing may be interrupted. */
    public enum Moment {
        BEFORE_ACCEPTED,
        ACCEPTED,
        /** The answer to the creation is on the wire. */
        CONFIRMED,
        LOOKED_AT,
        ENDED,
        IN_RESULTS,
        /** All results are on the wire. */
        RESULTS_SENT,
        /** Asked to forget it, and has not yet. */
        BEFORE_DELETED
    }

    private record Made(
            String id,
            Instant createdAt,
            Map<String, JsonNode> requests,
            Map<String, Outcome> outcomes,
            Instant endsAt) {}

    private final FakeAnthropic server;
    private final Map<String, Made> batches = new LinkedHashMap<>();
    private final Map<String, Instant> canceled = new HashMap<>();
    private final Queue<Fault> faults = new ArrayDeque<>();
    private final Map<String, Integer> billed = new LinkedHashMap<>();
    private final Map<String, Integer> seen = new HashMap<>();
    private final Map<String, byte[]> lines = new HashMap<>();
    private final Set<String> prefixes = new HashSet<>();
    private final List<List<String>> orders = new ArrayList<>();
    private TokenUsage usage = TokenUsage.NONE;
    private Duration duration = Duration.ofMillis(30);
    private Duration listedAfter = Duration.ZERO;
    private BiFunction<String, Integer, Outcome> outcomes = (item, round) -> Outcome.SUCCEEDED;
    private final List<Integer> bodies = new ArrayList<>();
    private int cuts;
    private int refusals;
    private final Set<String> deleted = new LinkedHashSet<>();
    private boolean keeping;
    private int mostQueued;
    private int calls;
    private int posts;
    private int oneHourMarks;
    private Random random = new Random(1);
    private Consumer<Moment> watcher = moment -> {};

    FakeBatches(FakeAnthropic server) {
        this.server = server;
    }

    public synchronized FakeBatches take(Duration time) {
        duration = time;
        return this;
    }

    /** A batch is in the list only so long after it was accepted. */
    public synchronized FakeBatches listAfter(Duration time) {
        listedAfter = time;
        return this;
    }

    public synchronized FakeBatches fail(Fault... inOrder) {
        faults.addAll(Arrays.asList(inOrder));
        return this;
    }

    /** @param outcome by item id without dashes, and how often it was in a batch before */
    public synchronized FakeBatches decide(BiFunction<String, Integer, Outcome> outcome) {
        outcomes = outcome;
        return this;
    }

    /** So many times results end in the middle. */
    public synchronized FakeBatches cutResults(int times) {
        cuts = times;
        return this;
    }

    /** So many calls that are no creation are answered with 429. */
    public synchronized FakeBatches refuse(int calls) {
        refusals = calls;
        return this;
    }

    /** It is as if it had never been there. */
    public synchronized void delete(String id) {
        batches.remove(id);
    }

    /** All of them end now. */
    public synchronized void end() {
        Instant now = Instant.now();
        batches.replaceAll((id, made) ->
                new Made(id, made.createdAt(), made.requests(), made.outcomes(), hasEnded(made) ? made.endsAt() : now));
    }

    /** It refuses to delete anything. */
    public synchronized FakeBatches keep() {
        keeping = true;
        return this;
    }

    /** Ids of what it was asked to delete, and did. */
    public synchronized Set<String> deleted() {
        return Set.copyOf(deleted);
    }

    /** How many requests were waiting for an answer at once, at most. */
    public synchronized int mostQueued() {
        return mostQueued;
    }

    /** One that somebody else made with the same key. */
    public synchronized void someoneElses(int size) {
        ObjectNode params = JSON.createObjectNode().put("model", "claude-sonnet-5-5");
        Map<String, JsonNode> requests = new LinkedHashMap<>();
        Map<String, Outcome> decided = new HashMap<>();
        for (int i = 0; i < size; i++) {
            requests.put("theirs-" + i, params);
            decided.put("theirs-" + i, Outcome.EXPIRED);
        }
        Instant now = Instant.now();
        batches.put("msgbatch_theirs", new Made("msgbatch_theirs", now, requests, decided, now.plus(duration)));
    }

    public synchronized FakeBatches seed(long seed) {
        random = new Random(seed);
        return this;
    }

    /** Told of each moment before it is over, on the server's thread. */
    public synchronized FakeBatches watch(Consumer<Moment> moments) {
        watcher = moments;
        return this;
    }

    /** Ids of all batches that were accepted. */
    public synchronized List<String> accepted() {
        return List.copyOf(batches.keySet());
    }

    /** Requests of any kind that came with the right key. */
    public synchronized int calls() {
        return calls;
    }

    public synchronized int posts() {
        return posts;
    }

    /** How often each item was billed; items without dashes. */
    public synchronized Map<String, Integer> billed() {
        return Map.copyOf(billed);
    }

    public synchronized TokenUsage usage() {
        return usage;
    }

    /** The stable prefixes of each batch, in its order. */
    public synchronized List<List<String>> prefixOrders() {
        return List.copyOf(orders);
    }

    /** The sizes of the bodies of all creations, in bytes. */
    public synchronized List<Integer> bodies() {
        return List.copyOf(bodies);
    }

    public synchronized int oneHourMarks() {
        return oneHourMarks;
    }

    public static boolean isFor(Request request) {
        return path(request).startsWith("/v1/messages/batches");
    }

    private static String path(Request request) {
        return request.requestLine().split(" ")[1];
    }

    /** What to answer, once it is decided what it does. Null closes the connection without a word. */
    Reply answer(Request request) {
        if (!FakeAnthropic.KEY.equals(request.headers().get("x-api-key"))) {
            return Reply.of(FakeAnswer.unauthorized());
        }
        synchronized (this) {
            calls++;
        }
        String path = path(request);
        String tail = path.substring("/v1/messages/batches".length());
        if (request.requestLine().startsWith("POST") && tail.isEmpty()) {
            return create(request);
        }
        synchronized (this) {
            if (refusals > 0) {
                refusals--;
                return Reply.of(FakeAnswer.rateLimited(Duration.ZERO));
            }
        }
        if (tail.isEmpty() || tail.startsWith("?")) {
            return list(tail);
        }
        String id = tail.substring(1).replaceAll("/.*", "");
        if (request.requestLine().startsWith("DELETE")) {
            return forget(id);
        }
        if (tail.endsWith("/cancel")) {
            synchronized (this) {
                canceled.putIfAbsent(id, Instant.now());
            }
        }
        if (tail.endsWith("/results")) {
            return results(id);
        }
        boolean ended;
        ObjectNode shown;
        synchronized (this) {
            Made made = found(id);
            if (made == null) {
                return Reply.of(FakeAnswer.error(404, "not_found_error", "no such batch"));
            }
            shown = shown(made);
            ended = hasEnded(made);
        }
        watcher.accept(ended ? Moment.ENDED : Moment.LOOKED_AT);
        return Reply.json(shown);
    }

    private Reply forget(String id) {
        watcher.accept(Moment.BEFORE_DELETED);
        synchronized (this) {
            Made made = found(id);
            if (made == null) {
                return Reply.of(FakeAnswer.error(404, "not_found_error", "no such batch"));
            }
            if (keeping || !hasEnded(made)) {
                return Reply.of(FakeAnswer.invalidRequest("it cannot be deleted"));
            }
            deleted.add(id);
        }
        return Reply.json(JSON.createObjectNode().put("id", id).put("type", "message_batch_deleted"));
    }

    /** Null when there is none, or none any more. */
    private Made found(String id) {
        return deleted.contains(id) ? null : batches.get(id);
    }

    /** @param sent how many bytes of the body arrive; the rest is cut */
    @SuppressWarnings("ArrayRecordComponent") // never compared
    record Reply(FakeAnswer answer, int sent) {
        static Reply of(FakeAnswer answer) {
            return new Reply(answer, Integer.MAX_VALUE);
        }

        static Reply json(JsonNode json) {
            return of(FakeAnswer.raw(200, JSON.writeValueAsString(json)));
        }
    }

    private Reply create(Request request) {
        Fault fault;
        synchronized (this) {
            posts++;
            bodies.add(request.body().length);
            fault = faults.poll();
        }
        if (fault == Fault.RATE_LIMITED) {
            return Reply.of(FakeAnswer.rateLimited(Duration.ZERO));
        }
        if (fault == Fault.TOO_LARGE) {
            return Reply.of(FakeAnswer.error(413, "request_too_large", "Request exceeds the maximum size"));
        }
        watcher.accept(Moment.BEFORE_ACCEPTED);
        if (fault == Fault.RESET_BEFORE) {
            return null;
        }
        ObjectNode shown;
        synchronized (this) {
            Map<String, JsonNode> requests = new LinkedHashMap<>();
            List<String> order = new ArrayList<>();
            for (JsonNode one : request.json().path("requests")) {
                String customId = one.path("custom_id").asString("");
                if (!customId.matches("[a-zA-Z0-9_-]{1,64}") || requests.put(customId, one.path("params")) != null) {
                    return Reply.of(FakeAnswer.invalidRequest("requests: custom_id " + customId));
                }
                JsonNode prefix = one.path("params").path("system").path(0);
                order.add(prefix.path("text").asString(""));
                oneHourMarks +=
                        prefix.path("cache_control").path("ttl").asString("").equals("1h") ? 1 : 0;
            }
            if (requests.isEmpty() || requests.size() > 100_000) {
                return Reply.of(FakeAnswer.invalidRequest("requests: 1 to 100000"));
            }
            orders.add(order);
            String id = "msgbatch_" + "%06d".formatted(server.nextBatch());
            Map<String, Outcome> decided = new HashMap<>();
            requests.keySet()
                    .forEach(customId -> decided.put(
                            customId, outcomes.apply(itemOf(customId), seen.getOrDefault(itemOf(customId), 0))));
            Instant now = Instant.now();
            Made made = new Made(id, now, requests, decided, now.plus(duration));
            batches.put(id, made);
            mostQueued = Math.max(
                    mostQueued,
                    batches.values().stream()
                            .filter(one -> !hasEnded(one))
                            .mapToInt(one -> one.requests().size())
                            .sum());
            shown = shown(made);
        }
        watcher.accept(Moment.ACCEPTED);
        if (fault == Fault.ACCEPTED_WITH_502) {
            return Reply.of(FakeAnswer.raw(502, "<html>Bad gateway</html>"));
        }
        return fault == Fault.ANSWER_LOST ? null : Reply.json(shown);
    }

    private static String itemOf(String customId) {
        String[] parts = customId.split("-");
        return parts[parts.length > 2 ? 2 : 1]; // ours, someone else's
    }

    private synchronized Reply list(String query) {
        List<Made> newestFirst = new ArrayList<>(batches.values());
        Collections.reverse(newestFirst);
        newestFirst.removeIf(made -> deleted.contains(made.id())
                || made.createdAt().plus(listedAfter).isAfter(Instant.now()));
        if (query.contains("after_id=")) {
            String after = query.replaceAll(".*after_id=", "");
            while (!newestFirst.isEmpty() && !newestFirst.remove(0).id().equals(after)) {
                // up to and with it
            }
        }
        List<Made> page = newestFirst.subList(0, Math.min(100, newestFirst.size()));
        ObjectNode list = JSON.createObjectNode().put("has_more", page.size() < newestFirst.size());
        page.forEach(made -> list.withArray("data").add(shown(made)));
        if (!page.isEmpty()) {
            list.put("last_id", page.get(page.size() - 1).id());
        }
        return Reply.json(list);
    }

    private boolean hasEnded(Made made) {
        return canceled.containsKey(made.id()) || !Instant.now().isBefore(made.endsAt());
    }

    private boolean wasCanceled(Made made) {
        Instant at = canceled.get(made.id());
        return at != null && at.isBefore(made.endsAt());
    }

    private ObjectNode shown(Made made) {
        boolean ended = hasEnded(made);
        ObjectNode shown = JSON.createObjectNode()
                .put("id", made.id())
                .put("type", "message_batch")
                .put("processing_status", ended ? "ended" : "in_progress")
                .put("created_at", made.createdAt().toString())
                .put("expires_at", made.createdAt().plus(Duration.ofHours(24)).toString());
        int[] counts = new int[5];
        made.outcomes().values().forEach(outcome -> {
            if (!ended) {
                counts[0]++;
            } else if (wasCanceled(made)) {
                counts[3]++;
            } else {
                counts[
                        switch (outcome) {
                            case SUCCEEDED, LEFT_OUT -> 1;
                            case OVERLOADED, INVALID -> 2;
                            case EXPIRED -> 4;
                        }]++;
            }
        });
        shown.putObject("request_counts")
                .put("processing", counts[0])
                .put("succeeded", counts[1])
                .put("errored", counts[2])
                .put("canceled", counts[3])
                .put("expired", counts[4]);
        return shown;
    }

    private Reply results(String id) {
        StringBuilder body = new StringBuilder();
        boolean cut;
        synchronized (this) {
            Made made = found(id);
            if (made == null || !hasEnded(made)) {
                return Reply.of(FakeAnswer.error(404, "not_found_error", "no results"));
            }
            List<String> customIds = new ArrayList<>(made.requests().keySet());
            Collections.shuffle(customIds, random);
            for (String customId : customIds) {
                byte[] line = lines.computeIfAbsent(customId + id, key -> line(made, customId));
                body.append(new String(line, StandardCharsets.UTF_8));
            }
            cut = cuts > 0;
            cuts -= cut ? 1 : 0;
        }
        FakeAnswer answer = FakeAnswer.raw(200, body.toString());
        return cut ? new Reply(answer, answer.body().length / 2) : Reply.of(answer);
    }

    /** Half of an answer is on the wire. */
    void halfSent(Request request) {
        if (path(request).endsWith("/results")) {
            watcher.accept(Moment.IN_RESULTS);
        }
    }

    void sent(Request request) {
        String path = path(request);
        if (path.endsWith("/results")) {
            watcher.accept(Moment.RESULTS_SENT);
        } else if (path.endsWith("/batches") && request.requestLine().startsWith("POST")) {
            watcher.accept(Moment.CONFIRMED);
        }
    }

    /** Made, and billed, once. */
    private byte[] line(Made made, String customId) {
        ObjectNode line = JSON.createObjectNode().put("custom_id", customId);
        ObjectNode result = line.putObject("result");
        Outcome outcome = made.outcomes().get(customId);
        seen.merge(itemOf(customId), 1, Integer::sum);
        if (wasCanceled(made)) {
            result.put("type", "canceled");
        } else if (outcome == Outcome.EXPIRED) {
            result.put("type", "expired");
        } else if (outcome == Outcome.OVERLOADED || outcome == Outcome.INVALID) {
            result.put("type", "errored")
                    .putObject("error")
                    .put("type", "error")
                    .putObject("error")
                    .put("type", outcome == Outcome.INVALID ? "invalid_request_error" : "overloaded_error")
                    .put("message", "said so");
        } else {
            result.put("type", "succeeded")
                    .set("message", message(made.requests().get(customId), customId));
        }
        return outcome == Outcome.LEFT_OUT && !wasCanceled(made)
                ? new byte[0]
                : (JSON.writeValueAsString(line) + "\n").getBytes(StandardCharsets.UTF_8);
    }

    private JsonNode message(JsonNode params, String customId) {
        FakeAnswer answer = server.batchAnswer();
        String prefix = params.path("system").path(0).path("text").asString("");
        boolean cached = !prefixes.add(prefix);
        long prefixTokens = prefix.length() / 4;
        TokenUsage used = new TokenUsage(
                params.path("messages").path(0).path("content").asString("").length() / 4 + 1,
                answer.text().length() / 4 + 1,
                cached ? prefixTokens : 0,
                0,
                cached ? 0 : prefixTokens);
        billed.merge(itemOf(customId), 1, Integer::sum);
        usage = FakeAnthropic.plus(usage, used);
        ObjectNode message = FakeAnthropic.messageOf(answer, params, "msg_" + customId, used);
        ((ObjectNode) message.path("usage")).put("service_tier", "batch");
        return message;
    }
}
