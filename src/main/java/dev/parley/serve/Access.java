package dev.parley.serve;

import java.net.InetAddress;
import java.util.Locale;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.boot.autoconfigure.condition.ConditionalOnWebApplication;
import org.springframework.boot.context.properties.source.InvalidConfigurationPropertyValueException;
import org.springframework.boot.web.server.autoconfigure.ServerProperties;
import org.springframework.security.oauth2.jwt.JwtDecoder;
import org.springframework.stereotype.Component;

/** Whether somebody has to say who he is: everybody who can reach the server at all is only trusted on this very machine. */
@Component
@ConditionalOnWebApplication
class Access {
    private static final Set<String> THIS_MACHINE = Set.of("localhost", "127.0.0.1", "[::1]");

    private final ServeSettings settings;
    private final @Nullable InetAddress address;
    private final boolean loginRequired;

    /** @throws InvalidConfigurationPropertyValueException for a server that others can reach, and nobody has to sign in */
    Access(ServeSettings settings, ServerProperties server, ObjectProvider<JwtDecoder> issuer) {
        this.settings = settings;
        this.address = server.getAddress();
        this.loginRequired = settings.hasCredentials() || issuer.getIfAvailable() != null;
        if (!loginRequired && !onThisMachine()) {
            throw new InvalidConfigurationPropertyValueException(
                    "server.address",
                    String.valueOf(address),
                    (address == null ? "every address" : address.getHostAddress())
                            + " can be reached from other machines, and nobody would have to sign in; set PARLEY_TOKEN (and"
                            + " PARLEY_READ_TOKEN, PARLEY_TRACK_TOKEN), or PARLEY_USER and PARLEY_PASSWORD, or"
                            + " spring.security.oauth2.resourceserver.jwt.issuer-uri; or bind to 127.0.0.1");
        }
    }

    boolean loginRequired() {
        return loginRequired;
    }

    private boolean onThisMachine() {
        return address != null && address.isLoopbackAddress();
    }

    /**
     * Whether the server may be called by that name. A page of somebody else's may let its own name lead to this machine, and
     * would then be taken for ours by the browser.
     */
    boolean isOurName(String host) {
        String name = host.toLowerCase(Locale.ROOT);
        if (settings.hosts().contains(name)) {
            return true;
        }
        return onThisMachine() ? THIS_MACHINE.contains(name) : settings.hosts().isEmpty();
    }
}
