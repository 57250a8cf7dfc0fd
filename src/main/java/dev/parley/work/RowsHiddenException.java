package dev.parley.work;

/** The database shows this role rows that it does not let it change, and says nothing: row-level security. */
public class RowsHiddenException extends IllegalStateException {
    private static final long serialVersionUID = 1L;

    RowsHiddenException(String table, String what) {
        super(table + ": " + what
                + ", although the database raised no error. Row-level security seems to keep this role"
                + " from changing rows of " + table + " that it can read: grant it BYPASSRLS, or a policy FOR ALL");
    }
}
