package dev.parley.database;

import java.util.Collection;

/** An older database cannot be adopted safely, and is as it was. The message lists the reasons, each with its remedy. */
public class MigrationRefusedException extends IllegalStateException {
    private static final long serialVersionUID = 1L;

    MigrationRefusedException(Collection<String> reasons) {
        super("This database holds older tables that Parley cannot adopt safely; nothing was changed:\n  - "
                + String.join("\n  - ", reasons));
    }
}
