package dev.parley.batch;

import dev.parley.archive.ObjectName;
import dev.parley.archive.ObjectStore;
import dev.parley.provider.Completion;
import dev.parley.provider.ModelException;
import dev.parley.provider.ModelProvider;
import dev.parley.provider.ModelRequest;
import dev.parley.provider.RawReply;
import dev.parley.work.BatchItem;
import dev.parley.work.Outcome;
import io.opentelemetry.api.OpenTelemetry;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.SpanKind;
import io.opentelemetry.api.trace.StatusCode;
import io.opentelemetry.api.trace.Tracer;
import io.opentelemetry.context.Context;
import io.opentelemetry.context.Scope;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Instant;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.stereotype.Component;

/**
 * A trace of each attempt at an item: claim, call, store, write. Where nobody receives traces nothing of it is made. What goes
 * into a trace is ids, codes and times, never a prompt, an answer or a key. Thread-safe.
 */
@Component
class ItemTraces {
    private final @Nullable Tracer tracer;
    private final Clock clock;
    private final Map<UUID, Span> open = new ConcurrentHashMap<>();

    ItemTraces(ObjectProvider<OpenTelemetry> telemetry, Clock clock) {
        OpenTelemetry receiver = telemetry.getIfAvailable();
        this.tracer = receiver == null ? null : receiver.getTracer("dev.parley");
        this.clock = clock;
    }

    /** When what follows began; null when nobody wants to know. */
    @Nullable
    Instant now() {
        return tracer == null ? null : clock.instant();
    }

    /** Begins a trace for each, with the claim that had them all. */
    void claimed(List<BatchItem> items, @Nullable Instant begun) {
        if (tracer == null || begun == null) {
            return;
        }
        for (BatchItem item : items) {
            Span trace = tracer.spanBuilder("item")
                    .setNoParent()
                    .setStartTimestamp(begun)
                    .setAttribute("parley.job.id", item.jobId().toString())
                    .setAttribute("parley.item.id", item.id().toString())
                    .setAttribute(
                            "parley.conversation.key", item.conversationKey().toString())
                    .setAttribute("parley.attempt", item.attempts())
                    .startSpan();
            part(tracer, trace, "claim", begun).end();
            Span former = open.put(item.id(), trace);
            if (former != null) {
                former.end();
            }
        }
    }

    private static Span part(Tracer tracer, Span trace, String name, Instant begun) {
        return tracer.spanBuilder(name)
                .setParent(Context.root().with(trace))
                .setStartTimestamp(begun)
                .startSpan();
    }

    /** What the thread does until the scope is closed belongs to the item's trace. */
    @SuppressWarnings("MustBeClosedChecker") // the caller closes it
    Scope enter(BatchItem item) {
        Span trace = tracer == null ? null : open.get(item.id());
        return trace == null ? Scope.noop() : trace.makeCurrent();
    }

    /** The provider, with a part {@code call} in the trace of the item that a call is made for. */
    ModelProvider traced(ModelProvider provider) {
        return tracer == null ? provider : new TracedProvider(provider, tracer);
    }

    /** The store, with a part {@code store} for each object that is written. */
    ObjectStore traced(ObjectStore store) {
        return tracer == null ? store : new TracedStore(store, tracer);
    }

    private record TracedProvider(ModelProvider provider, Tracer tracer) implements ModelProvider {
        @Override
        public String name() {
            return provider.name();
        }

        @Override
        public RawReply call(ModelRequest request) {
            return part(tracer, "call", SpanKind.CLIENT, () -> {
                Span.current().setAttribute("parley.provider", provider.name());
                try {
                    return provider.call(request);
                } catch (ModelException e) {
                    Span.current().setAttribute("parley.code", e.failure().code());
                    throw e;
                }
            });
        }

        @Override
        public Completion read(byte[] body) {
            return provider.read(body);
        }

        @Override
        public OptionalLong countTokens(ModelRequest request) {
            return provider.countTokens(request);
        }
    }

    private record TracedStore(ObjectStore store, Tracer tracer) implements ObjectStore {
        @Override
        public boolean create(ObjectName object, byte[] content, String contentType) {
            return part(tracer, "store", SpanKind.CLIENT, () -> store.create(object, content, contentType));
        }

        @Override
        public void write(ObjectName object, byte[] content, String contentType) {
            part(tracer, "store", SpanKind.CLIENT, () -> {
                store.write(object, content, contentType);
                return true;
            });
        }

        @Override
        public void ensureBucket(String bucket) {
            store.ensureBucket(bucket);
        }

        @Override
        public void upload(ObjectName object, Path file, String contentType) {
            store.upload(object, file, contentType);
        }

        @Override
        public long update(ObjectName object, String contentType, Change change) {
            return store.update(object, contentType, change);
        }

        @Override
        public boolean download(ObjectName object, Path file) {
            return store.download(object, file);
        }

        @Override
        public Optional<byte[]> read(ObjectName object) {
            return store.read(object);
        }

        @Override
        public Stream<ObjectName> list(String bucket, String folder) {
            return store.list(bucket, folder);
        }

        @Override
        public String locate(String bucket) {
            return store.locate(bucket);
        }

        @Override
        public String locate(ObjectName object) {
            return store.locate(object);
        }
    }

    private static <T> T part(Tracer tracer, String name, SpanKind kind, Supplier<T> deed) {
        Span span = tracer.spanBuilder(name).setSpanKind(kind).startSpan();
        try (Scope scope = span.makeCurrent()) {
            return deed.get();
        } catch (RuntimeException e) {
            span.setStatus(StatusCode.ERROR);
            throw e;
        } finally {
            span.end();
        }
    }

    /** Ends the traces of what is committed. */
    void written(Collection<Outcome> outcomes, @Nullable Instant begun) {
        if (tracer == null || begun == null) {
            return;
        }
        for (Outcome outcome : outcomes) {
            Span trace = open.remove(outcome.item().id());
            if (trace != null) {
                part(tracer, trace, "write", begun).end();
                if (outcome instanceof Outcome.Completed) {
                    trace.setAttribute("parley.outcome", "completed");
                } else if (outcome instanceof Outcome.Postponed postponed) {
                    trace.setAttribute("parley.outcome", "postponed").setAttribute("parley.code", postponed.code());
                } else if (outcome instanceof Outcome.Failed failed) {
                    trace.setAttribute("parley.outcome", "failed").setAttribute("parley.code", failed.code());
                    trace.setStatus(StatusCode.ERROR);
                }
                trace.end();
            }
        }
    }

    /** Ends the traces of what went back to the queue, or was another's in the end. */
    void endAll() {
        open.values()
                .forEach(trace ->
                        trace.setAttribute("parley.outcome", "released").end());
        open.clear();
    }
}
