package dev.parley.serve;

import jakarta.servlet.FilterChain;
import jakarta.servlet.ServletException;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import org.springframework.boot.autoconfigure.condition.ConditionalOnWebApplication;
import org.springframework.boot.availability.AvailabilityChangeEvent;
import org.springframework.boot.availability.ReadinessState;
import org.springframework.context.event.EventListener;
import org.springframework.http.HttpHeaders;
import org.springframework.http.HttpStatus;
import org.springframework.stereotype.Component;
import org.springframework.web.filter.OncePerRequestFilter;

/**
 * Closes the tracker's doors as soon as the program is told to stop, while calls in flight may go on for minutes: who records is
 * sent to another server, or comes again; who looks may go on looking.
 */
@Component
@ConditionalOnWebApplication
class ClosingDoors extends OncePerRequestFilter {
    private final TrackSocket socket;
    private final ErrorAnswers errors;
    private volatile boolean closed;

    ClosingDoors(TrackSocket socket, ErrorAnswers errors) {
        this.socket = socket;
        this.errors = errors;
    }

    @EventListener
    void changed(AvailabilityChangeEvent<ReadinessState> event) {
        if (event.getState() == ReadinessState.REFUSING_TRAFFIC) {
            closed = true;
            socket.stop();
        }
    }

    @Override
    protected boolean shouldNotFilter(HttpServletRequest request) {
        return !closed || !request.getRequestURI().equals(SecurityConfiguration.TRACK);
    }

    @Override
    protected void doFilterInternal(HttpServletRequest request, HttpServletResponse response, FilterChain chain)
            throws ServletException, IOException {
        response.setHeader(HttpHeaders.RETRY_AFTER, "5");
        errors.write(
                response, HttpStatus.SERVICE_UNAVAILABLE, "the server is shutting down; send it again, there or here");
    }
}
