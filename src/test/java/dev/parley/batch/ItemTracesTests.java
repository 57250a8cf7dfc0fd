package dev.parley.batch;

import static org.assertj.core.api.Assertions.assertThat;

import dev.parley.TestApplication;
import dev.parley.TestDatabase;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.observation.ObservationRegistry;
import io.opentelemetry.api.OpenTelemetry;
import io.opentelemetry.proto.trace.v1.Span;
import io.opentelemetry.proto.trace.v1.Status;
import jakarta.servlet.Filter;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.springframework.boot.health.actuate.endpoint.HealthEndpoint;

class ItemTracesTests {
    @TempDir
    private Path data;

    @Test
    void anItemIsATraceOfItsClaimItsCallItsFilesAndItsWrite() {
        try (TraceReceiver receiver = new TraceReceiver()) {
            UUID job;
            try (TestApplication app = start(receiver)) {
                job = app.enqueue(3);
                app.run(job);
                assertThat(app.job(job).successfulItems()).isEqualTo(3);
            }

            Map<String, List<Span>> traces = traces(receiver);
            assertThat(traces).hasSize(3);
            assertThat(traces.values()).allSatisfy(trace -> {
                Span item = root(trace);
                assertThat(attributes(item))
                        .containsEntry("parley.job.id", job.toString())
                        .containsEntry("parley.outcome", "completed")
                        .containsKeys("parley.item.id", "parley.conversation.key");
                assertThat(trace)
                        .extracting(Span::getName)
                        .containsExactlyInAnyOrder("item", "claim", "call", "store", "store", "write");
                assertThat(trace).filteredOn(part -> part != item).allSatisfy(part -> {
                    assertThat(part.getParentSpanId()).isEqualTo(item.getSpanId());
                    assertThat(part.getStartTimeUnixNano())
                            .isBetween(item.getStartTimeUnixNano(), item.getEndTimeUnixNano());
                });
                assertThat(attributes(named(trace, "call"))).containsEntry("parley.provider", "offline");
                assertThat(named(trace, "claim").getEndTimeUnixNano())
                        .isLessThanOrEqualTo(named(trace, "call").getEndTimeUnixNano());
            });
            assertThat(receiver.spans().toString())
                    .as("no prompt, no answer")
                    .doesNotContain("Estate", "persona", "Chen");
        }
    }

    @Test
    void aFailureIsToldByItsCode() {
        try (TraceReceiver receiver = new TraceReceiver()) {
            try (TestApplication app = start(receiver, "parley.offline.failures.refused=1")) {
                app.run(app.enqueue(1));
            }

            List<Span> trace = traces(receiver).values().iterator().next();
            assertThat(attributes(root(trace)))
                    .containsEntry("parley.outcome", "failed")
                    .containsEntry("parley.code", "refused");
            assertThat(root(trace).getStatus().getCode()).isEqualTo(Status.StatusCode.STATUS_CODE_ERROR);
        }
    }

    @Test
    void whereNobodyReceivesTracesOrServesNothingOfThatIsThere() {
        try (TestApplication app = TestApplication.start(TestDatabase.H2, data)) {
            for (Class<?> unused : List.of(
                    OpenTelemetry.class,
                    MeterRegistry.class,
                    ObservationRegistry.class,
                    HealthEndpoint.class,
                    Filter.class)) {
                assertThat(app.beans().getBeanProvider(unused).getIfAvailable())
                        .as(unused.getName())
                        .isNull();
            }
            assertThat(app.bean(ItemTraces.class).now()).isNull();
        }
    }

    private TestApplication start(TraceReceiver receiver, String... more) {
        String[] properties = Arrays.copyOf(more, more.length + 1);
        properties[more.length] = "management.opentelemetry.tracing.export.otlp.endpoint=" + receiver.endpoint();
        return TestApplication.start(TestDatabase.H2, data, properties);
    }

    /** Those of items: Spring Batch has its own. */
    private static Map<String, List<Span>> traces(TraceReceiver receiver) {
        Map<String, List<Span>> traces = receiver.spans().stream()
                .collect(Collectors.groupingBy(
                        span -> HexFormat.of().formatHex(span.getTraceId().toByteArray())));
        traces.values()
                .removeIf(
                        trace -> trace.stream().noneMatch(span -> span.getName().equals("item")));
        return traces;
    }

    private static Span root(List<Span> trace) {
        Span root = named(trace, "item");
        assertThat(root.getParentSpanId().isEmpty()).isTrue();
        return root;
    }

    private static Span named(List<Span> trace, String name) {
        return trace.stream()
                .filter(span -> span.getName().equals(name))
                .findFirst()
                .orElseThrow();
    }

    private static Map<String, String> attributes(Span span) {
        return span.getAttributesList().stream()
                .collect(Collectors.toMap(
                        attribute -> attribute.getKey(),
                        attribute -> attribute.getValue().getStringValue()));
    }
}
