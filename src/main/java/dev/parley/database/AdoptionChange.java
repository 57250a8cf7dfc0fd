package dev.parley.database;

import java.sql.Connection;
import java.sql.SQLException;
import java.util.List;
import liquibase.change.custom.CustomSqlChange;
import liquibase.database.Database;
import liquibase.database.jvm.JdbcConnection;
import liquibase.exception.CustomChangeException;
import liquibase.exception.ValidationErrors;
import liquibase.resource.ResourceAccessor;
import liquibase.statement.SqlStatement;
import liquibase.statement.core.RawSqlStatement;
import org.jspecify.annotations.Nullable;

/** A step of the {@link Adoption} as a change of the change log, which names it by its {@code part}. */
public class AdoptionChange implements CustomSqlChange {
    private String part = "";

    /** @param part columns, values or constraints */
    public void setPart(String part) {
        this.part = part;
    }

    @Override
    public SqlStatement[] generateStatements(Database database) throws CustomChangeException {
        try {
            return statements(((JdbcConnection) database.getConnection()).getUnderlyingConnection()).stream()
                    .map(RawSqlStatement::new)
                    .toArray(SqlStatement[]::new);
        } catch (SQLException e) {
            throw new CustomChangeException("The older tables cannot be looked at: " + e.getMessage(), e);
        }
    }

    private List<String> statements(Connection connection) throws SQLException {
        Adoption adoption = Adoption.of(connection, Dialect.of(connection));
        return switch (part) {
            case "columns" -> adoption.columns();
            case "values" -> adoption.values();
            case "constraints" -> adoption.constraints();
            default -> throw new IllegalArgumentException("The adoption has no part '" + part + "'");
        };
    }

    @Override
    public String getConfirmationMessage() {
        return "Older tables: " + part + " adopted";
    }

    @Override
    public void setUp() {}

    @Override
    public void setFileOpener(@Nullable ResourceAccessor resourceAccessor) {}

    @Override
    public ValidationErrors validate(Database database) {
        return new ValidationErrors();
    }
}
