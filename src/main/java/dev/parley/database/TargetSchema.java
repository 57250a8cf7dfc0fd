package dev.parley.database;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * The tables as the change log's own statements make them on an empty database, so that columns and constraints are written
 * down once: what an older database lacks, and what {@code verify} looks for, is read from here.
 *
 * <p>It reads the change log as we write it (formatted SQL; {@code CREATE TABLE}, {@code ADD COLUMN}, {@code DROP NOT NULL},
 * {@code CREATE INDEX}); a test compares it with what a database makes of the same files.
 *
 * @param tables by name, lower case, in the order in which they need each other
 */
record TargetSchema(Map<String, Table> tables) {
    private static final Pattern CHANGE_SET = Pattern.compile("(?m)^--changeset [^\\n]*$");
    private static final Pattern DBMS = Pattern.compile("dbms:(\\w+)");
    private static final Pattern CREATE_TABLE =
            Pattern.compile("(?is)CREATE TABLE (?:IF NOT EXISTS )?(\\w+) \\((.*)\\)");
    private static final Pattern ADD_COLUMN =
            Pattern.compile("(?is)ALTER TABLE (\\w+) ADD COLUMN (?:IF NOT EXISTS )?(\\w+) (.*)");
    private static final Pattern DROP_NOT_NULL =
            Pattern.compile("(?is)ALTER TABLE (\\w+) ALTER COLUMN (\\w+) DROP NOT NULL");
    private static final Pattern CREATE_INDEX =
            Pattern.compile("(?is)CREATE (?:UNIQUE )?INDEX (?:CONCURRENTLY )?(?:IF NOT EXISTS )?(\\w+) ON (\\w+) .*");
    private static final Pattern COLUMN = Pattern.compile("(?is)(\\w+)\\s+(.*)");
    private static final Pattern TYPE =
            Pattern.compile("(?is)^(.*?)(?:\\s+(?:DEFAULT|NOT NULL|PRIMARY KEY|REFERENCES|GENERATED)\\b.*)?$");
    private static final Pattern DEFAULT =
            Pattern.compile("(?is)\\bDEFAULT (.*?)(?:\\s+(?:NOT NULL|PRIMARY KEY|REFERENCES)\\b.*)?$");
    private static final Pattern CONSTRAINT = Pattern.compile("(?is)CONSTRAINT (\\w+) (.*)");

    /** @param indexes their names */
    record Table(String name, Map<String, Column> columns, List<Constraint> constraints, List<String> indexes) {}

    /**
     * @param type as the dialect writes it
     * @param defaultValue an SQL expression
     * @param created whether {@code CREATE TABLE} has it; false when a later change set adds it
     */
    record Column(
            String name,
            String type,
            boolean notNull,
            @Nullable String defaultValue,
            boolean created) {
        boolean volatileDefault() {
            return defaultValue != null && defaultValue.contains("gen_random_uuid");
        }
    }

    /** A named constraint. */
    record Constraint(String name, String definition) {
        private static final Pattern COLUMNS = Pattern.compile("(?is)(?:UNIQUE|FOREIGN KEY) \\(([^)]*)\\).*");

        boolean unique() {
            return definition.startsWith("UNIQUE");
        }

        boolean foreignKey() {
            return definition.startsWith("FOREIGN KEY");
        }

        boolean check() {
            return definition.startsWith("CHECK");
        }

        /** The columns of a unique constraint or foreign key, in order. */
        List<String> columns() {
            Matcher columns = COLUMNS.matcher(definition);
            return columns.matches()
                    ? List.of(columns.group(1).toLowerCase(Locale.ROOT).split("\\s*,\\s*"))
                    : List.of();
        }
    }

    /** The tracker's tables have change sets of their own that adopt them, and Spring Batch's are not ours. */
    private static final Set<String> ADOPTED_ELSEWHERE =
            Set.of("conversation_sessions", "conversation_messages", "tracking_dead_letters");

    /** Tables that an older installation may have in another shape, and that {@link Adoption} brings to ours. */
    List<Table> adoptable() {
        return tables.values().stream()
                .filter(table -> !ADOPTED_ELSEWHERE.contains(table.name())
                        && !table.name().startsWith("batch_job_")
                        && !table.name().startsWith("batch_step_"))
                .toList();
    }

    static TargetSchema of(Dialect dialect) {
        boolean postgresql = dialect == Dialect.POSTGRESQL;
        Map<String, Table> tables = new LinkedHashMap<>();
        for (String file : ChangeLogState.files()) {
            if (!file.endsWith(".sql")) {
                continue;
            }
            String sql = ChangeLogState.text(file)
                    .replace("${json}", postgresql ? "jsonb" : "varchar")
                    .replace("${text}", postgresql ? "text" : "varchar");
            Matcher header = CHANGE_SET.matcher(sql);
            int from = header.find() ? header.end() : sql.length();
            String attributes = from == sql.length() ? "" : header.group();
            while (from < sql.length()) {
                boolean more = header.find();
                if (runsOn(dialect, attributes)) {
                    add(tables, sql.substring(from, more ? header.start() : sql.length()));
                }
                from = more ? header.end() : sql.length();
                attributes = more ? header.group() : "";
            }
        }
        return new TargetSchema(tables);
    }

    private static boolean runsOn(Dialect dialect, String attributes) {
        Matcher dbms = DBMS.matcher(attributes);
        return !attributes.contains("splitStatements:false") // a program, not the schema
                && (!dbms.find() || dbms.group(1).equalsIgnoreCase(dialect.name()));
    }

    private static void add(Map<String, Table> tables, String changeSet) {
        for (String statement : changeSet.replaceAll("(?m)^\\s*--.*$", "").split(";")) {
            String sql = statement.strip();
            Matcher table = CREATE_TABLE.matcher(sql);
            Matcher column = ADD_COLUMN.matcher(sql);
            Matcher nullable = DROP_NOT_NULL.matcher(sql);
            Matcher index = CREATE_INDEX.matcher(sql);
            if (table.matches()) {
                String name = table.group(1).toLowerCase(Locale.ROOT);
                tables.put(name, table(name, table.group(2)));
            } else if (column.matches() && tables.containsKey(column.group(1))) {
                tables.get(column.group(1))
                        .columns()
                        .putIfAbsent(column.group(2), column(column.group(2), column.group(3), false));
            } else if (nullable.matches() && tables.containsKey(nullable.group(1))) {
                tables.get(nullable.group(1))
                        .columns()
                        .computeIfPresent(
                                nullable.group(2),
                                (name, was) -> new Column(name, was.type(), false, was.defaultValue(), was.created()));
            } else if (index.matches() && tables.containsKey(index.group(2))) {
                tables.get(index.group(2)).indexes().add(index.group(1));
            }
        }
    }

    private static Table table(String name, String body) {
        Table table = new Table(name, new LinkedHashMap<>(), new ArrayList<>(), new ArrayList<>());
        for (String part : parts(body)) {
            Matcher constraint = CONSTRAINT.matcher(part);
            Matcher column = COLUMN.matcher(part);
            if (constraint.matches()) {
                table.constraints()
                        .add(new Constraint(
                                constraint.group(1).toLowerCase(Locale.ROOT),
                                constraint.group(2).strip()));
            } else if (column.matches()) {
                String key = column.group(1).toLowerCase(Locale.ROOT);
                table.columns().put(key, column(key, column.group(2), true));
            }
        }
        return table;
    }

    private static Column column(String name, String definition, boolean created) {
        String flat = definition.strip().replaceAll("\\s+", " ");
        Matcher type = TYPE.matcher(flat);
        Matcher value = DEFAULT.matcher(flat.replaceAll("(?i)GENERATED BY DEFAULT AS IDENTITY", ""));
        return new Column(
                name,
                type.matches() ? type.group(1) : flat,
                flat.contains("NOT NULL") || flat.contains("PRIMARY KEY"),
                value.find() ? value.group(1) : null,
                created);
    }

    /** Splits at commas outside parentheses. */
    private static List<String> parts(String body) {
        List<String> parts = new ArrayList<>();
        int depth = 0;
        int from = 0;
        for (int i = 0; i < body.length(); i++) {
            char c = body.charAt(i);
            depth += c == '(' || c == '[' ? 1 : c == ')' || c == ']' ? -1 : 0;
            if (c == ',' && depth == 0) {
                parts.add(body.substring(from, i).strip());
                from = i + 1;
            }
        }
        parts.add(body.substring(from).strip());
        return parts;
    }
}
