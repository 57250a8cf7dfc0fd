package dev.parley.database;

import dev.parley.database.TargetSchema.Table;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;

/** Finds out which columns are there by asking for them, which needs no look into the catalog. */
final class SchemaProbe {
    private SchemaProbe() {}

    /** The required columns that are not there, as {@code table.column}, and tables none of whose columns is. */
    static List<String> missing(Connection connection) throws SQLException {
        List<String> missing = new ArrayList<>();
        for (Table table : TargetSchema.of(Dialect.of(connection)).tables().values()) {
            Collection<String> columns = table.columns().keySet();
            if (canRead(connection, String.join(", ", columns), table.name())) {
                continue; // the usual case: one probe a table
            }
            if (!canRead(connection, "1", table.name())) {
                missing.add(table.name());
                continue;
            }
            for (String column : columns) {
                if (!canRead(connection, column, table.name())) {
                    missing.add(table.name() + "." + column);
                }
            }
        }
        return missing;
    }

    /** In a savepoint where there is a transaction: PostgreSQL would refuse everything after the first failure. */
    private static boolean canRead(Connection connection, String columns, String table) throws SQLException {
        var savepoint = connection.getAutoCommit() ? null : connection.setSavepoint();
        try (Statement statement = connection.createStatement()) {
            statement
                    .executeQuery("SELECT " + columns + " FROM " + table + " LIMIT 1")
                    .close();
            return true;
        } catch (SQLException e) {
            if (savepoint != null) {
                connection.rollback(savepoint);
            }
            if (e.getSQLState() != null
                    && (e.getSQLState().startsWith("42"))) { // unknown table or column, or not allowed
                return false;
            }
            throw e;
        }
    }
}
