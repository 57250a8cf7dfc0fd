package dev.parley.database;

import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import javax.sql.DataSource;
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
            statement.execute("SELECT pg_advisory_lock(" + LOCK + ")");
            try {
                migrate(connection);
            } finally {
                statement.execute("SELECT pg_advisory_unlock(" + LOCK + ")");
            }
        }
    }

    private void migrate(Connection connection) throws LiquibaseException, SQLException {
        super.afterPropertiesSet();
        ChangeLogState.mark(connection);
    }
}
