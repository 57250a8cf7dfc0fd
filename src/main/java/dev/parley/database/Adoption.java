package dev.parley.database;

import dev.parley.database.LiveSchema.Column;
import dev.parley.database.TargetSchema.Constraint;
import dev.parley.database.TargetSchema.Table;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * The statements that bring tables of an older shape to ours, found by comparing what is there with the change log's own
 * {@code CREATE TABLE}s. On a database without such tables there are none.
 *
 * <p>Columns and tables are only added; what is in the way of our rows is loosened. A column whose type cannot hold our
 * values is kept under its name with {@value #BEFORE} after it, where views of others go on reading it.
 *
 * @param dialect of the connection
 * @param live what is there
 */
record Adoption(Dialect dialect, TargetSchema target, LiveSchema live, Connection connection) {
    /** What the name of a column ends with that had to make room for one of ours. */
    static final String BEFORE = "_before_parley";

    /** Waiting longer for a lock would make everyone else wait behind us. */
    private static final String SHORT_WAIT = "SET lock_timeout = '5s'";

    private static final String LONG_WAIT = "SET lock_timeout = DEFAULT";

    private static final Set<String> LEDGERS = Set.of("generation_logs", "failed_generations");
    private static final Pattern LITERAL = Pattern.compile("'([^']*)'");

    static Adoption of(Connection connection, Dialect dialect) throws SQLException {
        return new Adoption(dialect, TargetSchema.of(dialect), LiveSchema.of(connection), connection);
    }

    private Stream<Table> tables() {
        return target.adoptable().stream().filter(table -> live.has(table.name()));
    }

    private boolean postgresql() {
        return dialect == Dialect.POSTGRESQL;
    }

    /**
     * Adds what is missing and loosens what would refuse our rows. Each touches the catalog only, whatever the table's size,
     * so all of it fits into one short transaction.
     */
    List<String> columns() {
        List<String> statements = new ArrayList<>();
        tables().forEach(table -> {
            for (TargetSchema.Column column : table.columns().values()) {
                if (column.created()) {
                    column(table.name(), column, live.column(table.name(), column.name()), statements);
                }
            }
            live.columns(table.name()).stream()
                    .filter(column -> !table.columns().containsKey(column.name()))
                    .filter(column -> !column.refusesNothing())
                    .forEach(column -> statements.add(alter(table.name(), column.name(), "DROP NOT NULL")));
        });
        if (postgresql() && !statements.isEmpty()) {
            statements.add(0, SHORT_WAIT.replace("SET", "SET LOCAL"));
        }
        return statements;
    }

    private void column(String table, TargetSchema.Column ours, @Nullable Column there, List<String> statements) {
        String add = "ALTER TABLE " + table + " ADD COLUMN " + ours.name() + " " + ours.type();
        if (there == null) {
            boolean later =
                    ours.defaultValue() == null || ours.volatileDefault(); // a volatile one would rewrite the table
            statements.add(later ? add : add + " DEFAULT " + ours.defaultValue() + (ours.notNull() ? " NOT NULL" : ""));
            if (ours.volatileDefault()) {
                statements.add(alter(table, ours.name(), "SET DEFAULT " + ours.defaultValue()));
            }
        } else if (LiveSchema.suits(ours.type(), there.type())) {
            if (!there.refusesNothing() && !ours.notNull()) {
                statements.add(alter(table, ours.name(), "DROP NOT NULL"));
            }
            if (ours.defaultValue() != null && !there.filled()) {
                statements.add(alter(table, ours.name(), "SET DEFAULT " + ours.defaultValue()));
            }
        } else {
            if (!there.refusesNothing()) {
                statements.add(alter(table, ours.name(), "DROP NOT NULL"));
            }
            statements.add("ALTER TABLE " + table
                    + (postgresql() ? " RENAME COLUMN " + ours.name() : " ALTER COLUMN " + ours.name() + " RENAME")
                    + " TO "
                    + ours.name() + BEFORE);
            statements.add(add);
            if (ours.defaultValue() != null) { // not with the column, which is yet to be filled from the former one
                statements.add(alter(table, ours.name(), "SET DEFAULT " + ours.defaultValue()));
            }
        }
    }

    private static String alter(String table, String column, String change) {
        return "ALTER TABLE " + table + " ALTER COLUMN " + column + " " + change;
    }

    /**
     * How a value of a column that does not suit becomes one of ours.
     *
     * @return an SQL expression; null where there is no safe way
     */
    static @Nullable String conversion(String table, TargetSchema.Column ours, String liveType, String value) {
        if (table.equals("batch_jobs")
                && ours.name().equals("priority")
                && LiveSchema.suits("integer", liveType)) { // 1 to 10, 10 the most urgent
            return "CASE WHEN " + value + " <= 3 THEN 'low' WHEN " + value + " <= 7 THEN 'normal' ELSE 'high' END";
        }
        if (ours.type().equals("text")) { // of an enum, a number, a document
            return "CAST(" + value + " AS text)";
        }
        return switch (liveType) {
            case "json" -> ours.type().equals("jsonb") ? "CAST(" + value + " AS jsonb)" : null; // it has no equality
            case "array" -> ours.type().equals("jsonb") ? "to_jsonb(" + value + ")" : null;
            case "timestamp without time zone" ->
                ours.type().equals("timestamp with time zone") ? value + " AT TIME ZONE 'UTC'" : null;
            default -> null;
        };
    }

    /** Fills converted columns, and the defaults of columns that had none. Locks rows, and no table. */
    List<String> values() {
        List<String> statements = new ArrayList<>();
        tables().forEach(table -> {
            Map<String, String> empty = new LinkedHashMap<>(); // column to default
            for (TargetSchema.Column ours : table.columns().values()) {
                Column there = live.column(table.name(), ours.name());
                Column before = live.column(table.name(), ours.name() + BEFORE);
                if (before == null && there != null && !LiveSchema.suits(ours.type(), there.type())) {
                    before = there; // as a dry run sees it
                }
                if (before != null) {
                    String value = ours.name() + BEFORE;
                    statements.add("UPDATE " + table.name() + " SET " + ours.name() + " = "
                            + conversion(table.name(), ours, before.type(), value) + " WHERE " + ours.name()
                            + " IS NULL AND " + value + " IS NOT NULL");
                }
                if (ours.notNull()
                        && ours.defaultValue() != null
                        && (before != null || there != null && !there.notNull())) {
                    empty.put(ours.name(), ours.defaultValue());
                }
            }
            if (!empty.isEmpty()) {
                statements.add("UPDATE " + table.name() + " SET "
                        + empty.entrySet().stream()
                                .map(one -> one.getKey() + " = COALESCE(" + one.getKey() + ", " + one.getValue() + ")")
                                .collect(Collectors.joining(", "))
                        + " WHERE " + String.join(" IS NULL OR ", empty.keySet()) + " IS NULL");
            }
        });
        return statements;
    }

    /** A constraint that is there; {@code columns} in order, {@code type} as in {@code pg_constraint}. */
    private record Existing(String name, String type, List<String> columns, String definition, boolean validated) {}

    private List<Existing> existing(String table) throws SQLException {
        List<Existing> constraints = new ArrayList<>();
        LiveSchema.query(
                connection,
                """
                SELECT c.conname, c.contype, pg_get_constraintdef(c.oid), c.convalidated,
                       (SELECT string_agg(a.attname, ',' ORDER BY k.n)
                          FROM unnest(c.conkey) WITH ORDINALITY AS k(attnum, n)
                          JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.attnum)
                  FROM pg_constraint c
                 WHERE c.conrelid = to_regclass(?)
                 UNION ALL
                SELECT i.relname, 'u', '', true,
                       (SELECT string_agg(a.attname, ',' ORDER BY k.n)
                          FROM unnest(x.indkey::int2[]) WITH ORDINALITY AS k(attnum, n)
                          JOIN pg_attribute a ON a.attrelid = x.indrelid AND a.attnum = k.attnum)
                  FROM pg_index x
                  JOIN pg_class i ON i.oid = x.indexrelid
                 WHERE x.indrelid = to_regclass(?) AND x.indisunique AND x.indisvalid AND x.indpred IS NULL
                """,
                row -> constraints.add(new Existing(
                        row.getString(1),
                        row.getString(2),
                        List.of(String.valueOf(row.getString(5)).split(",")),
                        String.valueOf(row.getString(3)),
                        row.getBoolean(4))),
                table,
                table);
        return constraints;
    }

    /**
     * Adds the constraints that are missing, on PostgreSQL without reading a row under an exclusive lock: indexes concurrently,
     * the others {@code NOT VALID} and then validated. One that old rows do not keep stays unvalidated, holds for new rows, and
     * {@code verify} tells of it. Not in a transaction.
     */
    List<String> constraints() throws SQLException {
        List<String> unhurried = new ArrayList<>(); // a concurrent index waits for every transaction that is under way
        List<String> statements = new ArrayList<>();
        for (Table table : tables().toList()) {
            if (postgresql()) {
                List<Existing> there = existing(table.name());
                for (Constraint constraint : table.constraints()) {
                    if (constraint.unique()) {
                        unique(table.name(), constraint, there, unhurried);
                    } else {
                        other(table.name(), constraint, there, statements);
                    }
                }
                ledger(table, there, statements);
            } else {
                plain(table, statements);
            }
            notNull(table, statements);
        }
        if (postgresql() && !statements.isEmpty()) {
            statements.add(0, SHORT_WAIT);
            statements.add(LONG_WAIT);
        }
        unhurried.addAll(statements);
        return unhurried;
    }

    private static void unique(String table, Constraint ours, List<Existing> there, List<String> statements) {
        boolean known = there.stream()
                .anyMatch(one -> (one.type().equals("u") || one.type().equals("p"))
                        && Set.copyOf(one.columns()).equals(Set.copyOf(ours.columns())));
        if (!known) {
            statements.add("CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS " + ours.name() + " ON " + table + " ("
                    + String.join(", ", ours.columns()) + ")");
            statements.add(
                    "ALTER TABLE " + table + " ADD CONSTRAINT " + ours.name() + " UNIQUE USING INDEX " + ours.name());
        }
    }

    private void other(String table, Constraint ours, List<Existing> there, List<String> statements) {
        Existing same = null;
        List<String> drop = new ArrayList<>();
        for (Existing one : there) {
            if (ours.foreignKey() && one.type().equals("f") && one.columns().equals(ours.columns())
                    || ours.check() && one.type().equals("c") && isAboutTheSame(ours, one)) {
                if (one.name().equals(ours.name()) && isEqual(ours, one)) {
                    same = one;
                } else {
                    drop.add("DROP CONSTRAINT " + quoted(one.name()));
                }
            }
        }
        String add = same != null ? "" : "ADD CONSTRAINT " + ours.name() + " " + flat(ours.definition()) + " NOT VALID";
        String changes = Stream.concat(drop.stream(), Stream.of(add))
                .filter(change -> !change.isEmpty())
                .collect(Collectors.joining(", "));
        if (!changes.isEmpty()) {
            statements.add("ALTER TABLE " + table + " " + changes);
        }
        if (same == null || !same.validated()) {
            statements.add(validate(table, ours.name()));
        }
    }

    private static boolean isAboutTheSame(Constraint ours, Existing one) {
        return one.name().equals(ours.name())
                || !literals(ours.definition()).isEmpty()
                        && one.columns().size() == 1
                        && ours.definition()
                                .matches("(?is)CHECK \\(" + one.columns().get(0) + " = ANY .*");
    }

    /** The database words a definition its own way: what counts is a reference's target and rule, a check's list of values. */
    private static boolean isEqual(Constraint ours, Existing one) {
        return ours.foreignKey()
                ? reference(ours.definition()).equals(reference(one.definition()))
                : literals(ours.definition()).equals(literals(one.definition()));
    }

    private static String reference(String definition) {
        return definition.replaceAll("(?i)NOT VALID", "").replaceAll("\\s+", "").toLowerCase(Locale.ROOT);
    }

    private static Set<String> literals(String definition) {
        Set<String> literals = new TreeSet<>();
        Matcher literal = LITERAL.matcher(definition);
        while (literal.find()) {
            literals.add(literal.group(1));
        }
        return literals;
    }

    /** A call is entered before its conversation has a row, and stays on record whatever becomes of the rest. */
    private static void ledger(Table table, List<Existing> there, List<String> statements) {
        if (LEDGERS.contains(table.name())) {
            there.stream()
                    .filter(one ->
                            one.type().equals("f") && table.columns().keySet().containsAll(one.columns()))
                    .forEach(one ->
                            statements.add("ALTER TABLE " + table.name() + " DROP CONSTRAINT " + quoted(one.name())));
        }
    }

    private void notNull(Table table, List<String> statements) {
        List<String> columns = table.columns().values().stream()
                .filter(ours ->
                        ours.notNull() && !LEDGERS.contains(table.name())) // former calls may lack what ours tell
                .filter(ours -> isNullable(table.name(), ours))
                .map(TargetSchema.Column::name)
                .toList();
        if (columns.isEmpty()) {
            return;
        }
        List<String> set = columns.stream()
                .map(name -> "ALTER COLUMN " + name + " SET NOT NULL")
                .toList();
        if (!postgresql()) {
            set.forEach(one -> statements.add("ALTER TABLE " + table.name() + " " + one));
            return;
        }
        String proof =
                table.name() + "_adopted"; // with it, SET NOT NULL need not read the table under its exclusive lock
        statements.add("ALTER TABLE " + table.name() + " DROP CONSTRAINT IF EXISTS " + proof + ", ADD CONSTRAINT "
                + proof + " CHECK (" + String.join(" IS NOT NULL AND ", columns) + " IS NOT NULL) NOT VALID");
        statements.add("ALTER TABLE " + table.name() + " VALIDATE CONSTRAINT " + proof);
        statements.add("ALTER TABLE " + table.name() + " " + String.join(", ", set));
        statements.add("ALTER TABLE " + table.name() + " DROP CONSTRAINT " + proof);
    }

    private boolean isNullable(String table, TargetSchema.Column ours) {
        Column there = live.column(table, ours.name());
        return there == null
                ? ours.created() && (ours.defaultValue() == null || ours.volatileDefault()) // as a dry run sees it
                : !there.notNull();
    }

    private void plain(Table table, List<String> statements) throws SQLException {
        List<String> there = LiveSchema.strings(
                connection,
                "SELECT lower(constraint_name) FROM information_schema.table_constraints WHERE lower(table_name) = ?",
                table.name());
        table.constraints().stream()
                .filter(ours -> !there.contains(ours.name()))
                .forEach(ours -> statements.add("ALTER TABLE " + table.name() + " ADD CONSTRAINT " + ours.name() + " "
                        + flat(ours.definition())));
    }

    private static String validate(String table, String constraint) {
        return """
                DO $$
                BEGIN
                    ALTER TABLE %s VALIDATE CONSTRAINT %s;
                EXCEPTION WHEN check_violation OR foreign_key_violation THEN
                    RAISE WARNING '%s: some rows of %s do not keep it; parley verify tells which, parley backfill mends';
                END $$""".formatted(table, constraint, constraint, table);
    }

    private static String flat(String definition) {
        return definition.replaceAll("\\s+", " ");
    }

    private static String quoted(String name) {
        return '"' + name.replace("\"", "\"\"") + '"';
    }
}
