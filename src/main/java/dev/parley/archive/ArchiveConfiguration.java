package dev.parley.archive;

import java.nio.file.Path;
import java.time.Clock;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;

/** The store that the settings name, and the job logs in it. */
@Configuration(proxyBeanMethods = false)
class ArchiveConfiguration {
    /** No class of Google's is loaded for a local store: that would be a good part of the program's start. */
    @Bean
    ObjectStore objectStore(ArchiveSettings settings) {
        return switch (settings.store()) {
            case LOCAL ->
                new LocalObjectStore(Path.of(settings.data()), settings.local().fsync());
            case GCS -> new GcsObjectStore(settings.gcs());
        };
    }

    @Bean
    JobLogs jobLogs(ObjectStore store, ArchiveSettings settings, Clock clock) {
        return new JobLogs(store, settings, clock);
    }

    @Bean
    JobLogFlusher jobLogFlusher(JobLogs logs) {
        return new JobLogFlusher(logs);
    }
}
