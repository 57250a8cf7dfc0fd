package dev.parley.serve;

import static org.assertj.core.api.Assertions.assertThat;

import com.zaxxer.hikari.HikariDataSource;
import dev.parley.TestApplication;
import dev.parley.TestDatabase;
import dev.parley.launch.Views.JobView;
import dev.parley.provider.FakeAnswer;
import dev.parley.provider.FakeAnthropic;
import dev.parley.serve.Http.Answer;
import java.lang.reflect.RecordComponent;
import java.math.BigDecimal;
import java.nio.file.Path;
import java.sql.Connection;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import javax.sql.DataSource;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.AfterParameterizedClassInvocation;
import org.junit.jupiter.params.BeforeParameterizedClassInvocation;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.EnumSource;
import tools.jackson.databind.JsonNode;

/** What programs are told over HTTP, by a server that runs. */
@ParameterizedClass
@EnumSource(TestDatabase.class)
@Timeout(value = 2, unit = TimeUnit.MINUTES, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class ApiTests {
    private static final UUID NOBODY = UUID.fromString("00000000-0000-4000-8000-000000000000");

    @TempDir
    private static Path data;

    private static FakeAnthropic anthropic;
    private static TestApplication app;
    private static Http http;

    ApiTests(TestDatabase database) {}

    @BeforeParameterizedClassInvocation
    static void start(TestDatabase database) {
        anthropic = FakeAnthropic.start();
        app = TestApplication.startServing(
                database,
                data.resolve(database.name()),
                Stream.concat(
                                Arrays.stream(anthropic.properties()),
                                Stream.of(
                                        "parley.confirm-above-usd=1",
                                        "spring.datasource.hikari.connection-timeout=2000"))
                        .toArray(String[]::new));
        http = new Http(app.address());
    }

    @AfterParameterizedClassInvocation
    static void close() {
        app.close();
        anthropic.close();
    }

    /** Eight items, the last of which fails for good. */
    private UUID sevenOfEight() {
        UUID job = app.enqueue(8);
        anthropic.answersTo(
                app.jdbc()
                        .sql(
                                "SELECT CAST(conversation_key AS varchar) FROM batch_items WHERE batch_job_id = :job AND position = 8")
                        .param("job", job)
                        .query(String.class)
                        .single(),
                FakeAnswer.rateLimited(Duration.ofMillis(10)),
                FakeAnswer.invalidRequest("the prompt is not acceptable"));
        app.run(job);
        return job;
    }

    private UUID item(UUID job, int position) {
        return app.jdbc()
                .sql("SELECT id FROM batch_items WHERE batch_job_id = :job AND position = :position")
                .param("job", job)
                .param("position", position)
                .query(UUID.class)
                .single();
    }

    private JsonNode get(String path) {
        Answer answer = http.get(path);
        assertThat(answer.status()).as(answer.text()).isEqualTo(200);
        return answer.json();
    }

    private JsonNode problem(Answer answer, int status) {
        assertThat(answer.status()).as(answer.text()).isEqualTo(status);
        assertThat(answer.header("Content-Type")).startsWith("application/problem+json");
        assertThat(answer.text()).doesNotContain("dev.parley", "Exception", "\tat ");
        assertThat(answer.json().get("status").asInt()).isEqualTo(status);
        return answer.json();
    }

    @Test
    void aJobSaysHowFarItIsAndWhatItCosts() { // A50
        UUID job = sevenOfEight();

        JsonNode it = get("/api/jobs/" + job);

        assertThat(it.propertyNames())
                .as("what the command says, in its order")
                .containsExactlyElementsOf(Arrays.stream(JobView.class.getRecordComponents())
                        .map(RecordComponent::getName)
                        .toList());
        assertThat(it.get("total").asInt()).isEqualTo(8);
        assertThat(it.get("completed").asInt()).isEqualTo(8);
        assertThat(it.get("successful").asInt()).isEqualTo(7);
        assertThat(it.get("failed").asInt()).isEqualTo(1);
        assertThat(it.get("percentage").asDouble()).isEqualTo(100);
        assertThat(it.get("successRate").asDouble()).isEqualTo(87.5);
        assertThat(it.get("costUsd").decimalValue()).isPositive();
        assertThat(it.get("lastItemError").asString()).contains("the prompt is not acceptable");
        assertThat(it.get("completedAt").asString()).matches("\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d[.\\d]*Z");
    }

    @Test
    void twoReadsWithoutProgressAreTheSameBytesAndHaveNoLineOfALog() { // A39, A51
        UUID job = sevenOfEight();
        String key = get("/api/jobs/" + job + "/items?limit=1")
                .at("/items/0/conversationKey")
                .asString();

        Stream.of(
                        "/api/jobs",
                        "/api/jobs/" + job,
                        "/api/jobs/" + job + "/items",
                        "/api/jobs/" + job + "/failures",
                        "/api/jobs/" + job + "/series",
                        "/api/jobs/" + job + "/quality",
                        "/api/items/" + item(job, 8),
                        "/api/conversations/" + key,
                        "/api/catalog",
                        "/api/schedules")
                .forEach(path -> {
                    Answer first = http.get(path);
                    Answer second = http.get(path);
                    Answer known = http.get(path, "If-None-Match", first.header("ETag"));

                    assertThat(first.status()).as(path + first.text()).isEqualTo(200);
                    assertThat(second.text()).as(path).isEqualTo(first.text());
                    assertThat(first.header("ETag")).as(path).isNotEmpty();
                    assertThat(known.status()).as(path).isEqualTo(304);
                    assertThat(known.text()).isEmpty();
                    assertThat(first.text()).as(path).doesNotContain("Run 1 started", "... completed");
                });
    }

    @Test
    void jobsAndItemsPageByKey() {
        List<UUID> jobs = Stream.generate(() -> app.enqueue(1)).limit(3).toList();

        JsonNode first = get("/api/jobs?limit=2&status=queued");
        JsonNode second =
                get("/api/jobs?limit=2&status=queued&after=" + first.get("next").asString());

        assertThat(first.at("/jobs/0/id").asString()).isEqualTo(jobs.get(2).toString());
        assertThat(first.at("/jobs/1/id").asString()).isEqualTo(jobs.get(1).toString());
        assertThat(second.at("/jobs/0/id").asString()).isEqualTo(jobs.get(0).toString());

        UUID job = sevenOfEight();
        JsonNode items = get("/api/jobs/" + job + "/items?limit=5");
        JsonNode rest = get(
                "/api/jobs/" + job + "/items?limit=5&after=" + items.get("next").asInt());
        assertThat(items.get("items")).hasSize(5);
        assertThat(rest.get("items")).hasSize(3);
        assertThat(rest.get("next").isNull()).isTrue();
        assertThat(get("/api/jobs/" + job + "/items?status=failed")
                        .at("/items/0/position")
                        .asInt())
                .isEqualTo(8);
        assertThat(get("/api/jobs/" + job + "/items?code=invalid_request").get("items"))
                .hasSize(1);
        jobs.forEach(queued -> http.post("/api/jobs/" + queued + "/cancel", "{}"));
    }

    @Test
    void failuresAreGroupedByCause() {
        JsonNode causes = get("/api/jobs/" + sevenOfEight() + "/failures").get("causes");

        assertThat(causes).hasSize(1);
        assertThat(causes.at("/0/code").asString()).isEqualTo("invalid_request");
        assertThat(causes.at("/0/items").asInt()).isEqualTo(1);
    }

    @Test
    void theCourseOfAJobCountsItsItemsCallsAndDollars() {
        UUID job = sevenOfEight();

        JsonNode series = get("/api/jobs/" + job + "/series");

        assertThat(series.get("stepSeconds").asInt()).isEqualTo(1);
        JsonNode points = series.get("points");
        assertThat(points.size()).isBetween(1, 240);
        int completed = 0;
        int failed = 0;
        for (JsonNode point : points) {
            completed += point.get("completed").asInt();
            failed += point.get("failed").asInt();
        }
        assertThat(completed).isEqualTo(7);
        assertThat(failed).isEqualTo(1);
        JsonNode last = points.get(points.size() - 1);
        assertThat(last.get("costUsd").decimalValue())
                .isEqualByComparingTo(get("/api/jobs/" + job).get("costUsd").decimalValue());
        assertThat(last.get("p95Ms").asLong())
                .isGreaterThanOrEqualTo(last.get("p50Ms").asLong());
    }

    @Test
    void whatIsWrongIsAProblemThatSaysWhatWouldBeRight() {
        for (String path : List.of(
                "jobs/%s",
                "jobs/%s/items",
                "jobs/%s/failures",
                "jobs/%s/series",
                "jobs/%s/quality",
                "jobs/%s/report",
                "items/%s",
                "conversations/%s",
                "conversations/%s/raw")) {
            problem(http.get("/api/" + path.formatted(NOBODY)), 404);
        }
        assertThat(problem(http.get("/api/jobs/x"), 400).get("detail").asString())
                .isEqualTo("id is 'x'; should be a UUID");
        assertThat(problem(http.get("/api/jobs?limit=0"), 400).get("detail").asString())
                .isEqualTo("limit is 0; must be greater than or equal to 1");
        assertThat(problem(http.get("/api/jobs?status=done"), 400).get("detail").asString())
                .isEqualTo("status is 'done'; should be queued, processing, paused, completed, failed, cancelled");
        assertThat(problem(http.post("/api/jobs/" + NOBODY + "/pause", "{}"), 404)
                        .get("detail")
                        .asString())
                .contains(NOBODY.toString());
        problem(http.get("/api/nothing"), 404);
        problem(http.post("/api/jobs", "{"), 400);
    }

    @Test
    void aJobIsPausedResumedRankedAndCancelled() {
        String job = "/api/jobs/" + app.enqueue(3);

        Answer paused = http.post(job + "/pause", "{\"reason\": \"a look first\"}");
        assertThat(paused.json().get("status").asString()).isEqualTo("paused");
        assertThat(paused.json().get("statusReason").asString()).isEqualTo("a look first");
        assertThat(problem(http.post(job + "/pause", "{}"), 409).get("detail").asString())
                .contains("is paused and cannot be paused; only a queued job or one in processing can");
        assertThat(http.post(job + "/preview", "{\"action\": \"resume\"}")
                        .json()
                        .get("items")
                        .asInt())
                .isEqualTo(3);
        assertThat(problem(http.post(job + "/resume", "{\"budgetUsd\": 0}"), 400)
                        .get("detail")
                        .asString())
                .isEqualTo("budgetUsd is 0; should be more than 0");
        assertThat(http.post(job + "/resume", "{\"budgetUsd\": 2.5}")
                        .json()
                        .get("budgetUsd")
                        .asDouble())
                .isEqualTo(2.5);
        assertThat(http.post(job + "/priority", "{\"priority\": \"high\"}")
                        .json()
                        .get("priority")
                        .asString())
                .isEqualTo("high");
        assertThat(problem(http.post(job + "/priority", "{\"priority\": \"huge\"}"), 400)
                        .get("detail")
                        .asString())
                .isEqualTo("priority cannot be read; should be low, normal, high");
        JsonNode preview =
                http.post(job + "/preview", "{\"action\": \"cancel\"}").json();
        assertThat(preview.get("says").asString()).startsWith("3 items fail with the code 'cancelled'");
        assertThat(preview.get("highUsd").decimalValue()).isZero();
        assertThat(http.post(job + "/cancel", "").json().get("status").asString())
                .isEqualTo("cancelled");
        problem(http.post(job + "/cancel", "{}"), 409);
    }

    @Test
    void whatFailedIsRetriedAfterAPreviewThatChangesNothing() {
        UUID id = sevenOfEight();
        String job = "/api/jobs/" + id;
        String before = http.get(job).text();

        JsonNode preview = http.post(job + "/preview", "{\"action\": \"retry\", \"codes\": [\"invalid_request\"]}")
                .json();

        assertThat(preview.get("items").asInt()).isEqualTo(1);
        assertThat(preview.get("highUsd").decimalValue()).isPositive();
        assertThat(preview.get("says").asString()).contains("1 item go", "may cost up to $");
        assertThat(http.get(job).text()).isEqualTo(before);
        assertThat(http.post(job + "/retry", "{}").json().get("items").asInt())
                .as("it would fail again")
                .isZero();
        assertThat(problem(http.post(job + "/retry", "{\"codes\": [\"timeout\"]}"), 400)
                        .get("detail")
                        .asString())
                .startsWith("No item fails with the code 'timeout'");
        JsonNode retried =
                http.post(job + "/retry", "{\"codes\": [\"invalid_request\"]}").json();
        assertThat(retried.get("items").asInt()).isEqualTo(1);
        assertThat(retried.at("/job/status").asString()).isEqualTo("processing");
        app.run(id);
        assertThat(get(job).get("successful").asInt()).isEqualTo(8);
    }

    @Test
    void oneItemIsRetriedByItself() {
        UUID id = sevenOfEight();
        String job = "/api/jobs/" + id;
        String only = "\"items\": [\"" + item(id, 8) + "\"]";

        JsonNode preview = http.post(job + "/preview", "{\"action\": \"retry\", " + only + "}")
                .json();

        assertThat(preview.get("items").asInt()).isEqualTo(1);
        assertThat(preview.get("says").asString()).contains("1 item go", "may cost up to $");
        for (String wrong : List.of(
                "\"items\": [\"" + item(id, 1) + "\"]", // is completed
                "\"items\": [\"" + NOBODY + "\"]",
                only + ", \"all\": true")) {
            problem(http.post(job + "/retry", "{" + wrong + "}"), 400);
        }
        UUID another = app.enqueue(1);
        problem(http.post("/api/jobs/" + another + "/retry", "{" + only + "}"), 400);
        http.post("/api/jobs/" + another + "/cancel", "{}");
        JsonNode retried = http.post(job + "/retry", "{" + only + "}").json();
        assertThat(retried.get("items").asInt()).isEqualTo(1);
        assertThat(get(job + "/failures").get("causes")).isEmpty();
        app.run(id);
        assertThat(get(job).get("successful").asInt()).isEqualTo(8);
    }

    @Test
    void causesAreCountedWhereTheJobIsAndAgreeWithItsItems() {
        UUID id = sevenOfEight();
        counted(id, "invalid_request false 1");
        http.post("/api/jobs/" + id + "/retry", "{\"all\": true}");
        counted(id);
        http.post("/api/jobs/" + id + "/cancel", "{}");
        counted(id, "cancelled true 1");

        app.jdbc()
                .sql("UPDATE job_failures SET items = 5 WHERE job_id = ?")
                .param(id)
                .update();
        assertThat(get("/api/jobs/" + id + "/failures")
                        .get("causes")
                        .get(0)
                        .get("items")
                        .asInt())
                .as("what does not add up is counted after all")
                .isEqualTo(1);
    }

    private static void counted(UUID job, String... causes) {
        assertThat(app.jdbc()
                        .sql(
                                "SELECT error_code || ' ' || lower(CAST(retryable AS varchar)) || ' ' || items FROM job_failures WHERE job_id = ?")
                        .param(job)
                        .query(String.class)
                        .list())
                .containsExactlyInAnyOrder(causes);
    }

    @Test
    void manyThatFailedAreQuotedFromASample() {
        UUID id = app.enqueue(1_200);
        http.post("/api/jobs/" + id + "/cancel", "{}");
        String job = "/api/jobs/" + id;

        JsonNode all = http.post(job + "/preview", "{\"action\": \"retry\"}").json();
        JsonNode one = http.post(job + "/preview", "{\"action\": \"retry\", \"items\": [\"" + item(id, 600) + "\"]}")
                .json();

        assertThat(all.get("items").asInt()).isEqualTo(1_200);
        assertThat(all.get("highUsd").decimalValue())
                .isGreaterThan(one.get("highUsd").decimalValue().multiply(new BigDecimal(1_000)));
    }

    @Test
    void aBatchIsQuotedAtHalfThePrice() {
        JsonNode live = http.post("/api/jobs/estimate", ORDER.formatted("")).json();
        JsonNode batch = http.post("/api/jobs/estimate", ORDER.formatted(", \"delivery\": \"batch\""))
                .json();
        JsonNode wrong = http.post("/api/jobs/estimate", ORDER.formatted(", \"delivery\": \"post\""))
                .json();

        assertThat(batch.get("highUsd").decimalValue().doubleValue())
                .isLessThan(live.get("highUsd").decimalValue().doubleValue() * 0.75);
        assertThat(batch.get("basis").asString()).contains("at the price of batches");
        assertThat(wrong.at("/problems/0/field").asString()).isEqualTo("delivery");
        Answer made = http.post("/api/jobs", ORDER.formatted(", \"delivery\": \"batch-then-live\""));
        assertThat(made.json().get("delivery").asString()).isEqualTo("batch-then-live");
        http.post(made.header("Location") + "/cancel", "{}");
    }

    private static final String ORDER = """
            {"name": "From the page", "personas": ["pragmatic_optimist"], "arcs": ["confusion_to_clarity"],
             "topics": "TOPICS", "priority": "high", "maxTokens": 4096%s}
            """.replace("\"TOPICS\"", "[\"all\"]");

    @Test
    void aNewJobIsEstimatedAndThenEnqueued() {
        JsonNode quote = http.post("/api/jobs/estimate", ORDER.formatted("")).json();
        int count = quote.get("count").asInt();
        assertThat(count).isPositive();
        assertThat(quote.get("lowUsd").decimalValue()).isPositive();
        assertThat(quote.get("highUsd").decimalValue())
                .isGreaterThan(quote.get("lowUsd").decimalValue());
        assertThat(quote.get("problems")).isEmpty();

        Answer made = http.post("/api/jobs", ORDER.formatted(""));

        assertThat(made.status()).as(made.text()).isEqualTo(201);
        assertThat(made.header("Location"))
                .isEqualTo("/api/jobs/" + made.json().get("id").asString());
        assertThat(made.json().get("total").asInt()).isEqualTo(count);
        assertThat(made.json().get("priority").asString()).isEqualTo("high");
        assertThat(made.json().get("estimatedCostUsd").decimalValue()).isPositive();
        http.post(made.header("Location") + "/cancel", "{}");
    }

    @Test
    void aJobThatIsDearWaitsForAYesUnlessItWasGiven() {
        String dear = ORDER.replace("confusion_to_clarity", "all").replace("pragmatic_optimist", "all");

        JsonNode quote = http.post("/api/jobs/estimate", dear.formatted("")).json();
        JsonNode waiting = http.post("/api/jobs", dear.formatted("")).json();
        JsonNode agreed = http.post("/api/jobs", dear.formatted(", \"confirmedUsd\": 1000"))
                .json();

        assertThat(quote.get("asks").asString()).contains("parley.confirm-above-usd");
        assertThat(quote.get("warnings").size()).as("unsuitable combinations").isPositive();
        assertThat(waiting.get("status").asString()).isEqualTo("paused");
        assertThat(waiting.get("statusReason").asString()).contains("more than parley.confirm-above-usd");
        assertThat(agreed.get("status").asString()).isEqualTo("queued");
        Stream.of(waiting, agreed)
                .forEach(job -> http.post("/api/jobs/" + job.get("id").asString() + "/cancel", "{}"));
    }

    @Test
    void aWrongJobIsRefusedWithEachFieldThatIsWrong() {
        String wrong = """
                {"name": "", "personas": ["nobody"], "arcs": ["confusion_to_clarity"], "topics": ["all"], "budgetUsd": -1}
                """;

        JsonNode quote = http.post("/api/jobs/estimate", wrong).json();
        JsonNode refused = problem(http.post("/api/jobs", wrong), 400);

        assertThat(quote.get("problems").findValuesAsString("field")).contains("name", "budgetUsd");
        assertThat(refused.get("problems").findValuesAsString("field")).contains("name", "budgetUsd");
        JsonNode unknown = problem(
                http.post("/api/jobs", ORDER.formatted("").replace("pragmatic_optimist", "pragmatic_optimst")), 400);
        assertThat(unknown.at("/problems/0/field").asString()).isEqualTo("personas[0]");
        assertThat(unknown.at("/problems/0/message").asString()).contains("pragmatic_optimist");
    }

    @Test
    void filesOfAConversationAreSavedAndNeverShown() {
        UUID job = sevenOfEight();
        JsonNode item = get("/api/jobs/" + job + "/items?limit=1").at("/items/0");
        String conversation =
                "/api/conversations/" + item.get("conversationKey").asString();

        Answer document = http.get(conversation + "/final");
        Answer raw = http.get(conversation + "/raw");

        assertThat(document.json().has("turns") || document.text().contains("turn_number"))
                .isTrue();
        assertThat(raw.status()).isEqualTo(200);
        for (Answer file : List.of(document, raw)) {
            assertThat(file.header("Content-Disposition")).startsWith("attachment; filename=");
            assertThat(file.header("Content-Type")).isEqualTo("application/octet-stream");
        }
        assertThat(http.get("/api/conversations/" + item.get("conversationId").asString())
                        .text())
                .as("by either key")
                .isEqualTo(http.get(conversation).text());
    }

    @Test
    void theReportIsServedInASandbox() {
        Answer report = http.get("/api/jobs/" + sevenOfEight() + "/report");

        assertThat(report.status()).isEqualTo(200);
        assertThat(report.header("Content-Type")).isEqualToIgnoringCase("text/html;charset=utf-8");
        assertThat(report.header("Content-Security-Policy")).contains("default-src 'none'", "sandbox allow-scripts");
        assertThat(report.text()).startsWith("<!doctype html>");
    }

    @Test
    void watchersAreToldWhatChangesAndNothingElse() throws Exception {
        UUID id = app.enqueue(2);
        try (Events events = Events.of(http, "/api/events?job=" + id)) {
            assertThat(events.next("job").at("/job/status").asString()).isEqualTo("queued");
            assertThat(events.next("jobs").get(0).get("id").asString()).isEqualTo(id.toString());
            app.run(id);
            JsonNode last = events.until(
                    "job",
                    it -> it.at("/job/status").asString().equals("completed")
                            && !it.at("/job/report").isNull());
            assertThat(last.at("/failures/causes")).isEmpty();
            assertThat(last.toString()).doesNotContain("Run 1 started"); // A39

            boolean quiet = false;
            for (int told = 0; told < 5 && !quiet; told++) { // the other names of the last change may still come
                quiet = events.quietFor(Duration.ofSeconds(3));
            }
            assertThat(quiet).as("nothing changes").isTrue(); // A51
        }
        problem(http.get("/api/events?job=" + NOBODY), 404);
    }

    @Test
    void aWatcherWhoDoesNotReadHoldsNobodyUp() throws Exception {
        try (DeafWatchers deaf = DeafWatchers.of(app.address(), 10);
                Events events = Events.of(http, "/api/events")) {
            events.next("jobs");
            for (int i = 0; i < 3; i++) {
                UUID id = app.enqueue(1);
                events.until("jobs", it -> it.findValuesAsString("id").contains(id.toString()));
                http.post("/api/jobs/" + id + "/cancel", "{}");
            }
        }
    }

    @Test
    void everyOperationIsDescribed() {
        JsonNode api = get("/api/openapi");

        assertThat(api.get("openapi").asString()).startsWith("3.1");
        api.get("paths")
                .properties()
                .forEach(path -> path.getValue().properties().forEach(operation -> {
                    String name = operation.getKey() + " " + path.getKey();
                    assertThat(operation.getValue().path("summary").asString(""))
                            .as(name)
                            .isNotBlank();
                    operation
                            .getValue()
                            .path("parameters")
                            .forEach(parameter -> assertThat(
                                            parameter.path("description").asString(""))
                                    .as(name + " " + parameter.get("name").asString())
                                    .isNotBlank());
                    assertThat(operation.getValue().at("/responses/default").isMissingNode())
                            .as(name)
                            .isFalse();
                }));
        assertThat(api.get("paths").propertyNames())
                .contains(
                        "/api/jobs",
                        "/api/jobs/{id}",
                        "/api/jobs/{id}/items",
                        "/api/jobs/{id}/failures",
                        "/api/jobs/{id}/series",
                        "/api/jobs/{id}/quality",
                        "/api/jobs/{id}/report",
                        "/api/jobs/{id}/pause",
                        "/api/jobs/{id}/retry",
                        "/api/jobs/{id}/preview",
                        "/api/jobs/estimate",
                        "/api/items/{id}",
                        "/api/conversations/{key}",
                        "/api/catalog",
                        "/api/schedules",
                        "/api/events");
    }

    @Test
    void aDatabaseThatIsAwayIsToldAsSuch() throws Exception {
        List<Connection> all = new ArrayList<>();
        DataSource pool = app.bean(DataSource.class);
        while (all.size() < pool.unwrap(HikariDataSource.class).getMaximumPoolSize()) {
            all.add(pool.getConnection());
        }
        try {
            Answer answer = http.get("/api/jobs");

            assertThat(problem(answer, 503).get("detail").asString()).startsWith("The database does not answer");
            assertThat(answer.header("Retry-After")).isEqualTo("5");
            Answer ready = http.get("/readyz");
            assertThat(ready.status()).isEqualTo(503);
            assertThat(ready.json().at("/components/database").toString())
                    .contains("\"DOWN\"", "the database does not answer");
            assertThat(ready.json().at("/components/server/status").asString()).isEqualTo("UP");
            assertThat(http.get("/livez").status()).isEqualTo(200);
        } finally {
            for (Connection connection : all) {
                connection.close();
            }
        }
        assertThat(http.get("/api/jobs").status()).isEqualTo(200);
        for (int i = 0; i < 100 && http.get("/readyz").status() != 200; i++) {
            TimeUnit.MILLISECONDS.sleep(100); // an answer is good for a second
        }
        assertThat(http.get("/readyz").json().at("/components/database/status").asString())
                .isEqualTo("UP");
    }
}
