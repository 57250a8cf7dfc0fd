package dev.parley.launch;

import dev.parley.database.Migration;
import java.io.PrintWriter;
import java.io.StringWriter;
import javax.sql.DataSource;
import org.springframework.beans.factory.BeanFactory;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

@Command(
        name = "migrate",
        description = "Brings the database's schema up to date, as every command that uses the database does first.",
        mixinStandardHelpOptions = true,
        versionProvider = Version.class)
class MigrateCommand implements Action {
    @Option(names = "--dry-run", description = "Prints the SQL and changes nothing.")
    private boolean dryRun;

    @Override
    public int run(BeanFactory beans, PrintWriter out) throws Exception {
        if (!dryRun) {
            beans.getBean(Migration.class); // migrates when it is made
            out.println("The schema is up to date.");
            return ExitCode.OK;
        }
        StringWriter sql = new StringWriter();
        boolean anything = new Migration(beans.getBean(DataSource.class)).preview(sql); // the bean would migrate
        out.println(anything ? sql : "The schema is up to date; there is nothing to run.");
        return ExitCode.OK;
    }
}
