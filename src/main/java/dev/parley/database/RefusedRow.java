package dev.parley.database;

import java.sql.SQLException;
import java.util.Optional;
import java.util.regex.Pattern;
import org.springframework.core.NestedExceptionUtils;

/**
 * A row that the database refuses for what is in it, as opposed to a database that is away or not as it should be.
 *
 * @param code {@code database_} and the SQLSTATE
 * @param message message and detail on one line: constraint and offending key
 */
public record RefusedRow(String code, String message) {
    private static final int LONGEST_MESSAGE = 2_000;
    private static final Pattern H2_STATEMENT = Pattern.compile("(?s); SQL statement:.*");

    /** Empty when the failure says nothing about a row. */
    public static Optional<RefusedRow> of(Throwable failure) {
        return NestedExceptionUtils.getMostSpecificCause(failure) instanceof SQLException refusal
                        && isAboutTheRow(refusal)
                ? Optional.of(new RefusedRow("database_" + refusal.getSQLState(), messageOf(refusal)))
                : Optional.empty();
    }

    /** SQLSTATE classes: 22 data, 23 integrity, 44 check option, 54 too large for an index, P0 raised by a trigger. */
    private static boolean isAboutTheRow(SQLException refusal) {
        String state = refusal.getSQLState();
        return state != null
                && (state.startsWith("22")
                        || state.startsWith("23")
                        || state.startsWith("44")
                        || state.startsWith("54")
                        || state.startsWith("P0"));
    }

    /** H2 appends the whole statement, which says nothing. */
    private static String messageOf(SQLException refusal) {
        String said = refusal.getMessage();
        if (said == null || said.isBlank()) {
            return refusal.getClass().getName() + ", SQLSTATE " + refusal.getSQLState();
        }
        String message = H2_STATEMENT.matcher(said).replaceFirst("").strip().replaceAll("\\s*\\R\\s*", " ");
        return message.length() <= LONGEST_MESSAGE ? message : message.substring(0, LONGEST_MESSAGE) + "…";
    }
}
