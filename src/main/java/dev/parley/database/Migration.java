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
 * meet in the creation of Liquibase's own lock table, and all but one fail.
 */
public class Migration extends SpringLiquibase {
    /** Any number nobody else uses; the bigint form, so it never meets the workers' two-key locks. */
    private static final long LOCK = 0x9A71E7_0001L;

    public Migration(DataSource dataSource) {
        setDataSource(dataSource);
        setChangeLog("classpath:changelog/changelog.yaml");
        setShowSummary(liquibase.UpdateSummaryEnum.OFF);
        setAnalyticsEnabled(false);
    }

    @Override
    public void afterPropertiesSet() throws LiquibaseException {
        if (Dialect.of(getDataSource()) == Dialect.H2) {
            super.afterPropertiesSet();
            return;
        }
        try (Connection connection = getDataSource().getConnection();
                Statement statement = connection.createStatement()) {
            statement.execute("SELECT pg_advisory_lock(" + LOCK + ")");
            try {
                super.afterPropertiesSet();
            } finally {
                statement.execute("SELECT pg_advisory_unlock(" + LOCK + ")");
            }
        } catch (SQLException e) {
            throw new LiquibaseException("The database does not give the migration its lock: " + e.getMessage(), e);
        }
    }
}
