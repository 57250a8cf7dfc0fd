package dev.parley.serve;

import dev.parley.provider.ModelProviders;
import dev.parley.provider.ProviderState;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.stream.Collectors;
import javax.sql.DataSource;
import org.springframework.boot.autoconfigure.condition.ConditionalOnWebApplication;
import org.springframework.boot.availability.ApplicationAvailability;
import org.springframework.boot.availability.ReadinessState;
import org.springframework.boot.health.contributor.Health;
import org.springframework.boot.health.contributor.HealthIndicator;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;

/**
 * What {@code /readyz} looks at beside the tracker. A database that is away is a reason to send nobody here; a provider that is
 * down is one to look, for page and doors work as ever.
 */
@Configuration(proxyBeanMethods = false)
@ConditionalOnWebApplication
class Healths {
    private static final int SECONDS = 1;

    @Bean
    HealthIndicator database(DataSource database) {
        Glimpse<Boolean> answers = new Glimpse<>("database-health", () -> answers(database), Duration.ofSeconds(1));
        return () -> answers.look().orElse(false)
                ? Health.up().build()
                : Health.down()
                        .withDetail("reason", "the database does not answer")
                        .build();
    }

    private static boolean answers(DataSource database) {
        try (Connection connection = database.getConnection()) {
            return connection.isValid(SECONDS);
        } catch (SQLException e) {
            return false;
        }
    }

    /** In place of Boot's own, which tells no reason. */
    @Bean
    HealthIndicator server(ApplicationAvailability availability) {
        return () -> availability.getReadinessState() == ReadinessState.ACCEPTING_TRAFFIC
                ? Health.up().build()
                : Health.outOfService()
                        .withDetail("reason", "it is starting or shutting down")
                        .build();
    }

    @Bean
    HealthIndicator provider(ModelProviders providers) {
        return () -> {
            String down = providers.states().stream()
                    .filter(ProviderState::down)
                    .map(ProviderState::name)
                    .collect(Collectors.joining(", "));
            return down.isEmpty()
                    ? Health.up().build()
                    : Health.status("DEGRADED")
                            .withDetail("reason", down + " answers no calls; it is tried again from time to time")
                            .build();
        };
    }
}
