package dev.parley.serve;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/** Sends the bytes of a request as they are written here, as no well-behaved client would, and reads the answer. */
final class Wire {
    private static final int PATIENCE_MILLIS = 20_000;

    private final URI server;
    private final String from;

    private Wire(URI server, String from) {
        this.server = server;
        this.from = from;
    }

    static Wire to(URI server) {
        return new Wire(server, "127.0.0.1");
    }

    /** From another address of this machine. */
    Wire from(String address) {
        return new Wire(server, address);
    }

    /** @param head status line and headers, each on its line */
    record Answer(String head, String body) {
        int status() {
            return head.isEmpty() ? 0 : Integer.parseInt(head.split(" ")[1]);
        }

        List<String> all(String header) {
            return head.lines()
                    .filter(line -> line.toLowerCase(Locale.ROOT).startsWith(header.toLowerCase(Locale.ROOT) + ":"))
                    .map(line -> line.substring(header.length() + 1).strip())
                    .toList();
        }

        String header(String name) {
            return all(name).stream().findFirst().orElse("");
        }

        Optional<String> cookie(String name) {
            return all("Set-Cookie").stream()
                    .filter(cookie -> cookie.startsWith(name + "=") && !cookie.startsWith(name + "=;"))
                    .map(cookie -> cookie.substring(name.length() + 1).split(";")[0])
                    .findFirst();
        }
    }

    /** @param headers whole lines; Host and Connection are added where they are missing */
    Answer send(String method, String target, String body, String... headers) {
        StringBuilder request = new StringBuilder(method + " " + target + " HTTP/1.1\r\n");
        if (Arrays.stream(headers).noneMatch(line -> line.startsWith("Host:"))) {
            request.append("Host: localhost:").append(server.getPort()).append("\r\n");
        }
        if (Arrays.stream(headers).noneMatch(line -> line.startsWith("Connection:"))) {
            request.append("Connection: close\r\n");
        }
        for (String header : headers) {
            request.append(header).append("\r\n");
        }
        boolean framed = Arrays.stream(headers)
                .anyMatch(line -> line.startsWith("Transfer-Encoding:") || line.startsWith("Content-Length:"));
        if (!body.isEmpty() && !framed) {
            request.append("Content-Length: ").append(body.length()).append("\r\n");
        }
        return send(request + "\r\n" + body);
    }

    Answer get(String target, String... headers) {
        return send("GET", target, "", headers);
    }

    private Answer send(String request) {
        try (Socket socket = new Socket()) {
            socket.bind(new InetSocketAddress(InetAddress.getByName(from), 0));
            socket.connect(new InetSocketAddress(InetAddress.getByName("127.0.0.1"), server.getPort()));
            socket.setSoTimeout(PATIENCE_MILLIS);
            try {
                socket.getOutputStream().write(request.getBytes(StandardCharsets.ISO_8859_1));
            } catch (IOException e) {
                // refused before all of it was sent; the answer tells
            }
            return answer(socket.getInputStream());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** All that comes; of an upgraded or reset connection the head. */
    private static Answer answer(InputStream in) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try {
            for (int one = in.read(); one >= 0; one = in.read()) {
                bytes.write(one);
                if (bytes.size() > 12
                        && bytes.toString(StandardCharsets.ISO_8859_1).endsWith("\r\n\r\n")
                        && bytes.toString(StandardCharsets.ISO_8859_1).startsWith("HTTP/1.1 101")) {
                    break;
                }
            }
        } catch (IOException e) {
            // reset after the answer
        }
        String all = bytes.toString(StandardCharsets.UTF_8);
        int end = all.indexOf("\r\n\r\n");
        return end < 0 ? new Answer(all, "") : new Answer(all.substring(0, end), all.substring(end + 4));
    }
}
