package dev.parley.serve;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.springframework.security.authentication.AuthenticationProvider;
import org.springframework.security.authentication.BadCredentialsException;
import org.springframework.security.authentication.UsernamePasswordAuthenticationToken;
import org.springframework.security.core.Authentication;
import org.springframework.security.oauth2.server.resource.authentication.BearerTokenAuthenticationToken;

/**
 * Knows who shows a token, or a name and a password, of the environment's. A token may be shown as a password too, to sign in on
 * the page, by whoever calls himself {@value #TOKEN_USER}.
 *
 * <p>What is shown is compared with every secret there is, each by digests of one length: how long it takes tells nothing.
 */
class Credentials implements AuthenticationProvider {
    private static final String TOKEN_USER = "token";

    private final List<Known> known = new ArrayList<>();

    /** @param user whom the secret is asked for on the page */
    private record Known(String user, byte[] secret, boolean bearer, String name, List<Right> rights) {}

    Credentials(ServeSettings settings) {
        settings.tokens()
                .forEach((name, token) -> known.add(new Known(TOKEN_USER, digest(token), true, name, rightsOf(name))));
        if (settings.user() != null && settings.password() != null) {
            known.add(new Known(settings.user(), digest(settings.password()), false, settings.user(), Right.ALL));
        }
    }

    private static List<Right> rightsOf(String token) {
        return switch (token) {
            case "read-token" -> List.of(Right.READ);
            case "track-token" -> List.of(Right.TRACK);
            default -> Right.ALL;
        };
    }

    @Override
    public boolean supports(Class<?> type) {
        return BearerTokenAuthenticationToken.class.isAssignableFrom(type)
                || UsernamePasswordAuthenticationToken.class.isAssignableFrom(type);
    }

    /** @return null for a bearer token that is none of these; another provider may know it */
    @Override
    public @Nullable Authentication authenticate(Authentication shown) {
        boolean bearer = shown instanceof BearerTokenAuthenticationToken;
        byte[] user = digest(bearer ? TOKEN_USER : shown.getName());
        byte[] secret = digest(
                shown instanceof BearerTokenAuthenticationToken token
                        ? token.getToken()
                        : String.valueOf(shown.getCredentials()));
        Known who = null;
        for (Known one : known) {
            boolean same =
                    MessageDigest.isEqual(digest(one.user()), user) & MessageDigest.isEqual(one.secret(), secret);
            if (same && (one.bearer() || !bearer)) {
                who = one;
            }
        }
        if (who == null) {
            if (bearer) {
                return null;
            }
            throw new BadCredentialsException("unknown");
        }
        UsernamePasswordAuthenticationToken authenticated =
                UsernamePasswordAuthenticationToken.authenticated(who.name(), null, Right.authorities(who.rights()));
        authenticated.setDetails(shown.getDetails());
        return authenticated;
    }

    private static byte[] digest(String secret) {
        try {
            return MessageDigest.getInstance("SHA-256").digest(secret.getBytes(StandardCharsets.UTF_8));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e); // every Java has it
        }
    }
}
