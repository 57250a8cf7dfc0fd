package dev.parley.launch;

import static org.assertj.core.api.Assertions.assertThat;

import dev.parley.TestApplication;
import dev.parley.TestDatabase;
import dev.parley.catalog.Tier;
import dev.parley.launch.Commands.Answer;
import dev.parley.provider.FakeAnswer;
import dev.parley.provider.FakeAnthropic;
import dev.parley.work.BatchJobs;
import dev.parley.work.ErrorHandling;
import dev.parley.work.FailedItems;
import dev.parley.work.ItemParameters;
import dev.parley.work.JobSettings;
import dev.parley.work.NewJob;
import dev.parley.work.Priority;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.AfterParameterizedClassInvocation;
import org.junit.jupiter.params.BeforeParameterizedClassInvocation;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.EnumSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** What a run leaves behind for who was not there. */
@ParameterizedClass
@EnumSource(TestDatabase.class)
@Timeout(value = 2, unit = TimeUnit.MINUTES, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class RunReportTests {
    private static final String EVIL = "</script><script>alert('x')</script><!-- \"&";

    @TempDir
    private static Path folder;

    private static Path data;
    private static FakeAnthropic anthropic;
    private static TestApplication app;

    RunReportTests(TestDatabase database) {}

    @BeforeParameterizedClassInvocation
    static void start(TestDatabase database) {
        data = folder.resolve(database.name());
        anthropic = FakeAnthropic.start();
        app = TestApplication.start(database, data, anthropic.properties());
    }

    @AfterParameterizedClassInvocation
    static void close() {
        app.close();
        anthropic.close();
    }

    private static UUID enqueue(int items) {
        ItemParameters parameters = new ItemParameters(
                TestApplication.DAVID_CHEN,
                TestApplication.CONFUSION_TO_CLARITY,
                TestApplication.ESTATE_PLANNING,
                Tier.TEMPLATE,
                null);
        return app.bean(BatchJobs.class)
                .enqueue(
                        new NewJob(
                                EVIL,
                                null,
                                null,
                                Tier.TEMPLATE,
                                Priority.NORMAL,
                                ErrorHandling.CONTINUE,
                                JobSettings.DEFAULTS,
                                null,
                                null,
                                null,
                                Collections.nCopies(items, new NewJob.Item(parameters, EVIL))),
                        false)
                .jobId();
    }

    private static Path report(UUID job) {
        return data.resolve("batch-logs").resolve(job.toString()).resolve("report.html");
    }

    private static JsonNode data(String html) {
        Matcher data = Pattern.compile("<script type=\"application/json\" id=\"data\">(.*?)</script>", Pattern.DOTALL)
                .matcher(html);
        assertThat(data.find()).isTrue();
        return JsonMapper.shared().readTree(data.group(1));
    }

    private static void failLast(UUID job) {
        anthropic.answersTo(
                app.jdbc()
                        .sql("SELECT CAST(conversation_key AS varchar) FROM batch_items WHERE batch_job_id = :job"
                                + " ORDER BY position DESC LIMIT 1")
                        .param("job", job)
                        .query(String.class)
                        .single(),
                FakeAnswer.invalidRequest(EVIL));
    }

    @Test
    void theReportNeedsNothingElseAndNothingOfWhatItTellsIsMarkup() throws IOException {
        UUID job = enqueue(3);
        failLast(job);

        Answer answer = Commands.on(app, "run", "--job", job.toString(), "--yes");

        assertThat(answer.out().replaceAll("\\s+", "")).contains("report" + report(job));
        String html = Files.readString(report(job));
        assertThat(html.split("<script", -1)).as("data and charts, once each").hasSize(3);
        assertThat(html.split("</script", -1)).hasSize(3);
        assertThat(html).doesNotContain("<!--", "<img", "<link", "@import", "url(", "<h1></script>");
        assertThat(Pattern.compile("(src|href)\\s*=").matcher(html).find())
                .as("refers to nothing")
                .isFalse();
        assertThat(html.replace("http://www.w3.org/2000/svg", "")).doesNotContain("http://", "https://");
        JsonNode data = data(html);
        assertThat(data.at("/job/name").asString()).isEqualTo(EVIL);
        assertThat(data.at("/job/failed").asInt()).isEqualTo(1);
        assertThat(data.at("/causes/0/code").asString()).isEqualTo("invalid_request");
        assertThat(data.at("/series/points")).isNotEmpty();
        assertThat(data.get("slowest")).hasSize(3);
        assertThat(data.at("/costliest/0/costUsd").decimalValue()).isPositive();
        assertThat(html).contains("&lt;/script&gt;&lt;script&gt;", "Failures by cause", "The costliest items");
    }

    @Test
    void theNextRunReplacesTheReport() throws IOException {
        UUID job = enqueue(2);
        failLast(job);
        app.run(job);
        assertThat(data(Files.readString(report(job))).at("/job/successful").asInt())
                .isEqualTo(1);

        app.bean(RetryList.class).requeue(job, FailedItems.ALL, false);
        app.run(job);

        assertThat(data(Files.readString(report(job))).at("/job/successful").asInt())
                .isEqualTo(2);
    }

    @Test
    void aReportThatCannotBeWrittenIsNoFailure() throws IOException {
        UUID job = enqueue(1);
        Files.createDirectories(report(job)); // in its place

        Answer answer = Commands.on(app, "run", "--job", job.toString(), "--yes");

        assertThat(answer.code()).as(answer.err()).isEqualTo(ExitCode.OK);
        assertThat(answer.out()).doesNotContain("report");
        assertThat(app.job(job).successfulItems()).isEqualTo(1);
        assertThat(app.job(job).reportedAt()).isNull();
    }
}
