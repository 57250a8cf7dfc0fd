package dev.parley.launch;

import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Collectors;
import sun.misc.Signal;
import sun.misc.SignalHandler;

/**
 * While it is open, a first SIGTERM or SIGINT asks for an orderly end, and the next one for an immediate one.
 *
 * <p>The runtime's own handling would begin its shutdown at the first signal and swallow the second; its shutdown hooks could
 * not tell the two apart.
 */
final class Signals implements AutoCloseable {
    private static final List<Signal> SIGNALS = List.of(new Signal("TERM"), new Signal("INT"));

    private final Map<Signal, SignalHandler> former;

    private Signals(Map<Signal, SignalHandler> former) {
        this.former = former;
    }

    static Signals handledBy(Runnable orderly, Runnable atOnce) {
        AtomicInteger received = new AtomicInteger();
        SignalHandler handler = signal -> (received.getAndIncrement() == 0 ? orderly : atOnce).run();
        return new Signals(
                SIGNALS.stream().collect(Collectors.toMap(signal -> signal, signal -> Signal.handle(signal, handler))));
    }

    @Override
    public void close() {
        former.forEach(Signal::handle);
    }
}
