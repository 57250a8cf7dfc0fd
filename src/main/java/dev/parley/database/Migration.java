package dev.parley.database;

import java.io.Writer;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import javax.sql.DataSource;
import liquibase.Contexts;
import liquibase.LabelExpression;
import liquibase.Liquibase;
import liquibase.exception.LiquibaseException;
import liquibase.integration.spring.SpringLiquibase;

/**
 * Brings the schema up to date at start-up.
 *
 * <p>On PostgreSQL an advisory lock is held meanwhile: several first starts at once on an empty database would otherwise
 * meet in the creation of Liquibase's own lock table, and all but one fail. Where nothing has changed since the last start,
 * Liquibase is not even loaded, see {@link ChangeLogState}.
 */
public class Migration extends SpringLiquibase {
    /** Any number nobody else uses; the bigint form, so it never meets the workers' two-key locks. */
    private static final long LOCK = 0x9A71E7_0001L;

    private static final Duration LOOK_AGAIN = Duration.ofMillis(200);

    public Migration(DataSource dataSource) {
        setDataSource(dataSource);
        setChangeLog("classpath:" + ChangeLogState.ROOT);
        setShowSummary(liquibase.UpdateSummaryEnum.OFF);
        setAnalyticsEnabled(false);
    }

    @Override
    public void afterPropertiesSet() throws LiquibaseException {
        Dialect dialect = Dialect.of(getDataSource());
        try (Connection connection = getDataSource().getConnection()) {
            if (ChangeLogState.isCurrent(connection)) {
                return;
            }
            if (dialect == Dialect.POSTGRESQL) {
                migrateAlone(connection);
            } else {
                migrate(connection);
            }
        } catch (SQLException e) {
            throw new LiquibaseException("The database does not let itself be migrated: " + e.getMessage(), e);
        }
    }

    private void migrateAlone(Connection connection) throws LiquibaseException, SQLException {
        try (Statement statement = connection.createStatement()) {
            while (!isTrue(statement, "SELECT pg_try_advisory_lock(" + LOCK + ")")) {
                pause(); // no statement that waits: the one who migrates builds indexes concurrently, and waits for all
                // statements
            }
            try {
                dropUnfinishedIndexes(connection);
                migrate(connection);
            } finally {
                statement.execute("SELECT pg_advisory_unlock(" + LOCK + ")");
            }
        }
    }

    private static boolean isTrue(Statement statement, String query) throws SQLException {
        try (ResultSet result = statement.executeQuery(query)) {
            return result.next() && result.getBoolean(1);
        }
    }

    private static void pause() throws LiquibaseException {
        try {
            Thread.sleep(LOOK_AGAIN.toMillis());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new LiquibaseException("Interrupted while another process migrates the database", e);
        }
    }

    /** What a concurrent build leaves behind when it is cut off serves nobody and keeps its name from the next one. */
    private static void dropUnfinishedIndexes(Connection connection) throws SQLException {
        Set<String> ours = TargetSchema.of(Dialect.POSTGRESQL).tables().values().stream()
                .flatMap(table -> Stream.concat(
                        table.indexes().stream(), table.constraints().stream().map(TargetSchema.Constraint::name)))
                .collect(Collectors.toSet());
        for (String index : LiveSchema.strings(connection, """
                SELECT c.relname
                  FROM pg_index x
                  JOIN pg_class c ON c.oid = x.indexrelid
                 WHERE NOT x.indisvalid AND c.relnamespace = current_schema()::regnamespace
                """)) {
            if (ours.contains(index)) {
                try (Statement statement = connection.createStatement()) {
                    statement.execute("DROP INDEX " + index);
                }
            }
        }
    }

    /**
     * The SQL that {@link #afterPropertiesSet()} would run now, as far as it does not depend on what it does itself. Changes
     * nothing, not even Liquibase's own tables.
     *
     * @return whether there is anything to run
     * @throws MigrationRefusedException when an older database cannot be adopted safely
     */
    public boolean preview(Writer out) throws LiquibaseException, SQLException {
        Dialect dialect = Dialect.of(getDataSource());
        try (Connection connection = getDataSource().getConnection()) {
            if (ChangeLogState.isCurrent(connection)) {
                return false;
            }
            AdoptionCheck.refuseUnsafe(connection, dialect);
            try (Liquibase liquibase = createLiquibase(connection)) {
                liquibase.update(new Contexts(), new LabelExpression(), out);
            }
            return true;
        }
    }

    private void migrate(Connection connection) throws LiquibaseException, SQLException {
        AdoptionCheck.refuseUnsafe(connection, Dialect.of(connection));
        super.afterPropertiesSet();
        ChangeLogState.mark(connection);
    }
}
