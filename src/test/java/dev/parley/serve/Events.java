package dev.parley.serve;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import java.util.stream.Stream;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** A stream of server-sent events, read as it comes. */
final class Events implements AutoCloseable {
    private static final Duration PATIENCE = Duration.ofSeconds(30);

    private final Stream<String> lines;
    private final BlockingQueue<Event> events = new LinkedBlockingQueue<>();

    private record Event(String name, JsonNode data) {}

    private Events(Stream<String> lines) {
        this.lines = lines;
        Thread reader = new Thread(this::read, "events");
        reader.setDaemon(true);
        reader.start();
    }

    static Events of(Http http, String path) {
        HttpResponse<Stream<String>> response = http.lines(path);
        assertThat(response.statusCode()).isEqualTo(200);
        assertThat(response.headers().firstValue("Content-Type").orElse("")).startsWith("text/event-stream");
        return new Events(response.body());
    }

    private void read() {
        String[] name = {""};
        try {
            lines.forEach(line -> {
                if (line.startsWith("event:")) {
                    name[0] = line.substring(6).strip();
                } else if (line.startsWith("data:")) {
                    events.add(new Event(name[0], JsonMapper.shared().readTree(line.substring(5))));
                }
            });
        } catch (RuntimeException closed) {
            // that is how it ends
        }
    }

    /** The data of the next event of this name. */
    JsonNode next(String name) throws InterruptedException {
        return until(name, data -> true);
    }

    JsonNode until(String name, Predicate<JsonNode> wanted) throws InterruptedException {
        long end = System.nanoTime() + PATIENCE.toNanos();
        while (true) {
            Event event = events.poll(Math.max(0, end - System.nanoTime()), TimeUnit.NANOSECONDS);
            assertThat(event).as("an event " + name).isNotNull();
            if (event.name().equals(name) && wanted.test(event.data())) {
                return event.data();
            }
        }
    }

    /** Whether no event comes for so long. */
    boolean quietFor(Duration time) throws InterruptedException {
        events.clear();
        return events.poll(time.toMillis(), TimeUnit.MILLISECONDS) == null;
    }

    @Override
    public void close() {
        lines.close();
    }
}
