package dev.parley.serve;

import jakarta.servlet.FilterChain;
import jakarta.servlet.ReadListener;
import jakarta.servlet.ServletException;
import jakarta.servlet.ServletInputStream;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletRequestWrapper;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import org.springframework.boot.autoconfigure.condition.ConditionalOnWebApplication;
import org.springframework.http.HttpStatus;
import org.springframework.stereotype.Component;
import org.springframework.web.filter.OncePerRequestFilter;
import org.springframework.web.server.ResponseStatusException;

/** Refuses a body that is larger than anybody needs, whether it says how large it is or not. */
@Component
@ConditionalOnWebApplication
class BodyLimit extends OncePerRequestFilter {
    private final long most;
    private final ErrorAnswers errors;

    BodyLimit(ServeSettings settings, ErrorAnswers errors) {
        this.most = settings.maxBody().toBytes();
        this.errors = errors;
    }

    /** Lines that are read one by one have a limit each. */
    @Override
    protected boolean shouldNotFilter(HttpServletRequest request) {
        return request.getRequestURI().equals(SecurityConfiguration.TRACK);
    }

    @Override
    protected void doFilterInternal(HttpServletRequest request, HttpServletResponse response, FilterChain chain)
            throws ServletException, IOException {
        if (request.getContentLengthLong() > most) {
            errors.write(response, HttpStatus.CONTENT_TOO_LARGE, tooLarge());
        } else {
            chain.doFilter(new Limited(request), response);
        }
    }

    private String tooLarge() {
        return "a request may have " + most + " bytes at most";
    }

    private final class Limited extends HttpServletRequestWrapper {
        Limited(HttpServletRequest request) {
            super(request);
        }

        @Override
        public ServletInputStream getInputStream() throws IOException {
            ServletInputStream body = super.getInputStream();
            return new ServletInputStream() {
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
                    if (read > most) {
                        throw new ResponseStatusException(HttpStatus.CONTENT_TOO_LARGE, tooLarge());
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
