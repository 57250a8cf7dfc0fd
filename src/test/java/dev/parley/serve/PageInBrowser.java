package dev.parley.serve;

import static org.assertj.core.api.Assertions.assertThat;

import dev.parley.TestApplication;
import dev.parley.TestDatabase;
import dev.parley.archive.ObjectName;
import dev.parley.archive.ObjectStore;
import dev.parley.tracking.ConversationTracker;
import dev.parley.tracking.MessageRole;
import dev.parley.tracking.TrackedMessage;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.NavigableSet;
import java.util.Objects;
import java.util.TreeSet;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.openqa.selenium.Keys;
import org.openqa.selenium.WebElement;

/** {@code mvn -q -Pbrowser test}: the page as a reader has it, in a real Chromium, with pictures of it in target/browser. */
class PageInBrowser {
    private static final Path PICTURES = Path.of("target", "browser");
    private static final String OPERATOR = "token-of-who-may-do-all";
    private static final String READER = "token-of-who-may-look";
    private static final String SCRIPT = "<script>window.ran = 1</script><img src=x onerror='window.ran = 1'>";

    @TempDir
    private static Path data;

    private static TestApplication app;
    private static Browser browser;

    @BeforeAll
    static void start() {
        app = TestApplication.startServing(
                TestDatabase.H2,
                data.resolve("parley"),
                "parley.serve.token=" + OPERATOR,
                "parley.serve.read-token=" + READER,
                "parley.provider=offline",
                "parley.generate.concurrency=6",
                "parley.generate.max-attempts=1",
                "parley.offline.latency.median=500ms",
                "parley.offline.latency.sigma=0.4",
                "parley.offline.failures.timed-out=0.2",
                "parley.offline.failures.refused=0.1");
        browser = Browser.start(data.resolve("profile"));
        signIn(OPERATOR);
    }

    @AfterAll
    static void close() {
        if (browser != null) {
            browser.close();
        }
        if (app != null) {
            app.close();
        }
    }

    @BeforeEach
    void asItComes() {
        browser.wide(1280);
        browser.scheme("light");
        browser.open(app.address().resolve("/#/"));
        browser.js("localStorage.clear()");
        browser.complaints();
    }

    private static void signIn(String token) {
        browser.open(app.address().resolve("/login"));
        browser.one("#username").sendKeys("token");
        browser.one("#password").sendKeys(token, Keys.ENTER);
        browser.until("signed in", () -> !browser.address().contains("/login"));
    }

    private static void open(String place) {
        browser.open(app.address().resolve("/#" + place));
        browser.until(place + " is shown", () -> browser.all("main > .stack h1").size() == 1);
    }

    @ParameterizedTest
    @ValueSource(ints = {1280, 360})
    void aRunningJobIsWatchedToItsEndAndNothingMovesButWhatChanges(int width) throws IOException { // A38, A49, A50, A51
        UUID job = app.enqueue(64);
        browser.size(width, 4_500); // all of it is seen, and looked at
        open("/jobs/" + job);
        browser.until("the events come", () -> browser.text(".line").startsWith("Waits"));
        browser.js(resource("watch.js"));

        CompletableFuture<?> run = CompletableFuture.runAsync(() -> app.run(job));
        NavigableSet<Double> seen = new TreeSet<>();
        List<Double> order = new ArrayList<>();
        browser.until("the job is through", () -> {
            boolean through = browser.text("h1 + .badge").equals("completed");
            double now = Double.parseDouble(Objects.requireNonNull(
                    browser.one("main [role=progressbar]").getDomAttribute("aria-valuenow")));
            if (seen.add(now)) {
                order.add(now);
                browser.pictureOfWindow(PICTURES.resolve("job-running-" + width + "-light.png"));
            }
            return through;
        });
        run.join();

        assertThat(order).isSorted().hasSizeGreaterThan(4).last().isEqualTo(100.0);
        assertThat(browser.text(".meter strong")).isEqualTo("64 / 64 completed");
        assertThat(browser.text(".tiles")).contains("Successful", "Failed", "Remaining", "Total");
        browser.until("the list is as the end", () -> browser.text(".items").contains("Read the conversation"));

        Map<String, Object> watched = browser.js("return window.watched.report()");
        assertThat(watched.get("rewritten")).as("written again as it was").isEqualTo(List.of());
        assertThat(watched.get("replaced"))
                .as("elements that were put in place of the same")
                .isEqualTo(List.of());
        assertThat(watched.get("gone")).as("elements that were to stay").isEqualTo(List.of());
        assertThat(((Number) watched.get("shift")).doubleValue())
                .as("layout shift, of %s", watched.get("shifts"))
                .isLessThan(0.001);
        assertThat((Boolean) watched.get("busy"))
                .as("something was seen at all")
                .isTrue();

        assertThat(browser.<List<?>>js(resource("logs.js")))
                .as("elements that are a log")
                .isEmpty();
        List<String> log =
                Files.readAllLines(data.resolve("parley").resolve("batch-logs").resolve(job + "/log.txt"));
        String all = browser.text("body");
        assertThat(log).hasSizeGreaterThan(64).noneMatch(all::contains);

        browser.until("the last of it is told", () -> browser.text(".facts").contains("Report of the last run"));
        Browser.pause(Duration.ofSeconds(4)); // the list and the charts follow at a reader's pace
        browser.js("window.watched.begin()");
        Browser.pause(Duration.ofSeconds(7)); // longer than whoever looks for changes waits
        Map<String, Object> still = browser.js("return window.watched.report()");
        assertThat(still.get("mutations"))
                .as("what is written while nothing happens")
                .isEqualTo(0L);
        assertThat(browser.complaints()).isEmpty();
    }

    @Test
    void aFailedItemIsTriedAgainAfterAQuestion() {
        UUID job = app.enqueue(40);
        app.run(job);
        long failed = app.job(job).failedItems();
        long timedOut =
                app.count("SELECT count(*) FROM batch_items WHERE batch_job_id = ? AND error_code = 'timed_out'", job);
        open("/jobs/" + job);
        assertThat(timedOut).as("the offline provider fails one call of five").isPositive();

        browser.one("[aria-label='Retry timed_out']").click();
        browser.until("it says what will happen", () -> browser.text("dialog").contains("go back to the queue"));
        assertThat(browser.text("dialog")).contains(timedOut + " item");
        browser.focused().sendKeys(Keys.ESCAPE);
        browser.until("it is left", () -> browser.all("dialog").isEmpty());
        assertThat(app.job(job).failedItems()).as("nothing was done").isEqualTo((int) failed);

        browser.one("[aria-label='Retry timed_out']").sendKeys(Keys.ENTER);
        browser.until(
                "it may be confirmed", () -> browser.one("dialog .primary").isEnabled());
        browser.one("dialog .primary").click();
        browser.until("it is queued again", () -> app.job(job).failedItems() == failed - timedOut);
        app.run(job);

        browser.until(
                "the end is seen",
                () -> browser.text(".meter strong").equals("40 / 40 completed")
                        && browser.text(".tile[data-is=good] dd")
                                .equals(String.valueOf(app.job(job).successfulItems())));
        assertThat(app.count("SELECT max(attempts) FROM batch_items WHERE batch_job_id = ?", job))
                .isEqualTo(2);
        assertThat(browser.complaints()).isEmpty();
    }

    @Test
    void oneItemIsTriedAgainFromItsPageAfterAQuestion() {
        UUID job = app.enqueue(40);
        app.run(job);
        UUID item = failed(job, "timed_out");
        long failed = app.job(job).failedItems();
        open("/items/" + item);

        browser.button("Retry").orElseThrow().click();
        browser.until("it says what will happen", () -> browser.text("dialog").contains("1 item go back to the queue"));
        browser.focused().sendKeys(Keys.ESCAPE);
        browser.until("it is left", () -> browser.all("dialog").isEmpty());
        assertThat(app.job(job).failedItems()).as("nothing was done").isEqualTo((int) failed);
        confirm("Retry");
        browser.until("it is queued", () -> browser.text("h1 + .badge").equals("queued"));

        assertThat(app.job(job).failedItems()).isEqualTo((int) failed - 1);
        assertThat(browser.button("Retry")).isEmpty();
        assertThat(browser.complaints()).isEmpty();
        app.run(job);
    }

    @Test
    void anItemWhoseAnswerIsStoredIsAskedAnewAsAJobOfItsOwn() {
        UUID job = app.enqueue(40);
        app.run(job);
        int failed = app.job(job).failedItems();
        open("/items/" + failed(job, "refused"));

        browser.button("Ask anew").orElseThrow().click();
        browser.until("it says what will happen", () -> browser.text("dialog").contains("costs nothing"));
        assertThat(browser.text("dialog")).contains("A job of its own asks for the same once more");
        browser.one("dialog .primary").click();
        browser.until("the job is shown", () -> browser.text("h1").equals("Retry of one: Essential Estate Planning"));

        assertThat(browser.text(".meter strong")).isEqualTo("0 / 1 completed");
        assertThat(app.job(job).failedItems()).isEqualTo(failed);
        assertThat(browser.complaints()).isEmpty();
        confirm("Cancel");
    }

    private static UUID failed(UUID job, String code) {
        return app.jdbc()
                .sql(
                        "SELECT id FROM batch_items WHERE batch_job_id = :job AND status = 'failed' AND error_code = :code ORDER BY position LIMIT 1")
                .param("job", job)
                .param("code", code)
                .query(UUID.class)
                .single();
    }

    @Test
    void aPageThatLostItsServerSaysSoAndGoesOnByItself() throws IOException {
        UUID job = app.enqueue(20);
        try (Cable cable = Cable.to(app.address())) {
            browser.open(cable.address().resolve("/#/jobs/" + job));
            browser.until("the events come", () -> browser.text(".line").startsWith("Waits"));
            browser.js("window.same = 1");

            cable.cut();
            browser.until("it is said", () -> browser.text(".line").startsWith("disconnected"));
            for (int width : new int[] {1280, 360}) {
                for (String scheme : List.of("light", "dark")) {
                    browser.wide(width);
                    browser.scheme(scheme);
                    browser.pictureOfWindow(PICTURES.resolve("job-lost-" + width + "-" + scheme + ".png"));
                }
            }
            app.run(job);
            assertThat(browser.text(".meter strong")).isEqualTo("0 / 20 completed");
            cable.mend();
            browser.until(
                    "it has caught up", () -> browser.text(".meter strong").equals("20 / 20 completed"));
            browser.until("so have the items", () -> browser.text(".items").contains("Read the conversation"));

            assertThat(browser.text(".line")).doesNotContain("disconnected");
            assertThat(browser.<Number>js("return window.same").intValue())
                    .as("the page was not loaded anew")
                    .isOne();
        }
        browser.complaints(); // of requests that nobody answered
    }

    @Test
    void aJobIsPausedRankedResumedAndCancelled() {
        UUID job = app.enqueue(3);
        open("/jobs/" + job);

        confirm("Pause");
        browser.until("it is paused", () -> browser.text("h1 + .badge").equals("paused"));
        assertThat(browser.text(".line")).contains("operator");
        browser.button("Priority").orElseThrow().click();
        browser.one("#priority").sendKeys("high");
        browser.until(
                "it may be confirmed", () -> browser.one("dialog .primary").isEnabled());
        browser.one("dialog .primary").click();
        browser.until("it is first", () -> browser.text(".tiles").contains("high priority"));
        confirm("Resume");
        browser.until("it is queued", () -> browser.text("h1 + .badge").equals("queued"));
        confirm("Cancel");
        browser.until("it is cancelled", () -> browser.text("h1 + .badge").equals("cancelled"));

        assertThat(browser.all(".actions button")).isEmpty();
        assertThat(browser.complaints()).isEmpty();
    }

    private static void confirm(String verb) {
        browser.button(verb).orElseThrow().click();
        browser.until(
                "it may be confirmed", () -> browser.one("dialog .primary").isEnabled());
        browser.one("dialog .primary").click();
        browser.until("it is done", () -> browser.all("dialog").isEmpty());
    }

    @Test
    void whatAModelWroteIsTextAndNothingElse() {
        UUID key = aConversation();
        ObjectStore store = app.bean(ObjectStore.class);
        Map<String, Object> row = app.rows("SELECT file_path FROM conversations WHERE conversation_id = ?", key)
                .get(0);
        ObjectName file = new ObjectName("conversation-files", String.valueOf(row.get("file_path")));
        String document = new String(store.read(file).orElseThrow(), StandardCharsets.UTF_8);
        store.write(
                file,
                document.replaceFirst("(\"content\"\\s*:\\s*\")", "$1" + SCRIPT)
                        .replaceFirst("(\"primary_emotion\"\\s*:\\s*\")", "$1" + SCRIPT)
                        .getBytes(StandardCharsets.UTF_8),
                "application/json");
        app.jdbc()
                .sql("UPDATE conversations SET title = :it")
                .param("it", SCRIPT)
                .update();
        app.jdbc().sql("UPDATE batch_jobs SET name = :it").param("it", SCRIPT).update();

        for (String place : List.of("/conversations/" + key, "/", "/jobs/" + jobOf(key))) {
            open(place);
            assertThat(browser.text("main")).as(place).contains(SCRIPT);
            assertThat(browser.all("main script, main img, main [onerror]"))
                    .as(place)
                    .isEmpty();
        }
        open("/conversations/" + key);
        assertThat(browser.text(".transcript")).contains(SCRIPT);
        assertThat(browser.<Object>js("return window.ran")).isNull();

        browser.js(
                "const s = document.createElement('script'); s.textContent = 'window.ran = 1'; document.body.append(s);"
                        + "document.body.insertAdjacentHTML('beforeend', \"<b onclick='window.ran = 1' id=x>x</b>\");"
                        + "document.getElementById('x').click()");
        assertThat(browser.<Object>js("return window.ran"))
                .as("nor if it had got in")
                .isNull();
        assertThat(browser.complaints())
                .hasSize(2)
                .allMatch(complaint -> complaint.contains("Content Security Policy"));
        app.jdbc().sql("UPDATE batch_jobs SET name = 'a job'").update();
    }

    @Test
    void aNewJobIsChosenQuotedAndEnqueued() {
        open("/new");
        browser.one("fieldset:nth-of-type(1) input").click();
        browser.one("fieldset:nth-of-type(2) .checks li:nth-child(2) input").click();
        browser.one("fieldset:nth-of-type(3) button").click();
        int topics = browser.all("fieldset:nth-of-type(3) input:checked").size();
        browser.one("#name").sendKeys("From the page");
        browser.until("it is quoted", () -> browser.text(".summary").contains("free"));
        assertThat(browser.text(".fields")).contains("Each at once, at the full price.");
        browser.one("#delivery").sendKeys("batch");
        browser.until(
                "the offline provider has no batches",
                () -> browser.text(".fields").contains("cannot be had"));
        browser.one("#delivery").sendKeys(Keys.HOME);
        browser.until("it is quoted again", () -> browser.text(".summary").contains("free"));
        assertThat(browser.text(".summary")).contains("1 × 1 × " + topics, topics + " conversations");

        browser.one(".summary .primary").click();
        browser.until(
                "it may be confirmed", () -> browser.one("dialog .primary").isEnabled());
        assertThat(browser.text("dialog")).contains("Enqueue " + topics + " conversations", "cost nothing");
        browser.one("dialog .primary").click();
        browser.until("it is shown", () -> browser.text("h1").equals("From the page"));

        assertThat(browser.text(".meter strong")).isEqualTo("0 / " + topics + " completed");
        assertThat(browser.complaints()).isEmpty();
        confirm("Cancel");
    }

    @Test
    void whoMayOnlyLookHasNothingToPress() {
        UUID job = app.enqueue(1);
        open("/jobs/" + job);
        assertThat(browser.all(".actions button")).isNotEmpty();
        try {
            browser.button("Sign out").orElseThrow().click();
            browser.until("signed out", () -> browser.text("#problem").contains("signed out"));
            browser.one("#username").sendKeys("token");
            browser.one("#password").sendKeys("none that anybody has", Keys.ENTER);
            browser.until("it is said", () -> browser.text("#problem").contains("do not go together"));
            signIn(READER);
            open("/jobs/" + job);
            assertThat(browser.all(".actions button, .causes button")).isEmpty();
            assertThat(browser.text("#places")).doesNotContain("New job");
            open("/new");
            assertThat(browser.text("main")).contains("right to operate");
        } finally {
            signIn(OPERATOR);
        }
    }

    @Test
    void theKeyboardLeadsEverywhere() {
        UUID job = app.enqueue(2);
        open("/");
        browser.js("document.body.focus()");
        browser.focused().sendKeys(Keys.TAB);
        assertThat(browser.focused().getText()).isEqualTo("Skip to content");
        browser.focused().sendKeys(Keys.ENTER);
        assertThat(browser.focused().getDomAttribute("id")).isEqualTo("main");
        for (int i = 0; i < 30 && !browser.focused().getText().equals("a job"); i++) {
            browser.focused().sendKeys(Keys.TAB);
            assertThat(browser.<Boolean>js("return getComputedStyle(document.activeElement).outlineStyle !== 'none'"))
                    .as("focus is seen on %s", browser.focused().getText())
                    .isTrue();
        }
        browser.focused().sendKeys(Keys.ENTER);
        browser.until("the job is shown", () -> browser.address().endsWith("/jobs/" + job));
        assertThat(browser.focused().getDomAttribute("id"))
                .as("who listens is at the new page")
                .isEqualTo("main");
    }

    @Test
    void bothSchemesHaveTheirColoursAndTheSwitchWins() {
        open("/");
        String light = ground();
        browser.scheme("dark");
        String dark = ground();
        assertThat(dark).isNotEqualTo(light);

        browser.one("[role=switch]").click();
        assertThat(ground()).isEqualTo(light);
        open("/tracker");
        assertThat(ground()).as("it is remembered").isEqualTo(light);
    }

    private static String ground() {
        return browser.js("return getComputedStyle(document.body).backgroundColor");
    }

    @Test
    void everyPageIsWholeAtEachWidthInEachScheme() throws IOException {
        UUID job = app.enqueue(40);
        app.run(job);
        UUID conversation = aConversation();
        UUID failed = app.jdbc()
                .sql(
                        "SELECT id FROM batch_items WHERE batch_job_id = :job AND status = 'failed' ORDER BY position LIMIT 1")
                .param("job", job)
                .query(UUID.class)
                .single();
        UUID session = aSession();
        Map<String, String> places = new LinkedHashMap<>();
        places.put("jobs", "/");
        places.put("jobs-none", "/?status=failed");
        places.put("job", "/jobs/" + job);
        places.put("job-failed-items", "/jobs/" + job + "?status=failed");
        places.put("job-unknown", "/jobs/" + UUID.randomUUID());
        places.put("item", "/items/" + failed);
        places.put("conversation", "/conversations/" + conversation);
        places.put("new", "/new");
        places.put("tracker", "/tracker");
        places.put("session", "/tracker/" + session);
        String axe = axe();
        List<String> wrong = new ArrayList<>();
        for (int width : new int[] {1280, 360}) {
            for (String scheme : List.of("light", "dark")) {
                browser.wide(width);
                browser.scheme(scheme);
                places.forEach((name, place) -> {
                    open(place);
                    if (name.equals("new")) {
                        List<WebElement> choices = browser.all(".checks li:nth-child(2n) input");
                        choices.forEach(WebElement::click);
                        browser.until(
                                "it is quoted", () -> browser.text(".summary").contains("free"));
                    }
                    look(name, width, scheme, axe, wrong);
                });
                open("/jobs/" + job);
                browser.button("Retry all").orElseThrow().click();
                browser.until(
                        "it says what will happen", () -> browser.text("dialog").contains("queue"));
                look("dialog", width, scheme, axe, wrong);
                for (String alone : List.of("/login?error", "/api/jobs/" + job + "/report")) {
                    browser.open(app.address().resolve(alone));
                    look(alone.startsWith("/login") ? "login" : "report", width, scheme, axe, wrong);
                }
            }
        }
        assertThat(wrong).isEmpty();
    }

    private static void look(String name, int width, String scheme, String axe, List<String> wrong) {
        Browser.pause(Duration.ofMillis(600)); // what comes after the first answer, and the bar's way
        String which = name + "-" + width + "-" + scheme;
        if (name.equals("dialog")) {
            browser.pictureOfWindow(PICTURES.resolve(which + ".png"));
        } else {
            browser.picture(PICTURES.resolve(which + ".png"));
        }
        if (isWiderThanTheWindow()) {
            wrong.add(which + " is wider than the window");
        }
        browser.js(axe);
        List<String> found = browser.eventually(
                "const done = arguments[0]; axe.run().then(it => done(it.violations.flatMap(v => v.nodes.map(n => v.id + ': ' + n.html + ' '"
                        + " + (n.any[0]?.message ?? '')))))");
        found.forEach(it -> wrong.add(which + " " + it));
        browser.complaints().stream()
                .filter(complaint -> !name.endsWith("unknown"))
                .forEach(complaint -> wrong.add(which + " " + complaint));
    }

    private static boolean isWiderThanTheWindow() {
        return browser.js("return document.documentElement.scrollWidth > window.innerWidth");
    }

    /** One that was made a moment ago. */
    private static UUID aConversation() {
        UUID job = app.enqueue(6);
        app.run(job);
        return app.jdbc()
                .sql(
                        "SELECT conversation_key FROM batch_items WHERE batch_job_id = :job AND status = 'completed' LIMIT 1")
                .param("job", job)
                .query(UUID.class)
                .single();
    }

    private static UUID jobOf(UUID key) {
        return app.jdbc()
                .sql("SELECT batch_job_id FROM batch_items WHERE conversation_key = :key")
                .param("key", key)
                .query(UUID.class)
                .single();
    }

    private static UUID aSession() {
        ConversationTracker tracker = app.bean(ConversationTracker.class);
        UUID session = UUID.randomUUID();
        tracker.start(session, UUID.randomUUID(), null);
        tracker.track(TrackedMessage.of(session, MessageRole.USER, "Can I change the beneficiary later? " + SCRIPT));
        tracker.track(TrackedMessage.of(session, MessageRole.ASSISTANT, "Yes, at any time, and it costs nothing."));
        UUID ended = UUID.randomUUID();
        tracker.start(ended, UUID.randomUUID(), null);
        tracker.end(ended);
        browser.until(
                "it is stored",
                () -> app.count("SELECT count(*) FROM conversation_messages WHERE session_id = ?", session) == 2);
        return session;
    }

    private static String axe() throws IOException {
        return read("/axe.min.js");
    }

    private static String resource(String name) throws IOException {
        return read("/dev/parley/serve/" + name);
    }

    private static String read(String name) throws IOException {
        try (InputStream in = Objects.requireNonNull(PageInBrowser.class.getResourceAsStream(name), name)) {
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        }
    }
}
