package dev.parley.serve;

import dev.parley.serve.IssuedTokens.IssuerAwayException;
import io.github.bucket4j.Bucket;
import java.time.Duration;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import org.springframework.security.authentication.AuthenticationManager;
import org.springframework.security.authentication.UsernamePasswordAuthenticationToken;
import org.springframework.security.core.Authentication;
import org.springframework.security.core.AuthenticationException;
import org.springframework.security.web.authentication.WebAuthenticationDetails;

/**
 * Lets an address try only so often. A password is not even looked at once its address has failed too often; a token, which
 * nobody guesses, is, or whoever shares an address with a stranger could be kept out by him. Thread-safe.
 */
class LoginGuard implements AuthenticationManager {
    private static final int ADDRESSES = 10_000;

    private final AuthenticationManager logins;
    private final int failuresPerMinute;
    private final Map<String, Bucket> buckets = new LinkedHashMap<>(16, 0.75f, true) { // guarded by itself
                @Override
                protected boolean removeEldestEntry(Map.Entry<String, Bucket> eldest) {
                    return size() > ADDRESSES;
                }
            };

    LoginGuard(AuthenticationManager logins, int failuresPerMinute) {
        this.logins = logins;
        this.failuresPerMinute = failuresPerMinute;
    }

    /** It failed too often. */
    static class LockedOutException extends AuthenticationException {
        private static final long serialVersionUID = 1L;

        private final Duration wait;

        LockedOutException(Duration wait) {
            super("too many failed logins");
            this.wait = wait;
        }

        /** In whole seconds, as {@code Retry-After} has them. */
        String retryAfter() {
            return String.valueOf(wait.toSeconds() + 1);
        }
    }

    @Override
    public Authentication authenticate(Authentication shown) {
        Bucket failures = failuresOf(shown);
        boolean guessable = shown instanceof UsernamePasswordAuthenticationToken;
        if (guessable) {
            take(failures);
        }
        Authentication authenticated;
        try {
            authenticated = logins.authenticate(shown);
        } catch (AuthenticationException e) {
            if (!guessable && !(e instanceof IssuerAwayException)) {
                take(failures);
            }
            throw e;
        }
        if (guessable) {
            failures.addTokens(1);
        }
        return authenticated;
    }

    private static void take(Bucket failures) {
        var probe = failures.tryConsumeAndReturnRemaining(1);
        if (!probe.isConsumed()) {
            throw new LockedOutException(Duration.ofNanos(probe.getNanosToWaitForRefill()));
        }
    }

    private Bucket failuresOf(Authentication shown) {
        String address =
                shown.getDetails() instanceof WebAuthenticationDetails details ? details.getRemoteAddress() : "";
        synchronized (buckets) {
            return buckets.computeIfAbsent(
                    network(String.valueOf(address)),
                    one -> Bucket.builder()
                            .addLimit(limit -> limit.capacity(failuresPerMinute)
                                    .refillGreedy(failuresPerMinute, Duration.ofMinutes(1)))
                            .build());
        }
    }

    /** Of an IPv6 address the first 64 bits: the rest is its owner's to choose. */
    private static String network(String address) {
        String[] groups = address.split(":", -1);
        return groups.length < 8 ? address : String.join(":", Arrays.copyOf(groups, 4));
    }
}
