package dev.parley.batch;

import static dev.parley.provider.FakeAnswer.error;
import static dev.parley.provider.FakeAnswer.raw;
import static org.assertj.core.api.Assertions.assertThat;

import dev.parley.TestApplication;
import dev.parley.TestDatabase;
import dev.parley.generation.GenerationLogs;
import dev.parley.provider.FailureCode;
import dev.parley.provider.FakeAnswer;
import dev.parley.provider.FakeAnswer.Delivery;
import dev.parley.provider.FakeAnthropic;
import dev.parley.provider.FakeOpenAi;
import dev.parley.provider.ModelFailure.Next;
import dev.parley.work.BatchJob;
import dev.parley.work.BatchJobs;
import dev.parley.work.JobStatus;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.UUID;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A job of one item for each fault, whose first call meets it; what became of it is printed as a table. */
@DisplayName("What each fault on the wire comes to in a whole run, with whichever provider")
class FaultTests {
    @TempDir
    private Path data;

    private final FakeAnthropic anthropic = FakeAnthropic.start();
    private final FakeOpenAi openAi = FakeOpenAi.start();
    private TestApplication app;

    @AfterEach
    void stop() {
        app.close();
        openAi.close();
        anthropic.close();
    }

    /** What becomes of the item. */
    private enum End {
        /** It is completed in this run. */
        COMPLETED,
        FAILED,
        /** It is completed by the next run, once the job has been resumed. */
        PAUSED
    }

    /**
     * @param code which the failed call has in the ledger, or the item where the call was answered
     * @param calls in all
     */
    private record Row(String fault, FakeAnswer answer, FailureCode code, End end, int calls) {}

    private static Stream<Row> ofTheWire() {
        FakeAnswer good = FakeAnswer.conversation();
        return Stream.of(
                new Row("timeout", FakeAnswer.hang(), FailureCode.TIMED_OUT, End.COMPLETED, 2),
                new Row("connection reset", FakeAnswer.reset(), FailureCode.CONNECTION_RESET, End.COMPLETED, 2),
                new Row("closed", good.delivered(Delivery.CLOSE), FailureCode.CONNECTION_RESET, End.COMPLETED, 2),
                new Row("cut mid-body", FakeAnswer.cut(), FailureCode.ANSWER_CUT, End.COMPLETED, 2),
                new Row(
                        "cut in chunks",
                        good.delivered(Delivery.CUT_CHUNKED),
                        FailureCode.ANSWER_CUT,
                        End.COMPLETED,
                        2),
                new Row("HTTP 500, HTML", raw(500, "<html>"), FailureCode.PROVIDER_ERROR, End.COMPLETED, 2),
                new Row("HTTP 502, HTML", raw(502, "<html>"), FailureCode.PROVIDER_UNAVAILABLE, End.COMPLETED, 2),
                new Row("HTTP 503, empty", raw(503, ""), FailureCode.PROVIDER_UNAVAILABLE, End.COMPLETED, 2),
                new Row("HTTP 504", raw(504, "{\"error\":"), FailureCode.TIMED_OUT, End.COMPLETED, 2),
                new Row("HTTP 409", raw(409, ""), FailureCode.CONFLICT, End.COMPLETED, 2),
                new Row("HTTP 413", raw(413, ""), FailureCode.REQUEST_TOO_LARGE, End.FAILED, 1),
                new Row("HTTP 418", raw(418, ""), FailureCode.UNEXPECTED_STATUS, End.FAILED, 1),
                new Row("HTTP 308", raw(308, ""), FailureCode.UNEXPECTED_REDIRECT, End.PAUSED, 2),
                new Row("truncated", FakeAnswer.truncated(), FailureCode.TRUNCATED, End.COMPLETED, 2),
                new Row("refusal", FakeAnswer.refusal(), FailureCode.REFUSED, End.FAILED, 1),
                new Row("empty answer", FakeAnswer.text(""), FailureCode.EMPTY_ANSWER, End.FAILED, 1),
                new Row(
                        "unknown stop",
                        FakeAnswer.stopped("tired", "{}"),
                        FailureCode.UNKNOWN_STOP_REASON,
                        End.FAILED,
                        1),
                new Row("no envelope", raw(200, "<html>"), FailureCode.MALFORMED_ENVELOPE, End.FAILED, 1),
                new Row("no JSON", FakeAnswer.text("Cats!"), FailureCode.PARSE_FAILED, End.FAILED, 1),
                new Row(
                        "no conversation",
                        FakeAnswer.text("{\"turns\":[]}"),
                        FailureCode.INVALID_DOCUMENT,
                        End.FAILED,
                        1));
    }

    private static Stream<Row> ofAnthropic() {
        return Stream.of(
                new Row("429", FakeAnswer.rateLimited(), FailureCode.RATE_LIMITED, End.COMPLETED, 2),
                new Row(
                        "429, retry-after 1",
                        FakeAnswer.rateLimited(Duration.ofSeconds(1)),
                        FailureCode.RATE_LIMITED,
                        End.COMPLETED,
                        2),
                new Row(
                        "ramp limit",
                        FakeAnswer.rampLimited(Duration.ZERO),
                        FailureCode.RAMP_LIMITED,
                        End.COMPLETED,
                        2),
                new Row("overloaded 529", FakeAnswer.overloaded(), FailureCode.OVERLOADED, End.COMPLETED, 2),
                new Row("HTTP 400", FakeAnswer.invalidRequest("no"), FailureCode.INVALID_REQUEST, End.FAILED, 1),
                new Row(
                        "spend limit, 400",
                        FakeAnswer.spendLimitReached(),
                        FailureCode.SPEND_LIMIT_REACHED,
                        End.PAUSED,
                        2),
                new Row(
                        "spend limit, 429",
                        error(429, "rate_limit_error", "Spend limit", "enforced_spend_limit_reached"),
                        FailureCode.SPEND_LIMIT_REACHED,
                        End.PAUSED,
                        2),
                new Row(
                        "on hold",
                        error(400, "invalid_request_error", "This organization has been disabled."),
                        FailureCode.ORGANIZATION_ON_HOLD,
                        End.PAUSED,
                        2),
                new Row("HTTP 401", FakeAnswer.unauthorized(), FailureCode.AUTHENTICATION_FAILED, End.PAUSED, 2),
                new Row("HTTP 402", error(402, "billing_error", "Pay"), FailureCode.BILLING_FAILED, End.PAUSED, 2),
                new Row("HTTP 403", error(403, "permission_error", "No"), FailureCode.PERMISSION_DENIED, End.PAUSED, 2),
                new Row("HTTP 404", error(404, "not_found_error", "model"), FailureCode.NOT_FOUND, End.PAUSED, 2),
                new Row(
                        "context window",
                        FakeAnswer.stopped("model_context_window_exceeded", "{\"turns\": ["),
                        FailureCode.TRUNCATED,
                        End.COMPLETED,
                        2));
    }

    private static Stream<Row> ofOpenAi() {
        return Stream.of(
                new Row(
                        "429",
                        openAi(429, "requests", "rate_limit_exceeded"),
                        FailureCode.RATE_LIMITED,
                        End.COMPLETED,
                        2),
                new Row("overloaded 503", openAi(503, "overloaded", null), FailureCode.OVERLOADED, End.COMPLETED, 2),
                new Row("HTTP 400", openAi(400, "no", null), FailureCode.INVALID_REQUEST, End.FAILED, 1),
                new Row(
                        "context length",
                        openAi(400, "long", "context_length_exceeded"),
                        FailureCode.REQUEST_TOO_LARGE,
                        End.FAILED,
                        1),
                new Row("content filter", openAi(400, "no", "content_filter"), FailureCode.REFUSED, End.FAILED, 1),
                new Row(
                        "filtered answer",
                        FakeAnswer.stopped("content_filter", ""),
                        FailureCode.REFUSED,
                        End.FAILED,
                        1),
                new Row(
                        "parameter",
                        openAi(400, "no", "unsupported_parameter"),
                        FailureCode.INVALID_SETTINGS,
                        End.PAUSED,
                        2),
                new Row("quota", openAi(429, "no", "insufficient_quota"), FailureCode.BILLING_FAILED, End.PAUSED, 2),
                new Row(
                        "HTTP 401",
                        openAi(401, "no", "invalid_api_key"),
                        FailureCode.AUTHENTICATION_FAILED,
                        End.PAUSED,
                        2),
                new Row("HTTP 403", openAi(403, "no", null), FailureCode.PERMISSION_DENIED, End.PAUSED, 2),
                new Row("HTTP 404", openAi(404, "no", "model_not_found"), FailureCode.NOT_FOUND, End.PAUSED, 2));
    }

    private static FakeAnswer openAi(int status, String message, String code) {
        return raw(
                status,
                "{\"error\":{\"message\":\"" + message + "\",\"type\":\"said\",\"param\":null,\"code\":"
                        + (code == null ? null : "\"" + code + "\"") + "}}");
    }

    @Test
    void ofAnthropicsApi() throws IOException { // A57
        go(
                anthropic,
                anthropic.properties(),
                "anthropic",
                FakeAnthropic.KEY,
                Stream.concat(ofTheWire(), ofAnthropic()));
    }

    @Test
    void ofTheChatCompletionsApi() throws IOException { // A57
        go(openAi.server(), openAi.properties(), "openai", FakeOpenAi.KEY, Stream.concat(ofTheWire(), ofOpenAi()));
    }

    private void go(FakeAnthropic server, String[] properties, String provider, String key, Stream<Row> rows)
            throws IOException {
        app = TestApplication.start(
                TestDatabase.H2,
                data,
                Stream.concat(
                                Stream.of(properties),
                                Stream.of(
                                        "parley." + provider + ".call-timeout=1500ms", "logging.level.dev.parley=off"))
                        .toArray(String[]::new));
        System.out.printf("%n%s%n| fault | what Parley did | calls | dollars |%n|---|---|---|---|%n", provider);
        for (Row row : rows.toList()) {
            meets(server, row);
        }
        theKeyIsNowhere(key);
    }

    private void meets(FakeAnthropic server, Row row) {
        int callsBefore = server.calls();
        UUID job = app.enqueue(1);
        server.answers(row.answer());

        app.run(job);

        BatchJob first = app.job(job);
        if (row.end() == End.PAUSED) {
            assertThat(first.status()).as(row.fault()).isEqualTo(JobStatus.PAUSED);
            assertThat(first.statusReason())
                    .as(row.fault())
                    .startsWith("HTTP " + row.answer().status());
            assertThat(attempts(job)).as("%s: attempts", row.fault()).isZero();
            app.bean(BatchJobs.class).resume(job);
            app.run(job);
        }
        BatchJob job1 = app.job(job);
        assertThat(job1.status())
                .as(row.fault())
                .isEqualTo(row.end() == End.FAILED ? JobStatus.FAILED : JobStatus.COMPLETED);
        assertThat(server.calls() - callsBefore).as("%s: calls", row.fault()).isEqualTo(row.calls());
        assertThat(codes(job)).as(row.fault()).contains(row.code().key());
        boolean waits = row.code().next() == Next.WAIT || row.end() == End.PAUSED;
        assertThat(attempts(job)).as("%s: attempts", row.fault()).isEqualTo(waits ? 1 : row.calls());
        GenerationLogs.Totals totals = app.bean(GenerationLogs.class).totals(job);
        assertThat(totals.calls()).as("%s: in the ledger", row.fault()).isEqualTo(row.calls());
        assertThat(totals.unknownCost()).as(row.fault()).isEqualTo(row.code().mayBeBilled() ? 1 : 0);
        assertThat(job1.actualCost()).as(row.fault()).isEqualByComparingTo(totals.costUsd());
        System.out.printf(
                Locale.ROOT,
                "| %s | `%s`: %s | %d | %.5f%s |%n",
                row.fault(),
                row.code().key(),
                did(row),
                row.calls(),
                totals.costUsd(),
                totals.unknownCost() > 0 ? " + 1 call of unknown cost" : "");
    }

    private static String did(Row row) {
        return switch (row.end()) {
            case COMPLETED ->
                row.code().next() == Next.WAIT
                        ? "waited, called again, completed; attempt not counted"
                        : row.code() == FailureCode.TRUNCATED
                                ? "asked again with a larger limit, completed"
                                : "called again, completed";
            case FAILED -> "failed the item" + (row.answer().status() == 200 ? ", answer kept" : "");
            case PAUSED -> "paused the job with the provider's words; after `resume` completed";
        };
    }

    private long attempts(UUID job) {
        return app.count("SELECT attempts FROM batch_items WHERE batch_job_id = ?", job);
    }

    private List<String> codes(UUID job) {
        return app.rows("""
                SELECT error_code FROM batch_items WHERE batch_job_id = ?
                 UNION SELECT error_code FROM generation_logs WHERE run_id = ?
                 UNION SELECT error_code FROM failed_generations WHERE run_id = ?
                """, job, job, job).stream()
                .map(row -> String.valueOf(row.get("error_code")))
                .toList();
    }

    private void theKeyIsNowhere(String key) throws IOException { // A36
        for (Map<String, Object> table : app.rows("""
                SELECT table_name FROM information_schema.tables WHERE table_schema = 'PUBLIC' OR table_schema = 'public'
                """)) {
            String name = String.valueOf(table.get("table_name"));
            assertThat(app.rows("SELECT * FROM \"" + name + "\"").toString())
                    .as("table " + name)
                    .doesNotContain(key);
        }
        try (Stream<Path> files = Files.walk(data)) {
            for (Path file : files.filter(Files::isRegularFile).toList()) {
                assertThat(new String(Files.readAllBytes(file), StandardCharsets.ISO_8859_1))
                        .as(file.toString())
                        .doesNotContain(key);
            }
        }
    }
}
