package dev.parley.archive;

import static org.assertj.core.api.Assertions.assertThat;

import dev.parley.archive.ArchiveSettings.Fsync;
import java.io.File;
import java.lang.reflect.Constructor;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Path;
import java.time.Clock;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.springframework.boot.context.properties.EnableConfigurationProperties;
import org.springframework.boot.test.context.ConfigDataApplicationContextInitializer;
import org.springframework.boot.test.context.runner.ApplicationContextRunner;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Import;

class ArchiveConfigurationTests {
    @TempDir
    Path data;

    private final ApplicationContextRunner runner = new ApplicationContextRunner()
            .withInitializer(new ConfigDataApplicationContextInitializer())
            .withBean(Clock.class, Clock::systemUTC)
            .withUserConfiguration(Archive.class);

    @Test
    void byDefaultTheStoreIsTheFolderData() {
        runner.run(context -> {
            ArchiveSettings settings = context.getBean(ArchiveSettings.class);

            assertThat(context).hasSingleBean(LocalObjectStore.class).hasSingleBean(JobLogs.class);
            assertThat(Path.of(settings.data()).normalize()).isEqualTo(Path.of("data"));
            assertThat(settings.buckets().conversations()).isEqualTo("conversation-files"); // A27
            assertThat(settings.buckets().logs()).isEqualTo("batch-logs"); // A41
            assertThat(settings.local().fsync()).isEqualTo(Fsync.RAW);
        });
    }

    @Test
    void emulatorOfTheEnvironmentIsUsedWithoutCredentials() {
        try (FakeGcs gcs = new FakeGcs()) {
            runner.withPropertyValues("parley.store=gcs", "STORAGE_EMULATOR_HOST=" + gcs.host())
                    .run(context -> context.getBean(ObjectStore.class).ensureBucket("conversation-files"));

            assertThat(gcs.hasBucket("conversation-files")).isTrue();
        }
    }

    @Test
    void openLogsArePublishedWhenTheProgramEnds() {
        UUID job = UUID.randomUUID();

        runner.withPropertyValues("parley.data=" + data)
                .run(context -> context.getBean(JobLogs.class).open(job).line("the last line"));

        assertThat(data.resolve("batch-logs/" + job + "/log.txt")).content().endsWith("the last line");
    }

    @ParameterizedTest
    @CsvSource({
        "parley.store, s3",
        "parley.buckets.conversations, Has Blanks",
        "parley.buckets.logs, ../x",
        "parley.local.fsync, sometimes",
        "parley.gcs.emulator-host, host/path",
    })
    void wrongValueStopsTheStartAndIsNamed(String key, String value) {
        runner.withPropertyValues(key + "=" + value)
                .run(context -> assertThat(context)
                        .getFailure()
                        .rootCause()
                        .satisfies(failure -> assertThat(allMessages(context.getStartupFailure()))
                                .contains(key.replace("emulator-host", "emulator"))
                                .contains(value)));
    }

    /** Loading them is a good part of a start, and of a run's memory. */
    @Test
    void localStoreNeedsNoneOfGooglesClasses() throws Exception {
        List<URL> urls = new ArrayList<>();
        for (String entry : System.getProperty("java.class.path").split(File.pathSeparator, -1)) {
            if (!entry.contains("google") && !entry.contains("gax")) {
                urls.add(new File(entry).toURI().toURL());
            }
        }

        try (URLClassLoader loader =
                new URLClassLoader(urls.toArray(URL[]::new), ClassLoader.getPlatformClassLoader())) {
            Constructor<?> main =
                    loader.loadClass(WithoutGoogle.class.getName()).getDeclaredConstructor();
            main.setAccessible(true);

            assertThat(main.newInstance().toString()).contains("LocalObjectStore");
        }
    }

    static final class WithoutGoogle {
        @Override
        public String toString() {
            return new ArchiveConfiguration()
                    .objectStore(ArchiveFixtures.settings(Path.of("data")))
                    .getClass()
                    .getName();
        }
    }

    private static String allMessages(Throwable failure) {
        StringBuilder messages = new StringBuilder();
        for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
            messages.append(cause.getMessage()).append('\n');
        }
        return messages.toString();
    }

    @Configuration(proxyBeanMethods = false)
    @EnableConfigurationProperties(ArchiveSettings.class)
    @Import(ArchiveConfiguration.class)
    static class Archive {}
}
