package dev.parley.provider;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.parley.provider.Completion.StopReason;
import dev.parley.provider.ModelFailure.Next;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class OfflineProviderTests {
    private static final String PROMPT = """
            Now write the conversation.
            persona_name: David Chen
            persona_archetype: The Careful Planner
            emotional_arc_name: Couple Conflict -> Alignment
            starting_emotion: conflict
            midpoint_emotion: openness
            ending_emotion: alignment
            topic_name: Essential Estate Planning
            topic_key_concepts: the will, guardianship for the children, "beneficiary forms"
            target_turns: 10
            """;

    private final OfflineProvider plain = new OfflineProvider(OfflineSettings.plain());

    @Test
    void theSameQuestionAlwaysGetsTheSameAnswer() {
        OfflineProvider another = new OfflineProvider(OfflineSettings.plain());

        assertThat(plain.call(request("key-1")).body())
                .isEqualTo(plain.call(request("key-1")).body())
                .isEqualTo(another.call(request("key-1")).body())
                .isNotEqualTo(plain.call(request("key-2")).body());
    }

    @Test
    void makesTheConversationThatWasAskedFor() {
        Completion completion = plain.read(plain.call(request("key-1")).body());

        JsonNode conversation = JsonMapper.shared().readTree(completion.text());
        JsonNode turns = conversation.path("turns");
        assertThat(conversation.propertyNames()).containsExactly("conversation_metadata", "turns");
        assertThat(conversation
                        .path("conversation_metadata")
                        .path("client_persona")
                        .asString())
                .isEqualTo("David Chen - The Careful Planner");
        assertThat(completion.text())
                .contains("Essential Estate Planning")
                .containsPattern("will|guardianship|beneficiary");
        assertThat(turns.size()).isEqualTo(10);
        assertThat(emotionOf(turns, 0)).isEqualTo("conflict");
        assertThat(emotionOf(turns, 4)).isEqualTo("openness");
        assertThat(emotionOf(turns, 8)).isEqualTo("alignment");
        assertThat(completion.stopReason()).isEqualTo(StopReason.END_TURN);
        assertThat(completion.model()).isEqualTo("offline");
    }

    @ParameterizedTest
    @ValueSource(ints = {2, 5, 8, 9, 14, 24})
    void everyTurnIsWellFormedInThousandsOfConversations(int turnsAskedFor) {
        String prompt = PROMPT.replace("target_turns: 10", "target_turns: " + turnsAskedFor);

        for (int i = 0; i < 500; i++) {
            JsonNode turns = conversation(new ModelRequest("key-" + i, null, 900, "Rules", prompt, null, Map.of()));
            Set<String> contents = new HashSet<>();
            assertThat(turns.size()).isEqualTo(turnsAskedFor);
            for (int turn = 0; turn < turnsAskedFor; turn++) {
                JsonNode said = turns.get(turn);
                contents.add(said.path("content").asString());
                assertThat(said.path("turn_number").asInt()).isEqualTo(turn + 1);
                assertThat(said.path("role").asString()).isEqualTo(turn % 2 == 0 ? "user" : "assistant");
                assertThat(said.path("content").asString())
                        .hasSizeBetween(100, 400)
                        .doesNotContain("{", "}", "  ");
                assertThat(said.path("emotional_context").path("intensity").asDouble())
                        .isBetween(0.3, 0.95);
            }
            assertThat(contents).hasSize(turnsAskedFor);
        }
    }

    @Test
    void aPromptThatSaysNothingStillGivesAConversationOfEightToFourteenTurns() {
        Set<Integer> lengths = new HashSet<>();

        for (int i = 0; i < 100; i++) {
            lengths.add(conversation(new ModelRequest("key-" + i, null, 900, "", "Hello", null, Map.of()))
                    .size());
        }

        assertThat(lengths).containsExactlyInAnyOrder(8, 10, 12, 14);
    }

    @Test
    void conversationsDiffer() {
        Set<String> openings = new HashSet<>();

        for (int i = 0; i < 200; i++) {
            openings.add(
                    conversation(request("key-" + i)).get(0).path("content").asString());
        }

        assertThat(openings).hasSizeGreaterThan(100);
    }

    @Test
    void usageIsPlausible() {
        String prefix = "The rules are these. ".repeat(200);
        ModelRequest request = new ModelRequest("key-1", null, 900, prefix, PROMPT, null, Map.of());

        Completion completion = plain.read(plain.call(request).body());

        assertThat(completion.usage().cacheRead()).isEqualTo(prefix.length() / 4);
        assertThat(completion.usage().input()).isBetween(50L, 200L);
        assertThat(completion.usage().output()).isEqualTo(completion.text().length() / 4 + 1);
    }

    @ParameterizedTest
    @CsvSource({"0, rate_limited, WAIT", "1, overloaded, WAIT", "2, provider_unavailable, RETRY", "3, timed_out, RETRY"
    })
    void failsAsOftenAsToldAndOtherwiseAnswers(int kind, String code, Next next) {
        OfflineProvider moody = failing(kind, 0.2);

        List<ModelFailure> failures = new ArrayList<>();
        for (int i = 0; i < 1000; i++) {
            ModelRequest request = request("key-" + i);
            ModelException thrown = catchThrowableOfType(ModelException.class, () -> moody.call(request));
            if (thrown != null) {
                failures.add(thrown.failure());
            }
        }

        assertThat(failures).hasSizeBetween(150, 250).allSatisfy(failure -> {
            assertThat(failure.code()).isEqualTo(code);
            assertThat(failure.next()).isEqualTo(next);
        });
    }

    @Test
    void aFailedCallMayWorkTheNextTimeAndTheSameOnesFailInEveryProcess() {
        OfflineProvider moody = failing(0, 0.5);
        OfflineProvider sameMood = failing(0, 0.5);

        List<Integer> needed = IntStream.range(0, 100)
                .map(i -> attemptsNeeded(moody, "key-" + i))
                .boxed()
                .toList();

        assertThat(needed).contains(1, 2, 3);
        assertThat(IntStream.range(0, 100)
                        .map(i -> attemptsNeeded(sameMood, "key-" + i))
                        .boxed())
                .isEqualTo(needed);
    }

    @Test
    void refusalsTruncationsAndMalformedAnswersAreAnswers() {
        Completion refused = answer(failing(4, 1));
        Completion truncated = answer(failing(5, 1));
        Completion malformed = answer(failing(6, 1));

        assertThat(refused.stopReason()).isEqualTo(StopReason.REFUSAL);
        assertThat(refused.usage().output()).isPositive();
        assertThat(truncated.stopReason()).isEqualTo(StopReason.MAX_TOKENS);
        assertThat(truncated.text()).startsWith("{").doesNotEndWith("]}");
        assertThat(malformed.stopReason()).isEqualTo(StopReason.END_TURN);
        assertThat(malformed.text()).doesNotContain("{");
    }

    @Test
    void takesAsLongAsTold() {
        Duration median = Duration.ofMillis(30);
        OfflineProvider slow = new OfflineProvider(new OfflineSettings(
                new OfflineSettings.Latency(median, 0, median),
                OfflineSettings.plain().failures()));

        assertThat(slow.call(request("key-1")).duration()).isGreaterThanOrEqualTo(median);
    }

    private static OfflineProvider failing(int kind, double rate) {
        double[] rates = new double[7];
        rates[kind] = rate;
        return new OfflineProvider(new OfflineSettings(
                OfflineSettings.plain().latency(),
                new OfflineSettings.Failures(rates[0], rates[1], rates[2], rates[3], rates[4], rates[5], rates[6])));
    }

    private static int attemptsNeeded(OfflineProvider provider, String key) {
        int attempts = 1;
        while (catchThrowableOfType(ModelException.class, () -> provider.call(request(key))) != null) {
            attempts++;
        }
        return attempts;
    }

    private static Completion answer(OfflineProvider provider) {
        return provider.read(provider.call(request("key-1")).body());
    }

    private JsonNode conversation(ModelRequest request) {
        return JsonMapper.shared()
                .readTree(plain.read(plain.call(request).body()).text())
                .path("turns");
    }

    private static String emotionOf(JsonNode turns, int turn) {
        return turns.get(turn).path("emotional_context").path("primary_emotion").asString();
    }

    private static ModelRequest request(String key) {
        return new ModelRequest(key, null, 900, "Rules", PROMPT, null, Map.of());
    }
}
