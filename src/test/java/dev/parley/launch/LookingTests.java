package dev.parley.launch;

import static org.assertj.core.api.Assertions.assertThat;

import dev.parley.TestApplication;
import dev.parley.TestDatabase;
import dev.parley.launch.Commands.Answer;
import dev.parley.provider.FakeAnswer;
import dev.parley.provider.FakeAnthropic;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.EnumSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** What an operator is told of jobs, items and conversations. */
@ParameterizedClass
@EnumSource(TestDatabase.class)
@Timeout(value = 5, unit = TimeUnit.MINUTES, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class LookingTests {
    private final TestDatabase database;
    private final ExecutorService background = Executors.newCachedThreadPool();

    @TempDir
    private Path data;

    private FakeAnthropic anthropic;
    private TestApplication app;

    LookingTests(TestDatabase database) {
        this.database = database;
    }

    @BeforeEach
    void start() {
        anthropic = FakeAnthropic.start();
        app = TestApplication.start(database, data, anthropic.properties());
    }

    @AfterEach
    void close() {
        background.shutdownNow();
        app.close();
        anthropic.close();
    }

    /** The incident: eight combinations, one of which fails, after it was told to wait. */
    private UUID sevenOfEight() {
        UUID job = app.bean(JobFiles.class)
                .enqueue(List.of(Path.of("jobs", "demo.yaml")), false)
                .get(0)
                .jobId();
        UUID failing = app.jdbc()
                .sql("SELECT conversation_key FROM batch_items WHERE position = 8")
                .query(UUID.class)
                .single();
        anthropic.answersTo(
                failing.toString(),
                FakeAnswer.rateLimited(Duration.ofMillis(10)),
                FakeAnswer.invalidRequest("the prompt is not acceptable"));
        app.run(job);
        return job;
    }

    private String item(int position) {
        return app.jdbc()
                .sql("SELECT CAST(id AS varchar) FROM batch_items WHERE position = :position")
                .param("position", position)
                .query(String.class)
                .single();
    }

    private JsonNode json(String... command) {
        List<String> asJson = new ArrayList<>(Arrays.asList(command));
        asJson.add("--json");
        Answer answer = Commands.on(app, asJson.toArray(String[]::new));
        Answer again = Commands.on(app, asJson.toArray(String[]::new));

        assertThat(answer.code()).as(answer.err()).isZero();
        assertThat(again.out()).as("two reads without progress").isEqualTo(answer.out()); // A51
        assertThat(answer.out()).as("no line of a log").doesNotContain("[20", "started: "); // A39
        return JsonMapper.shared().readTree(answer.out());
    }

    private String text(String... command) {
        Answer answer = Commands.on(app, command);
        assertThat(answer.code()).as(answer.err()).isZero();
        return answer.out();
    }

    @Test
    void anItemIsExplainedWithNamesCallsCostAndTheWayToRetryIt() { // A58 to A60, A68 to A71
        UUID job = sevenOfEight();
        String failed = item(8);

        JsonNode it = json("explain", failed);
        String text = text("explain", failed);

        assertThat(it.propertyNames())
                .containsExactly(
                        "item", "job", "parameters", "parametersProblem", "calls", "costUsd", "elsewhere", "retry");
        assertThat(it.at("/item/status").asString()).isEqualTo("failed");
        assertThat(it.at("/item/errorCode").asString()).isEqualTo("invalid_request");
        assertThat(it.at("/parameters/persona/name").asString()).isEqualTo("David Chen");
        assertThat(it.at("/parameters/emotionalArc/key").asString()).isEqualTo("couple_conflict_to_alignment");
        assertThat(it.at("/parameters/template").isNull()).isTrue();
        assertThat(it.at("/calls").values())
                .extracting(call -> call.path("status").asString())
                .containsExactly("rate_limited", "failed");
        assertThat(it.at("/elsewhere/persona").asLong()).isEqualTo(7);
        assertThat(it.at("/elsewhere/emotionalArc").asLong()).isEqualTo(3);
        assertThat(it.at("/elsewhere/trainingTopic").asLong()).isEqualTo(1);
        assertThat(it.at("/elsewhere/combination").asLong()).isZero();
        assertThat(it.at("/job/successRate").asDouble()).isEqualTo(87.5);
        assertThat(it.path("retry").asString()).isEqualTo("parley retry --item " + failed);
        assertThat(Main.commandLine(new PrintWriter(new StringWriter()), new PrintWriter(new StringWriter()))
                        .parseArgs("retry", "--item", failed)
                        .errors())
                .as("a command that there is")
                .isEmpty();
        assertThat(text.replaceAll("\\s+", " "))
                .contains(
                        "Item " + failed,
                        "David Chen",
                        "the prompt is not acceptable",
                        "7 of 8 items successful (87.5 %), 1 failed",
                        job + "/log.txt",
                        "parley retry --item " + failed,
                        "succeeded nowhere else",
                        "rate_limited");
        String done = text("explain", item(1));
        assertThat(done).contains("completed after 1 attempt").doesNotContain("retry");
    }

    @Test
    void whoseAnswerIsStoredIsAskedAnewByItsParameters() { // A66
        anthropic.answersOtherwise(FakeAnswer.refusal());
        app.run(app.enqueue(1));

        String retry = json("explain", item(1)).path("retry").asString();

        assertThat(retry).startsWith("parley retry --params '{").endsWith("}'").contains("\"persona_id\"");
    }

    @Test
    void aNameThatIsGoneFallsBackToItsKeyThenToItsId() { // A70
        UUID job = app.enqueue(2);
        app.jdbc()
                .sql("UPDATE personas SET name = '' WHERE id = :id")
                .param("id", TestApplication.DAVID_CHEN)
                .update();
        UUID gone = UUID.randomUUID();
        app.jdbc()
                .sql("UPDATE batch_items SET parameters = :parameters WHERE batch_job_id = :job")
                .param(
                        "parameters",
                        "{\"persona_id\":\"%s\",\"emotional_arc_id\":\"%s\",\"training_topic_id\":\"%s\"}"
                                .formatted(TestApplication.DAVID_CHEN, gone, TestApplication.ESTATE_PLANNING))
                .param("job", job)
                .update();

        String text = text("explain", item(1));
        app.jdbc().sql("UPDATE batch_items SET parameters = '{}'").update();
        String unreadable = text("explain", item(1));

        assertThat(text).contains("pragmatic_optimist (" + TestApplication.DAVID_CHEN, gone + " (" + gone + ")");
        assertThat(unreadable).contains("cannot be read: parameters: persona_id is missing");
    }

    @Test
    void whatIsNotThereIsSaidAndIsNoSuccess() { // A69
        String unknown = UUID.randomUUID().toString();

        for (String command : List.of("explain", "show", "items", "failures", "log")) {
            Answer answer = Commands.on(app, command, unknown);
            assertThat(answer.code()).isEqualTo(ExitCode.CONFIGURATION);
            assertThat(answer.err()).contains("There is no", unknown);
            assertThat(answer.out()).isEmpty();
        }
        assertThat(Commands.on(app, "prioritize", unknown, "high").err()).contains("There is no job " + unknown);
        assertThat(Commands.on(app, "prioritize", unknown, "urgent").err()).contains("LOW, NORMAL, HIGH");
    }

    @Test
    void itemsAreListedByStatusAndCodeAPageAtATime() { // A34
        UUID job = sevenOfEight();
        String id = job.toString();

        JsonNode first = json("items", id, "--limit", "3");
        JsonNode last =
                json("items", id, "--limit", "5", "--after", first.path("next").asString());
        JsonNode failed = json("items", id, "--status", "failed");
        JsonNode byCode = json("items", id, "--code", "invalid_request");
        String none = text("items", id, "--status", "queued");
        String table = text("items", id);

        assertThat(first.path("items").values())
                .extracting(item -> item.path("position").asInt())
                .containsExactly(1, 2, 3);
        assertThat(last.path("items").values())
                .extracting(item -> item.path("position").asInt())
                .containsExactly(4, 5, 6, 7, 8);
        assertThat(json("items", id, "--after", "8").path("next").isNull()).isTrue();
        assertThat(failed.path("items")).hasSize(1).isEqualTo(byCode.path("items"));
        assertThat(failed.at("/items/0").propertyNames())
                .containsExactly(
                        "id",
                        "job",
                        "position",
                        "status",
                        "topic",
                        "tier",
                        "attempts",
                        "errorCode",
                        "errorMessage",
                        "retryable",
                        "conversationKey",
                        "conversationId",
                        "availableAt",
                        "startedAt",
                        "processedAt");
        assertThat(none).startsWith("No such items.");
        assertThat(table.lines())
                .hasSize(9)
                .allSatisfy(line -> assertThat(line.length()).isLessThanOrEqualTo(80));
        assertThat(table).contains(item(8) + "  failed", "invalid_request");
    }

    @Test
    void failuresAreGroupedByCause() {
        UUID job = sevenOfEight();

        JsonNode causes = json("failures", job.toString());
        String table = text("failures", job.toString());

        assertThat(causes).hasSize(1);
        assertThat(causes.get(0).propertyNames()).containsExactly("code", "retryable", "items", "example");
        assertThat(causes.get(0).path("example").asString()).contains("the prompt is not acceptable");
        assertThat(table).contains("1 of 8 items failed", "invalid_request", "--code invalid_request");
        assertThat(table.lines().skip(2).limit(2))
                .allSatisfy(line -> assertThat(line.length()).isLessThanOrEqualTo(80));
        assertThat(text("failures", app.enqueue(1).toString()).strip()).endsWith("0 of 1 items failed");
    }

    @Test
    void aConversationIsShownByEitherKeyWithWhatIsFelt() { // A2, A81
        sevenOfEight();
        var keys = app.rows("SELECT id, conversation_id FROM conversations").get(0);
        String primary = keys.get("id").toString();
        String business = keys.get("conversation_id").toString();

        JsonNode byBusiness = json("show", business);
        String text = text("show", primary);

        assertThat(json("show", primary)).isEqualTo(byBusiness);
        assertThat(byBusiness.path("key").asString()).isEqualTo(business);
        assertThat(byBusiness.path("id").asString()).isEqualTo(primary);
        assertThat(byBusiness.path("turns")).isNotEmpty();
        assertThat(byBusiness.path("problem").isNull()).isTrue();
        JsonNode turn = byBusiness.at("/turns/0");
        assertThat(text)
                .contains(
                        "Conversation " + business,
                        "David Chen",
                        "1 user  ("
                                + turn.at("/emotional_context/primary_emotion").asString());
        assertThat(text.lines().filter(line -> line.startsWith("   ")))
                .allSatisfy(line -> assertThat(line.length()).isLessThanOrEqualTo(80));
    }

    @Test
    void aConversationWithoutADocumentIsShownWithTheReason() {
        UUID job = app.enqueue(1);
        anthropic.answers(FakeAnswer.text("This is no conversation."));
        app.run(job);
        String key = app.rows("SELECT conversation_id FROM conversations")
                .get(0)
                .get("conversation_id")
                .toString();

        JsonNode view = json("show", key);

        assertThat(view.path("problem").asString()).startsWith("it has no document: ");
        assertThat(view.path("turns")).isEmpty();
        assertThat(view.path("rawFile").asString()).contains(key + "_raw.json");
        assertThat(text("show", key)).contains("no turns");
    }

    @Test
    void rowsAreAskedForByColumnAndNothingAskedBecomesSql() { // A33, A34
        UUID job = sevenOfEight();
        app.enqueue(1);

        JsonNode failed = rows("query", "batch_items", "--where", "status=failed", "--limit", "5");
        JsonNode jobs = rows("query", "batch_jobs", "--where", "total_items>=8", "--where", "id = " + job);
        JsonNode since = rows("query", "batch_items", "--where", "created_at>2026-01-01T00:00:00Z", "--limit", "100");

        assertThat(failed.path("success").asBoolean()).isTrue();
        assertThat(failed.path("data")).hasSize(1);
        assertThat(failed.at("/data/0/error_code").asString()).isEqualTo("invalid_request");
        assertThat(jobs.at("/data/0/name").asString()).isEqualTo("Demo");
        assertThat(jobs.at("/data/0/created_at").asString()).endsWith("Z");
        assertThat(since.path("data")).hasSize(9);
        assertThat(rows("query", "batch_jobs", "--where", "name=x' OR '1'='1").path("data"))
                .isEmpty();
        assertThat(refused("query", "batch_job")).contains("did you mean 'batch_jobs'?");
        assertThat(refused("query", "pg_user")).contains("There is no table 'pg_user'");
        assertThat(refused("query", "batch_jobs", "--where", "state=x")).contains("has no column 'state'");
        assertThat(refused("query", "batch_jobs", "--where", "status like x")).contains("is no condition");
        assertThat(refused("query", "batch_jobs", "--where", "id=x")).contains("cannot have");
    }

    private JsonNode rows(String... command) {
        return JsonMapper.shared().readTree(text(command));
    }

    private String refused(String... command) {
        Answer answer = Commands.on(app, command);
        assertThat(answer.code()).isEqualTo(ExitCode.CONFIGURATION);
        assertThat(answer.out()).isEmpty();
        assertThat(answer.err()).doesNotContain("\tat ");
        return answer.err();
    }

    @Test
    void statusPagesByKeyAndNamesTheLastErrorOfEachJob() { // A48, A50
        UUID failed = sevenOfEight();
        UUID second = app.enqueue(1);
        UUID third = app.enqueue(1);
        Views views = app.bean(Views.class);

        List<Views.JobView> first = views.jobs(null, null, 2);
        List<Views.JobView> rest = views.jobs(null, first.get(1).id(), 2);

        assertThat(first).extracting(Views.JobView::id).containsExactly(third, second);
        assertThat(rest).extracting(Views.JobView::id).containsExactly(failed);
        assertThat(rest.get(0).lastItemError()).contains("the prompt is not acceptable");
        assertThat(first).extracting(Views.JobView::lastItemError).containsOnlyNulls();
        assertThat(rest.get(0).percentage()).isEqualTo(100);
        assertThat(text("status").lines())
                .hasSize(4)
                .allSatisfy(line -> assertThat(line.length()).isLessThanOrEqualTo(80));
    }

    @Test
    void watchingAndFollowingEndWithTheJobAndMissNothing() throws Exception { // A38, A50
        UUID job = app.enqueue(3);
        CountDownLatch gate = new CountDownLatch(1);
        anthropic.answersOtherwise(FakeAnswer.conversation().after(gate));
        StringWriter watched = new StringWriter();
        StringWriter lines = new StringWriter();
        StringWriter followed = new StringWriter();
        Future<Integer> watch = background.submit(() -> watch(watched, "status", job.toString(), "--watch"));
        Future<Integer> json = background.submit(() -> watch(lines, "status", job.toString(), "--watch", "--json"));
        Future<Integer> follow = background.submit(() -> watch(followed, "log", job.toString(), "--follow"));
        Future<?> run = background.submit(() -> app.run(job));
        anthropic.awaitCalls(3);
        while (!watched.toString().contains("0 of 3 items through")) {
            TimeUnit.MILLISECONDS.sleep(20);
        }

        gate.countDown();
        run.get();

        assertThat(watch.get()).isZero();
        assertThat(json.get()).isZero();
        assertThat(follow.get()).isZero();
        assertThat(watched.toString()).contains("3 of 3 items through", "#".repeat(40) + " 100.0 %");
        List<JsonNode> states =
                lines.toString().lines().map(JsonMapper.shared()::readTree).toList();
        assertThat(states).as("a line only where something changed").doesNotHaveDuplicates();
        assertThat(states.get(states.size() - 1).path("completed").asInt()).isEqualTo(3);
        assertThat(followed.toString().lines().toList())
                .isEqualTo(text("log", job.toString()).lines().toList())
                .filteredOn(line -> line.contains("completed: conversation"))
                .hasSize(3);
    }

    private int watch(StringWriter out, String... command) {
        return Commands.on(app, new PrintWriter(out), new PrintWriter(new StringWriter()), command);
    }
}
