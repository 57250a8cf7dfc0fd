package dev.parley.serve;

import jakarta.servlet.FilterChain;
import jakarta.servlet.ReadListener;
import jakarta.servlet.ServletException;
import jakarta.servlet.ServletInputStream;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletRequestWrapper;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.time.Duration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnWebApplication;
import org.springframework.http.HttpStatus;
import org.springframework.stereotype.Component;
import org.springframework.web.filter.OncePerRequestFilter;
import org.springframework.web.server.ResponseStatusException;

/**
 * Refuses a body that is larger than anybody needs, whether it says how large it is or not, and one that takes longer to come:
 * a thread waits for it.
 */
@Component
@ConditionalOnWebApplication
class BodyLimit extends OncePerRequestFilter {
    private final long most;
    private final Duration patience;
    private final ErrorAnswers errors;

    BodyLimit(ServeSettings settings, ErrorAnswers errors) {
        this.most = settings.maxBody().toBytes();
        this.patience = settings.bodyTimeout();
        this.errors = errors;
    }

    @Override
    protected void doFilterInternal(HttpServletRequest request, HttpServletResponse response, FilterChain chain)
            throws ServletException, IOException {
        boolean lines = request.getRequestURI().equals(SecurityConfiguration.TRACK); // they have a limit each
        if (request.getContentLengthLong() > most && !lines) {
            errors.write(response, HttpStatus.CONTENT_TOO_LARGE, tooLarge());
        } else {
            chain.doFilter(new Limited(request, lines ? Long.MAX_VALUE : most), response);
        }
    }

    private String tooLarge() {
        return "a request may have " + most + " bytes at most";
    }

    private final class Limited extends HttpServletRequestWrapper {
        private final long limit;

        Limited(HttpServletRequest request, long limit) {
            super(request);
            this.limit = limit;
        }

        @Override
        public ServletInputStream getInputStream() throws IOException {
            ServletInputStream body = super.getInputStream();
            return new ServletInputStream() {
                private final long until = System.nanoTime() + patience.toNanos();
                private long read;

                @Override
                public int read() throws IOException {
                    int one = body.read();
                    count(one < 0 ? 0 : 1);
                    return one;
                }

                @Override
                public int read(byte[] into, int offset, int length) throws IOException {
                    int some = body.read(into, offset, length);
                    count(Math.max(0, some));
                    return some;
                }

                private void count(int more) {
                    read += more;
                    if (read > limit) {
                        throw new ResponseStatusException(HttpStatus.CONTENT_TOO_LARGE, tooLarge());
                    }
                    if (more > 0 && System.nanoTime() - until > 0) {
                        throw new ResponseStatusException(
                                HttpStatus.REQUEST_TIMEOUT,
                                "a request's body has to be there within " + patience.toSeconds()
                                        + " s (parley.serve.body-timeout)");
                    }
                }

                @Override
                public boolean isFinished() {
                    return body.isFinished();
                }

                @Override
                public boolean isReady() {
                    return body.isReady();
                }

                @Override
                public void setReadListener(ReadListener listener) {
                    body.setReadListener(listener);
                }
            };
        }
    }
}
