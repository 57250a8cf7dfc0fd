package dev.parley.database;

import dev.parley.database.LiveSchema.Column;
import dev.parley.database.TargetSchema.Constraint;
import dev.parley.database.TargetSchema.Table;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Looks, before anything is changed, for what would make an adoption unsafe: it only reads.
 *
 * <p>Reasons are collected, so that a person reads all of them at once.
 */
final class AdoptionCheck {
    /** Columns that nothing can be put into when the table has rows without them. */
    private static final Map<String, List<String>> IRREPLACEABLE = Map.of(
            "personas", List.of("name"),
            "emotional_arcs", List.of("name"),
            "training_topics", List.of("name"),
            "prompt_templates", List.of("template_name", "template_text"),
            "batch_jobs", List.of("name", "status"),
            "batch_items", List.of("batch_job_id", "parameters", "status"));

    /** The columns whose values the program reads as one of a list. */
    private static final Map<String, Set<String>> CLOSED = Map.of(
            "batch_jobs", Set.of("batch_jobs_status_check", "batch_jobs_error_handling_check"),
            "batch_items", Set.of("batch_items_status_check"));

    private final Connection connection;
    private final Dialect dialect;
    private final TargetSchema target;
    private final LiveSchema live;
    private final List<String> reasons = new ArrayList<>();

    private AdoptionCheck(Connection connection, Dialect dialect) throws SQLException {
        this.connection = connection;
        this.dialect = dialect;
        this.target = TargetSchema.of(dialect);
        this.live = LiveSchema.of(connection);
    }

    /** @throws MigrationRefusedException with every reason; the database is untouched */
    static void refuseUnsafe(Connection connection, Dialect dialect) throws SQLException {
        AdoptionCheck check = new AdoptionCheck(connection, dialect);
        check.look();
        if (!check.reasons.isEmpty()) {
            throw new MigrationRefusedException(check.reasons);
        }
    }

    private void look() throws SQLException {
        if (live.has("databasechangelog")
                && !LiveSchema.strings(connection, "SELECT id FROM databasechangelog WHERE id = 'adopt-columns'")
                        .isEmpty()) {
            return; // past that point already
        }
        if (live.has("batch_job_instance") && !live.has("databasechangelog")) {
            reasons.add("Another program keeps Spring Batch's tables here (batch_job_instance …);"
                    + " give Parley a schema of its own, or rename them.");
        }
        for (String view : LiveSchema.strings(
                connection,
                "SELECT lower(table_name) FROM information_schema.tables WHERE table_schema = current_schema"
                        + " AND table_type <> 'BASE TABLE'")) {
            if (target.tables().containsKey(view)) {
                reasons.add(view + " is no table here, but something else of that name; rename it.");
            }
        }
        for (Table table : target.adoptable()) {
            if (live.has(table.name())) {
                shape(table);
                if (dialect == Dialect.POSTGRESQL) {
                    rights(table.name());
                }
            }
        }
        if (reasons.isEmpty()) { // else the statements below may not even be understood
            rows();
        }
    }

    private void shape(Table table) throws SQLException {
        Column id = live.column(table.name(), "id");
        if (table.columns().containsKey("id") && id == null) {
            reasons.add(table.name() + " has no column id; Parley refers to its rows by it.");
        }
        for (TargetSchema.Column ours : table.columns().values()) {
            Column there = live.column(table.name(), ours.name());
            if (there == null) {
                if (IRREPLACEABLE.getOrDefault(table.name(), List.of()).contains(ours.name())
                        && any("SELECT 1 FROM " + table.name() + " LIMIT 1")) {
                    reasons.add(table.name() + " has rows and no column " + ours.name() + "; add it and fill it.");
                }
            } else if (!LiveSchema.suits(ours.type(), there.type())
                    && (dialect == Dialect.H2
                            || Adoption.conversion(table.name(), ours, there.type(), ours.name()) == null)) {
                reasons.add(table.name() + "." + ours.name() + " is " + there.type() + " and must be " + ours.type()
                        + "; convert it: ALTER TABLE " + table.name() + " ALTER COLUMN " + ours.name() + " TYPE "
                        + ours.type() + " USING …");
            }
        }
    }

    /** Under row-level security an UPDATE changes nothing and says nothing. */
    private void rights(String table) throws SQLException {
        if (any("SELECT 1 WHERE row_security_active('" + table + "')")) {
            reasons.add("Row-level security hides rows of " + table + " from this role, so that a migration would leave"
                    + " some out; migrate with the table's owner or a role with BYPASSRLS.");
        }
        if (!any(
                "SELECT 1 FROM pg_class WHERE oid = to_regclass('" + table + "') AND pg_has_role(relowner, 'USAGE')")) {
            reasons.add("This role does not own " + table + " and may not alter it; migrate with its owner.");
        }
    }

    private void rows() throws SQLException {
        for (Table table : target.adoptable()) {
            for (Constraint constraint : table.constraints()) {
                if (!live.has(table.name())) {
                    continue;
                }
                if (constraint.unique() && !constraint.name().equals("batch_items_position_key")) {
                    duplicates(table.name(), constraint);
                } else if (CLOSED.getOrDefault(table.name(), Set.of()).contains(constraint.name())) {
                    unknownValues(table.name(), constraint);
                }
            }
        }
        if (live.has("batch_items", "batch_job_id") && live.has("batch_jobs")) {
            long orphans = count("SELECT count(*) FROM batch_items i WHERE NOT EXISTS"
                    + " (SELECT 1 FROM batch_jobs j WHERE j.id = i.batch_job_id)");
            if (orphans > 0) {
                reasons.add(orphans + " rows of batch_items belong to no job; give them one, or move them elsewhere.");
            }
        }
        if (dialect == Dialect.POSTGRESQL && live.has("batch_items", "conversation_id")) {
            for (String name : LiveSchema.strings(connection, """
                    SELECT c.conname
                      FROM pg_constraint c
                      JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]
                      JOIN pg_attribute f ON f.attrelid = c.confrelid AND f.attnum = c.confkey[1]
                     WHERE c.contype = 'f' AND c.conrelid = to_regclass('batch_items')
                       AND a.attname = 'conversation_id'
                       AND (c.confrelid <> to_regclass('conversations') OR f.attname <> 'id')
                    """)) {
                reasons.add("The foreign key " + name + " of batch_items.conversation_id does not refer to"
                        + " conversations.id, so that its values are other keys; drop it, and Parley translates those that"
                        + " are business keys of conversations.");
            }
        }
    }

    private void duplicates(String table, Constraint unique) throws SQLException {
        if (!unique.columns().stream().allMatch(column -> live.has(table, column))) {
            return;
        }
        String columns = String.join(", ", unique.columns());
        long twice = count("SELECT count(*) FROM (SELECT 1 AS one FROM " + table + " WHERE "
                + unique.columns().get(0) + " IS NOT NULL GROUP BY " + columns + " HAVING count(*) > 1) twice");
        if (twice > 0) {
            reasons.add(
                    table + ": " + twice + " values of " + columns + " are there more than once; make them unique.");
        }
    }

    private void unknownValues(String table, Constraint check) throws SQLException {
        String expression = check.definition().replaceFirst("(?is)^CHECK \\((.*)\\)$", "$1");
        String column = expression.replaceFirst("(?is) = ANY .*", "");
        if (!live.has(table, column)) {
            return;
        }
        String value = "CAST(" + column + " AS varchar)";
        LiveSchema.query(
                connection,
                "SELECT " + value + ", count(*) FROM " + table + " WHERE (" + expression.replaceFirst(column, value)
                        + ") IS NOT TRUE GROUP BY " + value,
                row -> reasons.add(row.getLong(2) + " rows of " + table + " have the " + column + " " + row.getString(1)
                        + ", which Parley does not know; map them to one of "
                        + expression.replaceFirst("(?is).*\\[(.*)\\].*", "$1") + "."));
    }

    private boolean any(String sql) throws SQLException {
        return !LiveSchema.strings(connection, sql).isEmpty();
    }

    private long count(String sql) throws SQLException {
        return Long.parseLong(LiveSchema.strings(connection, sql).get(0));
    }
}
