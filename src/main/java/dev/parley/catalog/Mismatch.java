package dev.parley.catalog;

import java.util.ArrayList;
import java.util.Collection;
import java.util.List;

/**
 * Something that speaks against a combination of persona, arc and topic. Equal ones, of several combinations, are one.
 *
 * @param key of the row that objects
 * @param message one line for a person
 */
public record Mismatch(Reason reason, String key, String message) {
    /** Why the row objects. */
    public enum Reason {
        /** The row is not in use any more. */
        INACTIVE,
        /** The row names what it fits, and the other one is not among it. */
        UNSUITED
    }

    static List<Mismatch> among(Persona persona, EmotionalArc arc, TrainingTopic topic) {
        List<Mismatch> found = new ArrayList<>();
        inactive(persona.active(), "persona", persona.key(), found);
        inactive(arc.active(), "emotional arc", arc.key(), found);
        inactive(topic.active(), "training topic", topic.key(), found);
        unsuited("emotional arc", arc.key(), arc.suitablePersonas(), "persona", persona.key(), found);
        unsuited("emotional arc", arc.key(), arc.suitableTopics(), "training topic", topic.key(), found);
        unsuited("training topic", topic.key(), topic.suitablePersonas(), "persona", persona.key(), found);
        unsuited("training topic", topic.key(), topic.suitableEmotionalArcs(), "emotional arc", arc.key(), found);
        return List.copyOf(found);
    }

    private static void inactive(boolean active, String what, String key, Collection<Mismatch> found) {
        if (!active) {
            found.add(new Mismatch(Reason.INACTIVE, key, what + " '" + key + "' is not active"));
        }
    }

    private static void unsuited(
            String what, String key, List<String> suited, String other, String otherKey, Collection<Mismatch> found) {
        if (!suited.isEmpty() && !suited.contains(otherKey)) {
            String message = "%s '%s' is meant for the %ss %s, not for '%s'"
                    .formatted(what, key, other, String.join(", ", suited), otherKey);
            found.add(new Mismatch(Reason.UNSUITED, key, message));
        }
    }
}
