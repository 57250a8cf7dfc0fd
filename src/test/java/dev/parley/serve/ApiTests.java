package dev.parley.serve;

import static org.assertj.core.api.Assertions.assertThat;

import dev.parley.TestApplication;
import dev.parley.TestDatabase;
import dev.parley.provider.FakeAnswer;
import dev.parley.provider.FakeAnthropic;
import dev.parley.serve.Http.Answer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
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
        app = TestApplication.startServing(database, data.resolve(database.name()), anthropic.properties());
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
                .containsExactly(
                        "id",
                        "name",
                        "status",
                        "statusReason",
                        "priority",
                        "total",
                        "completed",
                        "successful",
                        "failed",
                        "percentage",
                        "successRate",
                        "costUsd",
                        "budgetUsd",
                        "estimatedCostUsd",
                        "unknownCostCalls",
                        "possiblyPaidTwice",
                        "lastItemError",
                        "ratePerMinute",
                        "remainingSeconds",
                        "projectedCostUsd",
                        "inFlight",
                        "schedule",
                        "log",
                        "report",
                        "createdAt",
                        "startedAt",
                        "completedAt");
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
}
