package dev.parley.launch;

import dev.parley.work.BatchJob;
import dev.parley.work.BatchJobs;
import java.util.Optional;
import java.util.UUID;
import java.util.regex.Pattern;
import picocli.CommandLine.TypeConversionException;

/** A job, or whatever else has an id, as the command line names it. */
final class JobId {
    /** {@code UUID.fromString} takes 1-2-3-4-5 as well. */
    private static final Pattern FORM = Pattern.compile("[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}");

    private JobId() {}

    static UUID parse(String text) {
        return uuid(text)
                .orElseThrow(() -> new TypeConversionException(
                        "'" + text + "' is not an id, which is a UUID; parley status lists the jobs"));
    }

    /** Empty where it is none. */
    static Optional<UUID> uuid(String text) {
        String id = text.strip();
        return FORM.matcher(id).matches() ? Optional.of(UUID.fromString(id)) : Optional.empty();
    }

    /** @throws ConfigurationException when there is no such job */
    static BatchJob find(BatchJobs jobs, UUID id) {
        return jobs.find(id).orElseThrow(() -> unknown(id));
    }

    static ConfigurationException unknown(UUID id) {
        return new ConfigurationException("There is no job " + id + " in this database; parley status lists the jobs.");
    }
}
