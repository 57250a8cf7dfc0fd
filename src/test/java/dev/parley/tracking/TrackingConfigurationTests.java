package dev.parley.tracking;

import static org.assertj.core.api.Assertions.assertThat;

import dev.parley.TestDatabase;
import java.nio.file.Path;
import java.time.Clock;
import java.util.UUID;
import javax.sql.DataSource;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.springframework.boot.autoconfigure.AutoConfigurations;
import org.springframework.boot.jdbc.autoconfigure.DataSourceTransactionManagerAutoConfiguration;
import org.springframework.boot.jdbc.autoconfigure.JdbcTemplateAutoConfiguration;
import org.springframework.boot.test.context.FilteredClassLoader;
import org.springframework.boot.test.context.runner.ApplicationContextRunner;
import org.springframework.jdbc.core.simple.JdbcClient;

class TrackingConfigurationTests {
    private static final UUID SESSION = UUID.randomUUID();

    @TempDir
    private Path folder;

    private final DataSource database = TestDatabase.POSTGRESQL.empty();
    private final ApplicationContextRunner application = new ApplicationContextRunner()
            .withConfiguration(AutoConfigurations.of(
                    JdbcTemplateAutoConfiguration.class, DataSourceTransactionManagerAutoConfiguration.class))
            .withUserConfiguration(TrackingConfiguration.class)
            .withBean(DataSource.class, () -> database)
            .withBean(Clock.class, Clock::systemUTC);

    @Test
    void anyApplicationCanHaveItWithoutBatchAndWeb() { // B51
        application
                .withClassLoader(new FilteredClassLoader("org.springframework.batch", "org.springframework.web"))
                .withPropertyValues("parley.tracking.folder=" + folder)
                .run(context -> {
                    ConversationTracker tracker = context.getBean(ConversationTracker.class);
                    tracker.start(SESSION, UUID.randomUUID(), null);
                    tracker.track(TrackedMessage.of(SESSION, MessageRole.USER, "hello"));
                }); // its end closes the tracker

        assertThat(JdbcClient.create(database)
                        .sql("SELECT content FROM conversation_messages")
                        .query(String.class)
                        .list())
                .containsExactly("hello");
    }

    @Test
    void aWrongSettingStopsTheStartAndIsNamed() {
        application
                .withPropertyValues("parley.tracking.quota=1KB")
                .run(context -> assertThat(context)
                        .getFailure()
                        .hasStackTraceContaining("parley.tracking.quota 1024B is less than 64KB"));
    }

    @Test
    void aFolderThatCannotBeWrittenToIsNamed() {
        application
                .withPropertyValues("parley.tracking.folder=/dev/null/journal")
                .run(context -> assertThat(org.assertj.core.api.Assertions.catchThrowable(
                                () -> context.getBean(ConversationTracker.class)))
                        .hasStackTraceContaining("parley.tracking.folder /dev/null/journal cannot take the journal"));
    }
}
