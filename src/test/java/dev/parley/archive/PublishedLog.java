package dev.parley.archive;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.UUID;

/** A job's log as text, for tests. */
public final class PublishedLog {
    private PublishedLog() {}

    /** Empty when there is none. */
    public static Optional<String> of(JobLogs logs, UUID job) {
        try {
            Path file = Files.createTempFile("log", null);
            try {
                return logs.download(job, file) ? Optional.of(Files.readString(file)) : Optional.empty();
            } finally {
                Files.delete(file);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
