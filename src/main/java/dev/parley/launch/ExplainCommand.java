package dev.parley.launch;

import dev.parley.launch.Views.CallView;
import dev.parley.launch.Views.Elsewhere;
import dev.parley.launch.Views.Explanation;
import dev.parley.launch.Views.Ingredient;
import dev.parley.launch.Views.ItemView;
import dev.parley.launch.Views.JobView;
import dev.parley.launch.Views.Parameters;
import java.io.PrintWriter;
import java.util.Locale;
import java.util.Objects;
import java.util.UUID;
import org.springframework.beans.factory.BeanFactory;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

@Command(
        name = "explain",
        description = "Says of an item what it asks for, what was tried and what came of it, and how to try it again.",
        mixinStandardHelpOptions = true,
        versionProvider = Version.class)
class ExplainCommand implements Action {
    private static final int COUNTED_AT_MOST = dev.parley.conversation.ConversationLookup.COUNTED_AT_MOST;

    @picocli.CommandLine.Parameters(paramLabel = "ITEM", description = "The item's id, as parley items shows it.")
    private UUID item = new UUID(0, 0);

    @Option(names = "--json", description = "As JSON.")
    private boolean json;

    @Override
    public int run(BeanFactory beans, PrintWriter out) {
        Explanation explanation = beans.getBean(Views.class)
                .explain(item)
                .orElseThrow(() -> new ConfigurationException(
                        "There is no item " + item + " in this database; parley items JOB lists those of a job."));
        if (json) {
            Json.print(out, explanation);
        } else {
            print(explanation, out, beans.getBean(Terminal.class).width());
        }
        return ExitCode.OK;
    }

    private static void print(Explanation it, PrintWriter out, int width) {
        ItemView item = it.item();
        JobView job = it.job();
        out.println("Item " + item.id());
        Text.row(out, "status", item.status() + after(item.attempts()));
        if (item.errorCode() != null) {
            Text.row(
                    out,
                    "error",
                    item.errorCode()
                            + (Boolean.TRUE.equals(item.retryable()) ? " (retryable): " : ": ")
                            + item.errorMessage());
        }
        parameters(it, out);
        Text.row(out, "conversation", item.conversationKey().toString());
        Text.row(
                out,
                "job",
                job.id() + " \"" + job.name() + "\", of which it is item " + item.position() + ": " + job.status()
                        + ", "
                        + job.successful() + " of " + job.total() + " items successful (" + job.successRate() + " %), "
                        + job.failed() + " failed");
        Text.row(out, "log", job.log());
        Text.row(out, "processed", Text.time(item.processedAt()));
        Text.row(
                out,
                "cost",
                "$" + Money.of(it.costUsd()) + " in " + it.calls().size()
                        + (it.calls().size() == 1 ? " call" : " calls")
                        + (it.calls().stream().anyMatch(call -> call.costUsd() == null)
                                ? ", and what those without a cost may have been billed"
                                : ""));
        if (it.retry() != null) {
            Text.row(out, "try again", it.retry());
        }
        if (!it.calls().isEmpty()) {
            out.println();
            calls(it, out, width);
        }
    }

    private static String after(int attempts) {
        return attempts == 0 ? "" : " after " + attempts + (attempts == 1 ? " attempt" : " attempts");
    }

    private static void parameters(Explanation it, PrintWriter out) {
        Parameters parameters = it.parameters();
        Elsewhere elsewhere = it.elsewhere();
        if (parameters == null || elsewhere == null) {
            Text.row(out, "parameters", "cannot be read: " + it.parametersProblem());
            return;
        }
        ingredient(out, "persona", parameters.persona(), elsewhere.persona());
        ingredient(out, "arc", parameters.emotionalArc(), elsewhere.emotionalArc());
        ingredient(out, "topic", parameters.trainingTopic(), elsewhere.trainingTopic());
        Text.row(out, "tier", parameters.tier());
        Ingredient template = parameters.template();
        Text.row(out, "template", template == null ? "selected by arc and tier" : template.title());
        Text.row(out, "all three", succeeded(elsewhere.combination()));
    }

    private static void ingredient(PrintWriter out, String name, Ingredient ingredient, long successes) {
        Text.row(out, name, ingredient.title() + " (" + ingredient.id() + "); " + succeeded(successes));
    }

    private static String succeeded(long conversations) {
        return conversations == 0
                ? "succeeded nowhere else"
                : "succeeded in " + conversations + (conversations == COUNTED_AT_MOST ? " or more" : "") + " other"
                        + (conversations == 1 ? " conversation" : " conversations");
    }

    private static void calls(Explanation it, PrintWriter out, int width) {
        Table table = new Table()
                .number("TRY")
                .text("AT")
                .number("TOOK")
                .spare()
                .number("IN")
                .spare()
                .number("OUT")
                .spare()
                .number("COST")
                .text("OUTCOME");
        for (CallView call : it.calls()) {
            Long took = call.durationMs();
            table.row(
                    call.attempt(),
                    Text.time(call.at()),
                    took == null ? "?" : String.format(Locale.ROOT, "%.1f s", took / 1000.0),
                    call.inputTokens(),
                    call.outputTokens(),
                    call.costUsd() == null ? "?" : "$" + Money.of(call.costUsd()),
                    call.errorCode() == null
                            ? call.status() + (call.stopReason() == null ? "" : ", " + call.stopReason())
                            : call.errorCode() + ": " + Objects.requireNonNullElse(call.errorMessage(), ""));
        }
        table.print(out, width);
    }
}
