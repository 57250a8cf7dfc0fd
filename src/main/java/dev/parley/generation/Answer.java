package dev.parley.generation;

import dev.parley.generation.RawAnswers.RawAnswer;
import dev.parley.provider.Completion;
import dev.parley.provider.Completion.StopReason;
import dev.parley.provider.TokenUsage;
import java.math.BigDecimal;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * A stored answer and what its envelope says.
 *
 * @param completion null when the envelope cannot be read; then {@code unreadable} says why
 * @param cost USD; zero when it is not known
 */
record Answer(
        RawAnswer raw,
        @Nullable Completion completion,
        @Nullable String unreadable,
        BigDecimal cost,
        Instant readAt) {

    StopReason stopReason() {
        return completion == null ? StopReason.OTHER : completion.stopReason();
    }

    boolean isCutOff() {
        return stopReason() == StopReason.MAX_TOKENS || stopReason() == StopReason.CONTEXT_WINDOW;
    }

    /** The provider's word for why the model stopped; null when the envelope cannot be read. */
    @Nullable
    String stopDetail() {
        return completion == null ? null : completion.stopDetail();
    }

    TokenUsage usage() {
        return completion == null ? TokenUsage.NONE : completion.usage();
    }
}
