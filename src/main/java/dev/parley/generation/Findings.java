package dev.parley.generation;

import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** What is wrong with a draft. All of it is looked at, so that one reading lists every finding. */
record Findings(List<Finding> all) {
    private static final int FEWEST_TURNS = 2;
    private static final int SHORT_CONTENT = 10; // characters
    private static final double FAINTEST = 0.05;
    private static final double FIERCEST = 0.95;

    enum Severity {
        /** It is no conversation document. */
        @JsonProperty("blocker")
        BLOCKER,
        /** It is one; a reviewer should know. */
        @JsonProperty("warning")
        WARNING
    }

    /** @param where the part of the document; turns are counted from 1 as they stand */
    record Finding(
            @JsonProperty("severity") Severity severity,
            @JsonProperty("where") String where,
            @JsonProperty("what") String what) {
        @Override
        public String toString() {
            return where + " " + what;
        }
    }

    static Findings of(DocumentReader.Parsed parsed) {
        Check check = new Check();
        check.metadata(parsed.draft().metadata());
        check.turns(parsed.draft().turns());
        parsed.unknownFields()
                .forEach(field -> check.warning("field " + field, "does not belong in the document and was left out"));
        return new Findings(List.copyOf(check.found));
    }

    boolean blocked() {
        return all.stream().anyMatch(finding -> finding.severity() == Severity.BLOCKER);
    }

    /** The blockers on one line. */
    String blockers() {
        return all.stream()
                .filter(finding -> finding.severity() == Severity.BLOCKER)
                .map(Finding::toString)
                .collect(Collectors.joining("; "));
    }

    private static final class Check {
        private final List<Finding> found = new ArrayList<>(0);

        void metadata(Draft.@Nullable Metadata metadata) {
            if (metadata == null) {
                blocker("conversation_metadata", "is missing");
                return;
            }
            text("conversation_metadata.client_persona", metadata.clientPersona());
            text("conversation_metadata.session_context", metadata.sessionContext());
            text("conversation_metadata.conversation_phase", metadata.conversationPhase());
        }

        void turns(@Nullable List<Draft.@Nullable Turn> turns) {
            if (turns == null || turns.isEmpty()) {
                blocker("turns", turns == null ? "are missing" : "are empty");
                return;
            }
            if (turns.size() < FEWEST_TURNS) {
                blocker("turns", "has " + turns.size() + " turn, and a conversation has at least " + FEWEST_TURNS);
            }
            String roleBefore = "assistant";
            for (int i = 0; i < turns.size(); i++) {
                String where = "turn " + (i + 1);
                Draft.Turn turn = turns.get(i);
                if (turn == null) {
                    blocker(where, "is null");
                    continue;
                }
                turn(where, turn, i + 1);
                String role = turn.normalRole();
                if (role != null && role.equals(roleBefore)) {
                    warning(where, i == 0 ? "is not the user's" : "has the same role as the one before: " + role);
                }
                roleBefore = role == null ? "" : role;
            }
        }

        private void turn(String where, Draft.Turn turn, int expectedNumber) {
            Integer number = turn.turnNumber();
            if (number == null) {
                blocker(where, "has no turn_number");
            } else if (number != expectedNumber) {
                warning(where, "has turn_number " + number);
            }
            String role = turn.normalRole();
            if (role == null) {
                blocker(where, "has no role");
            } else if (!role.equals("user") && !role.equals("assistant")) {
                blocker(where, "has the role '" + abbreviated(role) + "', which is neither user nor assistant");
            }
            String content = turn.content();
            if (content == null || content.isBlank()) {
                blocker(where, content == null ? "has no content" : "has empty content");
            } else if (content.strip().length() < SHORT_CONTENT) {
                warning(where, "has only " + content.strip().length() + " characters");
            }
            feeling(where, turn.emotionalContext());
        }

        private void feeling(String where, Draft.@Nullable EmotionalContext feeling) {
            if (feeling == null) {
                blocker(where, "has no emotional_context");
                return;
            }
            text(where + " emotional_context.primary_emotion", feeling.primaryEmotion());
            Double intensity = feeling.intensity();
            if (intensity == null) {
                blocker(where, "has no emotional_context.intensity");
            } else if (!(intensity >= 0 && intensity <= 1)) {
                blocker(where, "has intensity " + intensity + ", which is not within 0..1");
            } else if (intensity <= FAINTEST || intensity >= FIERCEST) {
                warning(where, "has the extreme intensity " + intensity);
            }
        }

        private void text(String where, @Nullable String value) {
            if (value == null) {
                blocker(where, "is missing");
            } else if (value.isBlank()) {
                warning(where, "is empty");
            }
        }

        private static String abbreviated(String text) {
            return text.length() <= 30 ? text : text.substring(0, 30) + "…";
        }

        private void blocker(String where, String what) {
            found.add(new Finding(Severity.BLOCKER, where, what));
        }

        void warning(String where, String what) {
            found.add(new Finding(Severity.WARNING, where, what));
        }
    }
}
