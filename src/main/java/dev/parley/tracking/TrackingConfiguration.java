package dev.parley.tracking;

import java.time.Clock;
import org.springframework.boot.context.properties.EnableConfigurationProperties;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.ComponentScan;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Lazy;
import org.springframework.transaction.PlatformTransactionManager;
import org.springframework.transaction.support.TransactionTemplate;

/**
 * The tracker as a bean, for any Spring application that imports this and has a data source with its {@code JdbcTemplate} and
 * transaction manager, and a {@link Clock}.
 */
@Configuration(proxyBeanMethods = false)
@ComponentScan
@EnableConfigurationProperties(TrackingSettings.class)
public class TrackingConfiguration {
    /** Made when it is first asked for; closed with the application, before its data source. */
    @Bean
    @Lazy
    ConversationTracker conversationTracker(
            TrackingSettings settings,
            ConversationSessions sessions,
            DeadLetters deadLetters,
            PlatformTransactionManager transactions,
            Clock clock) {
        return ConversationTracker.start(settings, sessions, deadLetters, new TransactionTemplate(transactions), clock);
    }
}
