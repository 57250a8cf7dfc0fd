package dev.parley.provider;

import java.util.List;
import org.jspecify.annotations.Nullable;
import org.springframework.boot.context.properties.ConfigurationProperties;

/**
 * {@code parley.provider}.
 *
 * @param provider who answers where a job names nobody; null chooses {@code anthropic} when it has a key, else
 *     {@code offline}
 */
@ConfigurationProperties("parley")
record ProviderSettings(@Nullable String provider) {
    static final List<String> KNOWN = List.of(AnthropicProvider.NAME, OfflineProvider.NAME, OpenAiProvider.NAME);

    ProviderSettings {
        provider = provider == null || provider.isBlank() ? null : known(provider.strip());
    }

    /** @throws IllegalArgumentException when nobody has this name; says who there is */
    static String known(String name) {
        if (!KNOWN.contains(name)) {
            throw new IllegalArgumentException("no provider is called '" + name
                    + "'; parley.provider and job files may name one of " + String.join(", ", KNOWN));
        }
        return name;
    }
}
