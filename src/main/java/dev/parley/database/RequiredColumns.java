package dev.parley.database;

import java.sql.SQLException;
import java.util.List;
import liquibase.database.Database;
import liquibase.database.jvm.JdbcConnection;
import liquibase.exception.CustomPreconditionErrorException;
import liquibase.exception.CustomPreconditionFailedException;
import liquibase.precondition.CustomPrecondition;

/** The precondition of the change log's last change set: every column that the program needs is there. */
public class RequiredColumns implements CustomPrecondition {
    @Override
    public void check(Database database) throws CustomPreconditionFailedException, CustomPreconditionErrorException {
        try {
            List<String> missing =
                    SchemaProbe.missing(((JdbcConnection) database.getConnection()).getUnderlyingConnection());
            if (!missing.isEmpty()) {
                throw new CustomPreconditionFailedException(
                        "The schema is incomplete, these are missing: " + String.join(", ", missing));
            }
        } catch (SQLException e) {
            throw new CustomPreconditionErrorException("The schema cannot be looked at: " + e.getMessage(), e);
        }
    }
}
