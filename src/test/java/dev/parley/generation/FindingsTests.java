package dev.parley.generation;

import static dev.parley.generation.Samples.document;
import static dev.parley.generation.Samples.turn;
import static org.assertj.core.api.Assertions.assertThat;

import dev.parley.generation.DocumentReader.Unreadable;
import dev.parley.generation.Findings.Finding;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.json.JsonMapper;

class FindingsTests {
    private static final String META =
            "\"conversation_metadata\":{\"client_persona\":\"c\",\"session_context\":\"s\",\"conversation_phase\":\"p\"}";
    private static final String FINE = "A sentence of some length.";

    private final DocumentReader reader =
            new DocumentReader(JsonMapper.builder().build());

    @Test
    void aFlawlessDocumentHasNone() throws Unreadable {
        assertThat(findings(document(6)).all()).isEmpty();
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '`', textBlock = """
            {}                               | conversation_metadata is missing; turns are missing
            {"turns": []}                    | conversation_metadata is missing; turns are empty
            {"conversation_metadata": {}, "turns": [{}, null]} | conversation_metadata.client_persona is missing; \
            conversation_metadata.session_context is missing; conversation_metadata.conversation_phase is missing; \
            turn 1 has no turn_number; turn 1 has no role; turn 1 has no content; turn 1 has no emotional_context; turn 2 is null
            """)
    void everyBlockerIsFoundInOneReading(String text, String blockers) throws Unreadable {
        Findings findings = findings(text);

        assertThat(findings.blocked()).isTrue();
        assertThat(findings.blockers()).isEqualTo(blockers);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '`', textBlock = """
            system    | A sentence of some length. | 0.5  | turn 2 has the role 'system', which is neither user nor assistant
            assistant |                            | 0.5  | turn 2 has empty content
            assistant | \\n \\t                      | 0.5  | turn 2 has empty content
            assistant | A sentence of some length. | 1.01 | turn 2 has intensity 1.01, which is not within 0..1
            assistant | A sentence of some length. | -0.1 | turn 2 has intensity -0.1, which is not within 0..1
            assistant | A sentence of some length. | 7    | turn 2 has intensity 7.0, which is not within 0..1
            assistant | A sentence of some length. | null | turn 2 has no emotional_context.intensity
            """)
    void aTurnThatIsNoneBlocks(String role, String content, String intensity, String blocker) throws Unreadable {
        String said = content == null ? "" : content;

        Findings findings =
                findings("{" + META + ",\"turns\":[" + turn(1) + "," + turn(2, role, said, intensity) + "]}");

        assertThat(findings.blockers()).isEqualTo(blocker);
    }

    @Test
    void aSingleTurnIsNoConversation() throws Unreadable {
        assertThat(findings(document(1)).blockers()).isEqualTo("turns has 1 turn, and a conversation has at least 2");
    }

    @Test
    void whatAReviewerShouldKnowIsAWarning() throws Unreadable {
        Findings findings = findings("{" + META + ",\"turns\":[" + turn(1, "assistant", FINE, "0.5") + ","
                + turn(3, "assistant", "Yes.", "1") + "," + turn(3, "User ", FINE, "0.0") + "],\"title\":\"x\"}");

        assertThat(findings.blocked()).isFalse();
        assertThat(findings.all())
                .extracting(Finding::toString)
                .containsExactlyElementsOf(List.of(
                        "turn 1 is not the user's",
                        "turn 2 has turn_number 3",
                        "turn 2 has only 4 characters",
                        "turn 2 has the extreme intensity 1.0",
                        "turn 2 has the same role as the one before: assistant",
                        "turn 3 has the extreme intensity 0.0",
                        "field title does not belong in the document and was left out"));
    }

    private Findings findings(String text) throws Unreadable {
        return Findings.of(reader.read(text));
    }
}
