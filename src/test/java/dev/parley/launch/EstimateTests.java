package dev.parley.launch;

import static org.assertj.core.api.Assertions.assertThat;

import dev.parley.TestDatabase;
import dev.parley.provider.FakeAnswer;
import dev.parley.provider.FakeAnthropic;
import dev.parley.provider.TokenUsage;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.UUID;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;
import org.springframework.jdbc.core.simple.JdbcClient;

@DisplayName("What it will cost is said before it is spent")
@ExtendWith(OutputCaptureExtension.class)
class EstimateTests {
    private static final Pattern RANGE = Pattern.compile("estimated cost: \\$([0-9.]+) to \\$([0-9.]+) for 8");
    private static final String SECRET = "sk-ant-secret-0123456789";

    private final FakeAnthropic anthropic = FakeAnthropic.start();
    private final StringWriter text = new StringWriter();

    @TempDir
    private Path data;

    private JdbcClient jdbc;

    @BeforeEach
    void empty() {
        jdbc = JdbcClient.create(TestDatabase.H2.empty());
    }

    @AfterEach
    void stop() {
        anthropic.close();
    }

    @Test
    void offlineIsFreeAndNothingIsAsked() {
        int code = parley("run", "jobs/demo.yaml");

        assertThat(code).isZero();
        assertThat(text.toString()).contains("estimated cost: free\n");
    }

    /** As long as the templates ask for: twelve turns of some 350 characters. */
    private static String conversation() {
        String turns = IntStream.rangeClosed(1, 12)
                .mapToObj(n -> """
                        {"turn_number": %d, "role": "%s", "content": "%s", "emotional_context": {"primary_emotion": "calm", "intensity": 0.5}}
                        """.formatted(
                                n, n % 2 == 1 ? "user" : "assistant", (n + " and so I wonder what to do. ").repeat(12)))
                .collect(Collectors.joining(","));
        return """
                {"conversation_metadata": {"client_persona": "x", "session_context": "y", "conversation_phase": "z"}, "turns": [%s]}
                """.formatted(turns);
    }

    @Test
    void itemsOfOneTemplateAreNeighboursAndItsPartIsReadFromTheCacheFromThenOn() {
        int code = parley("run", "jobs/demo.yaml", "--concurrency=1", "--parley.provider=anthropic");

        List<String> stableParts = anthropic.requests().stream()
                .map(FakeAnthropic.Request::stablePrefix)
                .toList();
        long changes = IntStream.range(1, stableParts.size())
                .filter(n -> !stableParts.get(n).equals(stableParts.get(n - 1)))
                .count();
        TokenUsage usage = anthropic.totalUsage();
        assertThat(code).isZero();
        assertThat(stableParts).hasSize(8);
        assertThat(changes).as("two templates").isEqualTo(1);
        assertThat(usage.cacheRead()).isEqualTo(3 * usage.cacheWrite());
        assertThat(text.toString().replaceAll("\\s+", " "))
                .contains(String.format(
                        Locale.ROOT,
                        "%,d in (%,d from the cache, %,d written to it), %,d out, in 8 calls",
                        usage.prompt(),
                        usage.cacheRead(),
                        usage.cacheWrite(),
                        usage.output()));
    }

    @Test
    void anEstimateIsARangeThatTheRealCostFallsInto() throws IOException {
        anthropic.answersOtherwise(FakeAnswer.text(conversation()));
        int estimated = parley("estimate", "jobs/demo.yaml", "--parley.provider=anthropic");
        String before = text.toString();

        assertThat(estimated).isZero();
        assertThat(before)
                .contains("for 8 conversations with claude-sonnet-5-5 (from the tokens of 2 prompts as the provider");
        assertThat(anthropic.tokenCounts()).as("one a template").isEqualTo(2);
        assertThat(anthropic.calls()).isZero();
        assertThat(jdbc.sql("SELECT count(*) FROM batch_jobs").query(Long.class).single())
                .isZero();

        int ran = parley("run", "jobs/demo.yaml", "--parley.provider=anthropic");

        assertThat(ran).isZero();
        BigDecimal cost = jdbc.sql("SELECT actual_cost FROM batch_jobs")
                .query(BigDecimal.class)
                .single();
        Matcher range = RANGE.matcher(before);
        assertThat(range.find()).isTrue();
        assertThat(cost).isBetween(new BigDecimal(range.group(1)), new BigDecimal(range.group(2)));
        assertThat(jdbc.sql("SELECT estimated_cost FROM batch_jobs")
                        .query(BigDecimal.class)
                        .single())
                .isGreaterThan(cost);
        assertThat(text.toString()).contains(" from the cache, ", "estimated at $");

        parley("run", "jobs/demo.yaml", "--again", "--parley.provider=anthropic");
        String again = last("estimated cost");

        assertThat(again).as("four calls a template say too little").contains("as the provider counts them");

        parley("estimate", "jobs/demo.yaml", "--parley.provider=anthropic");
        String fromThePast = last("estimated cost");

        assertThat(fromThePast).contains("(from what 16 earlier calls took)");
        Matcher narrow = RANGE.matcher(fromThePast);
        assertThat(narrow.find()).isTrue();
        assertThat(cost).isBetween(new BigDecimal(narrow.group(1)), new BigDecimal(narrow.group(2)));
    }

    @Test
    void whatMayBeDearNeedsAYesAndWithoutATerminalTheOptionForIt(CapturedOutput output) {
        int refused = parley("run", "jobs/demo.yaml", "--parley.provider=anthropic", "--parley.confirm-above-usd=0.01");

        assertThat(refused).isEqualTo(ExitCode.CONFIGURATION);
        assertThat(text.toString())
                .contains("parley.confirm-above-usd = 0.01; nothing is spent yet. Say --yes to go on.");
        assertThat(anthropic.calls()).isZero();

        int agreed = parley(
                "run", "jobs/demo.yaml", "--yes", "--parley.provider=anthropic", "--parley.confirm-above-usd=0.01");

        assertThat(agreed).isZero();
        assertThat(anthropic.calls()).isEqualTo(8);
    }

    @Test
    void aBudgetPausesTheJobWithExitCode4AndALargerOneCompletesIt() throws IOException {
        Path file = data.resolve("budget.yaml");
        Files.writeString(
                file, Files.readString(Path.of("jobs/demo.yaml")).replace("# budget_usd: 5", "budget_usd: 0.11"));
        Path catalog = Files.createDirectory(data.resolve("catalog")).resolve("templates");
        Files.createDirectory(catalog);
        try (var files = Files.walk(Path.of("jobs/catalog"))) {
            for (Path one : files.filter(Files::isRegularFile).toList()) {
                Files.copy(
                        one,
                        data.resolve("catalog").resolve(Path.of("jobs/catalog").relativize(one)));
            }
        }

        int paused = parley("run", file.toString(), "--parley.provider=anthropic");
        UUID job = jdbc.sql("SELECT id FROM batch_jobs").query(UUID.class).single();
        BigDecimal spent = jdbc.sql("SELECT actual_cost FROM batch_jobs")
                .query(BigDecimal.class)
                .single();

        assertThat(paused).isEqualTo(ExitCode.PAUSED);
        assertThat(text.toString()).contains("paused", "budget of $0.11 reached: $");
        assertThat(spent).isPositive().isLessThanOrEqualTo(new BigDecimal("0.11"));

        int resumed = parley("resume", job.toString(), "--budget", "2");
        int completed = parley("run", "--job", job.toString(), "--parley.provider=anthropic");

        assertThat(resumed).isZero();
        assertThat(completed).isZero();
        assertThat(anthropic.calls()).isEqualTo(8);
    }

    @Test
    @DisplayName("No key is found in files, tables, output or log, whatever fails (A36)")
    void noKeyIsFoundAnywhereWhateverFails(CapturedOutput output) throws IOException {
        String key = FakeAnthropic.KEY;
        List<FakeAnswer> failures = List.of(
                FakeAnswer.rateLimited(),
                FakeAnswer.overloaded(),
                FakeAnswer.serverError(),
                FakeAnswer.reset(),
                FakeAnswer.cut(),
                FakeAnswer.refusal(),
                FakeAnswer.truncated(),
                FakeAnswer.text(""),
                FakeAnswer.text("no document"),
                FakeAnswer.raw(200, "<html>"),
                FakeAnswer.raw(502, "<html>you sent x-api-key: " + key + "</html>"),
                FakeAnswer.error(413, "request_too_large", "too large"),
                FakeAnswer.error(404, "not_found_error", "model"),
                FakeAnswer.error(402, "billing_error", "pay, " + key),
                FakeAnswer.error(403, "permission_error", "not with " + key),
                FakeAnswer.invalidRequest("the key " + key + " is odd"),
                FakeAnswer.error(401, "authentication_error", "invalid x-api-key " + key),
                FakeAnswer.spendLimitReached());
        for (FakeAnswer failure : failures) {
            if (failure.status() == 429 || failure.status() == 529) {
                anthropic
                        .answers(failure)
                        .answersOtherwise(FakeAnswer.conversation()); // else it would wait without end
            } else {
                anthropic.answersOtherwise(failure);
            }
            parley(
                    "run",
                    "jobs/demo.yaml",
                    "--again",
                    "--parley.provider=anthropic",
                    "--parley.generate.max-attempts=2",
                    "--parley.generate.retry.delay=1ms",
                    "--parley.generate.retry.max-delay=1ms",
                    "--logging.level.dev.parley=debug");
        }
        parley("status", "--json");
        UUID refused = jdbc.sql("SELECT max(batch_job_id) FROM batch_items WHERE error_code = 'invalid_request'")
                .query(UUID.class)
                .single();
        parley("log", refused.toString());
        int wrongKey = parley("status", "--parley.provider=anthropic", "--parley.anthropic.api-key=" + SECRET + " x");

        assertThat(wrongKey).isEqualTo(ExitCode.CONFIGURATION);
        assertThat(output.getAll() + text).doesNotContain(key, SECRET).contains("[key]");
        try (var files = Files.walk(data)) {
            for (Path file : files.filter(Files::isRegularFile).toList()) {
                assertThat(Files.readString(file, StandardCharsets.ISO_8859_1))
                        .as(file.toString())
                        .doesNotContain(key, SECRET);
            }
        }
        List<String> dump = jdbc.sql("SCRIPT").query(String.class).list();
        assertThat(String.join("\n", dump)).contains("INSERT INTO").doesNotContain(key, SECRET);
    }

    private String last(String beginning) {
        String all = text.toString();
        return all.substring(all.lastIndexOf(beginning));
    }

    private int parley(String... arguments) {
        List<String> all = new ArrayList<>(List.of(arguments));
        all.addAll(List.of(
                "--spring.datasource.url=" + TestDatabase.H2.url(),
                "--spring.datasource.username=" + TestDatabase.H2.username(),
                "--parley.data=" + data.resolve("data"),
                "--parley.anthropic.base-url=" + anthropic.baseUrl()));
        if (all.stream().noneMatch(argument -> argument.startsWith("--parley.anthropic.api-key"))) {
            all.add("--parley.anthropic.api-key=" + FakeAnthropic.KEY);
        }
        if (all.stream().noneMatch(argument -> argument.startsWith("--parley.provider"))) {
            all.add("--parley.provider=offline");
        }
        PrintWriter out = new PrintWriter(text, true);
        return Main.execute(all, out, out);
    }
}
