package dev.parley.provider;

import dev.parley.provider.RateLimitHeaders.Limit;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.ProxySelector;
import java.time.Clock;
import java.time.Duration;
import java.util.Map;
import java.util.OptionalLong;
import java.util.concurrent.TimeUnit;
import org.apache.hc.client5.http.classic.HttpClient;
import org.apache.hc.client5.http.config.ConnectionConfig;
import org.apache.hc.client5.http.config.RequestConfig;
import org.apache.hc.client5.http.impl.classic.CloseableHttpClient;
import org.apache.hc.client5.http.impl.classic.HttpClients;
import org.apache.hc.client5.http.impl.io.PoolingHttpClientConnectionManagerBuilder;
import org.apache.hc.core5.concurrent.Cancellable;
import org.apache.hc.core5.http.ClassicHttpRequest;
import org.apache.hc.core5.http.io.SocketConfig;
import org.jspecify.annotations.Nullable;
import org.springframework.http.HttpHeaders;
import org.springframework.http.MediaType;
import org.springframework.http.client.ClientHttpResponse;
import org.springframework.http.client.HttpComponentsClientHttpRequestFactory;
import org.springframework.http.converter.ByteArrayHttpMessageConverter;
import org.springframework.web.client.ResourceAccessException;
import org.springframework.web.client.RestClient;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonGenerator;
import tools.jackson.core.io.SerializedString;
import tools.jackson.databind.JacksonSerializable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.SerializationContext;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.jsontype.TypeSerializer;
import tools.jackson.databind.node.ObjectNode;
import tools.jackson.databind.util.RawValue;

/**
 * The Messages API. Nothing is sent twice by itself: retries, redirects and cookies of the HTTP client are off, because
 * a repeated {@code POST} is paid for twice. Each body is read once, as bytes, on success and on error alike.
 *
 * <p>Blocking, one thread a call. An interrupt ends a call within some ten milliseconds, see {@link CallWatch}.
 */
final class AnthropicProvider implements ModelProvider, AutoCloseable {
    static final String NAME = "anthropic";

    private final AnthropicSettings settings;
    private final JsonMapper json = JsonMapper.shared();
    private final MessagesEnvelope envelope = new MessagesEnvelope(json);
    private final FailurePolicy failures;
    private final CallWatch watch;
    private final CloseableHttpClient connections;
    private final RestClient http;
    private final String what;
    private volatile @Nullable Quoted lastPrefix;

    AnthropicProvider(AnthropicSettings settings, Clock clock) {
        String apiKey = settings.apiKey();
        if (apiKey == null) {
            throw new IllegalArgumentException("provider 'anthropic' needs an API key:"
                    + " set ANTHROPIC_API_KEY (or parley.anthropic.api-key), or choose parley.provider=offline");
        }
        this.settings = settings;
        this.what = "POST " + settings.messagesEndpoint();
        this.failures = new FailurePolicy(json, clock, apiKey);
        this.watch = new CallWatch(settings.callTimeout());
        this.connections = connections(settings);
        this.http = RestClient.builder()
                .requestFactory(new WatchedRequestFactory(connections, watch))
                .configureMessageConverters(converters ->
                        converters.disableDefaults().addCustomConverter(new ByteArrayHttpMessageConverter()))
                .defaultHeader("x-api-key", apiKey)
                .defaultHeader("anthropic-version", settings.version())
                .build();
    }

    private static CloseableHttpClient connections(AnthropicSettings settings) {
        long connectMillis = settings.connectTimeout().toMillis();
        long callMillis = settings.callTimeout().toMillis();
        return HttpClients.custom()
                .setConnectionManager(PoolingHttpClientConnectionManagerBuilder.create()
                        .setMaxConnTotal(settings.maxConnections())
                        .setMaxConnPerRoute(settings.maxConnections())
                        .setDefaultConnectionConfig(ConnectionConfig.custom()
                                .setConnectTimeout(connectMillis, TimeUnit.MILLISECONDS)
                                .build())
                        // Nothing is said on the wire while a model thinks; some routers forget a connection that long.
                        .setDefaultSocketConfig(
                                SocketConfig.custom().setSoKeepAlive(true).build())
                        .build())
                .setDefaultRequestConfig(RequestConfig.custom()
                        .setConnectionRequestTimeout(callMillis, TimeUnit.MILLISECONDS)
                        .setResponseTimeout(callMillis, TimeUnit.MILLISECONDS)
                        .build())
                .setProxySelector(ProxySelector.getDefault())
                .setUserAgent("parley")
                .disableAutomaticRetries()
                .disableRedirectHandling()
                .disableCookieManagement()
                .disableAuthCaching()
                .disableContentCompression() // what is stored is what came over the wire
                .build();
    }

    @Override
    public String name() {
        return NAME;
    }

    @Override
    public RawReply call(ModelRequest request) {
        byte[] body = bodyOf(request);
        if (Thread.currentThread().isInterrupted()) {
            throw new CallInterruptedException();
        }
        long begun = System.nanoTime();
        try {
            return http.post()
                    .uri(settings.messagesEndpoint())
                    .contentType(MediaType.APPLICATION_JSON)
                    .header("Idempotency-Key", request.idempotencyKey())
                    .body(body)
                    .exchangeForRequiredValue((sent, response) -> replyOf(response, begun));
        } catch (ResourceAccessException e) {
            throw failureOf(e.getCause() instanceof IOException cause ? cause : new IOException(e));
        } finally {
            watch.endedLate();
        }
    }

    private RawReply replyOf(ClientHttpResponse response, long begun) throws IOException {
        int status = response.getStatusCode().value();
        HttpHeaders headers = response.getHeaders();
        String requestId = headers.getFirst("request-id");
        if (response.getStatusCode().is2xxSuccessful()) {
            byte[] body = response.getBody().readAllBytes();
            return new RawReply(body, requestId, Duration.ofNanos(System.nanoTime() - begun), rateLimits(headers));
        }
        byte[] body = whatCanBeRead(response);
        if (Thread.currentThread().isInterrupted()) {
            throw new CallInterruptedException();
        }
        throw ModelException.answered(
                failures.ofResponse(status, body, requestId, headers.getFirst(HttpHeaders.RETRY_AFTER)),
                rateLimits(headers));
    }

    private static RateLimitHeaders rateLimits(HttpHeaders headers) {
        return new RateLimitHeaders(
                limit(headers, "requests"), limit(headers, "input-tokens"), limit(headers, "output-tokens"));
    }

    private static @Nullable Limit limit(HttpHeaders headers, String what) {
        String limit = headers.getFirst("anthropic-ratelimit-" + what + "-limit");
        String remaining = headers.getFirst("anthropic-ratelimit-" + what + "-remaining");
        return limit != null && remaining != null && isNumber(limit) && isNumber(remaining)
                ? new Limit(Long.parseLong(limit), Long.parseLong(remaining))
                : null;
    }

    private static boolean isNumber(String value) {
        return !value.isEmpty() && value.length() <= 15 && value.chars().allMatch(c -> c >= '0' && c <= '9');
    }

    /** The status alone says what to do, so an error's body may be cut. */
    private static byte[] whatCanBeRead(ClientHttpResponse response) {
        ByteArrayOutputStream body = new ByteArrayOutputStream();
        try (InputStream in = response.getBody()) {
            in.transferTo(body);
        } catch (IOException cut) {
            // what came before is in the buffer
        }
        return body.toByteArray();
    }

    private RuntimeException failureOf(IOException e) {
        boolean late = watch.endedLate();
        if (Thread.currentThread().isInterrupted()) {
            return new CallInterruptedException(e);
        }
        return new ModelException(
                late ? failures.ofCallTimeout(settings.callTimeout(), what) : failures.ofTransport(e, what), e);
    }

    @Override
    public Completion read(byte[] body) {
        return envelope.read(body);
    }

    /** Free, with a rate limit of its own. The schema of a structured output is not counted. */
    @Override
    public OptionalLong countTokens(ModelRequest request) {
        try {
            byte[] answer = http.post()
                    .uri(settings.countTokensEndpoint())
                    .contentType(MediaType.APPLICATION_JSON)
                    .body(json.writeValueAsBytes(questionOf(request)))
                    .exchangeForRequiredValue((sent, response) ->
                            replyOf(response, System.nanoTime()).body());
            JsonNode tokens = json.readTree(answer).path("input_tokens");
            return tokens.isIntegralNumber() ? OptionalLong.of(tokens.longValue()) : OptionalLong.empty();
        } catch (ResourceAccessException e) {
            throw failureOf(e.getCause() instanceof IOException cause ? cause : new IOException(e));
        } catch (JacksonException noCount) {
            return OptionalLong.empty();
        } finally {
            watch.endedLate();
        }
    }

    private byte[] bodyOf(ModelRequest request) {
        ObjectNode body = questionOf(request).put("max_tokens", request.maxOutputTokens());
        String schema = request.jsonSchema();
        if (schema != null) {
            body.putObject("output_config")
                    .putObject("format")
                    .put("type", "json_schema")
                    .putRawValue("schema", new RawValue(schema));
        }
        if (!request.extra().isEmpty()) {
            merge(body, json.valueToTree(request.extra()));
            refuseStreaming(body);
        }
        return json.writeValueAsBytes(body);
    }

    /** What the model reads. */
    private ObjectNode questionOf(ModelRequest request) {
        ObjectNode body = json.createObjectNode().put("model", settings.modelOr(request.model()));
        if (!request.stablePrefix().isBlank()) {
            ObjectNode prefix = body.putArray("system").addObject();
            prefix.put("type", "text").putPOJO("text", quoted(request.stablePrefix()));
            prefix.putObject("cache_control").put("type", "ephemeral");
        }
        body.putArray("messages").addObject().put("role", "user").putPOJO("content", new Text(request.prompt()));
        return body;
    }

    /** A prefix is the same string for all items of a template, and these are neighbours: it is quoted once for them all. */
    private RawValue quoted(String prefix) {
        Quoted last = lastPrefix;
        if (last == null || !last.text().equals(prefix)) {
            last = new Quoted(prefix, new RawValue(new SerializedString(json.writeValueAsString(new Text(prefix)))));
            lastPrefix = last;
        }
        return last.json();
    }

    private record Quoted(String text, RawValue json) {}

    /**
     * A long text. Jackson writes a string by {@code charAt}, which took a fifth of all CPU time of a run (client compiler,
     * prompts with typographic characters), and an array without.
     */
    private record Text(String text) implements JacksonSerializable {
        @Override
        public void serialize(JsonGenerator json, SerializationContext context) {
            char[] characters = text.toCharArray();
            json.writeString(characters, 0, characters.length);
        }

        @Override
        public void serializeWithType(JsonGenerator json, SerializationContext context, TypeSerializer types) {
            serialize(json, context);
        }
    }

    /** Objects are merged field by field, so that an extra {@code output_config.effort} leaves the format alone. */
    private static void merge(ObjectNode into, JsonNode extra) {
        for (Map.Entry<String, JsonNode> field : extra.properties()) {
            if (into.get(field.getKey()) instanceof ObjectNode known
                    && field.getValue().isObject()) {
                merge(known, field.getValue());
            } else {
                into.set(field.getKey(), field.getValue());
            }
        }
    }

    private static void refuseStreaming(ObjectNode body) {
        if (body.path("stream").asBoolean(false)) {
            throw new ModelException(
                    FailureCode.INVALID_SETTINGS.because(
                            "the extra request field 'stream' must be left out: answers are read whole"),
                    null);
        }
    }

    @Override
    public void close() throws IOException {
        watch.close();
        connections.close();
    }

    /** Hands each request to the watch as soon as there is something to cancel. */
    private static final class WatchedRequestFactory extends HttpComponentsClientHttpRequestFactory {
        private final CallWatch watch;

        WatchedRequestFactory(HttpClient client, CallWatch watch) {
            super(client);
            this.watch = watch;
        }

        @Override
        protected void postProcessHttpRequest(ClassicHttpRequest request) {
            if (request instanceof Cancellable cancellable) {
                watch.begin(cancellable);
            }
        }
    }
}
