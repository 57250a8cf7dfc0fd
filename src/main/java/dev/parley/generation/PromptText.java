package dev.parley.generation;

import dev.parley.catalog.PromptTemplate;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * A template's text, taken apart once. The first line that is exactly {@code ---} parts what is equal for all requests of
 * the template (a provider may cache it) from what differs; without such a line all of it differs. The rules that hold for
 * all templates come first. Immutable.
 */
final class PromptText {
    private static final Pattern PARTING_LINE = Pattern.compile("(?m)^---(?:\\r?\\n|\\z)");
    private static final Pattern OPENING = Pattern.compile("\\{\\{");
    private static final Pattern PLACEHOLDER = Pattern.compile("\\{\\{\\s*([A-Za-z_]\\w*(?:\\.\\w+)*)\\s*}}");

    private final List<Piece> stable;
    private final List<Piece> variable;

    private PromptText(List<Piece> stable, List<Piece> variable) {
        this.stable = stable;
        this.variable = variable;
    }

    /** @throws TemplateInvalid naming every placeholder that does not exist */
    static PromptText of(String rules, PromptTemplate template) {
        Matcher parting = PARTING_LINE.matcher(template.text());
        boolean parted = parting.find();
        String before = parted ? template.text().substring(0, parting.start()) : "";
        String after = parted ? template.text().substring(parting.end()) : template.text();
        if (after.isBlank()) {
            throw new TemplateInvalid("template '" + template.name() + "' has no text"
                    + (parted ? " after its --- line; persona, arc and topic belong there" : ""));
        }
        Set<String> unknown = new LinkedHashSet<>();
        String prefix = before.isBlank() ? rules : rules + "\n" + before;
        PromptText text = new PromptText(pieces(prefix, unknown), pieces(after, unknown));
        if (!unknown.isEmpty()) {
            throw new TemplateInvalid("template '" + template.name() + "' has placeholders that do not exist: "
                    + String.join(", ", unknown));
        }
        return text;
    }

    /** @throws TemplateInvalid naming every placeholder that the item's rows have no value for */
    Filled fill(Ingredients ingredients) {
        Set<String> empty = new LinkedHashSet<>();
        Filled filled = new Filled(fill(stable, ingredients, empty), fill(variable, ingredients, empty));
        if (!empty.isEmpty()) {
            String name =
                    ingredients.template() == null ? "" : ingredients.template().name();
            throw new TemplateInvalid("template '" + name + "' has placeholders without a value: "
                    + String.join(", ", empty) + " (persona "
                    + ingredients.persona().key() + ", arc "
                    + ingredients.arc().key() + ", topic " + ingredients.topic().key() + ")");
        }
        return filled;
    }

    private static List<Piece> pieces(String text, Set<String> unknown) {
        List<Piece> pieces = new ArrayList<>();
        Matcher opening = OPENING.matcher(text);
        Matcher placeholder = PLACEHOLDER.matcher(text);
        int from = 0;
        while (opening.find(from)) {
            int start = opening.start();
            pieces.add(Piece.plain(text.substring(from, start)));
            if (placeholder.find(start) && placeholder.start() == start) {
                PromptVariables.Variable variable = PromptVariables.named(placeholder.group(1));
                if (variable == null) {
                    unknown.add(placeholder.group());
                }
                pieces.add(new Piece(placeholder.group(), variable, isAlone(text, start, placeholder.end())));
                from = placeholder.end();
            } else {
                unknown.add(text.substring(start, Math.min(text.length(), start + 30))
                        .lines()
                        .findFirst()
                        .orElse("{{"));
                from = start + 2;
            }
        }
        pieces.add(Piece.plain(text.substring(from)));
        return List.copyOf(pieces);
    }

    /** Values are put in as they are and never looked at again: a placeholder inside one stays text. */
    private static String fill(List<Piece> pieces, Ingredients ingredients, Set<String> empty) {
        if (pieces.size() == 1) {
            return pieces.get(0).text();
        }
        StringBuilder filled = new StringBuilder(1024);
        for (Piece piece : pieces) {
            PromptVariables.Variable variable = piece.variable();
            if (variable == null) {
                filled.append(piece.text());
                continue;
            }
            List<String> value = variable.of(ingredients);
            if (isBlank(value)) {
                empty.add(piece.text());
            } else if (piece.alone() && value.size() > 1) {
                filled.append("- ").append(String.join("\n- ", value));
            } else {
                filled.append(String.join("; ", value)); // the entries have commas of their own
            }
        }
        return filled.toString();
    }

    private static boolean isBlank(List<String> value) {
        for (String entry : value) {
            if (!entry.isBlank()) {
                return false;
            }
        }
        return true;
    }

    private static boolean isAlone(String text, int start, int end) {
        return (start == 0 || text.charAt(start - 1) == '\n')
                && (end == text.length() || text.charAt(end) == '\n' || text.charAt(end) == '\r');
    }

    /**
     * @param variable null for plain text
     * @param alone whether a placeholder has a line to itself, so that a list may take several
     */
    private record Piece(String text, PromptVariables.@Nullable Variable variable, boolean alone) {
        static Piece plain(String text) {
            return new Piece(text, null, false);
        }
    }

    /**
     * A prompt with all its values in.
     *
     * @param stable the rules, and what comes before the parting line; the same string each time unless it has placeholders
     * @param variable what comes after it
     */
    record Filled(String stable, String variable) {}

    /** No request can be made from the template; the message says why. */
    static final class TemplateInvalid extends RuntimeException {
        private static final long serialVersionUID = 1L;

        TemplateInvalid(String message) {
            super(message);
        }
    }
}
