package dev.parley.provider;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

class FailureCodeTests {
    private static final String MARKER = "<!-- failure policy -->";

    @Test
    void theReadmesTableIsWhatTheProgramDoes() throws IOException { // A57
        List<String> parts = List.of(Files.readString(Path.of("README.md")).split(MARKER, -1));

        assertThat(parts).as("a table between two markers").hasSize(3);
        assertThat(parts.get(1).strip()).isEqualTo(table());
    }

    @Test
    void whatMayHaveBeenBilledIsSaidInTheTable() {
        assertThat(Arrays.stream(FailureCode.values()).filter(FailureCode::mayBeBilled))
                .containsExactly(
                        FailureCode.TIMED_OUT,
                        FailureCode.CONNECTION_RESET,
                        FailureCode.CONNECTION_FAILED,
                        FailureCode.ANSWER_CUT,
                        FailureCode.MALFORMED_ENVELOPE);
    }

    private static String table() {
        return Arrays.stream(FailureCode.values())
                .map(code -> "| `" + code.key() + "` | " + code.when() + " | " + next(code) + " | " + counts(code)
                        + " | " + (code.mayBeBilled() ? "unknown" : "known") + " |")
                .collect(Collectors.joining(
                        "\n", "| code | when | what happens | attempt counts | cost |\n|---|---|---|---|---|\n", ""));
    }

    private static String next(FailureCode code) {
        return switch (code.next()) {
            case WAIT -> "wait as told, then again";
            case RETRY -> "again, up to `max-attempts`";
            case RETRY_CHANGED -> "again with a changed request";
            case FAIL -> "the item fails";
            case FAIL_FOR_NOW -> "the item fails; a later retry may succeed";
            case PAUSE_JOB -> "the job is paused";
        };
    }

    private static String counts(FailureCode code) {
        return switch (code.next()) {
            case WAIT, PAUSE_JOB -> "no";
            case RETRY, RETRY_CHANGED, FAIL, FAIL_FOR_NOW -> "yes";
        };
    }
}
