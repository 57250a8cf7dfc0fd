package dev.parley.database;

import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.springframework.jdbc.core.RowMapper;
import org.springframework.jdbc.core.namedparam.NamedParameterJdbcTemplate;
import tools.jackson.databind.ObjectWriter;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.util.RawValue;

/**
 * A statement for many rows at once: on PostgreSQL one round trip whose parameter {@code :rows} is a JSON array, read with
 * {@code json_to_recordset}; on H2, which has no such function and no {@code RETURNING}, a JDBC batch of a one-row
 * statement. Thread-safe.
 *
 * <p>Arrays are sent whole because the plan of {@code = ANY(?)} made while a table was empty becomes a sequential scan that
 * grows with it.
 *
 * @param postgresql with {@code FROM json_to_recordset(:rows::json) AS r(…)}
 * @param h2 for one row, with the row's keys as named parameters
 */
public record BulkStatement(String postgresql, String h2) {
    private static final ObjectWriter JSON = JsonMapper.shared().writer();

    /** Runs it on H2 or PostgreSQL and returns how many rows it changed. */
    public int update(NamedParameterJdbcTemplate jdbc, Dialect dialect, List<? extends Map<String, ?>> rows) {
        if (rows.isEmpty()) {
            return 0;
        }
        if (dialect == Dialect.POSTGRESQL) {
            return jdbc.update(postgresql, parameter(rows));
        }
        int changed = 0;
        for (int count : batch(jdbc, rows)) {
            changed += count;
        }
        return changed;
    }

    /** Runs it on PostgreSQL, where it has a {@code RETURNING} clause. */
    public <T> List<T> returning(
            NamedParameterJdbcTemplate jdbc, List<? extends Map<String, ?>> rows, RowMapper<T> mapper) {
        return jdbc.query(postgresql, parameter(rows), mapper);
    }

    /** Runs it on H2 and returns how many rows each row changed, in order. */
    @SuppressWarnings("unchecked")
    public int[] batch(NamedParameterJdbcTemplate jdbc, List<? extends Map<String, ?>> rows) {
        return jdbc.batchUpdate(h2, rows.toArray(Map[]::new));
    }

    /** A JSON text as the value of a column: it stays JSON within {@code :rows}, and is a plain text for H2. */
    public static @Nullable Object json(Dialect dialect, @Nullable String json) {
        return json == null || dialect == Dialect.H2 ? json : new RawValue(json);
    }

    private static Map<String, String> parameter(List<? extends Map<String, ?>> rows) {
        return Map.of("rows", JSON.writeValueAsString(rows));
    }
}
