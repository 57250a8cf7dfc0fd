package dev.parley.database;

import java.sql.Connection;
import java.sql.SQLException;
import javax.sql.DataSource;
import org.springframework.jdbc.datasource.DataSourceUtils;

/** Which of the two databases a statement is written for, where one text cannot serve both. */
public enum Dialect {
    POSTGRESQL,
    H2;

    static Dialect of(Connection connection) throws SQLException {
        String product = connection.getMetaData().getDatabaseProductName();
        return switch (product) {
            case "PostgreSQL" -> POSTGRESQL;
            case "H2" -> H2;
            default ->
                throw new IllegalStateException("Parley runs on PostgreSQL and H2, and this database is " + product);
        };
    }

    /** @throws IllegalStateException when it is neither of the two, naming it */
    public static Dialect of(DataSource dataSource) {
        Connection connection = DataSourceUtils.getConnection(dataSource);
        try {
            return of(connection);
        } catch (SQLException e) {
            throw new IllegalStateException("The database does not say what it is: " + e.getMessage(), e);
        } finally {
            DataSourceUtils.releaseConnection(connection, dataSource);
        }
    }
}
