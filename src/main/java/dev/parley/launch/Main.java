package dev.parley.launch;

import dev.parley.Parley;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.WebApplicationType;
import org.springframework.context.ConfigurableApplicationContext;
import picocli.CommandLine;
import picocli.CommandLine.ParseResult;

/** Where the program starts: reads the command line, starts the application for a command that needs it, ends with its exit code. */
public final class Main {
    /** {@code --parley.store=gcs}: has a dot, so it is a setting and none of our options. */
    private static final Pattern SETTING = Pattern.compile("--[\\w-]+(\\.[\\w\\[\\]-]+)+(=.*)?");

    private static final List<String> DEFAULT_COMMAND = List.of("run", "jobs/demo.yaml");

    private Main() {}

    public static void main(String[] args) {
        // H2's mixed mode opens a port for a second process; the driver reads where from here
        System.setProperty("h2.bindAddress", System.getProperty("h2.bindAddress", "127.0.0.1"));
        System.exit(execute(List.of(args), new PrintWriter(System.out, true, StandardCharsets.UTF_8)));
    }

    static int execute(List<String> arguments, PrintWriter out) {
        List<String> settings = new ArrayList<>(arguments);
        settings.removeIf(argument -> !SETTING.matcher(argument).matches());
        List<String> command = new ArrayList<>(arguments);
        command.removeAll(settings);

        CommandLine commandLine = new CommandLine(new ParleyCommand());
        commandLine.setOut(out);
        commandLine.setCaseInsensitiveEnumValuesAllowed(true);
        commandLine.setExecutionStrategy(parsed -> execute(parsed, settings, out));
        commandLine.setExecutionExceptionHandler((e, line, parsed) -> Failures.report(e, line.getErr()));
        return commandLine.execute((command.isEmpty() ? DEFAULT_COMMAND : command).toArray(String[]::new));
    }

    private static int execute(ParseResult parsed, List<String> settings, PrintWriter out) {
        Integer answered = CommandLine.executeHelpRequest(parsed);
        if (answered != null) {
            return answered;
        }
        ParseResult last = parsed;
        while (last.hasSubcommand()) {
            last = last.subcommand();
        }
        CommandLine line = last.commandSpec().commandLine();
        if (!(line.getCommand() instanceof Action action)) {
            line.usage(line.getErr());
            return ExitCode.CONFIGURATION;
        }
        try (ConfigurableApplicationContext application = start(settings)) {
            return action.run(application, out);
        } catch (Exception e) {
            return Failures.report(e, line.getErr());
        } finally {
            out.flush();
        }
    }

    private static ConfigurableApplicationContext start(List<String> settings) {
        SpringApplication application = new SpringApplication(Parley.class);
        application.setWebApplicationType(WebApplicationType.NONE);
        application.setLazyInitialization(true); // a command makes what it uses; settings are checked all the same
        application.setRegisterShutdownHook(
                false); // a signal ends the run, and the end of the run closes the application
        return application.run(settings.toArray(String[]::new));
    }
}
