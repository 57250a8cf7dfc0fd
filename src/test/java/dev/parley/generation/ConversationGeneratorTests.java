package dev.parley.generation;

import static dev.parley.generation.Samples.FINAL;
import static dev.parley.generation.Samples.KEY;
import static dev.parley.generation.Samples.NIL;
import static dev.parley.generation.Samples.OLD_RAW;
import static dev.parley.generation.Samples.RAW;
import static dev.parley.generation.Samples.document;
import static dev.parley.generation.Samples.request;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.parley.catalog.Catalog;
import dev.parley.catalog.Tier;
import dev.parley.conversation.ConversationDocument;
import dev.parley.conversation.ConversationRecord;
import dev.parley.conversation.ConversationRecord.ProcessingStatus;
import dev.parley.conversation.ConversationRecord.Status;
import dev.parley.generation.GenerationResult.FailureType;
import dev.parley.generation.GenerationResult.Generated;
import dev.parley.generation.GenerationResult.NotGenerated;
import dev.parley.provider.Completion.StopReason;
import dev.parley.provider.ModelException;
import dev.parley.provider.ModelFailure;
import dev.parley.provider.ModelFailure.Next;
import dev.parley.provider.ModelRequest;
import dev.parley.provider.TokenUsage;
import java.math.BigDecimal;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class ConversationGeneratorTests {
    private static final Instant NOW = Instant.parse("2026-11-20T21:00:00Z");
    private static final Pricing PRICES =
            (model, usage, batched, at) -> new Pricing.Price(new BigDecimal("0.0042"), model + "@nov");

    private final JsonMapper json = JsonMapper.builder().build();
    private final MemoryStore store = new MemoryStore();
    private final FakeProvider provider = new FakeProvider();
    private final ConversationGenerator generator = generator(Samples.CATALOG);

    @Test // A18, A26
    void rawAndFinalFileAreStoredAndTheRowDescribesThem() {
        provider.answers(document(8));

        Generated result = (Generated) generator.generate(request(), provider);

        assertThat(store.objects.keySet()).containsExactly(FINAL, RAW);
        assertThat(store.objects.get(RAW)).isEqualTo(FakeProvider.envelope(StopReason.END_TURN, document(8)));
        ConversationRecord row = result.conversation();
        assertThat(row.key()).isEqualTo(KEY);
        assertThat(row.processingStatus()).isEqualTo(ProcessingStatus.COMPLETED);
        assertThat(row.status()).isEqualTo(Status.PENDING_REVIEW);
        assertThat(row.qualityScore()).isEqualByComparingTo("10");
        assertThat(row.turnCount()).isEqualTo(8);
        assertThat(row.parseMethod()).isEqualTo("direct");
        assertThat(row.parseAttempts()).isEqualTo(1);
        assertThat(row.findings()).isNull();
        assertThat(row.requiresManualReview()).isFalse();
        assertThat(row.bucket()).isEqualTo("conversation-files");
        assertThat(row.rawPath()).isEqualTo(RAW);
        assertThat(row.rawSize()).isEqualTo(store.objects.get(RAW).length);
        assertThat(row.rawStoredAt()).isEqualTo(NOW);
        assertThat(row.filePath()).isEqualTo(FINAL);
        assertThat(row.fileSize()).isEqualTo(store.objects.get(FINAL).length);
        assertThat(row.templateId()).isEqualTo(Samples.TEMPLATE.id());
        assertThat(row.model()).isEqualTo("model-x-1");
        assertThat(row.costUsd()).isEqualByComparingTo("0.0042");
        assertThat(List.of(row.inputTokens(), row.outputTokens(), row.cacheReadTokens(), row.cacheWriteTokens()))
                .containsExactly(100L, 200L, 30L, 4L);
        assertThat(row.createdBy()).isNull();
    }

    @Test
    void theFinalDocumentNamesWhatItWasMadeFromAndTheRightClient() {
        provider.answers(document(4));

        generator.generate(request(), provider);

        ConversationDocument written = json.readValue(store.objects.get(FINAL), ConversationDocument.class);
        assertThat(written.metadata().clientPersona()).isEqualTo("David Chen - The Pragmatic Optimist");
        assertThat(written.metadata().sessionContext()).isEqualTo("A first meeting");
        assertThat(written.inputParameters())
                .isEqualTo(new ConversationDocument.InputParameters(
                        new ConversationDocument.Ingredient(Samples.DAVID.id(), "david_chen", "David Chen"),
                        new ConversationDocument.Ingredient(
                                Samples.ARC.id(), "couple_conflict_to_alignment", "Couple Conflict -> Alignment"),
                        new ConversationDocument.Ingredient(
                                Samples.TOPIC.id(), "essential_estate_planning", "Essential Estate Planning")));
        assertThat(written.turns()).hasSize(4).extracting("turnNumber").containsExactly(1, 2, 3, 4);
        assertThat(store.text(FINAL))
                .contains("\"client_persona\"")
                .doesNotContain("secondary_emotion", "expected_outcome");
    }

    @Test
    void theSnapshotKeepsWhatTheConversationWasMadeFrom() {
        provider.answers(document(4));

        Generated result = (Generated) generator.generate(request(), provider);

        JsonNode snapshot = json.readTree(result.conversation().scaffoldingSnapshot());
        assertThat(snapshot.at("/persona/id").asString())
                .isEqualTo(Samples.DAVID.id().toString());
        assertThat(snapshot.at("/persona/emotional_baseline").asString()).isEqualTo("Hopeful but tired");
        assertThat(snapshot.at("/emotional_arc/key").asString()).isEqualTo("couple_conflict_to_alignment");
        assertThat(snapshot.at("/emotional_arc/starting_intensity_min").asDouble())
                .isEqualTo(0.6);
        assertThat(snapshot.at("/training_topic/name").asString()).isEqualTo("Essential Estate Planning");
        assertThat(snapshot.at("/template/name").asString()).isEqualTo("couple");
        assertThat(snapshot.at("/template/version").asInt()).isEqualTo(4);
        assertThat(snapshot.at("/generated_at").asString()).isEqualTo("2026-11-20T21:00:00Z");
        assertThat(snapshot.at("/compatibility_score").asDouble()).isEqualTo(1.0);
        JsonNode persona = json.readTree(result.conversation().persona());
        assertThat(persona.propertyNames()).containsExactlyInAnyOrder("id", "key", "name");
        assertThat(persona.get("id")).isEqualTo(snapshot.at("/persona/id"));
        assertThat(result.conversation().scaffoldingSnapshot().length()).isLessThan(1200);
    }

    @Test // A4
    void theRequestCarriesTheBusinessKeyTheSchemaAndTheCacheablePartFirst() {
        provider.answers(document(4));

        generator.generate(request(), provider);

        ModelRequest request = provider.requests.get(0);
        assertThat(request.idempotencyKey()).isEqualTo(KEY.toString());
        assertThat(request.model()).isEqualTo("model-x");
        assertThat(request.maxOutputTokens()).isEqualTo(8192);
        assertThat(request.stablePrefix())
                .startsWith("You write one training conversation")
                .endsWith("Be warm.\n");
        assertThat(request.prompt()).isEqualTo("David Chen asks about Essential Estate Planning in 8 turns.");
        assertThat(request.extra()).isEmpty();
        JsonNode schema = json.readTree(request.jsonSchema());
        assertThat(schema.findValues("additionalProperties")).hasSize(4).allMatch(node -> !node.asBoolean());
        assertThat(request.jsonSchema()).doesNotContain("minimum", "maximum", "minLength", "minItems");
    }

    @Test
    void theCallIsEnteredInTheLedgerAndAgainUnderTheSameIdWhenTheAnswerIsReadFromTheStore() {
        provider.answers(document(4));

        List<ProviderCall> first = generator.generate(request(), provider).calls();
        List<ProviderCall> again = generator.generate(request(), provider).calls();

        assertThat(provider.calls()).isEqualTo(1);
        assertThat(first).singleElement().satisfies(call -> {
            assertThat(call.provider()).isEqualTo("fake");
            assertThat(call.model()).isEqualTo("model-x-1");
            assertThat(call.requestId()).isEqualTo("req_1");
            assertThat(call.status()).isEqualTo(ProviderCall.Status.SUCCESS);
            assertThat(call.stopReason()).isEqualTo("end_turn");
            assertThat(call.usage()).isEqualTo(FakeProvider.USAGE);
            assertThat(call.costUsd()).isEqualByComparingTo("0.0042");
            assertThat(call.priceVersion()).isEqualTo("model-x-1@nov");
            assertThat(call.duration()).isEqualTo(Duration.ofMillis(1500));
        });
        assertThat(again).singleElement().satisfies(call -> {
            assertThat(call.id()).isEqualTo(first.get(0).id());
            assertThat(call.usage()).isEqualTo(FakeProvider.USAGE);
            assertThat(call.requestId()).isNull();
            assertThat(call.duration()).isNull();
        });
    }

    @Test // A28, A29, A30
    void filesOfAKnownUserGoToTheirFolder() {
        UUID user = UUID.fromString("03f6b167-0000-4000-8000-000000000002");
        GenerationRequest request = new GenerationRequest(
                KEY, 1, user, Samples.DAVID.id(), Samples.ARC.id(), Samples.TOPIC.id(), Tier.TEMPLATE, null, null, 100);
        provider.answers(document(4));

        Generated result = (Generated) generator.generate(request, provider);

        assertThat(store.objects.keySet())
                .containsExactly(user + "/" + KEY + "/conversation.json", "raw/" + user + "/" + KEY + "_raw.json");
        assertThat(result.conversation().createdBy()).isEqualTo(user);
        assertThat(provider.requests.get(0).maxOutputTokens()).isEqualTo(100);
    }

    @ParameterizedTest // A29
    @CsvSource({"_raw.json", ".json"})
    void aStoredAnswerUnderEitherNameMeansNoCall(String suffix) {
        String path = "raw/" + NIL + "/" + KEY + suffix;
        store.objects.put(path, FakeProvider.envelope(StopReason.END_TURN, document(4)));

        Generated result = (Generated) generator.generate(request(), provider);

        assertThat(provider.calls()).isZero();
        assertThat(result.conversation().rawPath()).isEqualTo(path);
        assertThat(result.conversation().costUsd()).isEqualByComparingTo("0.0042");
        assertThat(store.objects).containsKey(FINAL);
    }

    @Test
    void aRawFileOfAnOlderSystemThatHoldsTheBareDocumentIsReadToo() {
        store.put(OLD_RAW, document(4).replace("\"turns\"", "\"input_parameters\": {\"persona\": \"x\"}, \"turns\""));

        Generated result = (Generated) generator.generate(request(), provider);

        assertThat(provider.calls()).isZero();
        assertThat(result.calls()).isEmpty();
        assertThat(result.conversation().turnCount()).isEqualTo(4);
        assertThat(result.conversation().costUsd()).isZero();
    }

    @Test
    void aStoredAnswerIsFinishedEvenWhenItsTemplateIsGone() {
        store.objects.put(RAW, FakeProvider.envelope(StopReason.END_TURN, document(8)));

        Generated result = (Generated) generator(Samples.catalog()).generate(request(), provider);

        assertThat(result.conversation().templateId()).isNull();
        assertThat(result.conversation().status()).isEqualTo(Status.PENDING_REVIEW);
    }

    @Test // A57
    void unknownIdsAreAllNamedAndNothingIsCalled() {
        UUID nobody = UUID.fromString("00000000-0000-4000-8000-00000000dead");
        GenerationRequest request = new GenerationRequest(
                KEY, 1, null, nobody, Samples.ARC.id(), nobody, Tier.TEMPLATE, nobody, null, null);

        NotGenerated result = (NotGenerated) generator.generate(request, provider);

        assertThat(result.failure().code()).isEqualTo("invalid_parameters");
        assertThat(result.failure().next()).isEqualTo(Next.FAIL);
        assertThat(result.failure().detail())
                .isEqualTo("not in the catalog: persona_id " + nobody + ", training_topic_id " + nobody
                        + ", templateId " + nobody);
        assertThat(result.type()).isNull();
        assertThat(result.conversation()).isNull();
        assertThat(provider.calls()).isZero();
    }

    @Test
    void withoutATemplateArcAndTierAreNamedAndNothingIsCalled() {
        Catalog catalog = Samples.catalog(
                Samples.template("off", Tier.TEMPLATE, Samples.ARC.key(), "x", 6, 3, List.of(), List.of(), false));

        NotGenerated result = (NotGenerated) generator(catalog).generate(request(null), provider);

        assertThat(result.failure().code()).isEqualTo("template_not_found");
        assertThat(result.failure().detail()).contains("couple_conflict_to_alignment", "tier template");
        assertThat(provider.calls()).isZero();
    }

    @Test
    void aPlaceholderThatNothingFillsIsNamedAndNothingIsCalled() {
        Catalog catalog =
                Samples.catalog(Samples.template("holes", Tier.TEMPLATE, "{{persona_name}} and {{shoe_size}}"));

        NotGenerated result = (NotGenerated) generator(catalog).generate(request(), provider);

        assertThat(result.failure().code()).isEqualTo("template_invalid");
        assertThat(result.failure().next()).isEqualTo(Next.FAIL);
        assertThat(result.failure().detail()).contains("'holes'", "{{shoe_size}}");
        assertThat(provider.calls()).isZero();
        assertThat(store.objects).isEmpty();
    }

    @ParameterizedTest
    @CsvSource({
        "rate_limited, WAIT, RATE_LIMITED",
        "timed_out, RETRY, TIMEOUT",
        "overloaded, WAIT, FAILED",
        "billing, PAUSE_JOB, FAILED"
    })
    void aFailedCallIsPassedOnAsItIsAndEnteredInTheLedger(String code, Next next, ProviderCall.Status status) {
        ModelFailure failure = new ModelFailure(code, "HTTP 4xx: no", next, Duration.ofSeconds(3), "req_9");
        provider.fails(new ModelException(failure, null));

        NotGenerated result = (NotGenerated) generator.generate(request(), provider);

        assertThat(result.failure()).isSameAs(failure);
        assertThat(result.type()).isEqualTo(FailureType.API_ERROR);
        assertThat(result.conversation()).isNull();
        assertThat(result.stopReason()).isNull();
        assertThat(result.calls()).singleElement().satisfies(call -> {
            assertThat(call.status()).isEqualTo(status);
            assertThat(call.requestId()).isEqualTo("req_9");
            assertThat(call.errorCode()).isEqualTo(code);
            assertThat(call.usage()).isEqualTo(TokenUsage.NONE);
            assertThat(call.costUsd())
                    .isEqualTo(code.equals("timed_out") ? null : BigDecimal.ZERO); // billed, who knows
        });
        assertThat(store.objects).isEmpty();
    }

    @Test
    void beingStoppedIsNoResult() {
        provider.fails(new IllegalStateException("stopped"));

        assertThatThrownBy(() -> generator.generate(request(), provider)).hasMessage("stopped");
    }

    @ParameterizedTest
    @CsvSource({
        "REFUSAL, half a sentence, refused, REFUSAL, false",
        "OTHER, anything, unknown_stop_reason, API_ERROR, true",
        "END_TURN, '  ', empty_answer, PARSE_ERROR, false"
    })
    void anAnswerThatIsNoneFailsForGoodAndIsNotPaidForAgain(
            StopReason stop, String text, String code, FailureType type, boolean review) {
        provider.answers(stop, text);

        NotGenerated result = (NotGenerated) generator.generate(request(), provider);
        NotGenerated again = (NotGenerated) generator.generate(request(), provider);

        assertThat(provider.calls()).isEqualTo(1);
        assertThat(result.failure().code()).isEqualTo(code);
        assertThat(result.failure().next()).isEqualTo(Next.FAIL);
        assertThat(result.failure().detail()).contains("(stop reason " + result.stopReason() + ")");
        assertThat(result.type()).isEqualTo(type);
        assertThat(result.conversation().processingStatus()).isEqualTo(ProcessingStatus.FAILED);
        assertThat(result.conversation().rawPath()).isEqualTo(RAW);
        assertThat(result.conversation().requiresManualReview()).isEqualTo(review);
        assertThat(result.conversation().costUsd()).isEqualByComparingTo("0.0042");
        assertThat(again.failure()).isEqualTo(result.failure());
        assertThat(store.objects).doesNotContainKey(FINAL);
    }

    @Test // A56
    void whatCannotBeParsedIsKeptForAPerson() {
        provider.answers("I would rather talk about cats.");

        NotGenerated result = (NotGenerated) generator.generate(request(), provider);

        assertThat(result.failure().code()).isEqualTo("parse_failed");
        assertThat(result.failure().next()).isEqualTo(Next.FAIL);
        assertThat(result.failure().detail()).contains("it is not JSON", "raw response kept for a later parse: " + RAW);
        assertThat(result.type()).isEqualTo(FailureType.PARSE_ERROR);
        ConversationRecord row = result.conversation();
        assertThat(row.processingStatus()).isEqualTo(ProcessingStatus.PARSE_FAILED);
        assertThat(row.requiresManualReview()).isTrue();
        assertThat(row.parseAttempts()).isEqualTo(1);
        assertThat(row.parseError()).startsWith("it is not JSON");
        assertThat(row.lastParseAttemptAt()).isEqualTo(NOW);
        assertThat(row.rawPath()).isEqualTo(RAW);
        assertThat(row.filePath()).isNull();
    }

    @Test
    void anAnswerThatAPersonHasMendedIsParsedWithoutACall() {
        provider.answers("{\"turns\": oops");
        generator.generate(request(), provider);
        store.objects.put(RAW, FakeProvider.envelope(StopReason.END_TURN, document(4)));

        GenerationResult result = generator.generate(request(), provider);

        assertThat(result).isInstanceOf(Generated.class);
        assertThat(provider.calls()).isEqualTo(1);
    }

    @Test // A55
    void anEnvelopeThatIsNoneIsKeptAndItsCostSaidToBeUnknown() {
        provider.answersBytes("<html>502 Bad Gateway</html>");

        NotGenerated result = (NotGenerated) generator.generate(request(), provider);

        assertThat(result.failure().code()).isEqualTo("malformed_envelope");
        assertThat(result.failure().next()).isEqualTo(Next.FAIL);
        assertThat(result.failure().detail()).contains("no envelope; raw response kept for a later parse: ");
        assertThat(store.text(RAW)).isEqualTo("<html>502 Bad Gateway</html>");
        assertThat(result.calls()).singleElement().satisfies(call -> {
            assertThat(call.status()).isEqualTo(ProviderCall.Status.FAILED);
            assertThat(call.costUsd()).isNull();
        });
    }

    @Test
    void aRepairedDocumentSaysSo() {
        provider.answers("```json\n" + document(4) + "\n```");

        Generated result = (Generated) generator.generate(request(), provider);

        assertThat(result.conversation().parseMethod()).isEqualTo("repair");
    }

    @Test
    void everyBlockerIsListedAndTheRawFileKept() {
        provider.answers(
                document(4).replace("\"conversation_phase\"", "\"phase\"").replace("\"assistant\"", "\"narrator\""));

        NotGenerated result = (NotGenerated) generator.generate(request(), provider);

        assertThat(result.failure().code()).isEqualTo("invalid_document");
        assertThat(result.failure().next()).isEqualTo(Next.FAIL);
        assertThat(result.failure().detail())
                .isEqualTo("conversation_metadata.conversation_phase is missing;"
                        + " turn 2 has the role 'narrator', which is neither user nor assistant;"
                        + " turn 4 has the role 'narrator', which is neither user nor assistant");
        assertThat(result.type()).isEqualTo(FailureType.VALIDATION_ERROR);
        assertThat(result.conversation().processingStatus()).isEqualTo(ProcessingStatus.FAILED);
        assertThat(result.conversation().rawPath()).isEqualTo(RAW);
        assertThat(json.readTree(result.conversation().findings()).size()).isGreaterThanOrEqualTo(3);
        assertThat(store.objects).doesNotContainKey(FINAL);
    }

    @Test
    void warningsAreKeptWithTheConversation() {
        provider.answers(document(4).replace("\"turn_number\": 3", "\"turn_number\": 7"));

        Generated result = (Generated) generator.generate(request(), provider);

        assertThat(result.conversation().findings())
                .isEqualTo("[{\"severity\":\"warning\",\"where\":\"turn 3\",\"what\":\"has turn_number 7\"}]");
    }

    @Test
    void belowTheTemplatesThresholdItGoesToRevision() {
        Catalog strict = Samples.catalog(Samples.template(
                "strict", Tier.TEMPLATE, Samples.ARC.key(), "{{topic_name}}", 9.5, 3, List.of(), List.of(), true));
        provider.answers(document(4));

        Generated result = (Generated) generator(strict).generate(request(), provider);

        assertThat(result.conversation().qualityScore()).isEqualByComparingTo("8.50");
        assertThat(result.conversation().status()).isEqualTo(Status.NEEDS_REVISION);
    }

    private ConversationGenerator generator(Catalog catalog) {
        return new ConversationGenerator(
                catalog,
                store,
                "conversation-files",
                Samples.NO_SPOOL,
                Samples.settings(),
                PRICES,
                Clock.fixed(NOW, ZoneOffset.UTC));
    }
}
