package dev.parley.launch;

import picocli.CommandLine.Command;
import picocli.CommandLine.HelpCommand;

@Command(
        name = "parley",
        description = "Generates training conversations in bulk with paid language models.",
        mixinStandardHelpOptions = true,
        versionProvider = Version.class,
        synopsisSubcommandLabel = "COMMAND",
        subcommands = {
            RunCommand.class,
            EnqueueCommand.class,
            ServeCommand.class,
            EstimateCommand.class,
            RetryCommand.class,
            StatusCommand.class,
            ItemsCommand.class,
            ExplainCommand.class,
            FailuresCommand.class,
            ShowCommand.class,
            LogCommand.class,
            QueryCommand.class,
            MigrateCommand.class,
            VerifyCommand.class,
            BackfillCommand.class,
            ExportCommand.class,
            QualityCommand.class,
            JobCommands.Pause.class,
            JobCommands.Resume.class,
            JobCommands.Cancel.class,
            JobCommands.Prioritize.class,
            TrackCommand.class,
            HelpCommand.class
        },
        footer = {
            "",
            "Any setting can be given as --some.property=value; the README lists them.",
            "Without a command: run jobs/demo.yaml.",
            "",
            "Exit codes: 0 all done, 1 unexpected, 2 usage or configuration, 3 finished with",
            "failed items, 4 paused, 130 stopped."
        })
class ParleyCommand {}
