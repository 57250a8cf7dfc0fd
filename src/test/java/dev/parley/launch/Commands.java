package dev.parley.launch;

import dev.parley.TestApplication;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.List;
import picocli.CommandLine;
import picocli.CommandLine.ParseResult;

/** Gives commands to an application that runs already, which a start for each would take seconds for. */
final class Commands {
    private Commands() {}

    /** What a command answered. */
    record Answer(int code, String out, String err) {
        List<String> lines() {
            return out.lines().toList();
        }
    }

    static Answer on(TestApplication application, String... command) {
        StringWriter out = new StringWriter();
        StringWriter err = new StringWriter();
        int code = on(application, new PrintWriter(out), new PrintWriter(err), command);
        return new Answer(code, out.toString(), err.toString());
    }

    static int on(TestApplication application, PrintWriter out, PrintWriter err, String... command) {
        CommandLine line = Main.commandLine(out, err);
        line.setExecutionStrategy(parsed -> {
            ParseResult last = parsed;
            while (last.hasSubcommand()) {
                last = last.subcommand();
            }
            Action action = last.commandSpec().commandLine().getCommand();
            try {
                action.check();
                return action.run(application.beans(), out);
            } catch (Exception e) {
                return Failures.report(e, err);
            } finally {
                out.flush();
            }
        });
        return line.execute(command);
    }
}
