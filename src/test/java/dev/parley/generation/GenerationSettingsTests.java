package dev.parley.generation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Duration;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.springframework.boot.context.properties.bind.Binder;
import org.springframework.boot.context.properties.source.MapConfigurationPropertySource;

class GenerationSettingsTests {

    @Test
    void defaultsAreBound() {
        assertThat(bound(Map.of("parley.generation.min-turns", "5")))
                .isEqualTo(new GenerationSettings(8192, 32768, 3, 5, 8, 4, Duration.ofMillis(250)));
    }

    @Test
    void aRuleThatIsBrokenNamesKeysAndValues() {
        assertThatThrownBy(() -> bound(Map.of("parley.generation.max-turns", "3")))
                .hasRootCauseMessage("parley.generation.max-turns 3 is smaller than parley.generation.min-turns 4");
        assertThatThrownBy(() -> bound(Map.of("parley.generation.max-output-tokens", "40000")))
                .rootCause()
                .hasMessageContaining("parley.generation.max-output-tokens-cap 32768");
    }

    private static GenerationSettings bound(Map<String, String> properties) {
        return new Binder(new MapConfigurationPropertySource(properties))
                .bindOrCreate("parley.generation", GenerationSettings.class);
    }
}
