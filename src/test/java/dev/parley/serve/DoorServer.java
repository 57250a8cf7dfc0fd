package dev.parley.serve;

import dev.parley.Parley;
import dev.parley.TestDatabase;
import jakarta.servlet.Filter;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletRequestWrapper;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.security.Principal;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.WebApplicationType;
import org.springframework.boot.tomcat.servlet.TomcatServletWebServerFactory;
import org.springframework.boot.web.server.WebServerFactoryCustomizer;
import org.springframework.boot.web.server.servlet.context.ServletWebServerApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Primary;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.security.config.Customizer;
import org.springframework.security.config.annotation.web.builders.HttpSecurity;
import org.springframework.security.config.annotation.web.configurers.AbstractHttpConfigurer;
import org.springframework.security.oauth2.jwt.Jwt;
import org.springframework.security.oauth2.server.resource.authentication.JwtAuthenticationToken;

/** The whole program as {@code parley serve} starts it, on a free port, with a clock that can be moved on. */
public final class DoorServer implements AutoCloseable {
    /** A request with this header comes from the user with the token of that subject; what checks tokens is not tried here. */
    static final String SUBJECT = "X-Subject";

    static final HttpClient HTTP = HttpClient.newHttpClient();

    private final ServletWebServerApplicationContext context;

    private DoorServer(ServletWebServerApplicationContext context) {
        this.context = context;
    }

    public static DoorServer start(TestDatabase database, Path data, String... settings) {
        database.empty();
        List<String> arguments = new ArrayList<>(List.of(
                "--spring.datasource.url=" + database.url(),
                "--spring.datasource.username=" + database.username(),
                "--spring.datasource.password=" + database.password(),
                "--parley.data=" + data,
                "--server.port=0"));
        for (String setting : settings) {
            arguments.add("--" + setting);
        }
        SpringApplication application = new SpringApplication(Parley.class, Additions.class);
        application.setWebApplicationType(WebApplicationType.SERVLET);
        return new DoorServer((ServletWebServerApplicationContext) application.run(arguments.toArray(String[]::new)));
    }

    /** Not annotated, or the program's own scan would find it in every other test. */
    static class Additions {
        @Bean
        @Primary
        MovedClock movedClock() {
            return new MovedClock();
        }

        @Bean
        Filter users() {
            return (request, response, chain) -> {
                HttpServletRequest http = (HttpServletRequest) request;
                String subject = http.getHeader(SUBJECT);
                chain.doFilter(
                        subject == null
                                ? request
                                : new HttpServletRequestWrapper(http) {
                                    @Override
                                    public Principal getUserPrincipal() {
                                        return token(subject);
                                    }
                                },
                        response);
            };
        }

        /** What is not said otherwise about forged requests would keep out ours, which are no browser's. */
        @Bean
        Customizer<HttpSecurity> noBrowser() {
            return http -> http.csrf(AbstractHttpConfigurer::disable);
        }

        /** Small, so that a reader that does not read is felt soon. */
        @Bean
        WebServerFactoryCustomizer<TomcatServletWebServerFactory> sendBuffer() {
            return factory ->
                    factory.addConnectorCustomizers(connector -> connector.setProperty("socket.txBufSize", "4096"));
        }

        private static JwtAuthenticationToken token(String subject) {
            return new JwtAuthenticationToken(Jwt.withTokenValue("token")
                    .header("alg", "none")
                    .subject(subject)
                    .build());
        }
    }

    /** The time that passes, and what a test adds to it. */
    static final class MovedClock extends Clock {
        private volatile Duration ahead = Duration.ZERO;

        void advance(Duration by) {
            ahead = ahead.plus(by);
        }

        @Override
        public Instant instant() {
            return Clock.systemUTC().instant().plus(ahead);
        }

        @Override
        public ZoneId getZone() {
            return ZoneOffset.UTC;
        }

        @Override
        public Clock withZone(ZoneId zone) {
            return this;
        }
    }

    public int port() {
        return context.getWebServer().getPort();
    }

    String http(String path) {
        return "http://127.0.0.1:" + port() + path;
    }

    <T> T bean(Class<T> type) {
        return context.getBean(type);
    }

    public JdbcClient jdbc() {
        return bean(JdbcClient.class);
    }

    void advance(Duration by) {
        bean(MovedClock.class).advance(by);
    }

    HttpResponse<String> get(String path, String... headers) {
        return send(HttpRequest.newBuilder(URI.create(http(path))), headers);
    }

    HttpResponse<String> post(String path, String type, String body, String... headers) {
        return send(
                HttpRequest.newBuilder(URI.create(http(path)))
                        .header("Content-Type", type)
                        .POST(HttpRequest.BodyPublishers.ofString(body)),
                headers);
    }

    private static HttpResponse<String> send(HttpRequest.Builder request, String... headers) {
        if (headers.length > 0) {
            request.headers(headers);
        }
        try {
            return HTTP.send(request.timeout(Duration.ofSeconds(20)).build(), HttpResponse.BodyHandlers.ofString());
        } catch (java.io.IOException | InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    /** Contents of the session's messages in order, once there are so many. */
    List<String> contents(UUID session, int messages) {
        List<String> contents = List.of();
        long deadline = System.nanoTime() + Duration.ofSeconds(20).toNanos();
        while (contents.size() < messages && System.nanoTime() < deadline) {
            contents = jdbc().sql("SELECT content FROM conversation_messages WHERE session_id = ? ORDER BY seq")
                    .param(session)
                    .query(String.class)
                    .list();
            java.util.concurrent.locks.LockSupport.parkNanos(5_000_000);
        }
        return contents;
    }

    @Override
    public void close() {
        context.close();
    }
}
