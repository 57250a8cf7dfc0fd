package dev.parley.launch;

import dev.parley.Parley;
import dev.parley.work.Delivery;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.regex.Pattern;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.WebApplicationType;
import org.springframework.context.ConfigurableApplicationContext;
import picocli.CommandLine;
import picocli.CommandLine.ParseResult;

/** Where the program starts: reads the command line, starts the application for a command that needs it, ends with its exit code. */
public final class Main {
    /** {@code --parley.store=gcs}: has a dot, so it is a setting and none of our options. */
    private static final Pattern SETTING = Pattern.compile("--[\\w-]+(\\.[\\w\\[\\]-]+)+(=.*)?", Pattern.DOTALL);

    private static final List<String> DEFAULT_COMMAND = List.of("run", "jobs/demo.yaml");

    private Main() {}

    public static void main(String[] args) {
        // H2's mixed mode opens a port for a second process; the driver reads where from here
        System.setProperty("h2.bindAddress", System.getProperty("h2.bindAddress", "127.0.0.1"));
        System.setProperty("h2.implicitRelativePath", "true"); // parley.data=data is a folder like ./data
        PrintStream answers = System.out;
        System.setOut(System.err); // the log and whatever else prints; a command's answer is alone on standard output
        System.exit(execute(
                List.of(args),
                new PrintWriter(answers, true, StandardCharsets.UTF_8),
                new PrintWriter(System.err, true, StandardCharsets.UTF_8)));
    }

    /** @return the exit code */
    static int execute(List<String> arguments, PrintWriter out, PrintWriter err) {
        List<String> settings = new ArrayList<>(arguments);
        settings.removeIf(argument -> !SETTING.matcher(argument).matches());
        List<String> command = new ArrayList<>(arguments);
        command.removeAll(settings);
        try {
            KnownSettings.refuseWithoutValue(settings); // before its value is taken for an argument
        } catch (ConfigurationException e) {
            return Failures.report(e, err);
        }

        CommandLine commandLine = commandLine(out, err);
        commandLine.setExecutionStrategy(parsed -> execute(parsed, settings, out, err));
        return commandLine.execute((command.isEmpty() ? DEFAULT_COMMAND : command).toArray(String[]::new));
    }

    /** All commands and their options. */
    static CommandLine commandLine(PrintWriter out, PrintWriter err) {
        CommandLine commandLine = new CommandLine(new ParleyCommand());
        commandLine.registerConverter(UUID.class, JobId::parse);
        commandLine.registerConverter(Delivery.class, RunOptions::delivery);
        commandLine.registerConverter(Instant.class, ExportCommand::time);
        commandLine.setOut(out);
        commandLine.setErr(err);
        commandLine.setCaseInsensitiveEnumValuesAllowed(true);
        commandLine.setUsageHelpWidth(100);
        return commandLine;
    }

    private static int execute(ParseResult parsed, List<String> settings, PrintWriter out, PrintWriter err) {
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
            line.usage(err);
            return ExitCode.CONFIGURATION;
        }
        try {
            action.check();
            try (ConfigurableApplicationContext application = start(settings, action.serves())) {
                KnownSettings.of(application).refuseUnknown(settings);
                return action.run(application, out);
            }
        } catch (Exception e) {
            return Failures.report(e, err);
        } finally {
            out.flush();
        }
    }

    private static ConfigurableApplicationContext start(List<String> settings, boolean serves) {
        SpringApplication application = new SpringApplication(Parley.class);
        application.setWebApplicationType(serves ? WebApplicationType.SERVLET : WebApplicationType.NONE);
        application.setLazyInitialization(!serves); // a command makes what it uses; settings are checked all the same
        application.setRegisterShutdownHook(
                false); // a signal ends the run, and the end of the run closes the application
        return application.run(settings.toArray(String[]::new));
    }
}
