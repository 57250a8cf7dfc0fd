package dev.parley.provider;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.time.Clock;
import java.time.Duration;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.springframework.boot.context.properties.EnableConfigurationProperties;
import org.springframework.boot.test.context.ConfigDataApplicationContextInitializer;
import org.springframework.boot.test.context.runner.ApplicationContextRunner;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Import;
import org.springframework.core.env.MapPropertySource;

/** With {@code application.yaml} as delivered. */
class ModelProvidersTests {
    private final ApplicationContextRunner context = new ApplicationContextRunner()
            .withInitializer(new ConfigDataApplicationContextInitializer())
            .withPropertyValues("ANTHROPIC_API_KEY=", "ANTHROPIC_BASE_URL=", "ANTHROPIC_MODEL=")
            .withUserConfiguration(OnlyProviders.class);

    @Test
    void withoutAKeyTheDefaultIsOffline() {
        context.run(running -> {
            ModelProviders providers = running.getBean(ModelProviders.class);

            assertThat(providers.byName(null).name()).isEqualTo("offline");
            assertThat(providers.model(null, "claude-haiku-5-5")).isEqualTo("offline");
            assertThat(providers.model("anthropic", null)).isEqualTo("claude-sonnet-5-5");
            assertThat(providers.model("anthropic", "claude-haiku-5-5")).isEqualTo("claude-haiku-5-5");
        });
    }

    @Test
    void withAKeyTheDefaultIsAnthropicAtTheAddressOfTheEnvironment() {
        try (FakeAnthropic server = FakeAnthropic.start()) {
            context.withPropertyValues(
                            "ANTHROPIC_API_KEY=" + FakeAnthropic.KEY,
                            "ANTHROPIC_BASE_URL=" + server.baseUrl(),
                            "ANTHROPIC_MODEL=claude-haiku-5-5")
                    .run(running -> {
                        ModelProvider provider =
                                running.getBean(ModelProviders.class).byName(null);

                        provider.call(new ModelRequest("key-1", null, 900, "Rules", "Hello", null, Map.of()));

                        assertThat(provider.name()).isEqualTo("anthropic");
                        assertThat(server.requests().get(0).json().path("model").asString())
                                .isEqualTo("claude-haiku-5-5");
                    });
        }
    }

    @Test
    void theSettingComesBeforeTheKeyAndTheNameBeforeTheSetting() {
        context.withPropertyValues("ANTHROPIC_API_KEY=" + FakeAnthropic.KEY, "parley.provider=offline")
                .run(running -> {
                    ModelProviders providers = running.getBean(ModelProviders.class);

                    assertThat(providers.byName(null).name()).isEqualTo("offline");
                    assertThat(providers.byName("anthropic").name()).isEqualTo("anthropic");
                    assertThat(providers.byName("anthropic")).isSameAs(providers.byName("anthropic"));
                });
    }

    @Test
    void anUnknownNameIsAnErrorThatTellsTheKnownOnes() {
        context.run(running -> {
            ModelProviders providers = running.getBean(ModelProviders.class);

            assertThatIllegalArgumentException()
                    .isThrownBy(() -> providers.byName("open-ai"))
                    .withMessageContaining("'open-ai'")
                    .withMessageContaining("anthropic, offline, openai");
        });
    }

    @Test
    void anthropicWithoutAKeyIsAnErrorThatTellsTheVariableToSet() { // A35
        context.withPropertyValues("parley.provider=anthropic").run(running -> {
            ModelProviders providers = running.getBean(ModelProviders.class);

            assertThatIllegalArgumentException()
                    .isThrownBy(() -> providers.byName(null))
                    .withMessageContaining("ANTHROPIC_API_KEY");
        });
    }

    @ParameterizedTest
    @CsvSource({
        "parley.provider=open-ai, open-ai",
        "parley.openai.base-url=localhost:11434, parley.openai.base-url",
        "parley.openai.json-output=xml, xml",
        "parley.anthropic.base-url=api.anthropic.com, parley.anthropic.base-url",
        "parley.anthropic.call-timeout=0s, call-timeout",
        "parley.anthropic.max-connections=0, maxConnections",
        "parley.offline.failures.refused=1.5, 1.5",
        "parley.limits.requests-per-minute=-1, requestsPerMinute",
        "parley.limits.down-after=0s, parley.limits.down-after",
        "parley.offline.latency.median=-1s, parley.offline.latency"
    })
    void aWrongSettingStopsTheStartAndIsNamed(String setting, String named) {
        context.withPropertyValues(setting)
                .run(running -> assertThat(running).getFailure().rootCause().hasMessageContaining(named));
    }

    @Test
    void aKeyThatCannotBeOneIsNotShown() { // A36
        context.withInitializer(running -> running.getEnvironment()
                        .getPropertySources()
                        .addFirst(new MapPropertySource("key", Map.of("ANTHROPIC_API_KEY", "sk-secret\nsk-secret"))))
                .run(running -> assertThat(running)
                        .getFailure()
                        .rootCause()
                        .hasMessageContaining("ANTHROPIC_API_KEY")
                        .hasMessageNotContaining("sk-secret"));
    }

    @Test
    void aTrailingVersionInTheAddressIsTakenOff() {
        AnthropicSettings settings = new AnthropicSettings(
                "http://gateway.example/llm/v1/", "k", "", "", Duration.ofMinutes(5), Duration.ofSeconds(10), 1);

        assertThat(settings.messagesEndpoint()).hasToString("http://gateway.example/llm/v1/messages");
    }

    @Configuration(proxyBeanMethods = false)
    @EnableConfigurationProperties({
        ProviderSettings.class,
        AnthropicSettings.class,
        OpenAiSettings.class,
        OfflineSettings.class,
        LimitSettings.class
    })
    @Import(ModelProviders.class)
    static class OnlyProviders {
        @Bean
        Clock clock() {
            return Clock.systemUTC();
        }
    }
}
