package dev.parley.serve;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.parley.TestApplication;
import dev.parley.TestDatabase;
import dev.parley.serve.Wire.Answer;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.Socket;
import java.net.SocketException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.UUID;
import java.util.function.Consumer;
import java.util.function.Supplier;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.springframework.beans.factory.support.StaticListableBeanFactory;
import org.springframework.boot.web.server.autoconfigure.ServerProperties;
import org.springframework.security.oauth2.jwt.JwtDecoder;
import org.springframework.util.unit.DataSize;

/** What strangers try, and what each gets; the table is left in {@code target/security.md}. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class SecurityTests {
    private static final String TOKEN = "operate-0123456789abcdef";
    private static final String READ_TOKEN = "read-0123456789abcdef";
    private static final String TRACK_TOKEN = "track-0123456789abcdef";
    private static final String PASSWORD = "correct horse battery";
    private static final String JSON = "Content-Type: application/json";
    private static final String FORM = "Content-Type: application/x-www-form-urlencoded";
    private static final String BEARER = "Authorization: Bearer ";
    private static final String SCRIPT = "<script>document.title='owned'</script>";

    private final List<String> table = new ArrayList<>();
    private TestApplication guarded;
    private TestApplication open;
    private Issuer issuer;
    private Answer withoutIssuer;
    private Answer withoutIssuerByToken;
    private UUID job;
    private Wire wire;
    private Wire openWire;

    /** A connection that an answer leaves open is waited for. */
    private static final String SOON = "server.tomcat.connection-timeout=1s";

    @BeforeAll
    void start(@TempDir Path data) throws Exception {
        issuer = new Issuer();
        open = TestApplication.startServing(TestDatabase.H2, data.resolve("open"), SOON);
        guarded = TestApplication.startServing(
                TestDatabase.H2,
                data.resolve("guarded"),
                SOON,
                "parley.serve.token=" + TOKEN,
                "parley.serve.read-token=" + READ_TOKEN,
                "parley.serve.track-token=" + TRACK_TOKEN,
                "parley.serve.user=anna",
                "parley.serve.password=" + PASSWORD,
                "parley.serve.body-timeout=1s",
                "spring.security.oauth2.resourceserver.jwt.issuer-uri=" + issuer.address());
        job = guarded.enqueue(1);
        guarded.jdbc()
                .sql("UPDATE batch_jobs SET name = :name")
                .param("name", SCRIPT)
                .update();
        wire = Wire.to(guarded.address());
        openWire = Wire.to(open.address());
        withoutIssuer = wire.get("/api/jobs", BEARER + issuer.token("parley.read", 60));
        withoutIssuerByToken = wire.get("/api/jobs", BEARER + READ_TOKEN);
        issuer.start();
    }

    @AfterAll
    void close() throws Exception {
        guarded.close();
        open.close();
        issuer.close();
        Files.writeString(
                Path.of("target", "security.md"),
                "| who tries what | what he gets |\n|---|---|\n" + String.join("\n", table) + "\n");
    }

    /** @param expected of what was answered */
    private record Attack(String what, Supplier<Answer> attempt, Consumer<Answer> expected) {
        @Override
        public String toString() {
            return what;
        }
    }

    private static Attack attack(String what, Supplier<Answer> attempt, int... statuses) {
        return attack(what, attempt, answer -> {}, statuses);
    }

    private static Attack attack(String what, Supplier<Answer> attempt, Consumer<Answer> more, int... statuses) {
        return new Attack(what, attempt, answer -> {
            assertThat(IntStream.of(statuses).boxed()).as(answer.head()).contains(answer.status());
            more.accept(answer);
        });
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("attacks")
    void gets(Attack attack) {
        Answer answer = attack.attempt().get();

        attack.expected().accept(answer);
        assertThat(answer.body()).doesNotContain("\tat ", "Exception", "org.springframework", TOKEN, PASSWORD);
        if (answer.status() >= 400 && !answer.head().contains("text/html")) {
            assertThat(answer.body().isEmpty() || answer.header("Content-Type").startsWith("application/problem+json"))
                    .as(answer.head())
                    .isTrue();
        }
        table.add("| " + attack.what() + " | " + got(answer) + " |");
    }

    private static String got(Answer answer) {
        StringBuilder got = new StringBuilder(String.valueOf(answer.status()));
        for (String header : List.of("Location", "Retry-After", "X-Frame-Options")) {
            if (!answer.header(header).isEmpty() && (!header.equals("X-Frame-Options") || answer.status() == 200)) {
                got.append(", ").append(header).append(": ").append(answer.header(header));
            }
        }
        return got.toString();
    }

    private Stream<Attack> attacks() {
        String cancel = "/api/jobs/" + job + "/cancel";
        return Stream.of(rights(cancel), forgeries(cancel), oddRequests(), contents(), logins())
                .flatMap(List::stream);
    }

    private List<Attack> rights(String cancel) {
        return List.of(
                attack("nobody reads", () -> wire.get("/api/jobs"), 401),
                attack("nobody cancels a job", () -> wire.send("POST", cancel, "{}", JSON), 401),
                attack(
                        "nobody opens the page",
                        () -> wire.get("/", "Accept: text/html"),
                        answer -> assertThat(answer.header("Location")).isEqualTo("/login"),
                        302),
                attack("nobody reads metrics", () -> wire.get("/metrics"), 401),
                attack("a wrong token", () -> wire.get("/api/jobs", BEARER + "operate-0123456789abcdeg"), 401),
                attack(
                        "a right token as a parameter of the address",
                        () -> wire.get("/api/jobs?access_token=" + TOKEN),
                        401),
                attack(
                        "the reader's token cancels a job",
                        () -> wire.send("POST", cancel, "{}", JSON, BEARER + READ_TOKEN),
                        403),
                attack(
                        "the reader's token records messages",
                        () -> wire.send(
                                "POST", "/api/track", "{}", "Content-Type: application/x-ndjson", BEARER + READ_TOKEN),
                        403),
                attack("the tracker's token reads", () -> wire.get("/api/jobs", BEARER + TRACK_TOKEN), 403),
                attack(
                        "a signed token without a scope",
                        () -> wire.get("/api/jobs", BEARER + issuer.token("", 60)),
                        403),
                attack(
                        "a signed token of another issuer",
                        () -> wire.get("/api/jobs", BEARER + issuer.forged("parley.read")),
                        401),
                attack(
                        "a signed token that has expired",
                        () -> wire.get("/api/jobs", BEARER + issuer.token("parley.read", -3600)),
                        401),
                attack(
                        "a token that says it needs no signature",
                        () -> wire.get("/api/jobs", BEARER + unsigned()),
                        401));
    }

    private List<Attack> forgeries(String cancel) {
        String evil = "Origin: https://evil.example";
        String[] upgrade = {
            "Connection: Upgrade",
            "Upgrade: websocket",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
            "Sec-WebSocket-Protocol: convtrack.v1",
            evil
        };
        return List.of(
                attack(
                        "a session's cookie without the proof against forgery",
                        () -> wire.send(
                                "POST", cancel, "{}", JSON, signIn("127.0.0.1").cookies()),
                        403),
                attack(
                        "a session's cookie with a wrong proof",
                        () -> wire.send(
                                "POST", cancel, "{}", JSON, signIn("127.0.0.1").cookies(), "X-XSRF-TOKEN: guessed"),
                        403),
                attack(
                        "a foreign page posts to a server on this machine that asks nobody's name",
                        () -> openWire.send(
                                "POST",
                                "/api/jobs/" + UUID.randomUUID() + "/cancel",
                                "",
                                evil,
                                "Content-Type: text/plain"),
                        403),
                attack(
                        "a foreign page connects to the tracker's WebSocket",
                        () -> openWire.get("/api/track", upgrade),
                        403),
                attack(
                        "a foreign name that leads to this machine (DNS rebinding)",
                        () -> openWire.get(
                                "/api/jobs",
                                "Host: evil.example:" + open.address().getPort()),
                        400),
                attack(
                        "a foreign page asks for leave to read (CORS)",
                        () -> wire.send("OPTIONS", "/api/jobs", "", evil, "Access-Control-Request-Method: GET"),
                        answer -> assertThat(answer.head()).doesNotContain("Access-Control-Allow"),
                        401,
                        403),
                attack(
                        "the page in a frame (clickjacking)",
                        () -> openWire.get("/"),
                        answer -> {
                            assertThat(answer.header("X-Frame-Options")).isEqualTo("DENY");
                            assertThat(answer.header("Content-Security-Policy"))
                                    .contains("frame-ancestors 'none'", "script-src 'self'")
                                    .doesNotContain("unsafe");
                        },
                        200),
                attack(
                        "a link that signs out",
                        () -> wire.get("/logout", signIn("127.0.0.1").cookies()),
                        404));
    }

    private List<Attack> oddRequests() {
        String token = BEARER + TOKEN;
        return List.of(
                attack("a way out of the static files", () -> wire.get("/../../etc/passwd", token), 400),
                attack("the same, encoded", () -> wire.get("/%2e%2e/%2e%2e/etc/passwd", token), 400),
                attack(
                        "the same in a conversation's key",
                        () -> wire.get("/api/conversations/..%2f..%2fetc%2fpasswd", token),
                        400),
                attack("the same, encoded twice", () -> wire.get("/%252e%252e%252fetc%252fpasswd", token), 400),
                attack("a semicolon in the address", () -> wire.get("/api/jobs;jsessionid=1", token), 400),
                attack("a backslash in the address", () -> wire.get("/api\\jobs", token), 400),
                attack("a null byte in the address", () -> wire.get("/api/jobs%00", token), 400),
                attack(
                        "a line break for a header of his own",
                        () -> wire.get("/login?x=%0d%0aSet-Cookie:%20a=b"),
                        answer -> assertThat(answer.all("Set-Cookie")).noneMatch(cookie -> cookie.startsWith("a=")),
                        200,
                        400),
                attack("TRACE", () -> wire.send("TRACE", "/api/jobs", "", token), 400, 405),
                attack("a method that nobody knows", () -> wire.send("BREW", "/api/jobs", "", token), 400, 405, 501),
                attack("a request without a host", () -> wire.get("/api/jobs", "Host:", token), 400),
                attack(
                        "two lengths of one body (smuggling)",
                        () -> wire.send(
                                "POST", "/api/jobs", "{}", JSON, token, "Content-Length: 2", "Content-Length: 20"),
                        400),
                attack(
                        "a header of 64 KB",
                        () -> wire.get("/api/jobs", token, "X-Large: " + "x".repeat(65_536)),
                        400,
                        431),
                attack("a body of 2 MB", () -> wire.send("POST", "/api/jobs", "x".repeat(2_000_000), JSON, token), 413),
                attack(
                        "a body of 2 MB that does not say so",
                        () -> wire.send(
                                "POST",
                                "/api/jobs",
                                "1e8480\r\n\"" + "x".repeat(1_999_998) + "\"\r\n0\r\n\r\n",
                                JSON,
                                token,
                                "Transfer-Encoding: chunked"),
                        413));
    }

    private List<Attack> contents() {
        String token = BEARER + TOKEN;
        return List.of(
                attack("JSON that is none", () -> wire.send("POST", "/api/jobs", "{\"name\": [", JSON, token), 400),
                attack(
                        "JSON nested 100,000 deep",
                        () -> wire.send("POST", "/api/jobs", "[".repeat(100_000), JSON, token),
                        400),
                attack("a page of 2,147,483,647", () -> wire.get("/api/jobs?limit=2147483647", token), 400),
                attack("SQL in a filter", () -> wire.get("/api/jobs?status='%20OR%201=1--", token), 400),
                attack("SQL in an id", () -> wire.get("/api/jobs/1'%20OR%20'1'='1", token), 400),
                attack("an id that is none, to see a stack trace", () -> wire.get("/api/jobs/undefined", token), 400),
                attack(
                        "a script that is stored as a name",
                        () -> wire.get("/api/jobs/" + job, token),
                        answer -> {
                            assertThat(answer.body()).contains("script");
                            assertThat(answer.header("Content-Type")).isEqualTo("application/json");
                            assertThat(answer.header("X-Content-Type-Options")).isEqualTo("nosniff");
                        },
                        200),
                attack("/actuator", () -> wire.get("/actuator", token), 404),
                attack("/env", () -> wire.get("/env", token), 404),
                attack("/heapdump", () -> wire.get("/heapdump", token), 404),
                attack("/shutdown", () -> wire.send("POST", "/shutdown", "", token), 403, 404),
                attack("/h2-console", () -> wire.get("/h2-console", token), 404),
                attack("a listing of the static files", () -> wire.get("/static/", token), 404),
                attack("the settings as a file", () -> wire.get("/application.yaml", token), 404));
    }

    private List<Attack> logins() {
        return List.of(
                attack("a wrong password", () -> login("127.0.0.2", "anna", "guess", "Accept: application/json"), 401),
                attack(
                        "a password tried eleven times, and then the right one",
                        () -> {
                            for (int i = 0; i < 11; i++) {
                                login("127.0.0.9", "anna", "guess" + i, "X-Forwarded-For: 10.0.0." + i);
                            }
                            return login("127.0.0.9", "anna", PASSWORD, "Accept: application/json");
                        },
                        answer -> assertThat(Integer.parseInt(answer.header("Retry-After")))
                                .isBetween(1, 60),
                        429),
                attack(
                        "a token tried eleven times",
                        () -> {
                            Answer last = wire.from("127.0.0.10").get("/api/jobs", BEARER + "guess");
                            for (int i = 0; i < 10; i++) {
                                last = wire.from("127.0.0.10").get("/api/jobs", BEARER + "guess" + i);
                            }
                            return last;
                        },
                        answer -> assertThat(answer.header("Retry-After")).isNotEmpty(),
                        429),
                attack(
                        "a session that was there before signing in (fixation)",
                        () -> login(
                                "127.0.0.1",
                                "anna",
                                PASSWORD,
                                "Cookie: JSESSIONID=0123456789ABCDEF0123456789ABCDEF; XSRF-TOKEN=proof"),
                        answer -> {
                            assertThat(answer.cookie("JSESSIONID"))
                                    .isPresent()
                                    .get()
                                    .isNotEqualTo("0123456789ABCDEF0123456789ABCDEF");
                            assertThat(answer.all("Set-Cookie"))
                                    .anySatisfy(cookie ->
                                            assertThat(cookie).contains("JSESSIONID", "HttpOnly", "SameSite=Strict"));
                        },
                        302),
                attack(
                        "a place to be sent to after signing in (open redirect)",
                        () -> login(
                                "127.0.0.1",
                                "anna",
                                PASSWORD,
                                "Referer: https://evil.example/",
                                "X-Target: ?continue=https://evil.example"),
                        answer -> assertThat(answer.header("Location")).isEqualTo("/"),
                        302));
    }

    private record Session(String cookies, String proof) {}

    private Session signIn(String from) {
        Answer signedIn = login(from, "anna", PASSWORD);
        return new Session(
                "Cookie: JSESSIONID=" + signedIn.cookie("JSESSIONID").orElseThrow() + "; XSRF-TOKEN=proof",
                "X-XSRF-TOKEN: proof");
    }

    /** As the form of the page does. */
    private Answer login(String from, String user, String password, String... headers) {
        List<String> lines = new ArrayList<>(List.of(FORM));
        lines.addAll(List.of(headers));
        if (lines.stream().noneMatch(line -> line.startsWith("Cookie:"))) {
            lines.add("Cookie: XSRF-TOKEN=proof");
        }
        if (lines.stream().noneMatch(line -> line.startsWith("Accept:"))) {
            lines.add("Accept: text/html");
        }
        return wire.from(from)
                .send(
                        "POST",
                        "/login?continue=https://evil.example",
                        "username=" + user + "&password=" + password.replace(' ', '+') + "&_csrf=proof",
                        lines.toArray(String[]::new));
    }

    private static String unsigned() {
        Base64.Encoder base64 = Base64.getUrlEncoder().withoutPadding();
        return base64.encodeToString("{\"alg\":\"none\"}".getBytes()) + "."
                + base64.encodeToString("{\"sub\":\"anna\",\"scope\":\"parley.read parley.operate\"}".getBytes()) + ".";
    }

    @Test
    void eachTokenHasItsRights() {
        assertThat(me(BEARER + TOKEN))
                .contains("\"token\"", "[\"read\",\"operate\",\"track\"]", "\"loginRequired\":true");
        assertThat(me(BEARER + READ_TOKEN)).contains("[\"read\"]");
        assertThat(me(BEARER + TRACK_TOKEN)).contains("[\"track\"]");
        assertThat(me(BEARER + issuer.token("parley.read parley.track", 60)))
                .contains("[\"read\",\"track\"]", "3f1d2c7e");
        assertThat(me("X-Nothing: ")).contains("\"name\":null", "\"rights\":[]", "\"loginRequired\":true");
        assertThat(openWire.get("/api/me").body())
                .contains("\"name\":null", "[\"read\",\"operate\",\"track\"]", "\"loginRequired\":false");
    }

    private String me(String header) {
        return wire.get("/api/me", header).body();
    }

    @Test
    void whoSignsInMayDoEverythingUntilHeSignsOut() {
        Session session = signIn("127.0.0.1");

        Answer read = wire.get("/api/jobs", session.cookies());
        Answer operated = wire.send("POST", "/api/jobs/" + job + "/pause", "", session.cookies(), session.proof());
        Answer out = wire.send("POST", "/logout", "", session.cookies(), session.proof());
        Answer after = wire.get("/api/jobs", session.cookies());

        assertThat(List.of(read.status(), operated.status(), out.status(), after.status()))
                .containsExactly(200, 200, 302, 401);
        assertThat(out.header("Location")).isEqualTo("/login?logout");
    }

    @Test
    void aTokenSignsInAsAPasswordToo() {
        Answer signedIn = login("127.0.0.1", "token", READ_TOKEN);

        assertThat(signedIn.header("Location")).isEqualTo("/");
        assertThat(me("Cookie: JSESSIONID=" + signedIn.cookie("JSESSIONID").orElseThrow()))
                .contains("read-token", "[\"read\"]");
        assertThat(login("127.0.0.1", "anna", TOKEN).header("Location")).isEqualTo("/login?error");
        assertThat(wire.get("/api/jobs", BEARER + PASSWORD.replace(" ", "-")).status())
                .isEqualTo(401);
    }

    @Test
    void anIssuersTokensAreTakenOnceItAnswersAndWithEachKeyItHas() throws Exception {
        assertThat(withoutIssuer.status()).isEqualTo(503);
        assertThat(withoutIssuer.header("Retry-After")).isEqualTo("5");
        assertThat(withoutIssuer.body()).contains("the issuer of tokens does not answer");
        assertThat(withoutIssuerByToken.status())
                .as("who needs no issuer is served")
                .isEqualTo(200);
        String before = issuer.token("parley.read", 60);
        assertThat(wire.get("/api/jobs", BEARER + before).status()).isEqualTo(200);

        issuer.rotate();

        assertThat(wire.get("/api/jobs", BEARER + issuer.token("parley.read", 60))
                        .status())
                .as("signed with a key that was not there before")
                .isEqualTo(200);
        assertThat(wire.get("/api/jobs", BEARER + before).status())
                .as("signed with a key that is no longer there")
                .isEqualTo(401);
    }

    @Test
    void whoSendsTooSlowlyIsLetGoAndNobodyElseFeelsIt() throws Exception {
        List<Trickle> slow = new ArrayList<>();
        for (int i = 0; i < 150; i++) {
            slow.add(new Trickle(guarded.address(), "GET /api/jobs HTTP/1.1\r\nHost: localhost\r\nX-Slow: "));
        }
        for (int i = 0; i < 20; i++) {
            slow.add(new Trickle(
                    guarded.address(),
                    "POST /api/jobs/estimate HTTP/1.1\r\nHost: localhost\r\n" + BEARER + TOKEN + "\r\n" + JSON
                            + "\r\nContent-Length: 1000\r\n\r\n"));
        }
        Trickle steady = new Trickle(
                guarded.address(),
                "POST /api/jobs/estimate HTTP/1.1\r\nHost: localhost\r\n" + BEARER + TOKEN + "\r\n" + JSON
                        + "\r\nContent-Length: 1000\r\n\r\n");
        long begun = System.nanoTime();
        long slowest = 0;
        while (!steady.isLetGo()
                && System.nanoTime() - begun < Duration.ofSeconds(15).toNanos()) {
            long asked = System.nanoTime();
            assertThat(wire.get("/livez").status()).isEqualTo(200);
            slowest = Math.max(slowest, System.nanoTime() - asked);
            steady.send(" ");
        }

        assertThat(steady.answer()).as("a byte now and then").startsWith("HTTP/1.1 408");
        for (Trickle one : slow) {
            assertThat(one.answer()).doesNotContain("HTTP/1.1 200");
            one.close();
        }
        assertThat(Duration.ofNanos(slowest)).isLessThan(Duration.ofSeconds(2));
        steady.close();
    }

    /** A client that sends what it is told to, and then nothing. */
    private static final class Trickle implements AutoCloseable {
        private final Socket socket;

        Trickle(URI server, String begin) throws IOException {
            socket = new Socket(InetAddress.getLoopbackAddress(), server.getPort());
            socket.setSoTimeout(15_000);
            send(begin);
        }

        void send(String more) {
            try {
                socket.getOutputStream().write(more.getBytes(StandardCharsets.US_ASCII));
                Thread.sleep(2);
            } catch (IOException | InterruptedException e) {
                return; // let go
            }
        }

        boolean isLetGo() throws IOException {
            return socket.getInputStream().available() > 0;
        }

        /** All that came until the server closed. */
        String answer() {
            try {
                return new String(socket.getInputStream().readAllBytes(), StandardCharsets.ISO_8859_1);
            } catch (SocketException reset) {
                return "";
            } catch (IOException e) {
                throw new UncheckedIOException("it is still connected", e);
            }
        }

        @Override
        public void close() throws IOException {
            socket.close();
        }
    }

    @Test
    void aProgramOnThisMachineNeedsNoProofAgainstForgery() {
        Answer answer = openWire.send("POST", "/api/jobs/" + UUID.randomUUID() + "/pause", "");

        assertThat(answer.status()).isEqualTo(404);
    }

    @Test
    void theFormAndWhatItNeedsAreForEverybody() {
        for (String file : List.of("/login", "/login.js", "/api.js", "/style.css", "/livez", "/readyz")) {
            assertThat(wire.get(file).status()).as(file).isEqualTo(200);
        }
        assertThat(wire.get("/login").body()).contains("Sign in");
    }

    @Test
    void whatOthersCanReachDoesNotStartWithoutCredentials() throws Exception {
        ServeSettings nothing = settings(null, null, null, null, null);
        ServeSettings reader = settings(null, READ_TOKEN, null, null, null);

        assertThatThrownBy(() -> access(nothing, "0.0.0.0"))
                .hasMessageContaining("server.address")
                .hasMessageContaining("PARLEY_TOKEN")
                .hasMessageContaining("PARLEY_USER");
        assertThatThrownBy(() -> access(nothing, null)).hasMessageContaining("every address");
        assertThatThrownBy(() -> access(nothing, "192.0.2.7")).hasMessageContaining("192.0.2.7");
        assertThat(access(nothing, "::1").loginRequired()).isFalse();
        assertThat(access(reader, "0.0.0.0").loginRequired()).isTrue();
        assertThat(access(reader, "0.0.0.0").isOurName("parley.example")).isTrue();
        assertThat(access(reader, "127.0.0.1").isOurName("LOCALHOST")).isTrue();
    }

    private static Access access(ServeSettings settings, String address) throws Exception {
        var server = new ServerProperties();
        server.setAddress(address == null ? null : InetAddress.getByName(address));
        return new Access(settings, server, new StaticListableBeanFactory().getBeanProvider(JwtDecoder.class));
    }

    private static ServeSettings settings(String token, String read, String track, String user, String password) {
        return new ServeSettings(
                token, read, track, user, password, List.of(), 10, DataSize.ofMegabytes(1), Duration.ofSeconds(30));
    }

    @Test
    void settingsThatCannotBeMeantAreNamedAndNoSecretIsShown() {
        assertThatThrownBy(() -> settings("short", null, null, null, null))
                .hasMessageContaining("PARLEY_TOKEN")
                .hasMessageNotContaining("short\"");
        assertThatThrownBy(() -> settings("with blanks and such", null, null, null, null))
                .hasMessageContaining("openssl");
        assertThatThrownBy(() -> settings(TOKEN, TOKEN, null, null, null)).hasMessageContaining("must differ");
        assertThatThrownBy(() -> settings(null, null, null, "anna", null)).hasMessageContaining("PARLEY_PASSWORD");
        assertThatThrownBy(() -> settings(null, null, null, "anna", "short")).hasMessageContaining("8 characters");
        assertThat(settings(TOKEN, READ_TOKEN, null, "anna", PASSWORD).toString())
                .contains("token", "anna")
                .doesNotContain(TOKEN, READ_TOKEN, PASSWORD);
    }

    @Test
    void aLockedOutAddressMayTryAgainInTimeAndRightTokensStillCount() {
        for (int i = 0; i < 12; i++) {
            wire.from("127.0.0.11").get("/api/jobs", BEARER + "guess" + i);
        }

        assertThat(wire.from("127.0.0.11").get("/api/jobs", BEARER + "guess").status())
                .isEqualTo(429);
        assertThat(wire.from("127.0.0.11").get("/api/jobs", BEARER + TOKEN).status())
                .isEqualTo(200);
        assertThat(wire.from("127.0.0.12").get("/api/jobs", BEARER + "guess").status())
                .isEqualTo(401);
    }
}
