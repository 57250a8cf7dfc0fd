package dev.parley.launch;

import dev.parley.conversation.ConversationDocument.EmotionalContext;
import dev.parley.conversation.ConversationDocument.Turn;
import dev.parley.launch.Views.ConversationView;
import java.io.PrintWriter;
import java.util.Locale;
import java.util.Objects;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.springframework.beans.factory.BeanFactory;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
        name = "show",
        description = "Shows a conversation with its turns and what is felt in them.",
        mixinStandardHelpOptions = true,
        versionProvider = Version.class)
class ShowCommand implements Action {
    @Parameters(
            paramLabel = "CONVERSATION",
            description = "Either of its keys: conversations.conversation_id, as in file names, or conversations.id.")
    private UUID conversation = new UUID(0, 0);

    @Option(names = "--json", description = "As JSON.")
    private boolean json;

    @Override
    public int run(BeanFactory beans, PrintWriter out) {
        ConversationView view = beans.getBean(Views.class)
                .conversation(conversation)
                .orElseThrow(
                        () -> new ConfigurationException(
                                "There is no conversation " + conversation
                                        + " in this database, by either of its keys; an item that is not completed may have none yet."));
        if (json) {
            Json.print(out, view);
        } else {
            print(view, out, beans.getBean(Terminal.class).width());
        }
        return ExitCode.OK;
    }

    private static void print(ConversationView view, PrintWriter out, int width) {
        out.println("Conversation " + view.key() + (view.title() == null ? "" : " \"" + view.title() + "\""));
        Text.row(out, "persona", view.persona().title());
        Text.row(out, "arc", view.emotionalArc().title());
        Text.row(out, "topic", view.trainingTopic().title());
        Text.row(
                out,
                "status",
                view.status()
                        + (view.requiresManualReview() ? ", to be reviewed" : "")
                        + (view.processingStatus().equals("completed") ? "" : " (" + view.processingStatus() + ")"));
        Text.row(out, "score", view.qualityScore() == null ? "none" : view.qualityScore() + " of 10");
        Text.row(
                out,
                "model",
                Objects.requireNonNullElse(view.model(), "unknown")
                        + (view.costUsd() == null ? "" : ", $" + Money.of(view.costUsd())));
        Text.row(out, "primary key", view.id().toString());
        Text.row(out, "answer", Objects.requireNonNullElse(view.rawFile(), "none"));
        Text.row(out, "document", Objects.requireNonNullElse(view.file(), "none"));
        if (view.problem() != null) {
            Text.row(out, "no turns", view.problem());
        }
        for (Turn turn : view.turns()) {
            out.println();
            out.println(turn.turnNumber() + " " + turn.role() + feeling(turn.emotionalContext()));
            Text.paragraph(out, turn.content(), width);
        }
    }

    private static String feeling(@Nullable EmotionalContext felt) {
        return felt == null
                ? ""
                : String.format(
                        Locale.ROOT,
                        "  (%s%s, %.2f)",
                        felt.primaryEmotion(),
                        felt.secondaryEmotion() == null ? "" : " and " + felt.secondaryEmotion(),
                        felt.intensity());
    }
}
