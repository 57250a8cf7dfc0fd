package dev.parley.generation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.parley.generation.DocumentReader.Method;
import dev.parley.generation.DocumentReader.Unreadable;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import tools.jackson.databind.json.JsonMapper;

class JsonRepairTests {
    private static final String USER = "He said \\\"no\\\", twice; {see} [1], ok: “fine”, it’s 5\\u20ac \\\\ end,";
    private static final String USER_SAYS = "He said \"no\", twice; {see} [1], ok: “fine”, it’s 5\u20ac \\ end,";
    private static final String ADVISER = "First, a will.\\n\\nThen ```json``` // and a guardian /* soon */ }]";
    private static final String ADVISER_SAYS = "First, a will.\n\nThen ```json``` // and a guardian /* soon */ }]";

    private static final String META =
            "{\"client_persona\":\"c\",\"session_context\":\"s\",\"conversation_phase\":\"p\"}";
    private static final String TURN_1 = turn(1, "user", USER);
    private static final String TURN_2 = turn(2, "assistant", ADVISER);
    private static final String GOOD =
            "{\"conversation_metadata\":" + META + ",\"turns\":[" + TURN_1 + "," + TURN_2 + "]}";

    private final DocumentReader reader =
            new DocumentReader(JsonMapper.builder().build());

    static Stream<Arguments> broken() {
        Map<String, String> broken = new LinkedHashMap<>();
        broken.put("a fence", "```json\n" + GOOD + "\n```");
        broken.put("a fence without a language", "```\n" + GOOD + "```");
        broken.put("a fence that is never closed", "```json\n" + GOOD);
        broken.put("prose before", "Here is the conversation:\n\n" + GOOD);
        broken.put("prose after", GOOD + "\n\nLet me know if you want another one!");
        broken.put("prose and a fence", "Sure!\n```json\n" + GOOD + "\n```\nHope {this} helps.");
        broken.put("prose with braces before", "As {asked}, for {\"David\"}: " + GOOD);
        broken.put("another small object before", "{\"note\": \"draft\"}\n" + GOOD);
        broken.put("a byte order mark", "\ufeff" + GOOD);
        broken.put("a list around it", "[" + GOOD + "]");
        broken.put("a number before", "1. " + GOOD);
        broken.put("a trailing comma in the list", GOOD.replace("}]}", "},]}"));
        broken.put("a trailing comma at the end", GOOD.substring(0, GOOD.length() - 1) + ",}");
        broken.put(
                "trailing commas everywhere", GOOD.replace("0.5}}", "0.5,},}").replace("]}", ",]}"));
        broken.put("no bracket at the end", GOOD.substring(0, GOOD.length() - 1));
        broken.put("no brackets at the end", GOOD.substring(0, GOOD.length() - 2));
        broken.put("four brackets missing at the end", GOOD.substring(0, GOOD.length() - 4));
        broken.put("a missing bracket inside a fence", "```json\n" + GOOD.substring(0, GOOD.length() - 2) + "\n```");
        broken.put("the list never closed", GOOD.substring(0, GOOD.length() - 2) + "}");
        broken.put("a turn never closed", GOOD.replace("0.5}},{", "0.5},{"));
        broken.put("the last turn never closed", GOOD.replace("}}]}", "}]}"));
        broken.put("a bracket too many", GOOD + "}");
        broken.put("no comma between two turns", GOOD.replace("}},{", "}} {"));
        broken.put("no comma after an object", GOOD.replace("\"p\"},", "\"p\"}\n"));
        broken.put("line breaks inside strings", GOOD.replace("\\n", "\n"));
        broken.put("curly quotation marks as delimiters", curly(GOOD));
        broken.put("curly marks, one kind only at keys", GOOD.replace("\"role\"", "”role”"));
        broken.put("curly marks and a fence", "```json\n" + curly(GOOD) + "\n```");
        broken.put("no-break spaces for indentation", GOOD.replace(":[", ":\u00a0[\u00a0"));
        broken.put("all of it", "Here:\n```json\n" + GOOD.replace("}]}", "},]").replace("\\n", "\n") + "\n```\nBye.");
        return broken.entrySet().stream().map(entry -> Arguments.of(entry.getKey(), entry.getValue()));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("broken")
    void whatIsSaidStaysTheSameToTheLetter(String what, String text) throws Unreadable {
        DocumentReader.Parsed parsed = reader.read(text);

        assertThat(parsed.method()).isEqualTo(Method.REPAIR);
        assertThat(parsed.draft().turns()).extracting(Draft.Turn::content).containsExactly(USER_SAYS, ADVISER_SAYS);
        assertThat(parsed.draft()).isEqualTo(reader.read(GOOD).draft());
    }

    @Test
    void aSoundDocumentIsReadDirectly() throws Unreadable {
        assertThat(reader.read(GOOD).method()).isEqualTo(Method.DIRECT);
        assertThat(reader.read("\n  " + GOOD + "\n").method()).isEqualTo(Method.DIRECT);
    }

    @Test
    void tabsCarriageReturnsAndControlCharactersInsideStringsAreKept() throws Unreadable {
        String text = GOOD.replace(ADVISER, "a\tb\r\nc\u0001d \\'e\\'");

        assertThat(reader.read(text).draft().turns().get(1).content()).isEqualTo("a\tb\r\nc\u0001d 'e'");
    }

    static Stream<Arguments> hopeless() {
        Map<String, String> hopeless = new LinkedHashMap<>();
        hopeless.put("no JSON at all", "I cannot write this conversation.");
        hopeless.put("nothing but a bracket", "{");
        hopeless.put("cut off inside a string", GOOD.substring(0, GOOD.indexOf("a guardian")));
        hopeless.put("cut off after a colon", GOOD.substring(0, GOOD.lastIndexOf("0.5")));
        hopeless.put("cut off after a comma", GOOD.substring(0, GOOD.indexOf(TURN_2)));
        hopeless.put("a bare quotation mark inside a string", GOOD.replace("He said \\\"no\\\",", "He said \"no\","));
        hopeless.put("bare marks that look like structure", GOOD.replace("He said \\\"no\\\", twice", "no\", \"twice"));
        hopeless.put("a turn closed twice", GOOD.replace("}},{", "}}},{"));
        hopeless.put("the object closed too early", GOOD.replace("\"p\"},", "\"p\"}},"));
        hopeless.put("two conversations", GOOD + "\n" + GOOD);
        hopeless.put("an unpaired curly mark", curly(GOOD).replace("“fine”", "“fine"));
        hopeless.put("a key twice", GOOD.replace("\"role\":\"user\"", "\"content\":\"other\",\"role\":\"user\""));
        return hopeless.entrySet().stream().map(entry -> Arguments.of(entry.getKey(), entry.getValue()));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("hopeless")
    void whatWouldTakeAGuessIsLeftToAPerson(String what, String text) {
        assertThatThrownBy(() -> reader.read(text))
                .isInstanceOfSatisfying(
                        Unreadable.class, e -> assertThat(e.wrongShape()).isFalse())
                .message()
                .startsWith("it is not JSON: ")
                .contains("; no repair: ")
                .doesNotContain("\n");
    }

    @Test
    void jsonOfAnotherShapeIsToldFromBrokenJson() {
        assertThatThrownBy(() -> reader.read(GOOD.replace("0.5", "\"strong\"")))
                .isInstanceOfSatisfying(
                        Unreadable.class, e -> assertThat(e.wrongShape()).isTrue())
                .hasMessageContaining("strong");
        assertThatThrownBy(() -> reader.read("[1, 2]"))
                .isInstanceOfSatisfying(
                        Unreadable.class, e -> assertThat(e.wrongShape()).isTrue());
    }

    @Test
    void fieldsNobodyAskedForAreNamed() throws Unreadable {
        String text = GOOD.replace("\"role\":\"user\"", "\"mood\":{\"a\":[1]},\"role\":\"user\"");

        DocumentReader.Parsed parsed = reader.read(text);

        assertThat(parsed.unknownFields()).containsExactly("mood");
        assertThat(parsed.draft()).isEqualTo(reader.read(GOOD).draft());
    }

    @Test
    void hostileTextTakesNoTimeToSpeakOf() {
        String deep = "{\"a\":".repeat(40_000);

        org.junit.jupiter.api.Assertions.assertTimeout(
                Duration.ofSeconds(5),
                () -> assertThatThrownBy(() -> reader.read(deep)).isInstanceOf(Unreadable.class));
    }

    private static String turn(int number, String role, String content) {
        return "{\"turn_number\":" + number + ",\"role\":\"" + role + "\",\"content\":\"" + content
                + "\",\"emotional_context\":{\"primary_emotion\":\"calm\",\"intensity\":0.5}}";
    }

    /** Every delimiter curly, and the escaped marks inside left as they are. */
    private static String curly(String json) {
        StringBuilder curly = new StringBuilder();
        boolean inside = false;
        for (int i = 0; i < json.length(); i++) {
            char c = json.charAt(i);
            if (c == '\\') {
                curly.append(c).append(json.charAt(++i));
            } else if (c == '"') {
                inside = !inside;
                curly.append(inside ? '“' : '”');
            } else {
                curly.append(c);
            }
        }
        return curly.toString();
    }
}
