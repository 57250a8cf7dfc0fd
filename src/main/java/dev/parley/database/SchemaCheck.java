package dev.parley.database;

import dev.parley.database.TargetSchema.Constraint;
import dev.parley.database.TargetSchema.Table;
import java.sql.Connection;
import java.sql.DatabaseMetaData;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import javax.sql.DataSource;

/**
 * Compares the live schema with what the program needs: columns by asking for them, keys and references, and what this role
 * may do. Changes nothing.
 */
public final class SchemaCheck {
    private static final String MIGRATE = "parley migrate";

    private final DataSource dataSource;

    public SchemaCheck(DataSource dataSource) {
        this.dataSource = dataSource;
    }

    public List<Finding> findings() throws SQLException {
        try (Connection connection = dataSource.getConnection()) {
            List<Finding> findings = new ArrayList<>();
            List<String> missing = SchemaProbe.missing(connection);
            missing.forEach(column -> findings.add(new Finding(
                    "schema",
                    column + " is missing, or this role may not read it",
                    MIGRATE + " adds what is missing; GRANT SELECT where it is not")));
            Dialect dialect = Dialect.of(connection);
            TargetSchema target = TargetSchema.of(dialect);
            for (Table table : target.tables().values()) {
                if (!missing.contains(table.name())) {
                    keys(connection, table, findings);
                    if (dialect == Dialect.POSTGRESQL) {
                        rights(connection, table.name(), findings);
                        if (target.adoptable().contains(table)) { // the tracker's tables have policies of their own
                            rowSecurity(connection, table.name(), findings);
                        }
                        validity(connection, table, findings);
                    }
                }
            }
            return findings;
        }
    }

    /** Has PostgreSQL look whether old rows keep the constraints that hold for new ones only. Those that they do not keep stay so. */
    public void validateConstraints() throws SQLException {
        try (Connection connection = dataSource.getConnection()) {
            if (Dialect.of(connection) == Dialect.POSTGRESQL) {
                for (Table table : TargetSchema.of(Dialect.POSTGRESQL).adoptable()) {
                    for (Constraint constraint : table.constraints()) {
                        validate(connection, table.name(), constraint.name());
                    }
                }
            }
        }
    }

    private static void validate(Connection connection, String table, String constraint) throws SQLException {
        if (LiveSchema.strings(
                        connection,
                        "SELECT 1 FROM pg_constraint WHERE conrelid = to_regclass(?) AND conname = ? AND NOT convalidated",
                        table,
                        constraint)
                .isEmpty()) {
            return;
        }
        try (Statement statement = connection.createStatement()) {
            statement.execute("ALTER TABLE " + table + " VALIDATE CONSTRAINT " + constraint);
        } catch (SQLException e) {
            if (!Set.of("23503", "23514", "42501")
                    .contains(String.valueOf(e.getSQLState()))) { // not kept, or not our table
                throw e;
            }
        }
    }

    private record Reference(String name, String target, short deleteRule) {}

    private static void keys(Connection connection, Table table, List<Finding> findings) throws SQLException {
        DatabaseMetaData metaData = connection.getMetaData();
        String name = metaData.storesUpperCaseIdentifiers() ? table.name().toUpperCase(Locale.ROOT) : table.name();
        Map<String, Reference> references = new HashMap<>(); // by their first column
        try (ResultSet row = metaData.getImportedKeys(connection.getCatalog(), connection.getSchema(), name)) {
            while (row.next()) {
                references.put(
                        row.getString("FKCOLUMN_NAME").toLowerCase(Locale.ROOT),
                        new Reference(
                                row.getString("FK_NAME").toLowerCase(Locale.ROOT),
                                (row.getString("PKTABLE_NAME") + " (" + row.getString("PKCOLUMN_NAME") + ")")
                                        .toLowerCase(Locale.ROOT),
                                row.getShort("DELETE_RULE")));
            }
        }
        Set<Set<String>> unique = uniqueColumns(connection, metaData, name);
        for (Constraint constraint : table.constraints()) {
            String columns = String.join(", ", constraint.columns());
            if (constraint.unique() && !unique.contains(new TreeSet<>(constraint.columns()))) {
                findings.add(new Finding(
                        "keys", table.name() + " (" + columns + ") is not unique", "remove doubles, then " + MIGRATE));
            } else if (constraint.foreignKey()) {
                String target = constraint
                        .definition()
                        .replaceFirst("(?s).*REFERENCES\\s+(\\w+)\\s*\\((\\w+)\\).*", "$1 ($2)")
                        .toLowerCase(Locale.ROOT);
                boolean cascade = constraint.definition().contains("ON DELETE CASCADE");
                Reference there = references.get(constraint.columns().get(0));
                if (there == null
                        || !there.name().equals(constraint.name())
                        || !there.target().equals(target)
                        || cascade != (there.deleteRule() == DatabaseMetaData.importedKeyCascade)) {
                    findings.add(new Finding(
                            "keys",
                            table.name() + "." + columns + " does not refer to " + target + " by " + constraint.name()
                                    + (cascade ? " ON DELETE CASCADE" : "")
                                    + (there == null ? "" : ", but to " + there.target() + " by " + there.name()),
                            "ALTER TABLE " + table.name() + " ADD CONSTRAINT " + constraint.name() + " "
                                    + constraint.definition()
                                    + (there == null ? "" : ", after DROP CONSTRAINT " + there.name())));
                }
            }
        }
    }

    private static Set<Set<String>> uniqueColumns(Connection connection, DatabaseMetaData metaData, String table)
            throws SQLException {
        Map<String, Set<String>> indexes = new HashMap<>();
        try (ResultSet row =
                metaData.getIndexInfo(connection.getCatalog(), connection.getSchema(), table, true, true)) {
            while (row.next()) {
                String column = row.getString("COLUMN_NAME");
                if (column != null) {
                    indexes.computeIfAbsent(row.getString("INDEX_NAME"), index -> new TreeSet<>())
                            .add(column.toLowerCase(Locale.ROOT));
                }
            }
        }
        return new HashSet<>(indexes.values());
    }

    private static void rights(Connection connection, String table, List<Finding> findings) throws SQLException {
        for (String right : List.of("SELECT", "INSERT", "UPDATE")) {
            if (LiveSchema.strings(connection, "SELECT 1 WHERE has_table_privilege('" + table + "', '" + right + "')")
                    .isEmpty()) {
                findings.add(new Finding(
                        "permissions",
                        "this role may not " + right + " on " + table,
                        "GRANT " + right + " ON " + table + " TO " + user(connection)));
            }
        }
    }

    private static void rowSecurity(Connection connection, String table, List<Finding> findings) throws SQLException {
        if (LiveSchema.strings(connection, "SELECT 1 WHERE row_security_active('" + table + "')")
                        .isEmpty()
                || LiveSchema.strings(connection, "SELECT 1 WHERE has_table_privilege('" + table + "', 'SELECT')")
                        .isEmpty()) {
            return;
        }
        boolean visible = !LiveSchema.strings(connection, "SELECT 1 FROM " + table + " LIMIT 1")
                .isEmpty();
        if (!visible || !lockable(connection, table)) {
            findings.add(new Finding(
                    "permissions",
                    "row-level security "
                            + (visible
                                    ? "lets this role read rows of " + table
                                            + " and silently keeps it from updating them"
                                    : "may hide rows of " + table + " from this role: it sees none"),
                    "ALTER ROLE " + user(connection) + " BYPASSRLS, or CREATE POLICY parley ON " + table
                            + " FOR ALL TO " + user(connection) + " USING (true)"));
        }
    }

    /** A lock needs what an update needs, of grants and of policies. */
    private static boolean lockable(Connection connection, String table) throws SQLException {
        try {
            return !LiveSchema.strings(connection, "SELECT 1 FROM " + table + " LIMIT 1 FOR UPDATE SKIP LOCKED")
                    .isEmpty();
        } catch (SQLException e) {
            if ("42501".equals(e.getSQLState())) {
                return true; // told as a missing grant already
            }
            throw e;
        }
    }

    private static void validity(Connection connection, Table table, List<Finding> findings) throws SQLException {
        Set<String> ours = new HashSet<>(table.indexes());
        table.constraints().forEach(constraint -> ours.add(constraint.name()));
        for (String name : LiveSchema.strings(
                connection,
                "SELECT conname FROM pg_constraint WHERE conrelid = to_regclass(?) AND NOT convalidated",
                table.name())) {
            if (ours.contains(name)) {
                findings.add(new Finding(
                        "constraints",
                        name + " holds for new rows, and old rows of " + table.name() + " were never seen to keep it",
                        "parley backfill, which mends rows and then runs ALTER TABLE " + table.name()
                                + " VALIDATE CONSTRAINT " + name));
            }
        }
        List<String> indexes = LiveSchema.strings(
                connection,
                "SELECT c.relname FROM pg_index x JOIN pg_class c ON c.oid = x.indexrelid"
                        + " WHERE x.indrelid = to_regclass(?) AND x.indisvalid",
                table.name());
        for (String index : table.indexes()) {
            if (!indexes.contains(index)) {
                findings.add(
                        new Finding(
                                "indexes",
                                "index " + index + " of " + table.name() + " is missing or was never finished",
                                "DROP INDEX IF EXISTS " + index
                                        + "; then create it as in the change log, which parley migrate --dry-run prints for a new database"));
            }
        }
    }

    private static String user(Connection connection) throws SQLException {
        return LiveSchema.strings(connection, "SELECT quote_ident(current_user)")
                .get(0);
    }
}
