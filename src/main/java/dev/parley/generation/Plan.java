package dev.parley.generation;

import dev.parley.provider.Completion.StopReason;
import org.jspecify.annotations.Nullable;

/**
 * What one request for a conversation asks for. An answer that was cut off is asked for again with a changed request, never
 * with the same one. The plan follows from the settings and the stored answers alone, so that any process makes the same.
 *
 * @param number of the request, from 1
 * @param targetTurns how many turns the conversation is to have
 * @param shortened whether that is fewer than the arc would have
 */
record Plan(int number, int maxOutputTokens, int targetTurns, boolean shortened) {

    static Plan first(GenerationRequest request, Ingredients from, GenerationSettings settings) {
        Integer asked = request.maxOutputTokens();
        return new Plan(1, asked != null ? asked : settings.maxOutputTokens(), from.targetTurns(), false);
    }

    /** The request to follow one that was cut off; null when nothing is left to change. */
    @Nullable
    Plan after(StopReason stop, Ingredients from, GenerationSettings settings) {
        if (number >= settings.maxRequests()) {
            return null;
        }
        int doubled = Math.min(settings.maxOutputTokensCap(), 2 * maxOutputTokens);
        if (stop != StopReason.CONTEXT_WINDOW && doubled > maxOutputTokens) {
            return new Plan(number + 1, doubled, targetTurns, shortened);
        }
        if (from.minTurns() < targetTurns) {
            return new Plan(number + 1, maxOutputTokens, from.minTurns(), true);
        }
        return null;
    }

    /** How it differs from a first request, for a person. */
    String change() {
        return shortened
                ? "asking for " + targetTurns + " turns, at most " + maxOutputTokens + " tokens"
                : "with a limit of " + maxOutputTokens + " tokens";
    }
}
