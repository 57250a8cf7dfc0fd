package dev.parley.launch;

import dev.parley.batch.TranscriptImport;
import dev.parley.tracking.ConversationSessions;
import dev.parley.tracking.ConversationSessions.Session;
import dev.parley.tracking.ConversationSessions.StoredMessage;
import dev.parley.tracking.DeadLetterRetry;
import dev.parley.tracking.DeadLetters;
import dev.parley.tracking.DeadLetters.DeadLetter;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.Locale;
import java.util.UUID;
import org.springframework.beans.factory.BeanFactory;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import tools.jackson.databind.MapperFeature;
import tools.jackson.databind.PropertyNamingStrategies;
import tools.jackson.databind.SerializationFeature;
import tools.jackson.databind.json.JsonMapper;

@Command(
        name = "track",
        description = "Shows recorded live conversations, imports transcripts, and tries a server's door.",
        mixinStandardHelpOptions = true,
        versionProvider = Version.class,
        synopsisSubcommandLabel = "COMMAND",
        subcommands = {
            TrackCommand.Sessions.class,
            TrackCommand.Messages.class,
            TrackCommand.Dead.class,
            TrackCommand.Import.class,
            TrackDemo.class
        })
class TrackCommand {
    private static final JsonMapper JSON = JsonMapper.builder()
            .enable(SerializationFeature.INDENT_OUTPUT)
            .disable(MapperFeature.SORT_PROPERTIES_ALPHABETICALLY)
            .propertyNamingStrategy(PropertyNamingStrategies.SNAKE_CASE)
            .build();

    private static final int CONTENT_WIDTH = 60;

    private static void refuseLimit(int limit) {
        if (limit < 1) {
            throw new ConfigurationException("--limit is " + limit + "; should be 1 or more");
        }
    }

    private static String time(Instant time) {
        return time.truncatedTo(ChronoUnit.SECONDS).toString();
    }

    @Command(
            name = "sessions",
            description = "Shows the newest sessions, the newest first.",
            mixinStandardHelpOptions = true,
            versionProvider = Version.class)
    static class Sessions implements Action {
        @Option(names = "--limit", paramLabel = "N", description = "How many at most (${DEFAULT-VALUE}).")
        private int limit = 5;

        @Option(names = "--json", description = "As JSON.")
        private boolean json;

        @Override
        public void check() {
            refuseLimit(limit);
        }

        @Override
        public int run(BeanFactory beans, PrintWriter out) {
            List<Session> sessions = beans.getBean(ConversationSessions.class).recent(limit);
            if (json) {
                out.println(JSON.writeValueAsString(sessions));
            } else if (sessions.isEmpty()) {
                out.println("No sessions yet.");
            } else {
                out.printf("%-36s  %-36s  %-20s  %9s  %8s%n", "SESSION", "USER", "STARTED", "SECONDS", "MESSAGES");
                sessions.forEach(session -> out.printf(
                        Locale.ROOT,
                        "%-36s  %-36s  %-20s  %9s  %8d%n",
                        session.sessionId(),
                        session.userId(),
                        time(session.startedAt()),
                        session.durationSeconds() == null
                                ? "open"
                                : String.format(Locale.ROOT, "%.1f", session.durationSeconds()),
                        session.messages()));
            }
            return ExitCode.OK;
        }
    }

    @Command(
            name = "messages",
            description = "Shows the newest messages of a session, the newest first.",
            mixinStandardHelpOptions = true,
            versionProvider = Version.class)
    static class Messages implements Action {
        @Parameters(paramLabel = "SESSION", description = "The session's id, as parley track sessions shows it.")
        private String session = "";

        @Option(names = "--limit", paramLabel = "N", description = "How many at most (${DEFAULT-VALUE}).")
        private int limit = 10;

        @Option(names = "--json", description = "As JSON.")
        private boolean json;

        @Override
        public void check() {
            refuseLimit(limit);
            id();
        }

        private UUID id() {
            try {
                return UUID.fromString(session.strip());
            } catch (IllegalArgumentException e) {
                throw new ConfigurationException(
                        "'" + session + "' is not a session's id, which is a UUID; parley track sessions lists them");
            }
        }

        @Override
        public int run(BeanFactory beans, PrintWriter out) {
            ConversationSessions sessions = beans.getBean(ConversationSessions.class);
            List<StoredMessage> messages = sessions.recentMessages(id(), limit);
            if (messages.isEmpty() && !sessions.exists(id())) {
                throw new ConfigurationException(
                        "There is no session " + id() + " in this database; parley track sessions lists them.");
            }
            if (json) {
                out.println(JSON.writeValueAsString(messages));
            } else if (messages.isEmpty()) {
                out.println("The session has no messages yet.");
            } else {
                out.printf("%-20s  %-9s  %s%n", "CREATED", "ROLE", "CONTENT");
                messages.forEach(message -> out.printf(
                        "%-20s  %-9s  %s%n",
                        time(message.createdAt()),
                        message.role().key(),
                        Text.shortened(
                                message.content().isEmpty() && message.audioUrl() != null
                                        ? message.audioUrl()
                                        : message.content(),
                                CONTENT_WIDTH)));
            }
            return ExitCode.OK;
        }
    }

    @Command(
            name = "dead-letters",
            description = "Shows what the database refused three times, the oldest first, or stores it now.",
            mixinStandardHelpOptions = true,
            versionProvider = Version.class)
    static class Dead implements Action {
        @Option(names = "--retry", description = "Try to store all of them, once their reason is mended.")
        private boolean retry;

        @Option(names = "--limit", paramLabel = "N", description = "How many to show at most (${DEFAULT-VALUE}).")
        private int limit = 20;

        @Option(names = "--json", description = "As JSON.")
        private boolean json;

        @Override
        public void check() {
            refuseLimit(limit);
        }

        @Override
        public int run(BeanFactory beans, PrintWriter out) {
            if (retry) {
                DeadLetterRetry.Outcome outcome =
                        beans.getBean(DeadLetterRetry.class).run();
                out.println(
                        json
                                ? JSON.writeValueAsString(outcome)
                                : outcome.stored() + " dead letters stored, " + outcome.refused() + " refused again.");
                return outcome.refused() == 0 ? ExitCode.OK : ExitCode.FAILED_ITEMS;
            }
            DeadLetters letters = beans.getBean(DeadLetters.class);
            List<DeadLetter> oldest = letters.oldest(limit);
            if (json) {
                out.println(JSON.writeValueAsString(oldest));
            } else if (oldest.isEmpty()) {
                out.println("No dead letters.");
            } else {
                oldest.forEach(letter -> {
                    out.println("Dead letter " + letter.id());
                    Text.row(out, "refused", time(letter.createdAt()) + ", tries: " + letter.attempts());
                    Text.row(out, letter.errorCode(), letter.errorMessage());
                    Text.row(out, "payload", Text.shortened(letter.payload(), 3 * Text.WIDTH));
                });
                out.println(letters.count()
                        + " in all; parley track dead-letters --retry stores them once the reason is mended.");
            }
            return ExitCode.OK;
        }
    }

    @Command(
            name = "import",
            description = "Stores transcripts: a JSON object a line, a message or a session. May be repeated.",
            mixinStandardHelpOptions = true,
            versionProvider = Version.class)
    static class Import implements Action {
        @Parameters(paramLabel = "FILE.ndjson", description = "The file, in UTF-8.")
        private Path file = Path.of("");

        @Override
        public void check() {
            if (!Files.isRegularFile(file) || !Files.isReadable(file)) {
                throw new ConfigurationException(file + " is no file that can be read");
            }
        }

        @Override
        public int run(BeanFactory beans, PrintWriter out) throws Exception {
            TranscriptImport.Outcome outcome =
                    beans.getBean(TranscriptImport.class).run(file);
            out.println(String.format(
                    Locale.ROOT,
                    "%s%,d lines read, %,d rows new, %,d lines refused%s",
                    outcome.resumed() ? "Resumed: " : "",
                    outcome.lines(),
                    outcome.inserted(),
                    outcome.refused(),
                    outcome.refused() == 0 ? "" : ", see " + outcome.rejects()));
            if (outcome.failure() != null) {
                out.println("The import was broken off; the same command goes on with it.");
                throw new RunBrokenException(outcome.failure());
            }
            return outcome.refused() == 0 ? ExitCode.OK : ExitCode.FAILED_ITEMS;
        }
    }
}
