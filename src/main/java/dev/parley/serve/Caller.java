package dev.parley.serve;

import java.security.Principal;
import java.time.Instant;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.springframework.http.HttpStatus;
import org.springframework.security.oauth2.server.resource.authentication.JwtAuthenticationToken;
import org.springframework.web.server.ResponseStatusException;

/**
 * Who stands at the door: a user, whose sessions are his own, or a service, which speaks for its users.
 *
 * @param user null for a service
 * @param until when what he showed expires; null when it does not
 */
record Caller(@Nullable UUID user, @Nullable Instant until) {
    private static final Caller SERVICE = new Caller(null, null);

    /** @throws ResponseStatusException 403 when a user's token does not say who he is by a UUID */
    static Caller of(@Nullable Principal principal) {
        if (!(principal instanceof JwtAuthenticationToken token)) {
            return SERVICE;
        }
        String subject = token.getToken().getSubject();
        try {
            return new Caller(
                    UUID.fromString(String.valueOf(subject)), token.getToken().getExpiresAt());
        } catch (IllegalArgumentException e) {
            throw new ResponseStatusException(
                    HttpStatus.FORBIDDEN,
                    "The subject of the token is not a UUID, which the tracker knows users by",
                    e);
        }
    }

    /** Whether that is somebody else; a service is everybody. */
    boolean isNot(UUID other) {
        return user != null && !user.equals(other);
    }
}
