package dev.parley.launch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import dev.parley.TestApplication;
import dev.parley.TestDatabase;
import dev.parley.archive.FakeGcs;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.UUID;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;
import org.springframework.jdbc.core.simple.JdbcClient;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** The command line as its user sees it: what is said, where, and with which exit code. */
@ExtendWith(OutputCaptureExtension.class)
class CommandLineTests {
    private static final String DAVID = "aa514346-cd61-42ac-adad-498934975402";
    private static final String COUPLE = "33d2ac3e-3f92-44a5-a53d-788fdece2545";
    private static final String ESTATE = "aee7b6c2-42e2-4ef4-8184-be12abe38eb5";
    private static final String NIL = "00000000-0000-0000-0000-000000000000";

    /** The combination of the incident, as its report has it. */
    private static final String FAILED_COMBINATION = """
            {"persona_id": "%s", "emotional_arc_id": "%s", "training_topic_id": "%s", "tier": "template", "templateId": "%s"}
            """.formatted(DAVID, COUPLE, ESTATE, NIL);

    private static final String GOOD =
            "name: good\npersonas: [pragmatic_optimist]\narcs: [confusion_to_clarity]\ntopics: [" + ESTATE + "]\n";

    @TempDir
    private Path folder;

    private JdbcClient jdbc;

    /** What a command answered. */
    private record Answer(int code, String out, String err) {
        List<String> lines() {
            return out.lines().toList();
        }
    }

    @BeforeEach
    void emptyTables() {
        jdbc = JdbcClient.create(TestDatabase.H2.empty());
    }

    @ParameterizedTest
    @ValueSource(strings = {"--help", "--version", "help", "run --help", "status -h", "help run", "pause -V"})
    void helpAndVersionAnswerWithoutStartingTheApplication(String command) {
        Answer answer = plain((command + " --spring.datasource.url=jdbc:foo:nowhere").split(" "));

        assertThat(answer.code()).isZero();
        assertThat(answer.out()).containsIgnoringCase("parley");
        assertThat(answer.err()).isEmpty();
        assertThat(answer.lines()).allSatisfy(line -> assertThat(line.length()).isLessThanOrEqualTo(100));
    }

    static Stream<Arguments> usageErrors() {
        return Stream.of(
                arguments("bogus", "'bogus'"),
                arguments("run --bogus", "'--bogus'"),
                arguments("run --concurrency many", "'many' is not an int"),
                arguments("run --concurrency 0", "--concurrency is 0; should be from 1 to 10000"),
                arguments("run --job 1-2-3-4-5", "'1-2-3-4-5' is not an id"),
                arguments("status 1234", "'1234' is not an id"),
                arguments("status --limit 0", "--limit is 0"),
                arguments("status --status done", "[QUEUED, PROCESSING, PAUSED, COMPLETED, FAILED, CANCELLED]"),
                arguments("enqueue", "JOBFILE"),
                arguments("serve none.yaml", "none.yaml: there is no such file"),
                arguments("status --schedules --status failed", "--schedules shows no jobs"),
                arguments("items", "JOB"),
                arguments("items " + NIL + " --limit 0", "--limit is 0; should be from 1 to 10000"),
                arguments("items " + NIL + " --status done", "[QUEUED, PROCESSING, COMPLETED, FAILED]"),
                arguments("explain a0c9f9b2", "'a0c9f9b2' is not an id"),
                arguments("show", "CONVERSATION"),
                arguments("failures 1", "'1' is not an id"),
                arguments("prioritize " + NIL, "PRIORITY"),
                arguments("query batch_jobs --limit 0", "--limit is 0"),
                arguments("retry", "retry needs one of --job ID, --item ID and --params JSON"),
                arguments("retry --all", "retry needs one of"),
                arguments("retry --item 7", "'7' is not an id"),
                arguments("retry --params {}", "--params: parameters: persona_id is missing"),
                arguments("retry --params {\"tier\":\"gold\"}", "--params: parameters: "),
                arguments(
                        "retry --job 00000000-0000-4000-8000-000000000000 --all --code refused", "exclude each other"),
                arguments(
                        "retry --job 00000000-0000-4000-8000-000000000000 --code rate_limit",
                        "did you mean 'rate_limited'?"),
                arguments("retry --job 00000000-0000-4000-8000-000000000000 --concurrency 0", "--concurrency is 0"),
                arguments(
                        "retry --job 00000000-0000-4000-8000-000000000000 --item 00000000-0000-4000-8000-000000000000",
                        "retry needs one of"),
                arguments(
                        "retry --item 00000000-0000-4000-8000-000000000000 --code refused",
                        "--code chooses among the items of a job"),
                arguments("log", "JOB"),
                arguments("export --output x", "--format"),
                arguments("export --format xml --output x", "'xml'"),
                arguments("export --format csv", "--output is missing: a folder, or gs://bucket/path"),
                arguments("export --format csv --preview 0", "--preview is 0; should be 1 or more"),
                arguments("export --format csv --output x --shard-size 0", "the shard size is 0"),
                arguments(
                        "export --format csv --output x --validation 1", "the validation share is 1.0; should be from"),
                arguments(
                        "export --format csv --output x --deduplicate=1.5", "the similarity is 1.5; should be above 0"),
                arguments("export --format csv --output x --min-score 8 --max-score 2", "8, is above the highest, 2"),
                arguments(
                        "export --format csv --output x --status done",
                        "'done' is not a status of a conversation: draft,"),
                arguments("export --format csv --output x --from tomorrow", "'tomorrow' is no time: 2026-11-21"),
                arguments("export --format csv --output x --from 2026-02-01 --until 2026-01-01", "is not before until"),
                arguments("export --format csv --output x --compression rar", "'rar'"),
                arguments("export --format parquet --output x --compression gzip", "Parquet is compressed by zstd"),
                arguments("quality", "JOB"),
                arguments("quality " + DAVID + " --similarity 0", "--similarity is 0.0; should be above 0"),
                arguments("run none.yaml other.yaml", "none.yaml: there is no such file\nother.yaml: there is no such"),
                arguments("backfill --only everything", "[RELINK, REPARSE, RELEASE]"),
                arguments("backfill none.yaml", "none.yaml: there is no such file"),
                arguments("migrate --dryrun", "--dry-run"),
                arguments("verify all", "'all'"),
                arguments("status --parley.store gcs", "write --parley.store=VALUE"));
    }

    @ParameterizedTest
    @MethodSource("usageErrors")
    void usageErrorsAreToldWithoutStartingTheApplication(String command, String message) {
        List<String> arguments = new ArrayList<>(List.of(command.split(" ")));
        arguments.add("--spring.datasource.url=jdbc:foo:nowhere");

        Answer answer = plain(arguments.toArray(String[]::new));

        assertThat(answer.code()).isEqualTo(ExitCode.CONFIGURATION);
        assertThat(answer.err()).contains(message);
        assertThat(answer.out()).isEmpty();
        assertThat(answer.err()).doesNotContain("jdbc:foo", "\tat ");
    }

    static Stream<Arguments> wrongSettings() {
        String pg = "--spring.datasource.url=jdbc:postgresql:";
        return Stream.of(
                settings(
                        "parley.generate.concurrency = abc: should be a whole number",
                        "--parley.generate.concurrency=abc"),
                settings("parley.generate.concurrency = 0: must be greater", "--parley.generate.concurrency=0"),
                settings("parley.generate.lease PT1S is shorter than 3s", "--parley.generate.lease=1s"),
                settings("parley.store = s3: should be one of local, gcs", "--parley.store=s3"),
                settings("no provider is called 'foo'", "--parley.provider=foo"),
                settings("did you mean 'parley.generate.concurrency'?", "--parley.generate.concurency=4"),
                settings("ANTHROPIC_API_KEY) holds a space", "--parley.anthropic.api-key=sk-ant-geheim 123"),
                settings("should look like jdbc:postgresql://host", "--spring.datasource.url=jdbc:foo://u:geheim@h/x"),
                settings("127.0.0.1:1 refused", pg + "//127.0.0.1:1/x", "--spring.datasource.password=geheim"),
                settings("nowhere.invalid", pg + "//nowhere.invalid/x?password=geheim"),
                settings(
                        "database \"nosuch\" does not exist",
                        "--spring.datasource.url=" + onServer("nosuch"),
                        "--spring.datasource.username=postgres"),
                settings(
                        "role \"nobody\"",
                        "--spring.datasource.url=" + onServer("parley"),
                        "--spring.datasource.username=nobody"),
                settings("parley.data", "--parley.data=/dev/null", "--spring.datasource.username=sa"));
    }

    private static String onServer(String database) {
        return TestDatabase.POSTGRESQL.url().replaceFirst("/parley\\?", "/" + database + "?");
    }

    private static Arguments settings(String message, String... settings) {
        return arguments(message, List.of(settings));
    }

    @ParameterizedTest
    @MethodSource("wrongSettings")
    void aWrongSettingIsToldInAFewLinesWithoutStackTraceOrSecret(
            String message, List<String> settings, CapturedOutput log) { // A35, A36
        List<String> arguments = new ArrayList<>(settings);
        arguments.add(0, "status");
        if (settings.stream().noneMatch(setting -> setting.startsWith("--spring.datasource."))) {
            arguments.add("--spring.datasource.url=" + TestDatabase.H2.url());
        }

        Answer answer = plain(arguments.toArray(String[]::new));

        assertThat(answer.err()).contains(message);
        assertThat(answer.err().lines().count()).isLessThanOrEqualTo(3);
        assertThat(answer.code()).isEqualTo(ExitCode.CONFIGURATION);
        assertThat(answer.out()).isEmpty();
        assertThat(answer.err() + log).doesNotContain("\tat ", "geheim");
    }

    static Stream<Arguments> wrongFiles() {
        return Stream.of(
                arguments("nam: x", "1: nam: is not a known key; did you mean 'name'?"),
                arguments(GOOD + "concurrency: 0", "5: concurrency: must be greater than or equal to 1, but is 0"),
                arguments(GOOD + "budget_usd: -1", "5: budget_usd: must be greater than 0"),
                arguments(GOOD + "priority: urgent", "5: priority: 'urgent' is not one of low, normal, high"),
                arguments(GOOD + "error_handling: halt", "5: error_handling: 'halt' is not one of"),
                arguments(GOOD + "max_tokens: 10", "5: max_tokens: must be greater than or equal to 256"),
                arguments(GOOD + "model: ''", "5: model: must be a model id"),
                arguments(GOOD + "provider: nobody", "5: provider: cannot be used: no provider is called 'nobody'"),
                arguments(
                        GOOD + "provider: anthropic",
                        "5: provider: cannot be used: provider 'anthropic' needs an API key"),
                arguments(GOOD + "template: nope", "5: template: there is no template 'nope'"),
                arguments(
                        GOOD.replace("pragmatic_optimist", "pragmatic_optimistt"),
                        "2: personas[0]: there is no persona 'pragmatic_optimistt'; did you mean 'pragmatic_optimist'?"),
                arguments(GOOD.replace("confusion_to_clarity", "x"), "3: arcs[0]: there is no arc 'x'"),
                arguments(GOOD.replace(ESTATE, DAVID), "4: topics[0]: there is no topic '" + DAVID + "'"),
                arguments(GOOD.replace("[pragmatic_optimist]", "[]"), "2: personas: is empty"),
                arguments(
                        "name: x\npersonas: all\narcs: all\n",
                        "1: topics: is empty, so that there is nothing to generate"),
                arguments("name: x\n", "1: names nothing to generate"),
                arguments(
                        GOOD.replace("[pragmatic_optimist]", "[pragmatic_optimist, " + DAVID + "]"),
                        "2: personas[1]: '" + DAVID + "' is there twice"),
                arguments(
                        "name: x\nitems:\n  - " + FAILED_COMBINATION.replace(COUPLE, NIL),
                        "3: items[0].emotional_arc_id: there is no emotional arc"),
                arguments("name: x\nitems:\n  - {persona_id: 45}\n", "3: items[0].persona_id: should be a UUID"),
                arguments("name: 'x\n", "is not valid YAML"));
    }

    /** One application for all of them: what a start adds, the other tests show. */
    @Test
    void aWrongJobFileIsRefusedWithFileLineKeyAndRemedy() throws IOException {
        try (TestApplication application = TestApplication.start(TestDatabase.H2, folder)) {
            JobFiles jobFiles = application.bean(JobFiles.class);
            emptyTables();
            for (Arguments wrong : wrongFiles().toList()) {
                Path file = Path.of(file("job.yaml", (String) wrong.get()[0]));

                StringWriter err = new StringWriter();
                int code = Failures.report(
                        catchThrowable(() -> jobFiles.enqueue(List.of(file), false)), new PrintWriter(err));

                assertThat(err.toString()).contains("job.yaml:").contains((String) wrong.get()[1]);
                assertThat(code).isEqualTo(ExitCode.CONFIGURATION);
                assertThat(count("batch_jobs")).isZero();
                assertThat(count("personas"))
                        .as("the catalog beside it is not taken either")
                        .isZero();
            }
        }
    }

    @Test
    void allProblemsOfAllFilesAreToldTogetherAndNothingIsEnqueued() throws IOException {
        String bad = file("bad.yaml", "name: x\nteir: template\n");
        String unknown = file("unknown.yaml", GOOD.replace("confusion_to_clarity", "confusion"));
        String good = file("good.yaml", GOOD);

        Answer answer = on("enqueue", good, bad, unknown);

        assertThat(answer.code()).isEqualTo(ExitCode.CONFIGURATION);
        assertThat(answer.err().lines().toList())
                .satisfiesExactly(
                        line -> assertThat(line).contains("bad.yaml:2: teir"),
                        line -> assertThat(line).contains("unknown.yaml:3: arcs[0]"));
        assertThat(count("batch_jobs") + count("batch_items") + count("emotional_arcs"))
                .isZero();
    }

    @ParameterizedTest
    @ValueSource(strings = {"all", "[all]"})
    void allIsEveryActiveRowOfTheCatalog(String all) throws IOException { // A64
        Answer answer =
                on("enqueue", file("job.yaml", "name: x\npersonas: %1$s\narcs: %1$s\ntopics: %1$s\n".formatted(all)));

        long product = countOf(
                "SELECT (SELECT count(*) FROM personas WHERE is_active) * (SELECT count(*) FROM emotional_arcs WHERE is_active)"
                        + " * (SELECT count(*) FROM training_topics WHERE is_active)");
        assertThat(answer.code()).as(answer.err()).isZero();
        assertThat(count("batch_items")).isEqualTo(product).isPositive();
    }

    @Test
    void aFileOfPureJsonHoldsTheFailedCombinationAsItsReportHasIt() throws IOException { // A58 to A63, A66
        String named = FAILED_COMBINATION.replace("templateId", "template_id");
        Answer answer = on(
                "enqueue",
                file("again.json", "{\"name\": \"again\", \"items\": [" + FAILED_COMBINATION + ", " + named + "]}"));

        assertThat(answer.code()).as(answer.err()).isZero();
        List<String> parameters = jdbc.sql("SELECT parameters FROM batch_items ORDER BY position")
                .query(String.class)
                .list();
        assertThat(parameters).hasSize(2).allSatisfy(json -> {
            JsonNode item = JsonMapper.shared().readTree(json);
            assertThat(item.path("persona_id").asString()).isEqualTo(DAVID);
            assertThat(item.path("emotional_arc_id").asString()).isEqualTo(COUPLE);
            assertThat(item.path("training_topic_id").asString()).isEqualTo(ESTATE);
            assertThat(item.path("tier").asString()).isEqualTo("template");
            assertThat(item.has("templateId")).as("NIL is nobody's id").isFalse();
        });
    }

    @Test
    void theSameCombinationMayBeThereTwiceAsItems() throws IOException { // A65
        String items = "name: twice\nitems:\n  - " + FAILED_COMBINATION.strip() + "\n  - " + FAILED_COMBINATION;

        Answer answer = on("enqueue", file("job.yaml", items));

        assertThat(answer.code()).as(answer.err()).isZero();
        assertThat(count("batch_items")).isEqualTo(2);
    }

    @Test
    void itemsTakeTierAndTemplateOfTheFileUnlessTheySayOtherwise() throws IOException { // A61, A62
        String bare = "{persona_id: %s, emotional_arc_id: %s, training_topic_id: %s".formatted(DAVID, COUPLE, ESTATE);
        String text =
                "name: x\ntier: scenario\ntemplate: %s\nitems:\n  - %2$s}\n  - %2$s, tier: edge_case, templateId: %3$s}\n"
                        .formatted(templateName(), bare, NIL);

        Answer answer = on("enqueue", file("job.yaml", text));

        assertThat(answer.code()).as(answer.err()).isZero();
        List<JsonNode> items =
                jdbc.sql("SELECT parameters FROM batch_items ORDER BY position").query(String.class).list().stream()
                        .map(JsonMapper.shared()::readTree)
                        .toList();
        assertThat(items.get(0).path("tier").asString()).isEqualTo("scenario");
        assertThat(items.get(0).has("templateId")).isTrue();
        assertThat(items.get(1).path("tier").asString()).isEqualTo("edge_case");
        assertThat(items.get(1).has("templateId")).isFalse();
    }

    /** Any template of the shipped catalog. */
    private String templateName() throws IOException {
        on("enqueue", file("first.yaml", GOOD));
        String name = jdbc.sql("SELECT template_name FROM prompt_templates ORDER BY template_name LIMIT 1")
                .query(String.class)
                .single();
        jdbc.sql("DELETE FROM batch_items").update();
        jdbc.sql("DELETE FROM batch_jobs").update();
        return "'" + name + "'";
    }

    @Test
    void aCommandInTheWrongStateIsRefusedWithWhatWouldBePossible() throws IOException { // A69
        String job = enqueued();
        String unknown = UUID.randomUUID().toString();

        assertThat(refusal("resume", job)).contains("is queued and cannot be resumed; only a paused job can");
        assertThat(refusal("log", job)).contains("has no log yet");
        assertThat(on("pause", job, "--reason", "lunch").code()).isZero();
        assertThat(refusal("pause", job)).contains("is paused and cannot be paused");
        assertThat(on("run", "--job", job).code()).isEqualTo(ExitCode.PAUSED);
        assertThat(on("cancel", job).code()).isZero();
        assertThat(refusal("cancel", job)).contains("is cancelled and cannot be cancelled");
        for (String command : List.of("status", "log", "pause", "resume", "cancel")) {
            assertThat(refusal(command, unknown)).contains("There is no job " + unknown);
        }
        assertThat(refusal("run", "--job", unknown)).contains("There is no job " + unknown);
    }

    @Test
    void statusIsStableJsonAndFitsALine() throws IOException { // A34, A39, A48, A50, A51, A54
        String job = enqueued();
        jdbc.sql(
                        "UPDATE batch_items SET status = 'failed', error_code = 'x', retryable = FALSE, processed_at = CURRENT_TIMESTAMP, error_message = :message")
                .param("message", "HTTP 400 invalid_request_error: " + "a long story ".repeat(20))
                .update();
        jdbc.sql(
                        "UPDATE batch_jobs SET status = 'failed', failed_items = 1, completed_items = 1, completed_at = CURRENT_TIMESTAMP")
                .update();

        Answer first = on("status", job, "--json");
        Answer second = on("status", job, "--json");
        Answer text = on("status", job);
        Answer list = on("status");
        Answer failed = on("status", "--status", "failed", "--limit", "5", "--json");
        Answer paused = on("status", "--status", "paused");

        JsonNode json = JsonMapper.shared().readTree(first.out());
        assertThat(second.out()).isEqualTo(first.out());
        assertThat(json.propertyNames())
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
        assertThat(json.path("percentage").asDouble()).isEqualTo(100);
        assertThat(json.path("lastItemError").asString()).startsWith("HTTP 400");
        assertThat(Stream.concat(text.lines().stream(), list.lines().stream())
                        .filter(line -> !line.contains(folder.toString()))) // a path is not broken
                .allSatisfy(line -> assertThat(line.length()).isLessThanOrEqualTo(100));
        assertThat(text.out()).contains("HTTP 400 invalid_request_error");
        assertThat(JsonMapper.shared().readTree(failed.out()).get(0)).isEqualTo(json);
        assertThat(paused.out()).isEqualToIgnoringNewLines("No job is paused.");
    }

    @Test
    void aBucketThatMayNotBeUsedStopsARunBeforeAnythingIsEnqueued() throws IOException {
        try (FakeGcs gcs = new FakeGcs()) {
            gcs.forbid("storage.buckets.create");
            String file = file("job.yaml", GOOD);

            Answer answer = on("run", file, "--parley.store=gcs", "--parley.gcs.emulator-host=" + gcs.host());

            assertThat(answer.err())
                    .contains("gs://conversation-files", "storage.buckets.create")
                    .doesNotContain("\tat ");
            assertThat(answer.code()).isEqualTo(ExitCode.CONFIGURATION);
            assertThat(count("batch_jobs")).isZero();
        }
    }

    @Test
    void aProviderWithoutItsKeyStopsARunBeforeAnythingIsEnqueued() throws IOException {
        Answer answer = on("run", file("job.yaml", GOOD), "--provider", "anthropic");

        assertThat(answer.err()).contains("ANTHROPIC_API_KEY");
        assertThat(answer.code()).isEqualTo(ExitCode.CONFIGURATION);
        assertThat(count("batch_jobs")).isZero();
    }

    @Test
    void aDataFolderThatIsAFileStopsARunBeforeAnythingIsEnqueued() throws IOException {
        Path data = Files.createFile(folder.resolve("data"));

        Answer answer = plain(
                "run",
                file("job.yaml", GOOD),
                "--spring.datasource.url=" + TestDatabase.H2.url(),
                "--parley.data=" + data);

        assertThat(answer.err())
                .contains("is a file where a folder should be", "parley.data")
                .doesNotContain("\tat ");
        assertThat(answer.code()).isEqualTo(ExitCode.CONFIGURATION);
        assertThat(count("batch_jobs")).isZero();
    }

    @Test
    void aBackfillEnqueuesTheCombinationsThatNoItemCoversAndOnlyOnce() throws IOException {
        String job = file("job.yaml", GOOD);
        Answer preview = on("backfill", job, "--dry-run");
        long afterPreview = count("batch_jobs");
        Answer first = on("backfill", job);
        long items = count("batch_items");
        Answer second = on("backfill", job, "--json");

        assertThat(preview.out()).as(preview.err()).contains("estimated cost", "combinations are covered by no item");
        assertThat(afterPreview).isZero();
        assertThat(first.out().replaceAll("\\s+", " ")).contains("covered by no item; parley run --job ");
        assertThat(items).isPositive();
        assertThat(count("batch_items")).isEqualTo(items);
        assertThat(second.out()).contains("\"items\" : 0", "\"job\" : null");
    }

    @Test
    void whatARunMadeIsExportedAndItsQualityShown() throws IOException {
        assertThat(on("run", file("job.yaml", GOOD)).code()).isZero();
        String job = jdbc.sql("SELECT CAST(id AS varchar) FROM batch_jobs")
                .query(String.class)
                .single();
        String output = folder.resolve("training set").toString();

        Answer preview = on("export", "--format", "sharegpt-jsonl", "--preview", "3");
        Answer made = on("export", "--format", "Chat-JSONL", "--output", output, "--job", job, "--deduplicate");
        Answer quality = on("quality", job);
        Answer json = on("quality", job, "--json");

        assertThat(preview.lines()).singleElement().asString().contains("\"conversations\":[{\"from\":\"human\"");
        assertThat(made.code()).as(made.err()).isZero();
        assertThat(made.lines().get(0)).isEqualTo("Exported 1 of 1 conversations to " + output);
        assertThat(made.out()).contains("0 near-duplicates", "and manifest.json");
        assertThat(folder.resolve("training set/manifest.json")).exists();
        assertThat(quality.code()).isZero();
        assertThat(quality.out())
                .contains("1 conversations", "score", "arc", "confusion_to_clarity: ", "need a person");
        assertThat(quality.lines()).allSatisfy(line -> assertThat(line.length()).isLessThanOrEqualTo(100));
        JsonNode tree = JsonMapper.shared().readTree(json.out());
        assertThat(tree.path("conversations").asInt()).isOne();
        assertThat(tree.path("arcs").path(0).path("target").asString()).isNotBlank();
        assertThat(refusal("export", "--format", "csv", "--output", output)).contains("holds an export already");
        assertThat(refusal("export", "--format", "csv", "--output", folder + "/x", "--status", "archived"))
                .contains("No conversation is selected");
        assertThat(refusal("export", "--format", "csv", "--output", file("a-file", "")))
                .contains("a-file");
        assertThat(refusal("export", "--format", "csv", "--preview", "1", "--job", DAVID))
                .contains("There is no job");
        assertThat(refusal("quality", DAVID)).contains("There is no job");
    }

    @Test
    void aLostDocumentIsTheExportsFailedItem() throws IOException {
        assertThat(on("run", file("job.yaml", GOOD)).code()).isZero();
        String path = jdbc.sql("SELECT file_path FROM conversations")
                .query(String.class)
                .single();
        Files.delete(folder.resolve("conversation-files").resolve(path));

        Answer made = on(
                "export", "--format", "csv", "--output", folder.resolve("out").toString());

        assertThat(made.code()).isEqualTo(ExitCode.FAILED_ITEMS);
        assertThat(made.out()).contains("Exported 0 of 1", "1 whose document is not there");
    }

    private String enqueued() throws IOException {
        assertThat(on("enqueue", file("job.yaml", GOOD)).code()).isZero();
        return jdbc.sql("SELECT CAST(id AS varchar) FROM batch_jobs")
                .query(String.class)
                .single();
    }

    private String refusal(String... command) {
        Answer answer = on(command);
        assertThat(answer.code()).as(answer.out() + answer.err()).isEqualTo(ExitCode.CONFIGURATION);
        return answer.err();
    }

    /** With the shipped catalog beside the file. */
    private String file(String name, String text) throws IOException {
        Path catalog = folder.resolve("jobs").resolve("catalog");
        if (!Files.exists(catalog)) {
            Path shipped = Path.of("jobs", "catalog");
            try (Stream<Path> files = Files.walk(shipped)) {
                for (Path file : files.filter(Files::isRegularFile).toList()) {
                    Path copy = catalog.resolve(shipped.relativize(file).toString());
                    Files.createDirectories(copy.getParent());
                    Files.copy(file, copy);
                }
            }
        }
        return Files.writeString(folder.resolve("jobs").resolve(name), text).toString();
    }

    private long count(String table) {
        return countOf("SELECT count(*) FROM " + table);
    }

    private long countOf(String sql) {
        return jdbc.sql(sql).query(Long.class).single();
    }

    /** On the test's database and folder. */
    private Answer on(String... command) {
        return plain(Stream.concat(
                        Arrays.stream(command),
                        Stream.of(
                                "--spring.datasource.url=" + TestDatabase.H2.url(),
                                "--spring.datasource.username=sa",
                                "--parley.data=" + folder))
                .toArray(String[]::new));
    }

    private static Answer plain(String... arguments) {
        StringWriter out = new StringWriter();
        StringWriter err = new StringWriter();
        int code = Main.execute(List.of(arguments), new PrintWriter(out), new PrintWriter(err));
        return new Answer(code, out.toString(), err.toString());
    }
}
