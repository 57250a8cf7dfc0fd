package dev.parley.serve;

import jakarta.validation.constraints.Positive;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.bind.DefaultValue;
import org.springframework.util.StringUtils;
import org.springframework.util.unit.DataSize;
import org.springframework.validation.annotation.Validated;

/**
 * Settings under {@code parley.serve.*}. A blank value counts as not set; no secret is ever shown.
 *
 * @param token whoever shows it may do everything
 * @param readToken may look
 * @param trackToken may record sessions and messages
 * @param user who signs in on the page, and may do everything
 * @param hosts names that the server is called by, beside those of this machine
 * @param failedLogins from one address, in a minute
 * @param maxBody of a request; the tracker's doors have their own
 * @param bodyTimeout within which a request's body has to be there
 */
@Validated
@ConfigurationProperties("parley.serve")
record ServeSettings(
        @Nullable String token,
        @Nullable String readToken,
        @Nullable String trackToken,
        @Nullable String user,
        @Nullable String password,
        @DefaultValue List<String> hosts,
        @DefaultValue("10") @Positive int failedLogins,
        @DefaultValue("1MB") DataSize maxBody,
        @DefaultValue("60s") Duration bodyTimeout) {
    private static final int SHORTEST_TOKEN = 16;
    private static final int SHORTEST_PASSWORD = 8;

    ServeSettings {
        token = token("PARLEY_TOKEN", token);
        readToken = token("PARLEY_READ_TOKEN", readToken);
        trackToken = token("PARLEY_TRACK_TOKEN", trackToken);
        user = StringUtils.hasText(user) ? user.strip() : null;
        password = StringUtils.hasText(password) ? password : null;
        hosts = hosts.stream()
                .map(host -> host.strip().toLowerCase(Locale.ROOT))
                .toList();
        if ((user == null) != (password == null)) {
            throw new IllegalArgumentException(
                    "PARLEY_USER and PARLEY_PASSWORD belong together; set both (parley.serve.user, .password) or neither");
        }
        if (password != null && password.length() < SHORTEST_PASSWORD) {
            throw new IllegalArgumentException(
                    "PARLEY_PASSWORD (parley.serve.password) is shorter than " + SHORTEST_PASSWORD + " characters");
        }
        if (Objects.equals(token, readToken) && token != null
                || Objects.equals(token, trackToken) && token != null
                || Objects.equals(readToken, trackToken) && readToken != null) {
            throw new IllegalArgumentException(
                    "PARLEY_TOKEN, PARLEY_READ_TOKEN and PARLEY_TRACK_TOKEN must differ, or nobody knows which rights are meant");
        }
    }

    private static @Nullable String token(String name, @Nullable String value) {
        if (!StringUtils.hasText(value)) {
            return null;
        }
        String token = value.strip();
        if (token.length() < SHORTEST_TOKEN || !token.matches("[A-Za-z0-9._~+/-]+=*")) {
            throw new IllegalArgumentException(name + " should be at least " + SHORTEST_TOKEN
                    + " letters, digits or characters of -._~+/, such as what this makes: openssl rand -hex 24");
        }
        return token;
    }

    /** Bearer tokens by the names of who shows them. */
    Map<String, String> tokens() {
        Map<String, String> tokens = new TreeMap<>();
        if (token != null) {
            tokens.put("token", token);
        }
        if (readToken != null) {
            tokens.put("read-token", readToken);
        }
        if (trackToken != null) {
            tokens.put("track-token", trackToken);
        }
        return tokens;
    }

    boolean hasCredentials() {
        return user != null || !tokens().isEmpty();
    }

    /** Without secrets. */
    @Override
    public String toString() {
        return "ServeSettings[tokens=" + tokens().keySet() + ", user=" + user + ", hosts=" + hosts + ", failedLogins="
                + failedLogins + ", maxBody=" + maxBody + ", bodyTimeout=" + bodyTimeout + "]";
    }
}
