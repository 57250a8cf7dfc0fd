package dev.parley.provider;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;

/** The {@code key: value} lines that generation puts into each prompt; what is missing has a plain stand-in. */
record PromptFacts(
        String personaName,
        String personaArchetype,
        String arcName,
        String startingEmotion,
        String midpointEmotion,
        String endingEmotion,
        String topicName,
        List<String> concepts,
        int targetTurns) {
    /** Not asked for. */
    static final int ANY = 0;

    private static final Pattern BETWEEN_CONCEPTS = Pattern.compile("[,;|\\[\\]\"]+");
    private static final Pattern TURNS = Pattern.compile("\\d{1,3}");
    private static final int LONGEST_KEY = 24;
    private static final int LONGEST_VALUE = 48;
    private static final int MOST_TURNS = 40;
    private static final int MOST_CONCEPTS = 8;

    static PromptFacts in(String prompt) {
        Map<String, String> lines = lines(prompt);
        String start = lines.getOrDefault("starting_emotion", "uncertainty");
        String end = lines.getOrDefault("ending_emotion", "relief");
        return new PromptFacts(
                lines.getOrDefault("persona_name", "Alex"),
                lines.getOrDefault("persona_archetype", "the one who asks"),
                lines.getOrDefault("emotional_arc_name", start + " to " + end),
                start,
                lines.getOrDefault("midpoint_emotion", "cautious hope"),
                end,
                lines.getOrDefault("topic_name", "this decision"),
                concepts(lines.getOrDefault("topic_key_concepts", "")),
                turns(lines.getOrDefault("target_turns", "")));
    }

    /** One pass over the prompt, which may be long: only lines that begin with a short lower-case word and a colon count. */
    private static Map<String, String> lines(String prompt) {
        Map<String, String> found = new HashMap<>();
        int start = 0;
        while (start < prompt.length()) {
            int end = prompt.indexOf('\n', start);
            if (end < 0) {
                end = prompt.length();
            }
            int colon = start;
            while (colon < end && colon - start < LONGEST_KEY && isKeyCharacter(prompt.charAt(colon))) {
                colon++;
            }
            if (colon > start && colon < end && prompt.charAt(colon) == ':') {
                String value = prompt.substring(colon + 1, end).strip();
                if (!value.isEmpty()) {
                    found.putIfAbsent(prompt.substring(start, colon), value);
                }
            }
            start = end + 1;
        }
        found.replaceAll((key, value) -> key.equals("topic_key_concepts") ? value : shortened(value));
        return found;
    }

    private static boolean isKeyCharacter(char c) {
        return (c >= 'a' && c <= 'z') || c == '_';
    }

    private static List<String> concepts(String value) {
        List<String> concepts = BETWEEN_CONCEPTS
                .splitAsStream(value)
                .map(String::strip)
                .filter(concept -> !concept.isEmpty())
                .map(PromptFacts::shortened)
                .limit(MOST_CONCEPTS)
                .toList();
        return concepts.isEmpty() ? List.of("the first step", "the cost of waiting", "who else is affected") : concepts;
    }

    private static int turns(String value) {
        return TURNS.matcher(value).matches() ? Math.max(2, Math.min(MOST_TURNS, Integer.parseInt(value))) : ANY;
    }

    /** Cut at a word where there is one. */
    private static String shortened(String value) {
        if (value.length() <= LONGEST_VALUE) {
            return value;
        }
        int space = value.lastIndexOf(' ', LONGEST_VALUE);
        return value.substring(0, space > 0 ? space : LONGEST_VALUE);
    }
}
