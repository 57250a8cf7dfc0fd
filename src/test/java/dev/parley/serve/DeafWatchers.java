package dev.parley.serve;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/** Connections that ask for events and never read one. */
final class DeafWatchers implements AutoCloseable {
    private final List<Socket> sockets = new ArrayList<>();

    static DeafWatchers of(URI server, int number) throws IOException {
        DeafWatchers watchers = new DeafWatchers();
        for (int i = 0; i < number; i++) {
            Socket socket = new Socket();
            watchers.sockets.add(socket);
            socket.setReceiveBufferSize(1_024);
            socket.connect(new InetSocketAddress(InetAddress.getLoopbackAddress(), server.getPort()));
            socket.getOutputStream()
                    .write("GET /api/events HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n\r\n"
                            .getBytes(StandardCharsets.US_ASCII));
        }
        return watchers;
    }

    @Override
    public void close() throws IOException {
        for (Socket socket : sockets) {
            socket.close();
        }
    }
}
