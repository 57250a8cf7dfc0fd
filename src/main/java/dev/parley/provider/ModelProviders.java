package dev.parley.provider;

import java.io.IOException;
import java.time.Clock;
import java.time.Duration;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;
import org.springframework.stereotype.Component;

/** All providers, by name. Thread-safe. */
@Component
public class ModelProviders implements AutoCloseable {
    private final ProviderSettings settings;
    private final AnthropicSettings anthropicSettings;
    private final Clock clock;
    private final LimitSettings limits;
    private final @Nullable DataSource database;
    private final OfflineProvider offline;
    /** Made when first asked for: no key is needed, and no connection pool made, for work that calls nobody. */
    private @Nullable AnthropicProvider anthropic;

    private volatile @Nullable LimitedProvider limited;

    /** @param database where limits can be shared with other processes; null shares them with nobody */
    ModelProviders(
            ProviderSettings settings,
            AnthropicSettings anthropic,
            OfflineSettings offline,
            LimitSettings limits,
            @Nullable DataSource database,
            Clock clock) {
        this.settings = settings;
        this.anthropicSettings = anthropic;
        this.limits = limits;
        this.database = database;
        this.clock = clock;
        this.offline = new OfflineProvider(offline);
    }

    /**
     * Ask before any work begins: what is wrong with the configuration shows here, not at the first call.
     *
     * @param name as in a job file; null is the configured default
     * @throws IllegalArgumentException for an unknown name, telling the known ones, or when what the provider needs is
     *     not set, telling the variable to set
     */
    public ModelProvider byName(@Nullable String name) {
        return nameOf(name).equals(OfflineProvider.NAME) ? offline : anthropic();
    }

    /**
     * The model that will answer.
     *
     * @param provider as in a job file; null is the configured default
     * @param requested as in a job file; null is the provider's configured one
     */
    public String model(@Nullable String provider, @Nullable String requested) {
        return nameOf(provider).equals(OfflineProvider.NAME)
                ? OfflineProvider.MODEL
                : anthropicSettings.modelOr(requested);
    }

    private String nameOf(@Nullable String name) {
        if (name != null && !name.isBlank()) {
            return ProviderSettings.known(name.strip());
        }
        if (settings.provider() != null) {
            return settings.provider();
        }
        return anthropicSettings.apiKey() != null ? AnthropicProvider.NAME : OfflineProvider.NAME;
    }

    /**
     * How long no call should begin, because a provider is down, asked to wait, or has as many callers waiting for their
     * turn as it will take; zero for not at all. Cheap: whoever hands out work asks before each item.
     */
    public Duration pause() {
        LimitedProvider made = limited;
        return made == null ? Duration.ZERO : made.pause();
    }

    private synchronized ModelProvider anthropic() {
        LimitedProvider made = limited;
        if (made == null) {
            SharedBuckets shared = sharedBuckets();
            anthropic = new AnthropicProvider(anthropicSettings, clock);
            made = new LimitedProvider(anthropic, limits, shared, Ticker.SYSTEM);
            limited = made;
        }
        return made;
    }

    private @Nullable SharedBuckets sharedBuckets() {
        if (database == null) {
            return null;
        }
        return switch (limits.share()) {
            case PROCESS -> null;
            case DATABASE -> SharedBuckets.in(database);
            case AUTO -> SharedBuckets.isPostgresql(database) ? SharedBuckets.in(database) : null;
        };
    }

    @Override
    public synchronized void close() throws IOException {
        if (anthropic != null) {
            anthropic.close();
            anthropic = null;
            limited = null;
        }
    }
}
