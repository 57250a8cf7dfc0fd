package dev.parley.database;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The tables of the connection's schema as they are now.
 *
 * @param tables columns by table and name, both lower case
 */
record LiveSchema(Map<String, Map<String, Column>> tables) {
    private static final String COLUMNS = """
            SELECT lower(c.table_name), lower(c.column_name), lower(c.data_type), c.is_nullable, c.column_default,
                   c.is_identity, c.is_generated
              FROM information_schema.columns c
              JOIN information_schema.tables t ON t.table_schema = c.table_schema AND t.table_name = c.table_name
             WHERE c.table_schema = current_schema AND t.table_type = 'BASE TABLE'
             ORDER BY c.table_name, c.ordinal_position
            """;

    /** @param filled whether the database puts a value into it by itself: default, identity, generated */
    record Column(String name, String type, boolean notNull, boolean filled) {
        boolean refusesNothing() {
            return !notNull || filled;
        }
    }

    static LiveSchema of(Connection connection) throws SQLException {
        Map<String, Map<String, Column>> tables = new LinkedHashMap<>();
        query(
                connection,
                COLUMNS,
                row -> tables.computeIfAbsent(row.getString(1), name -> new LinkedHashMap<>())
                        .put(
                                row.getString(2),
                                new Column(
                                        row.getString(2),
                                        row.getString(3),
                                        row.getString(4).equals("NO"),
                                        row.getString(5) != null
                                                || "YES".equals(row.getString(6))
                                                || !"NEVER".equals(row.getString(7)))));
        return new LiveSchema(tables);
    }

    boolean has(String table) {
        return tables.containsKey(table);
    }

    Collection<Column> columns(String table) {
        return tables.getOrDefault(table, Map.of()).values();
    }

    @Nullable
    Column column(String table, String column) {
        return tables.getOrDefault(table, Map.of()).get(column);
    }

    boolean has(String table, String column) {
        return column(table, column) != null;
    }

    /** Whether a column of that type takes and gives the values of ours without a conversion. */
    static boolean suits(String target, String live) {
        return family(target).equals(family(live))
                || target.equals("jsonb") && family(live).equals("text");
    }

    private static String family(String type) {
        String name = type.toLowerCase(Locale.ROOT).replaceAll("\\(.*", "").strip();
        return switch (name) {
            case "text", "varchar", "character varying", "character", "character large object" -> "text";
            case "bytea", "binary varying", "binary large object" -> "bytes";
            case "smallint", "integer", "bigint", "numeric", "decimal", "real", "double precision" -> "number";
            default -> name;
        };
    }

    /** What to do with a row; may throw what reading it throws. */
    interface RowReader {
        void read(ResultSet row) throws SQLException;
    }

    static void query(Connection connection, String sql, RowReader reader, String... parameters) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(sql)) {
            for (int i = 0; i < parameters.length; i++) {
                statement.setString(i + 1, parameters[i]);
            }
            try (ResultSet rows = statement.executeQuery()) {
                while (rows.next()) {
                    reader.read(rows);
                }
            }
        }
    }

    /** The first column of each row. */
    static List<String> strings(Connection connection, String sql, String... parameters) throws SQLException {
        List<String> strings = new ArrayList<>();
        query(connection, sql, row -> strings.add(row.getString(1)), parameters);
        return strings;
    }
}
