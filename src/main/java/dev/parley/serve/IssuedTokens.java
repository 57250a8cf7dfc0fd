package dev.parley.serve;

import org.jspecify.annotations.Nullable;
import org.springframework.security.authentication.AuthenticationProvider;
import org.springframework.security.authentication.AuthenticationServiceException;
import org.springframework.security.core.Authentication;
import org.springframework.security.core.AuthenticationException;
import org.springframework.security.oauth2.jwt.JwtDecoderInitializationException;
import org.springframework.security.oauth2.server.resource.authentication.JwtAuthenticationProvider;

/**
 * Tokens of an issuer. It is asked for its keys when the first token comes, and again for a key that is not known yet: a server
 * starts without it, and all who need no token of it are served.
 */
class IssuedTokens implements AuthenticationProvider {
    private final JwtAuthenticationProvider tokens;

    IssuedTokens(JwtAuthenticationProvider tokens) {
        this.tokens = tokens;
    }

    /** Whether a token is right, nobody can say now. */
    static class IssuerAwayException extends AuthenticationException {
        private static final long serialVersionUID = 1L;

        IssuerAwayException(RuntimeException cause) {
            super("the issuer of tokens does not answer", cause);
        }
    }

    @Override
    public @Nullable Authentication authenticate(Authentication shown) {
        try {
            return tokens.authenticate(shown);
        } catch (JwtDecoderInitializationException | AuthenticationServiceException e) {
            throw new IssuerAwayException(e);
        }
    }

    @Override
    public boolean supports(Class<?> type) {
        return tokens.supports(type);
    }
}
