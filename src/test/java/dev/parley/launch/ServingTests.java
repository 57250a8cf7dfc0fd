package dev.parley.launch;

import static org.assertj.core.api.Assertions.assertThat;

import dev.parley.TestApplication;
import dev.parley.TestDatabase;
import dev.parley.batch.GenerateRuns;
import dev.parley.launch.Commands.Answer;
import dev.parley.provider.FakeAnswer;
import dev.parley.provider.FakeAnthropic;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.springframework.jdbc.core.simple.JdbcClient;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** {@code parley serve} from the first request to the last, with a provider that is slow, or away. */
class ServingTests {
    private static final Pattern METRIC = Pattern.compile("\\b[a-z][a-z0-9]*(?:_[a-z0-9]+)+\\b");

    private final ExecutorService background = Executors.newSingleThreadExecutor();
    private final HttpClient client = HttpClient.newHttpClient();
    private final UUID session = UUID.randomUUID();

    @TempDir
    private Path data;

    private FakeAnthropic anthropic;
    private TestApplication app;

    @BeforeEach
    void start() {
        anthropic = FakeAnthropic.start();
    }

    @AfterEach
    void close() {
        background.shutdownNow();
        if (app != null) {
            app.close();
        }
        anthropic.close();
    }

    private void serve(String... more) {
        app = TestApplication.startServing(
                TestDatabase.H2,
                data,
                Stream.concat(Arrays.stream(anthropic.properties()), Arrays.stream(more))
                        .toArray(String[]::new));
    }

    @Test
    void aStopClosesTheDoorThenTheClaimsThenTheCallsThenTheTracker() throws Exception {
        serve("parley.generate.concurrency=1");
        CountDownLatch gate = new CountDownLatch(1);
        anthropic.answersOtherwise(FakeAnswer.conversation().after(gate));
        UUID job = app.enqueue(3);
        Future<Answer> serving = background.submit(() -> Commands.on(app, "serve", "--yes"));
        anthropic.awaitCalls(1);
        HttpResponse<String> before = record("Good morning");

        app.bean(Serving.class).stop();
        HttpResponse<String> after = record("Too late");
        HttpResponse<String> ready = get("/readyz");
        HttpResponse<String> alive = get("/livez");
        HttpResponse<String> looking = get("/api/jobs/" + job);
        boolean callsGoOn = !serving.isDone();
        gate.countDown();
        Answer answer = serving.get(30, TimeUnit.SECONDS);
        int calls = anthropic.calls();
        app.close();

        assertThat(before.statusCode()).as(before.body()).isEqualTo(200);
        assertThat(after.statusCode()).isEqualTo(503);
        assertThat(after.headers().firstValue("Retry-After")).isPresent();
        assertThat(ready.statusCode()).isEqualTo(503);
        assertThat(ready.body()).contains("shutting down");
        assertThat(List.of(alive.statusCode(), looking.statusCode())).containsExactly(200, 200);
        assertThat(callsGoOn).isTrue();
        assertThat(answer.code()).isEqualTo(ExitCode.STOPPED);
        assertThat(answer.out()).contains("Parley is at http://127.0.0.1:");
        assertThat(calls).isEqualTo(1);
        JdbcClient jdbc = JdbcClient.create(TestDatabase.H2.dataSource());
        assertThat(jdbc.sql("SELECT status FROM batch_items ORDER BY position")
                        .query(String.class)
                        .list())
                .containsExactly("completed", "queued", "queued");
        assertThat(jdbc.sql("SELECT content FROM conversation_messages")
                        .query(String.class)
                        .list())
                .containsExactly("Good morning");
        app = null;
    }

    @Test
    void readinessSaysWhyAndMetricsCountWhatHappens() throws Exception {
        serve("parley.limits.down-after=1ms", "parley.generate.concurrency=2");
        HttpResponse<String> well = get("/readyz");
        app.run(app.enqueue(2));
        JsonNode dashboard =
                JsonMapper.shared().readTree(Files.readString(Path.of("jobs/monitoring/grafana-dashboard.json")));
        String metrics = get("/metrics").body();
        anthropic.answersOtherwise(FakeAnswer.error(500, "api_error", "out of order"));
        UUID job = app.enqueue(20);
        Future<?> run = background.submit(() -> app.run(job));
        HttpResponse<String> degraded = well;
        while (!degraded.body().contains("DEGRADED")) {
            assertThat(run.isDone()).as(degraded.body()).isFalse();
            TimeUnit.MILLISECONDS.sleep(50);
            degraded = get("/readyz");
        }
        String outage = get("/metrics").body();
        app.bean(GenerateRuns.class).stopNow();
        run.get(30, TimeUnit.SECONDS);

        assertThat(well.statusCode()).isEqualTo(200);
        assertThat(JsonMapper.shared().readTree(well.body()).at("/components").propertyNames())
                .containsExactlyInAnyOrder("database", "provider", "server", "tracker");
        assertThat(degraded.statusCode()).isEqualTo(200);
        assertThat(degraded.body()).contains("anthropic answers no calls");
        assertThat(metrics)
                .contains(
                        "parley_calls_seconds_count{outcome=\"success\",provider=\"anthropic\"} 2",
                        "parley_items{status=\"completed\"} 2.0",
                        "parley_jobs{status=\"completed\"} 1.0",
                        "parley_limiter_wait_seconds_count{provider=\"anthropic\"} 2")
                .containsPattern("parley_tokens_total\\{kind=\"output\",provider=\"anthropic\"} [1-9]")
                .containsPattern("parley_cost_usd_total\\{provider=\"anthropic\"} (?!0\\.0\\n)");
        assertThat(outage).contains("parley_provider_down{provider=\"anthropic\"} 1.0");
        assertThat(queried(dashboard))
                .isNotEmpty()
                .allSatisfy(name -> assertThat(named(metrics)).contains(name));
    }

    /** Each name of a metric in any query of the dashboard. */
    private static Set<String> queried(JsonNode dashboard) {
        return dashboard.findValuesAsString("expr").stream()
                .flatMap(query -> METRIC.matcher(query.replaceAll("\\{[^}]*}|by \\([^)]*\\)", ""))
                        .results())
                .map(found -> found.group())
                .filter(word -> !word.equals("histogram_quantile"))
                .collect(Collectors.toSet());
    }

    private static Set<String> named(String metrics) {
        return metrics.lines()
                .filter(line -> !line.startsWith("#"))
                .map(line -> line.split("[{ ]")[0])
                .collect(Collectors.toSet());
    }

    @Test
    void whatIsInTheWayOfAServerIsToldInOneSentence() throws IOException {
        try (ServerSocket taken = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            Answer inUse = main("--server.port=" + taken.getLocalPort());
            Answer open = main("--server.port=0", "--server.address=0.0.0.0");
            Answer nowhere = main("--server.port=0", "--server.address=nowhere.invalid");
            Answer notOurs =
                    main("--server.port=0", "--server.address=192.0.2.7", "--parley.serve.token=0123456789abcdef");
            Answer password = main("--parley.serve.user=anna");

            assertThat(List.of(inUse, open, nowhere, notOurs, password))
                    .extracting(Answer::code)
                    .containsOnly(ExitCode.CONFIGURATION);
            assertThat(inUse.err()).contains("Port " + taken.getLocalPort() + " is in use", "--server.port=");
            assertThat(open.err()).contains("server.address", "PARLEY_TOKEN", "PARLEY_USER");
            assertThat(nowhere.err()).contains("server.address = nowhere.invalid", "such as 127.0.0.1");
            assertThat(notOurs.err()).contains("server.address and server.port").doesNotContain("0123456789abcdef");
            assertThat(password.err()).contains("PARLEY_PASSWORD");
            assertThat(List.of(inUse, open, nowhere, notOurs, password))
                    .allSatisfy(answer -> assertThat(answer.err()).doesNotContain("\tat "));
        }
    }

    private Answer main(String... settings) {
        StringWriter out = new StringWriter();
        StringWriter err = new StringWriter();
        List<String> line = new ArrayList<>(List.of("serve", "--no-run", "--parley.data=" + data));
        line.addAll(List.of(settings));
        int code = Main.execute(line, new PrintWriter(out), new PrintWriter(err));
        return new Answer(code, out.toString(), err.toString());
    }

    private HttpResponse<String> record(String text) throws Exception {
        String lines = "{\"type\":\"session.start\",\"session_id\":\"" + session + "\",\"user_id\":\"" + session
                + "\"}\n"
                + "{\"type\":\"message\",\"session_id\":\"" + session + "\",\"message_id\":\"" + UUID.randomUUID()
                + "\",\"role\":\"user\",\"content\":\"" + text + "\"}\n";
        return client.send(
                HttpRequest.newBuilder(app.address().resolve("/api/track"))
                        .header("Content-Type", "application/x-ndjson")
                        .POST(BodyPublishers.ofString(lines))
                        .build(),
                BodyHandlers.ofString());
    }

    private HttpResponse<String> get(String path) throws Exception {
        return client.send(HttpRequest.newBuilder(app.address().resolve(path)).build(), BodyHandlers.ofString());
    }
}
