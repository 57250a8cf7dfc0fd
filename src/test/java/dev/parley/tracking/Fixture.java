package dev.parley.tracking;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import javax.sql.DataSource;
import org.springframework.boot.context.properties.bind.Binder;
import org.springframework.boot.context.properties.source.MapConfigurationPropertySource;
import org.springframework.jdbc.core.JdbcTemplate;
import org.springframework.jdbc.datasource.DataSourceTransactionManager;
import org.springframework.transaction.support.TransactionTemplate;

/** Makes trackers for tests. */
final class Fixture {
    private static final Duration PATIENCE = Duration.ofMinutes(3);

    private Fixture() {}

    static ConversationSessions sessions(DataSource database) {
        return new ConversationSessions(new JdbcTemplate(database));
    }

    static EntryStore store(DataSource database) {
        return new EntryStore(sessions(database), transaction(database));
    }

    static TransactionTemplate transaction(DataSource database) {
        return new TransactionTemplate(new DataSourceTransactionManager(database));
    }

    static TrackingSettings settings(Path folder, String... properties) {
        Map<String, String> values = new java.util.HashMap<>(Map.of("parley.tracking.folder", folder.toString()));
        for (String property : properties) {
            String[] nameAndValue = property.split("=", 2);
            values.put("parley.tracking." + nameAndValue[0], nameAndValue[1]);
        }
        return new Binder(new MapConfigurationPropertySource(values))
                .bindOrCreate("parley.tracking", TrackingSettings.class);
    }

    static ConversationTracker tracker(DataSource database, Clock clock, TrackingSettings settings) {
        return ConversationTracker.start(
                settings,
                sessions(database),
                new DeadLetters(new JdbcTemplate(database)),
                transaction(database),
                clock);
    }

    static void await(BooleanSupplier condition, String otherwise) {
        long deadline = System.nanoTime() + PATIENCE.toNanos();
        while (!condition.getAsBoolean()) {
            assertThat(System.nanoTime()).as(otherwise).isLessThan(deadline);
            LockSupport.parkNanos(Duration.ofMillis(5).toNanos());
        }
    }
}
