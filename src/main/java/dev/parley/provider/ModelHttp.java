package dev.parley.provider;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.ProxySelector;
import java.net.URI;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import java.util.function.UnaryOperator;
import org.apache.hc.client5.http.classic.HttpClient;
import org.apache.hc.client5.http.config.ConnectionConfig;
import org.apache.hc.client5.http.config.RequestConfig;
import org.apache.hc.client5.http.impl.classic.CloseableHttpClient;
import org.apache.hc.client5.http.impl.classic.HttpClients;
import org.apache.hc.client5.http.impl.io.ManagedHttpClientConnectionFactory;
import org.apache.hc.client5.http.impl.io.PoolingHttpClientConnectionManagerBuilder;
import org.apache.hc.core5.concurrent.Cancellable;
import org.apache.hc.core5.http.ClassicHttpRequest;
import org.apache.hc.core5.http.config.Http1Config;
import org.apache.hc.core5.http.io.SocketConfig;
import org.springframework.http.HttpHeaders;
import org.springframework.http.HttpMethod;
import org.springframework.http.MediaType;
import org.springframework.http.StreamingHttpOutputMessage;
import org.springframework.http.client.ClientHttpResponse;
import org.springframework.http.client.HttpComponentsClientHttpRequestFactory;
import org.springframework.http.converter.ByteArrayHttpMessageConverter;
import org.springframework.web.client.ResourceAccessException;
import org.springframework.web.client.RestClient;

/**
 * Posts JSON to a provider and reads what it answers, once, as bytes. Nothing is sent twice by itself: retries, redirects and
 * cookies of the HTTP client are off, because a repeated {@code POST} is paid for twice.
 *
 * <p>Blocking, one thread a call. An interrupt ends a call within some ten milliseconds, see {@link CallWatch}.
 */
final class ModelHttp implements AutoCloseable {
    /** Of a connection, in bytes, each way: a request of the usual length leaves in one piece, headers and body. */
    private static final int BUFFER = 16 * 1024;

    private final FailurePolicy failures;
    private final Duration callTimeout;
    private final String requestIdHeader;
    private final Function<HttpHeaders, RateLimitHeaders> rateLimits;
    private final CallWatch watch;
    private final CloseableHttpClient connections;
    private final RestClient http;

    /**
     * @param callTimeout from taking a connection to the last byte of the answer
     * @param silence how long nothing may be heard while an answer is awaited
     * @param maxConnections callers at once; more wait for a connection
     * @param requestIdHeader where the provider tells its id of the request
     * @param rateLimits reads what an answer says of the provider's limits
     */
    ModelHttp(
            Duration callTimeout,
            Duration silence,
            Duration connectTimeout,
            int maxConnections,
            Map<String, String> headers,
            FailurePolicy failures,
            String requestIdHeader,
            Function<HttpHeaders, RateLimitHeaders> rateLimits) {
        this.failures = failures;
        this.callTimeout = callTimeout;
        this.requestIdHeader = requestIdHeader;
        this.rateLimits = rateLimits;
        this.watch = new CallWatch(callTimeout);
        this.connections = connections(silence.toMillis(), connectTimeout.toMillis(), maxConnections);
        this.http = RestClient.builder()
                .requestFactory(new WatchedRequestFactory(connections, watch))
                .configureMessageConverters(converters ->
                        converters.disableDefaults().addCustomConverter(new ByteArrayHttpMessageConverter()))
                .defaultHeaders(all -> headers.forEach(all::set))
                .build();
    }

    private static CloseableHttpClient connections(long silenceMillis, long connectMillis, int maxConnections) {
        return HttpClients.custom()
                .setConnectionManager(PoolingHttpClientConnectionManagerBuilder.create()
                        .setConnectionFactory(ManagedHttpClientConnectionFactory.builder()
                                .http1Config(Http1Config.custom()
                                        .setBufferSize(BUFFER)
                                        .build())
                                .build())
                        .setMaxConnTotal(maxConnections)
                        .setMaxConnPerRoute(maxConnections)
                        .setDefaultConnectionConfig(ConnectionConfig.custom()
                                .setConnectTimeout(connectMillis, TimeUnit.MILLISECONDS)
                                .build())
                        // Nothing is said on the wire while a model thinks; some routers forget a connection that long.
                        .setDefaultSocketConfig(
                                SocketConfig.custom().setSoKeepAlive(true).build())
                        .build())
                .setDefaultRequestConfig(RequestConfig.custom()
                        .setConnectionRequestTimeout(silenceMillis, TimeUnit.MILLISECONDS)
                        .setResponseTimeout(silenceMillis, TimeUnit.MILLISECONDS)
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

    /**
     * @param headers of this request alone
     * @throws ModelException when there is no whole answer, or it is an error
     * @throws CallInterruptedException when the thread was interrupted
     */
    RawReply post(URI uri, byte[] body, Map<String, String> headers) {
        long begun = System.nanoTime();
        return exchange(
                HttpMethod.POST,
                uri,
                request -> request.contentType(MediaType.APPLICATION_JSON)
                        .headers(all -> headers.forEach(all::set))
                        .body(body),
                response -> replyOf(response, begun));
    }

    /**
     * @param length of the body in bytes, announced beforehand: less of it is no request
     * @param body written to the wire as it is made
     * @throws ModelException as {@link #post(URI, byte[], Map)}
     */
    RawReply post(URI uri, long length, StreamingHttpOutputMessage.Body body) {
        long begun = System.nanoTime();
        return exchange(
                HttpMethod.POST,
                uri,
                request -> request.contentType(MediaType.APPLICATION_JSON)
                        .contentLength(length)
                        .body(body),
                response -> replyOf(response, begun));
    }

    /** As {@link #post(URI, byte[], Map)}, without a body. */
    RawReply get(URI uri) {
        long begun = System.nanoTime();
        return exchange(HttpMethod.GET, uri, request -> request, response -> replyOf(response, begun));
    }

    /** As {@link #get(URI)}. */
    RawReply delete(URI uri) {
        long begun = System.nanoTime();
        return exchange(HttpMethod.DELETE, uri, request -> request, response -> replyOf(response, begun));
    }

    /** What to do with an answer's body while it arrives; the rest is not fetched when it says so. */
    interface BodyReader {
        /** Whether it has seen enough. */
        boolean readsEnough(InputStream body) throws IOException;
    }

    /** Reads an answer of any length. Throws as {@link #post(URI, byte[], Map)}, and whatever the reader throws. */
    void get(URI uri, BodyReader reader) {
        long begun = System.nanoTime();
        exchange(HttpMethod.GET, uri, request -> request, response -> {
            if (!response.getStatusCode().is2xxSuccessful()) {
                return replyOf(response, begun);
            }
            boolean enough = true;
            try {
                enough = reader.readsEnough(response.getBody());
            } finally {
                if (enough) {
                    watch.cancel(); // or the rest would be read when the response is closed
                }
            }
            return true;
        });
    }

    private interface ResponseReader<T> {
        T read(ClientHttpResponse response) throws IOException;
    }

    private <T> T exchange(
            HttpMethod method, URI uri, UnaryOperator<RestClient.RequestBodySpec> request, ResponseReader<T> reader) {
        if (Thread.currentThread().isInterrupted()) {
            throw new CallInterruptedException();
        }
        try {
            return request.apply(http.method(method).uri(uri))
                    .exchangeForRequiredValue((sent, response) -> reader.read(response));
        } catch (ResourceAccessException e) {
            throw failureOf(e.getCause() instanceof IOException cause ? cause : new IOException(e), method + " " + uri);
        } finally {
            watch.endedLate();
        }
    }

    private RawReply replyOf(ClientHttpResponse response, long begun) throws IOException {
        int status = response.getStatusCode().value();
        HttpHeaders headers = response.getHeaders();
        String requestId = headers.getFirst(requestIdHeader);
        RateLimitHeaders limits = rateLimits.apply(headers);
        if (response.getStatusCode().is2xxSuccessful()) {
            byte[] body = response.getBody().readAllBytes();
            return new RawReply(body, requestId, Duration.ofNanos(System.nanoTime() - begun), limits);
        }
        byte[] body = whatCanBeRead(response);
        if (Thread.currentThread().isInterrupted()) {
            throw new CallInterruptedException();
        }
        throw ModelException.answered(
                failures.ofResponse(status, body, requestId, headers.getFirst(HttpHeaders.RETRY_AFTER)), limits);
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

    private RuntimeException failureOf(IOException e, String what) {
        boolean late = watch.endedLate();
        if (Thread.currentThread().isInterrupted()) {
            return new CallInterruptedException(e);
        }
        return new ModelException(late ? failures.ofCallTimeout(callTimeout, what) : failures.ofTransport(e, what), e);
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
