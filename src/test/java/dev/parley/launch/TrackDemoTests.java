package dev.parley.launch;

import static org.assertj.core.api.Assertions.assertThat;

import dev.parley.TestDatabase;
import dev.parley.serve.DoorServer;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code parley track demo} against a server that runs. */
class TrackDemoTests {
    @TempDir
    private static Path data;

    private static DoorServer server;

    @TempDir
    private Path elsewhere;

    private record Answer(int code, String out, String err) {}

    @BeforeAll
    static void start() {
        server = DoorServer.start(TestDatabase.H2, data);
    }

    @AfterAll
    static void stop() {
        server.close();
    }

    @Test
    void aConversationIsHadAndFoundAsItWas() { // B51, B58
        Answer answer = run("--url", "ws://127.0.0.1:" + server.port(), "--sessions", "2");

        assertThat(answer.err()).isEmpty();
        assertThat(answer.code()).isEqualTo(ExitCode.OK);
        assertThat(answer.out())
                .contains(
                        "Session 2 of 2: ",
                        "  ready: credit 64, acks promise durability journal",
                        "  stored: 10 messages, each once, in order; the session ended after ",
                        "All as promised.");
        assertThat(elsewhere).isEmptyDirectory(); // it needs no database of its own
    }

    @Test
    void aServerThatDoesNotShowWhatWasSentBreaksItsPromise() {
        server.jdbc()
                .sql("ALTER TABLE conversation_messages ADD CONSTRAINT nothing CHECK (content = '') NOCHECK")
                .update();
        try {
            Answer answer = run("--url", "ws://127.0.0.1:" + server.port(), "--timeout", "1");

            assertThat(answer.code()).isEqualTo(ExitCode.UNEXPECTED);
            assertThat(answer.out())
                    .contains("  NOT AS PROMISED: sent [How do I begin, part 1?, ")
                    .contains("and the server shows []");
        } finally {
            server.jdbc()
                    .sql("ALTER TABLE conversation_messages DROP CONSTRAINT nothing")
                    .update();
        }
    }

    @Test
    void whatIsNoServerIsToldWithTheRemedy() throws Exception {
        int port;
        try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            port = socket.getLocalPort();
        }

        Answer absent = run("--url", "ws://127.0.0.1:" + port);
        Answer wrong = run("--url", "ws://127.0.0.1:" + server.port() + "/nothing");
        Answer malformed = run("--url", "127.0.0.1:8080");
        Answer none = run("--sessions", "0");

        assertThat(List.of(absent.code(), wrong.code(), malformed.code(), none.code()))
                .containsOnly(ExitCode.CONFIGURATION);
        assertThat(absent.err())
                .contains("No server answers at ws://127.0.0.1:" + port + "/api/track: connection refused")
                .contains("Start one with parley serve");
        assertThat(wrong.err()).contains("/nothing/api/track is no door of a tracker: it answers with ");
        assertThat(malformed.err()).contains("should be the server's address, such as ws://127.0.0.1:8080");
        assertThat(none.err()).contains("--sessions is 0");
    }

    private Answer run(String... arguments) {
        StringWriter out = new StringWriter();
        StringWriter err = new StringWriter();
        List<String> command = new java.util.ArrayList<>(List.of("track", "demo", "--parley.data=" + elsewhere));
        command.addAll(List.of(arguments));
        int code = Main.execute(command, new PrintWriter(out), new PrintWriter(err));
        return new Answer(code, out.toString(), err.toString());
    }
}
