package dev.parley.provider;

import java.time.Clock;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Queue;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;
import org.springframework.stereotype.Component;

/** All providers, by name. Thread-safe. */
@Component
public class ModelProviders implements AutoCloseable {
    /** The names of those whose calls cost something. */
    public static final List<String> PAID = List.of(AnthropicProvider.NAME, OpenAiProvider.NAME);

    private final ProviderSettings settings;
    private final AnthropicSettings anthropic;
    private final OpenAiSettings openAi;
    private final Clock clock;
    private final LimitSettings limits;
    private final @Nullable DataSource database;
    private final OfflineProvider offline;
    /** Made when first asked for: no key is needed, and no connection pool made, for work that calls nobody. */
    private final Map<String, LimitedProvider> paid = new ConcurrentHashMap<>();

    private final Queue<AutoCloseable> toClose = new ConcurrentLinkedQueue<>();

    /** @param database where limits can be shared with other processes; null shares them with nobody */
    ModelProviders(
            ProviderSettings settings,
            AnthropicSettings anthropic,
            OpenAiSettings openAi,
            OfflineSettings offline,
            LimitSettings limits,
            @Nullable DataSource database,
            Clock clock) {
        this.settings = settings;
        this.anthropic = anthropic;
        this.openAi = openAi;
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
        String known = nameOf(name);
        return known.equals(OfflineProvider.NAME) ? offline : paid(known);
    }

    /**
     * Reads stored answers of a provider; to call it is refused with {@link FailureCode#NO_STORED_ANSWER}.
     *
     * @param name as in a job file; null is the configured default
     */
    public ModelProvider storedAnswers(@Nullable String name) {
        String known = nameOf(name);
        return new StoredAnswers(
                known, known.equals(OpenAiProvider.NAME) ? ChatEnvelope::read : MessagesEnvelope::read);
    }

    /**
     * The model that will answer.
     *
     * @param provider as in a job file; null is the configured default
     * @param requested as in a job file; null is the provider's configured one
     */
    public String model(@Nullable String provider, @Nullable String requested) {
        return switch (nameOf(provider)) {
            case OfflineProvider.NAME -> OfflineProvider.MODEL;
            case OpenAiProvider.NAME -> openAi.modelOr(requested);
            default -> anthropic.modelOr(requested);
        };
    }

    private String nameOf(@Nullable String name) {
        if (name != null && !name.isBlank()) {
            return ProviderSettings.known(name.strip());
        }
        if (settings.provider() != null) {
            return settings.provider();
        }
        return anthropic.apiKey() != null ? AnthropicProvider.NAME : OfflineProvider.NAME;
    }

    /**
     * How long no call should begin, because a provider is down, asked to wait, or has as many callers waiting for their
     * turn as it will take; zero for not at all. Cheap: whoever hands out work asks before each item.
     */
    public Duration pause() {
        Duration longest = Duration.ZERO;
        for (LimitedProvider provider : paid.values()) {
            Duration pause = provider.pause();
            longest = pause.compareTo(longest) > 0 ? pause : longest;
        }
        return longest;
    }

    /** Of those that were asked for since the start. */
    public List<ProviderState> states() {
        return paid.values().stream().map(LimitedProvider::state).toList();
    }

    /** Empty when it was not asked for since the start. */
    public Optional<ProviderState> state(String name) {
        return Optional.ofNullable(paid.get(name)).map(LimitedProvider::state);
    }

    private LimitedProvider paid(String name) {
        LimitedProvider made = paid.get(name);
        return made == null ? paid.computeIfAbsent(name, this::make) : made;
    }

    private LimitedProvider make(String name) {
        SharedBuckets shared = sharedBuckets();
        if (name.equals(OpenAiProvider.NAME)) {
            OpenAiProvider made = new OpenAiProvider(openAi, clock);
            toClose.add(made);
            return new LimitedProvider(made, limits, shared, Ticker.SYSTEM);
        }
        AnthropicProvider made = new AnthropicProvider(anthropic, clock);
        toClose.add(made);
        return new LimitedProvider(made, limits, shared, Ticker.SYSTEM);
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
    public void close() throws Exception {
        paid.clear();
        for (AutoCloseable made = toClose.poll(); made != null; made = toClose.poll()) {
            made.close();
        }
    }
}
