package dev.parley.launch;

import dev.parley.catalog.Suggestion;
import java.sql.ResultSet;
import java.sql.ResultSetMetaData;
import java.sql.SQLException;
import java.sql.Timestamp;
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.springframework.dao.DataIntegrityViolationException;
import org.springframework.jdbc.BadSqlGrammarException;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.stereotype.Repository;

/**
 * Rows of our tables for an operator who has no other way to the database. A table, a column or an operator is one of those
 * that are there, and a value is bound: nothing of what is asked for becomes SQL.
 */
@Repository
class TableQuery {
    private static final List<String> TABLES = List.of(
            "batch_items",
            "batch_jobs",
            "conversation_messages",
            "conversation_sessions",
            "conversations",
            "emotional_arcs",
            "failed_generations",
            "generation_logs",
            "personas",
            "prompt_templates",
            "schedules",
            "job_failures",
            "job_series",
            "tracking_dead_letters",
            "training_topics");

    private static final Pattern CONDITION = Pattern.compile("(\\w+)\\s*(=|!=|<=|>=|<|>)(.*)", Pattern.DOTALL);

    private final JdbcClient jdbc;

    TableQuery(JdbcClient jdbc) {
        this.jdbc = jdbc;
    }

    /**
     * @param where conditions such as {@code status=failed}, all of which a row has to meet; a time is ISO-8601
     * @return column to value, in the order of the table; the newest rows first where the table knows when they were made
     * @throws ConfigurationException for a table, column, operator or value that there is not
     */
    List<Map<String, @Nullable Object>> rows(String table, List<String> where, int limit) {
        if (!TABLES.contains(table)) {
            throw new ConfigurationException(
                    "There is no table '" + table + "'; " + Suggestion.among("tables", TABLES, table));
        }
        List<String> columns = columns(table);
        StringBuilder sql = new StringBuilder("SELECT * FROM " + table);
        Map<String, Object> values = new LinkedHashMap<>();
        for (String condition : where) {
            Matcher parts = CONDITION.matcher(condition);
            if (!parts.matches()) {
                throw new ConfigurationException("--where '" + condition
                        + "' is no condition; write one such as status=failed, with = != < <= > >=");
            }
            String column = parts.group(1).toLowerCase(Locale.ROOT);
            if (!columns.contains(column)) {
                throw new ConfigurationException("Table " + table + " has no column '" + column + "'; "
                        + Suggestion.among("columns", new TreeSet<>(columns), column));
            }
            String name = "value" + values.size();
            sql.append(values.isEmpty() ? " WHERE " : " AND ")
                    .append(column)
                    .append(parts.group(2).equals("!=") ? " <> :" : " " + parts.group(2) + " :")
                    .append(name);
            values.put(name, parts.group(3).strip());
        }
        if (columns.contains("created_at")) {
            sql.append(" ORDER BY created_at DESC");
        }
        try {
            return jdbc.sql(sql + " LIMIT :limit")
                    .params(values)
                    .param("limit", limit)
                    .query(TableQuery::row)
                    .list();
        } catch (DataIntegrityViolationException | BadSqlGrammarException e) {
            throw new ConfigurationException("--where has a value that its column cannot have: "
                    + Objects.requireNonNullElse(e.getMostSpecificCause().getMessage(), ""));
        }
    }

    private List<String> columns(String table) {
        return jdbc.sql("SELECT * FROM " + table + " LIMIT 0").query((ResultSet rows) -> {
            ResultSetMetaData data = rows.getMetaData();
            List<String> names = new ArrayList<>();
            for (int i = 1; i <= data.getColumnCount(); i++) {
                names.add(data.getColumnName(i).toLowerCase(Locale.ROOT));
            }
            return names;
        });
    }

    private static Map<String, @Nullable Object> row(ResultSet row, int number) throws SQLException {
        Map<String, @Nullable Object> values = new LinkedHashMap<>();
        ResultSetMetaData data = row.getMetaData();
        for (int i = 1; i <= data.getColumnCount(); i++) {
            values.put(data.getColumnName(i).toLowerCase(Locale.ROOT), plain(row.getObject(i)));
        }
        return values;
    }

    private static @Nullable Object plain(@Nullable Object value) {
        if (value instanceof Timestamp time) {
            return time.toInstant();
        }
        if (value instanceof OffsetDateTime time) {
            return time.toInstant();
        }
        if (value == null || value instanceof Number || value instanceof Boolean) {
            return value;
        }
        return value.toString();
    }
}
