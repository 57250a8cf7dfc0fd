package dev.parley.serve;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonValue;
import dev.parley.serve.ClientFrame.Message;
import dev.parley.serve.ClientFrame.SessionStart;
import dev.parley.serve.Door.Outcome;
import dev.parley.serve.Lines.Line;
import dev.parley.serve.Refusal.Reason;
import io.swagger.v3.oas.annotations.Operation;
import jakarta.servlet.http.HttpServletRequest;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.springframework.boot.autoconfigure.condition.ConditionalOnWebApplication;
import org.springframework.http.HttpHeaders;
import org.springframework.http.HttpStatus;
import org.springframework.http.MediaType;
import org.springframework.http.ResponseEntity;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RestController;
import org.springframework.web.server.ResponseStatusException;

/** The tracker's door for whoever has no WebSocket: the same objects, one a line. */
@RestController
@ConditionalOnWebApplication
class TrackApi {
    static final String PATH = "/api/track";

    private final Door door;
    private final DoorSettings settings;
    private final int maxFrame;

    TrackApi(Door door, DoorSettings settings) {
        this.door = door;
        this.settings = settings;
        this.maxFrame = (int) settings.maxFrame().toBytes();
    }

    enum Result {
        ACCEPTED,
        DUPLICATE,
        REFUSED;

        @JsonValue
        String key() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    /**
     * What became of a line.
     *
     * @param line its number, from 1
     * @param reason why it was refused; else absent
     */
    @JsonInclude(JsonInclude.Include.NON_NULL)
    record LineResult(
            long line,
            Result result,
            @Nullable UUID messageId,
            @Nullable Reason reason,
            @Nullable String detail) {}

    /**
     * What became of a request.
     *
     * @param resumeAt the line from which it is to be sent again; absent when all of it was read
     * @param detail why; absent when all of it was read
     */
    @JsonInclude(JsonInclude.Include.NON_NULL)
    record Answer(
            long accepted,
            long duplicates,
            long refused,
            @Nullable Long resumeAt,
            @Nullable String detail,
            List<LineResult> results) {}

    /** Where reading ended before the end. */
    private record Stop(
            long line,
            HttpStatus status,
            String detail,
            @Nullable Duration retryAfter) {}

    /** Takes line by line, each for itself, and answers once all are as safe as was promised. */
    @Operation(
            summary = "Records sessions and messages",
            description =
                    "A body of application/x-ndjson: session.start, message and session.end of /asyncapi.yaml, one a line."
                            + " Answers with a result for each line, as JSON or, if asked for, as application/x-ndjson."
                            + " 429 or 503 with Retry-After when the tracker takes no more, and the line to go on from.")
    @PostMapping(
            path = PATH,
            consumes = {MediaType.APPLICATION_NDJSON_VALUE, "application/jsonl"},
            produces = {MediaType.APPLICATION_JSON_VALUE, MediaType.APPLICATION_NDJSON_VALUE})
    CompletableFuture<ResponseEntity<String>> track(HttpServletRequest request) throws IOException {
        long most = settings.maxRequest().toBytes();
        if (request.getContentLengthLong() > most) {
            throw new ResponseStatusException(
                    HttpStatus.CONTENT_TOO_LARGE,
                    "The request has " + request.getContentLengthLong() + " bytes; at most " + most
                            + " are taken (parley.door.max-request). Nothing was recorded.");
        }
        Caller caller = Caller.of(request.getUserPrincipal());
        boolean lines = accepts(request, MediaType.APPLICATION_NDJSON);
        Lines in = new Lines(request.getInputStream(), maxFrame, most);
        List<CompletableFuture<LineResult>> results = new ArrayList<>();
        Stop stop = read(in, caller, results);
        return CompletableFuture.allOf(results.toArray(CompletableFuture[]::new))
                .thenApply(done ->
                        answer(results.stream().map(CompletableFuture::join).toList(), stop, lines));
    }

    private static boolean accepts(HttpServletRequest request, MediaType type) {
        return MediaType.parseMediaTypes(request.getHeader(HttpHeaders.ACCEPT)).stream()
                .anyMatch(accepted -> accepted.equalsTypeAndSubtype(type));
    }

    private @Nullable Stop read(Lines in, Caller caller, List<CompletableFuture<LineResult>> results)
            throws IOException {
        long last = 0;
        try {
            for (Line line = in.next(); line != null; line = in.next()) {
                last = line.number();
                if (results.size() == settings.maxLines()) {
                    return new Stop(
                            last,
                            HttpStatus.CONTENT_TOO_LARGE,
                            "a request has at most " + settings.maxLines() + " lines (parley.door.max-lines)",
                            null);
                }
                CompletableFuture<LineResult> result = take(line, caller);
                results.add(result);
                LineResult known = result.getNow(null);
                if (known != null && known.reason() != null && known.reason().retryAfter() != null) {
                    return new Stop(
                            last,
                            known.reason() == Reason.QUEUE_FULL
                                    ? HttpStatus.TOO_MANY_REQUESTS
                                    : HttpStatus.SERVICE_UNAVAILABLE,
                            String.valueOf(known.detail()),
                            known.reason().retryAfter());
                }
            }
            return null;
        } catch (Lines.TooManyBytesException e) {
            return new Stop(
                    last + 1,
                    HttpStatus.CONTENT_TOO_LARGE,
                    "a request has at most " + settings.maxRequest().toBytes() + " bytes (parley.door.max-request)",
                    null);
        }
    }

    private CompletableFuture<LineResult> take(Line line, Caller caller) {
        if (line.bytes().length > maxFrame) {
            return CompletableFuture.completedFuture(refused(
                    line,
                    null,
                    new Refusal(
                            Reason.TOO_LARGE, "a line has at most " + maxFrame + " bytes (parley.door.max-frame)")));
        }
        ClientFrame frame;
        try {
            frame = Frames.read(line.text());
        } catch (IllegalArgumentException e) {
            return CompletableFuture.completedFuture(
                    refused(line, null, new Refusal(Reason.INVALID, String.valueOf(e.getMessage()))));
        }
        CompletableFuture<LineResult> result = door.take(caller, frame)
                .thenApply(outcome -> outcome instanceof Outcome.Refused refused
                        ? refused(line, frame, refused.why())
                        : taken(line, frame, outcome));
        if (frame instanceof SessionStart) {
            result.join(); // its messages come next, and need it
        }
        return result;
    }

    private static LineResult taken(Line line, ClientFrame frame, Outcome outcome) {
        return new LineResult(
                line.number(),
                outcome instanceof Outcome.Duplicate ? Result.DUPLICATE : Result.ACCEPTED,
                messageId(frame),
                null,
                null);
    }

    private static LineResult refused(Line line, @Nullable ClientFrame frame, Refusal why) {
        return new LineResult(line.number(), Result.REFUSED, messageId(frame), why.reason(), why.detail());
    }

    private static @Nullable UUID messageId(@Nullable ClientFrame frame) {
        return frame instanceof Message message ? message.messageId() : null;
    }

    private static ResponseEntity<String> answer(List<LineResult> results, @Nullable Stop stop, boolean lines) {
        ResponseEntity.BodyBuilder answer = ResponseEntity.status(stop == null ? HttpStatus.OK : stop.status());
        if (stop != null && stop.retryAfter() != null) {
            answer.header(
                    HttpHeaders.RETRY_AFTER,
                    String.valueOf(Math.max(1, stop.retryAfter().toSeconds())));
        }
        Answer whole = new Answer(
                count(results, Result.ACCEPTED),
                count(results, Result.DUPLICATE),
                count(results, Result.REFUSED),
                stop == null ? null : stop.line(),
                stop == null ? null : stop.detail(),
                results);
        return lines
                ? answer.contentType(MediaType.APPLICATION_NDJSON)
                        .body(results.stream()
                                .map(result -> Frames.write(result) + "\n")
                                .collect(Collectors.joining()))
                : answer.contentType(MediaType.APPLICATION_JSON).body(Frames.write(whole));
    }

    private static long count(List<LineResult> results, Result result) {
        return results.stream().filter(one -> one.result() == result).count();
    }
}
