package dev.parley.launch;

import java.io.Console;
import java.util.Locale;
import org.springframework.stereotype.Component;
import picocli.CommandLine.Model.UsageMessageSpec;

/** The person at the terminal, if there is one. */
@Component
class Terminal {
    private static final int NO_TERMINAL = 80;

    /** Since Java 22 there is a console even where there is no terminal, and it has a method that tells. */
    boolean isInteractive() {
        Console console = System.console();
        if (console == null) {
            return false;
        }
        try {
            return (boolean) Console.class.getMethod("isTerminal").invoke(console);
        } catch (NoSuchMethodException older) {
            return true;
        } catch (ReflectiveOperationException e) {
            return false;
        }
    }

    /** In columns: what {@code COLUMNS} says, else what the terminal does, else 80. */
    int width() {
        String columns = System.getenv("COLUMNS");
        if (columns != null && columns.matches("[1-9]\\d{1,3}")) {
            return Integer.parseInt(columns);
        }
        return isInteractive() ? new UsageMessageSpec().autoWidth(true).width() : NO_TERMINAL;
    }

    /** Waits for the answer; anything but a yes is a no. */
    boolean saysYes(String question) {
        Console console = System.console();
        String answer = console == null ? null : console.readLine("%s [y/N] ", question);
        return answer != null && answer.strip().toLowerCase(Locale.ROOT).matches("y|yes");
    }
}
