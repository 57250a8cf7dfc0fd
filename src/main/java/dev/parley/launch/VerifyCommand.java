package dev.parley.launch;

import com.fasterxml.jackson.annotation.JsonProperty;
import dev.parley.batch.FileCheck;
import dev.parley.database.Finding;
import dev.parley.database.SchemaCheck;
import dev.parley.work.BrokenItems;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.List;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;
import org.springframework.beans.factory.BeanFactory;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

@Command(
        name = "verify",
        description = "Compares database and files with what Parley needs; changes nothing. Exit code 0 or 1.",
        mixinStandardHelpOptions = true,
        versionProvider = Version.class)
class VerifyCommand implements Action {
    @Option(names = "--files", description = "Also reads every file of every completed conversation.")
    private boolean files;

    @Option(names = "--json", description = "As JSON.")
    private boolean json;

    /**
     * The shape of {@code --json}.
     *
     * @param completed how many items are completed, of which so many are linked to a conversation
     * @param dangling links to conversations that are not there
     */
    record View(
            @JsonProperty("ok") boolean ok,
            @JsonProperty("completed") @Nullable Long completed,
            @JsonProperty("linked") @Nullable Long linked,
            @JsonProperty("dangling") @Nullable Long dangling,
            @JsonProperty("findings") List<Finding> findings) {}

    @Override
    public int run(BeanFactory beans, PrintWriter out) throws Exception {
        List<Finding> findings = new ArrayList<>(new SchemaCheck(beans.getBean(DataSource.class)).findings());
        BrokenItems.Counts counts = null;
        if (findings.stream().noneMatch(finding -> finding.check().equals("schema"))) { // else rows cannot be asked for
            BrokenItems items = beans.getBean(BrokenItems.class);
            counts = items.counts();
            findings.addAll(items.findings());
            if (files) {
                findings.addAll(beans.getBean(FileCheck.class).findings());
            }
        }
        View view = new View(
                findings.isEmpty(),
                counts == null ? null : counts.completed(),
                counts == null ? null : counts.linked(),
                counts == null ? null : counts.dangling(),
                findings);
        if (json) {
            Json.print(out, view);
        } else {
            print(view, out);
        }
        return view.ok() ? ExitCode.OK : ExitCode.UNEXPECTED;
    }

    private void print(View view, PrintWriter out) {
        if (view.completed() != null) {
            out.println(view.completed() + " completed items, " + view.linked() + " linked, " + view.dangling()
                    + " dangling");
        }
        for (Finding finding : view.findings()) {
            Text.row(out, finding.check(), finding.what());
            Text.row(out, "", "→ " + finding.remedy());
        }
        out.println(
                view.ok()
                        ? "Schema, keys, permissions" + (files ? ", rows and files" : " and rows")
                                + " are as they should be."
                        : view.findings().size() + (view.findings().size() == 1 ? " finding." : " findings."));
    }
}
