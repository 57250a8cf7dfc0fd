package dev.parley.serve;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/** What is between a client and a server, byte for byte, until it is cut; then nobody answers at its address. */
final class Cable implements AutoCloseable {
    private final URI server;
    private final Set<Socket> ends = ConcurrentHashMap.newKeySet();
    private ServerSocket door;

    private Cable(URI server, ServerSocket door) {
        this.server = server;
        this.door = door;
    }

    static Cable to(URI server) throws IOException {
        Cable cable = new Cable(server, new ServerSocket(0, 50, InetAddress.getLoopbackAddress()));
        cable.open();
        return cable;
    }

    URI address() {
        return URI.create("http://127.0.0.1:" + door.getLocalPort());
    }

    void cut() throws IOException {
        door.close();
        for (Socket end : ends) {
            end.close();
        }
    }

    void mend() throws IOException {
        InetSocketAddress at = (InetSocketAddress) door.getLocalSocketAddress();
        door = new ServerSocket();
        door.setReuseAddress(true);
        door.bind(at);
        open();
    }

    private void open() {
        ServerSocket here = door;
        thread(() -> {
            while (true) {
                Socket near = here.accept();
                Socket far = new Socket(InetAddress.getLoopbackAddress(), server.getPort());
                ends.add(near);
                ends.add(far);
                thread(() -> pass(near, far));
                thread(() -> pass(far, near));
            }
        });
    }

    private static void pass(Socket from, Socket to) throws IOException {
        try (from;
                to) {
            from.getInputStream().transferTo(to.getOutputStream());
        }
    }

    private interface Task {
        void run() throws IOException;
    }

    private static void thread(Task task) {
        Thread thread = new Thread(() -> {
            try {
                task.run();
            } catch (IOException | UncheckedIOException e) {
                return; // it was cut, or one end has closed
            }
        });
        thread.setDaemon(true);
        thread.start();
    }

    @Override
    public void close() throws IOException {
        cut();
    }
}
