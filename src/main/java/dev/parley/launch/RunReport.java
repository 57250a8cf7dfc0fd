package dev.parley.launch;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.springframework.web.util.HtmlUtils.htmlEscape;

import dev.parley.generation.GenerationLogs.Totals;
import dev.parley.launch.Views.CauseView;
import dev.parley.launch.Views.JobView;
import dev.parley.work.JobSeries.Series;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.math.BigDecimal;
import java.math.RoundingMode;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * What there is to tell of a job at the end of a run, as one file that needs nothing else: the page's style, its charts and
 * their figures are within. Without a script the figures are still there, but for the charts.
 *
 * @param at when it is written
 * @param slowest items, the slowest first; likewise the costliest
 */
record RunReport(
        JobView job,
        List<CauseView> causes,
        Series series,
        Totals totals,
        List<Item> slowest,
        List<Item> costliest,
        Instant at) {
    private static final String TEMPLATE = resource("/dev/parley/launch/report.html");

    /**
     * @param position in its job
     * @param millis that its calls took together
     */
    record Item(
            UUID id,
            int position,
            @Nullable String topic,
            String status,
            long calls,
            long millis,
            BigDecimal costUsd) {}

    byte[] html() {
        Map<String, @Nullable Object> data = new LinkedHashMap<>();
        data.put("job", job);
        data.put("budgetUsd", job.budgetUsd());
        data.put("causes", causes);
        data.put("series", series);
        data.put("slowest", slowest);
        data.put("costliest", costliest);
        Map<String, String> parts = Map.of(
                "title", htmlEscape(job.name()),
                "style", resource("/static/style.css").replace("</", "<\\/"),
                "body", body(),
                // within a script nothing is markup but these, and JSON may spell them otherwise
                "data", Json.line(data).replace("<", "\\u003c"),
                "charts",
                        resource("/static/charts.js")
                                .replace("</script", "<\\/script")
                                .replace("<script", "<\\u0073cript")
                                .replace("<!--", "<\\!--"));
        StringBuilder html = new StringBuilder(TEMPLATE.length() * 40);
        int from = 0;
        for (int open = TEMPLATE.indexOf("${"); open >= 0; open = TEMPLATE.indexOf("${", from)) {
            int close = TEMPLATE.indexOf('}', open);
            html.append(TEMPLATE, from, open).append(parts.get(TEMPLATE.substring(open + 2, close)));
            from = close + 1;
        }
        return html.append(TEMPLATE, from, TEMPLATE.length()).toString().getBytes(UTF_8);
    }

    /** As the page has it. */
    private String mood() {
        return switch (job.status()) {
            case "completed" -> "good";
            case "failed" -> "bad";
            case "paused" -> "warn";
            case "processing" -> "live";
            default -> "";
        };
    }

    private String body() {
        StringBuilder out = new StringBuilder();
        out.append("<div class=\"head\"><div><div class=\"title\"><h1>")
                .append(htmlEscape(job.name()))
                .append("</h1> <span class=\"badge\" data-is=\"" + mood() + "\">")
                .append(job.status())
                .append("</span></div><p class=\"sub mono\">")
                .append(job.id())
                .append("</p></div></div>\n");
        out.append("<dl class=\"tiles\">");
        tile(out, "Successful", number(job.successful()), "rate " + job.successRate() + " %");
        tile(out, "Failed", number(job.failed()), number(causes.size()) + (causes.size() == 1 ? " cause" : " causes"));
        tile(out, "Remaining", number(job.total() - job.completed()), "");
        tile(out, "Total", number(job.total()), job.priority() + " priority");
        out.append("</dl>\n<section class=\"panel\"><dl class=\"facts four\">");
        fact(out, "Started", Text.time(job.startedAt()));
        fact(out, "Completed", Text.time(job.completedAt()));
        fact(out, "Report of", Text.time(at));
        fact(out, "Cost", "$" + Money.of(job.costUsd()));
        fact(out, "Budget", job.budgetUsd() == null ? "none" : "$" + Money.of(job.budgetUsd()));
        fact(out, "Estimated at most", job.estimatedCostUsd() == null ? "no" : "$" + Money.of(job.estimatedCostUsd()));
        fact(out, "Cost of an item", job.completed() == 0 ? "none yet" : each());
        fact(out, "Calls", number(totals.calls()));
        fact(out, "Calls of unknown cost", number(totals.unknownCost()));
        fact(out, "Possibly paid twice", number(job.possiblyPaidTwice()) + " at most");
        fact(
                out,
                "Tokens in",
                number(totals.inputTokens()) + ", " + number(totals.cacheReadTokens()) + " of them from the cache");
        fact(out, "Tokens out", number(totals.outputTokens()));
        if (job.statusReason() != null) {
            fact(out, "Because", job.statusReason());
        }
        out.append("</dl><p class=\"sub\">Log at <code>")
                .append(htmlEscape(job.log()))
                .append("</code></p></section>\n");
        out.append("<section class=\"panel\"><h2>Over time</h2><div id=\"charts\" class=\"charts\"></div></section>\n");
        table(
                out,
                "Failures by cause",
                List.of("Cause", "Items", "May pass", "For example"),
                causes.stream()
                        .map(cause -> List.of(
                                cause.code(), number(cause.items()), cause.retryable() ? "yes" : "no", cause.example()))
                        .toList());
        items(out, "The slowest items", slowest);
        items(out, "The costliest items", costliest);
        return out.toString();
    }

    private String each() {
        return "$" + Money.of(job.costUsd().divide(BigDecimal.valueOf(job.completed()), 8, RoundingMode.HALF_UP));
    }

    private static void items(StringBuilder out, String title, List<Item> items) {
        table(
                out,
                title,
                List.of("Item", "Calls", "Took", "Cost", "Status", "Topic", "Id"),
                items.stream()
                        .map(item -> List.of(
                                number(item.position()),
                                number(item.calls()),
                                String.format(Locale.ROOT, "%.1f s", item.millis() / 1000.0),
                                "$" + Money.of(item.costUsd()),
                                item.status(),
                                item.topic() == null ? "" : item.topic(),
                                item.id().toString()))
                        .toList());
    }

    private static void table(StringBuilder out, String title, List<String> columns, List<List<String>> rows) {
        out.append("<section class=\"panel\"><h2>").append(title).append("</h2>");
        if (rows.isEmpty()) {
            out.append("<p class=\"muted\">None.</p></section>\n");
            return;
        }
        out.append("<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"")
                .append(title)
                .append("\"><table class=\"data\"><thead><tr>");
        columns.forEach(
                column -> out.append("<th scope=\"col\">").append(column).append("</th>"));
        out.append("</tr></thead><tbody>");
        for (List<String> row : rows) {
            out.append("<tr>");
            row.forEach(cell -> out.append("<td>").append(htmlEscape(cell)).append("</td>"));
            out.append("</tr>\n");
        }
        out.append("</tbody></table></div></section>\n");
    }

    private static void tile(StringBuilder out, String name, String value, String more) {
        out.append("<div class=\"tile\"><dt>")
                .append(name)
                .append("</dt><dd>")
                .append(value)
                .append("</dd><dd>")
                .append(more)
                .append("</dd></div>");
    }

    private static void fact(StringBuilder out, String name, String value) {
        out.append("<div><dt>")
                .append(name)
                .append("</dt><dd>")
                .append(htmlEscape(value))
                .append("</dd></div>");
    }

    private static String number(long number) {
        return String.format(Locale.ROOT, "%,d", number);
    }

    private static String resource(String name) {
        try (InputStream in = RunReport.class.getResourceAsStream(name)) {
            if (in == null) {
                throw new IllegalStateException("The program lacks its own " + name);
            }
            return new String(in.readAllBytes(), UTF_8);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
