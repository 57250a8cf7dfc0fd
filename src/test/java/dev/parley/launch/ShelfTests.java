package dev.parley.launch;

import static org.assertj.core.api.Assertions.assertThat;

import dev.parley.TestApplication;
import dev.parley.TestDatabase;
import dev.parley.work.NewJob;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.lang.reflect.RecordComponent;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.snakeyaml.engine.v2.api.Load;
import org.snakeyaml.engine.v2.api.LoadSettings;
import org.springframework.context.ApplicationContext;
import org.springframework.core.env.Environment;
import picocli.CommandLine.ParseResult;

/** The folder {@code jobs}: each file is one that the program takes, and starts what its reader is told. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class ShelfTests {
    private static final Path JOBS = Path.of("jobs");
    private static final Path DEPLOY = JOBS.resolve("deploy");
    private static final Pattern ON_A_LINE = Pattern.compile("parley\\.jar ([^'&>\\n]+)");

    private static TestApplication app;
    private static String readme;

    @BeforeAll
    static void start(@TempDir Path data) throws IOException {
        app = TestApplication.start(TestDatabase.H2, data);
        readme = Files.readString(Path.of("README.md"));
    }

    @AfterAll
    static void close() {
        app.close();
    }

    private static List<Path> filesIn(Path folder) throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            return files.filter(Files::isRegularFile).sorted().toList();
        }
    }

    @Test
    void everyJobFileIsTaken() throws IOException {
        List<Path> files = filesIn(JOBS).stream()
                .filter(file -> file.toString().endsWith(".yaml"))
                .toList();

        Map<String, Integer> items = app.bean(JobFiles.class).read(files).stream()
                .collect(Collectors.toMap(NewJob::name, job -> job.items().size()));

        assertThat(items)
                .containsOnly(
                        Map.entry("Demo", 8),
                        Map.entry("Nightly", 18),
                        Map.entry("Backfill", 231),
                        Map.entry("Retry", 1));
        assertThat(app.bean(JobFiles.class).schedules(files).keySet()).containsExactly(JOBS.resolve("nightly.yaml"));
        assertThat(Files.readString(JOBS.resolve("backfill.yaml"))).contains("one job of 231 conversations");
    }

    @Test
    void everyFileIsOnThePageOfTheShelfAndSaysWhatItIs() throws IOException {
        String page = Files.readString(JOBS.resolve("README.md"));

        for (Path folder : List.of(JOBS, DEPLOY)) {
            for (Path file : filesIn(folder)) {
                String name = file.getFileName().toString();
                assertThat(page.contains("`" + name + "`") || name.equals("README.md"))
                        .as(name)
                        .isTrue();
                assertThat(Files.readString(file)).as(name).startsWith("#");
            }
        }
        assertThat(filesIn(JOBS.resolve("monitoring")))
                .isNotEmpty()
                .allSatisfy(file -> assertThat(page).contains("`" + file.getFileName() + "`"));
    }

    @Test
    void theRetriedCombinationIsThatOfTheIncident() { // A58 to A63, A66
        NewJob retry = app.bean(JobFiles.class)
                .read(List.of(JOBS.resolve("retry.yaml")))
                .get(0);

        assertThat(retry.items().get(0).parameters())
                .extracting("personaId", "emotionalArcId", "trainingTopicId", "templateId")
                .containsExactly(
                        TestApplication.DAVID_CHEN,
                        TestApplication.COUPLE_CONFLICT,
                        TestApplication.ESTATE_PLANNING,
                        null);
    }

    @Test
    void theCronJobEnqueuesTheNightOnceAndWorksItOff() throws IOException {
        Object cronJob = yaml("kubernetes-cronjob.yaml").get(0);
        Object job = at(cronJob, "spec", "jobTemplate", "spec");
        Object pod = at(job, "template", "spec");
        Object enqueue = at(pod, "initContainers", 0);
        Object run = at(pod, "containers", 0);

        assertThat(at(cronJob, "kind")).isEqualTo("CronJob");
        assertNightly(
                at(cronJob, "spec", "schedule").toString(),
                at(cronJob, "spec", "timeZone").toString());
        assertThat(at(cronJob, "spec", "concurrencyPolicy")).isEqualTo("Forbid");
        assertCommand(at(enqueue, "args"), "enqueue", "jobs/nightly.yaml");
        assertCommand(at(run, "args"), "run");
        assertThat(List.of(at(job, "backoffLimit"), at(pod, "restartPolicy")))
                .as("or the same night would be enqueued twice")
                .containsExactly(0, "Never");
        assertEnvironment(at(run, "env"));
        assertEnvironment(at(enqueue, "env"));
        assertThat(at(run, "envFrom", 0, "secretRef", "name")).isEqualTo("parley");
        assertPatience(at(pod, "terminationGracePeriodSeconds"));
    }

    @Test
    void theIndexedJobSharesOneJobAmongItsWorkers() throws IOException {
        Object job = yaml("kubernetes-indexed-job.yaml").get(0);
        Object pod = at(job, "spec", "template", "spec");
        Object run = at(pod, "containers", 0);

        assertThat(at(job, "spec", "completionMode")).isEqualTo("Indexed");
        assertThat(at(job, "spec", "completions")).isEqualTo(at(job, "spec", "parallelism"));
        ParseResult command = assertCommand(at(run, "args"), "run", "jobs/backfill.yaml");
        assertThat(command.hasMatchedOption("--again"))
                .as("one job, not one a worker")
                .isFalse();
        assertEnvironment(at(run, "env"));
        assertPatience(at(pod, "terminationGracePeriodSeconds"));
        Object rule = at(job, "spec", "podFailurePolicy", "rules", 0, "onExitCodes");
        assertThat(at(rule, "containerName")).isEqualTo(at(run, "name"));
        assertThat(at(rule, "values"))
                .isEqualTo(List.of(ExitCode.CONFIGURATION, ExitCode.FAILED_ITEMS, ExitCode.PAUSED));
        assertThat(at(pod, "restartPolicy"))
                .as("what a podFailurePolicy asks for")
                .isEqualTo("Never");
    }

    @Test
    void theCloudRunJobEndsWithinTheTimeThatItIsGiven() throws IOException {
        Object job = yaml("cloud-run-job.yaml").get(0);
        Object execution = at(job, "spec", "template", "spec");
        Object task = at(execution, "template", "spec");
        Object container = at(task, "containers", 0);

        assertThat(at(job, "kind")).isEqualTo("Job");
        assertThat(at(execution, "taskCount")).isEqualTo(at(execution, "parallelism"));
        ParseResult command = assertCommand(at(container, "args"), "run", "jobs/backfill.yaml");
        assertThat(command.hasMatchedOption("--again")).isFalse();
        assertThat((List<?>) at(container, "args"))
                .anySatisfy(arg -> assertThat(arg).isEqualTo("--parley.generate.grace=8s"));
        assertEnvironment(at(container, "env"));
    }

    @Test
    void theTimerStartsTheServiceWhenTheFileSays() throws IOException {
        Map<String, List<String>> service = unit("parley-nightly.service");
        Map<String, List<String>> timer = unit("parley-nightly.timer");

        Matcher calendar = Pattern.compile("\\*-\\*-\\* (\\d\\d):(\\d\\d):00 (\\S+)")
                .matcher(timer.get("OnCalendar").get(0));
        assertThat(calendar.matches()).isTrue();
        assertNightly(
                Integer.parseInt(calendar.group(2)) + " " + Integer.parseInt(calendar.group(1)) + " * * *",
                calendar.group(3));
        assertThat(timer.get("Persistent"))
                .as("as missed: run-once")
                .containsExactly(nightly().missed() == Schedule.Missed.RUN_ONCE ? "true" : "false");
        assertCommand(words(service.get("ExecStartPre").get(0)), "enqueue", "jobs/nightly.yaml");
        assertCommand(words(service.get("ExecStart").get(0)), "run");
        assertPatience(Integer.valueOf(service.get("TimeoutStopSec").get(0)));
        assertThat(service.get("SuccessExitStatus")).containsExactly(String.valueOf(ExitCode.STOPPED));
    }

    @Test
    void theServerIsProbedAndReachedWhereItListens() throws IOException {
        List<Object> documents = yaml("kubernetes-serve.yaml");
        Object pod = at(documents.get(0), "spec", "template", "spec");
        Object serve = at(pod, "containers", 0);
        Object labels = at(documents.get(0), "spec", "template", "metadata", "labels");

        assertCommand(at(serve, "args"), "serve");
        for (String probe : List.of("startupProbe", "livenessProbe", "readinessProbe")) {
            assertThat(at(serve, probe, "httpGet", "port")).isEqualTo(at(serve, "ports", 0, "name"));
            assertThat(at(serve, probe, "httpGet", "path"))
                    .isEqualTo(probe.equals("readinessProbe") ? "/readyz" : "/livez");
        }
        assertThat(at(serve, "ports", 0, "containerPort"))
                .hasToString(app.beans().getBean(Environment.class).getProperty("server.port"));
        assertThat(at(documents.get(1), "spec", "selector"))
                .isEqualTo(labels)
                .isEqualTo(at(documents.get(0), "spec", "selector", "matchLabels"));
        assertThat(at(documents.get(1), "spec", "ports", 0, "targetPort")).isEqualTo(at(serve, "ports", 0, "name"));
        assertThat(at(documents.get(2), "metadata", "name"))
                .isEqualTo(at(pod, "volumes", 0, "persistentVolumeClaim", "claimName"));
        assertEnvironment(at(serve, "env"));
        assertPatience(at(pod, "terminationGracePeriodSeconds"));
    }

    @Test
    void theUnitOfTheServerIsStartedAgainUnlessASettingIsWrong() throws IOException {
        Map<String, List<String>> service = unit("parley-serve.service");

        assertCommand(words(service.get("ExecStart").get(0)), "serve");
        assertPatience(Integer.valueOf(service.get("TimeoutStopSec").get(0)));
        assertThat(service.get("SuccessExitStatus")).containsExactly(String.valueOf(ExitCode.STOPPED));
        assertThat(service.get("RestartPreventExitStatus")).containsExactly(String.valueOf(ExitCode.CONFIGURATION));
    }

    @Test
    void theLineOfCronStartsTheSame() throws IOException {
        List<String> lines = Files.readAllLines(DEPLOY.resolve("crontab")).stream()
                .filter(line -> !line.startsWith("#"))
                .toList();

        assertThat(lines).hasSize(2);
        assertNightly(lines.get(1).split(" cd ")[0], lines.get(0).substring("CRON_TZ=".length()));
        List<List<String>> commands = ON_A_LINE
                .matcher(lines.get(1))
                .results()
                .map(found -> List.of(found.group(1).strip().split(" ")))
                .toList();
        assertCommand(commands.get(0), "enqueue", "jobs/nightly.yaml");
        assertCommand(commands.get(1), "run");
        assertThat(lines.get(1)).contains("flock -n", "/etc/parley/parley.env");
    }

    @Test
    void theImageStartsTheJarAndTheEnvironmentIsKnown() throws IOException {
        assertThat(Files.readString(DEPLOY.resolve("Containerfile")))
                .contains("\"-jar\", \"parley.jar\"]", "COPY target/parley.jar parley.jar", "COPY jobs jobs");
        List<String> names = Files.readAllLines(DEPLOY.resolve("parley.env")).stream()
                .filter(line -> !line.startsWith("#"))
                .map(line -> line.substring(0, line.indexOf('=')))
                .toList();
        assertKnown(names);
    }

    @Test
    void theReadmeHasEveryFieldOfEveryAnswer() {
        List<String> rows =
                readme.lines().filter(line -> line.startsWith("| `")).toList();

        for (Class<?> answer : List.of(
                Views.JobView.class,
                Views.ScheduleView.class,
                Views.ItemView.class,
                Views.CauseView.class,
                Views.CallView.class,
                Views.ConversationView.class,
                QueryCommand.Answer.class)) {
            List<String> fields = Arrays.stream(answer.getRecordComponents())
                    .map(RecordComponent::getName)
                    .toList();
            assertThat(rows)
                    .as(answer.getSimpleName() + ": " + fields)
                    .anySatisfy(row -> assertThat(words(row, "`(\\w+)`")).containsSubsequence(fields));
        }
    }

    private static List<String> words(String text, String pattern) {
        return Pattern.compile(pattern)
                .matcher(text)
                .results()
                .map(found -> found.group(1))
                .toList();
    }

    private static Schedule nightly() {
        return app.bean(JobFiles.class)
                .schedules(List.of(JOBS.resolve("nightly.yaml")))
                .values()
                .iterator()
                .next();
    }

    /** Five fields as cron has them, without the seconds that come first in ours. */
    private static void assertNightly(String cron, String zone) {
        assertThat("0 " + cron).isEqualTo(nightly().cron());
        assertThat(zone).isEqualTo(nightly().zone());
    }

    /** It is a command that the program has, with options that it has, on files that are there. */
    private static ParseResult assertCommand(Object args, String command, String... files) {
        List<String> arguments =
                ((List<?>) args).stream().map(String::valueOf).collect(Collectors.toCollection(ArrayList::new));
        List<String> settings = arguments.stream()
                .filter(argument -> argument.startsWith("--parley."))
                .toList();
        arguments.removeAll(settings);
        KnownSettings.of((ApplicationContext) app.beans()).refuseUnknown(settings);
        PrintWriter nowhere = new PrintWriter(new StringWriter());

        ParseResult parsed = Main.commandLine(nowhere, nowhere)
                .parseArgs(arguments.toArray(String[]::new))
                .subcommand();

        assertThat(parsed.commandSpec().name()).isEqualTo(command);
        assertThat(parsed.matchedPositionals().stream().flatMap(positional -> positional.stringValues().stream()))
                .containsExactly(files);
        assertThat(files).allSatisfy(file -> assertThat(Path.of(file)).exists());
        return parsed;
    }

    private static List<String> words(String line) {
        Matcher command = ON_A_LINE.matcher(line);
        assertThat(command.find()).isTrue();
        return Arrays.asList(command.group(1).split(" "));
    }

    private static void assertEnvironment(Object variables) throws IOException {
        assertKnown(((List<?>) variables)
                .stream().map(variable -> at(variable, "name").toString()).toList());
    }

    /** Our own by their settings, others by what the README says of them. */
    private static void assertKnown(List<String> names) throws IOException {
        assertThat(names).isNotEmpty();
        String ourVariables = Files.readString(Path.of("src/main/resources/application.yaml"));
        KnownSettings.of((ApplicationContext) app.beans())
                .refuseUnknown(names.stream()
                        .filter(name -> name.startsWith("PARLEY_") && !ourVariables.contains("${" + name + ":}"))
                        .map(name ->
                                "--" + name.toLowerCase(java.util.Locale.ROOT).replace('_', '.') + "=")
                        .toList());
        assertThat(names).allSatisfy(name -> assertThat(readme).contains("`" + name + "`"));
    }

    /** Longer than calls in flight may go on after a stop. */
    private static void assertPatience(Object seconds) {
        assertThat(readme).contains("| `parley.generate.grace` | 5m |");
        assertThat(Duration.ofSeconds((Integer) seconds)).isGreaterThan(Duration.ofMinutes(5));
    }

    private static List<Object> yaml(String file) throws IOException {
        List<Object> documents = new ArrayList<>();
        new Load(LoadSettings.builder().build())
                .loadAllFromString(Files.readString(DEPLOY.resolve(file)))
                .forEach(documents::add);
        return documents;
    }

    private static Map<String, List<String>> unit(String file) throws IOException {
        return Files.readAllLines(DEPLOY.resolve(file)).stream()
                .filter(line -> !line.startsWith("#") && line.contains("="))
                .collect(Collectors.groupingBy(
                        line -> line.substring(0, line.indexOf('=')),
                        Collectors.mapping(line -> line.substring(line.indexOf('=') + 1), Collectors.toList())));
    }

    private static Object at(Object node, Object... path) {
        Object found = node;
        for (Object step : path) {
            found = step instanceof Integer index ? ((List<?>) found).get(index) : ((Map<?, ?>) found).get(step);
            assertThat(found).as(Arrays.toString(path)).isNotNull();
        }
        return found;
    }
}
