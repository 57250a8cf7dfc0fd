package dev.parley.generation;

import static org.assertj.core.api.Assertions.assertThat;

import dev.parley.conversation.ConversationDocument.EmotionalContext;
import dev.parley.conversation.ConversationDocument.Turn;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class QualityScoreTests {

    @ParameterizedTest
    @CsvSource({
        "8, 100, 10.00", // everything at its best
        "16, 500, 10.00",
        "4, 200, 8.50", // half the turns: 0.30 × 5
        "32, 200, 8.50", // twice as many as is good
        "10, 50, 8.75", // half the length: 0.25 × 5
        "10, 1000, 8.75",
        "2, 20, 5.75"
    })
    void turnsAndLengthCountInProportion(int turns, int characters, String score) {
        assertThat(QualityScore.of(alternating(turns, characters))).isEqualTo(score);
    }

    @Test
    void rolesThatDoNotAlternateCost() {
        List<Turn> turns = alternating(9, 200);
        turns.set(4, turn("assistant", turns.get(4).content())); // alike now: both neighbours of one turn in nine

        assertThat(QualityScore.of(turns)).isEqualTo("9.48"); // 10 − 0.30 × 7 × 2/8
    }

    @Test
    void repetitionsAndStubsCost() {
        List<Turn> turns = alternating(10, 200);
        turns.set(2, turn("user", turns.get(0).content().toUpperCase(java.util.Locale.ROOT) + "  "));
        turns.set(5, turn("assistant", "Right."));

        assertThat(QualityScore.of(turns)).isEqualTo("9.70"); // 10 − 0.15 × 10 × 2/10
    }

    @Test
    void theSameDocumentAlwaysScoresTheSame() {
        assertThat(QualityScore.of(alternating(7, 93))).isEqualTo(QualityScore.of(alternating(7, 93)));
    }

    private static List<Turn> alternating(int turns, int characters) {
        List<Turn> all = new ArrayList<>();
        for (int i = 0; i < turns; i++) {
            String content = i + "x".repeat(characters);
            all.add(turn(i % 2 == 0 ? "user" : "assistant", content.substring(0, characters)));
        }
        return all;
    }

    private static Turn turn(String role, String content) {
        return new Turn(1, role, content, new EmotionalContext("calm", null, 0.5));
    }
}
