package dev.parley.generation;

import dev.parley.catalog.Catalog;
import dev.parley.catalog.EmotionalArc;
import dev.parley.catalog.Persona;
import dev.parley.catalog.PromptTemplate;
import dev.parley.catalog.Tier;
import dev.parley.catalog.TrainingTopic;
import dev.parley.conversation.ConversationKey;
import java.util.List;
import java.util.UUID;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/** The combination of the item that once failed (A58–A62), and documents for it. */
final class Samples {
    static final ConversationKey KEY = new ConversationKey(UUID.fromString("b3a5850f-0000-4000-8000-000000000001"));
    static final UUID NIL = new UUID(0, 0);
    static final String RAW = "raw/" + NIL + "/" + KEY + "_raw.json";
    static final String RAW_2 = "raw/" + NIL + "/" + KEY + "_raw-2.json";
    static final String RAW_3 = "raw/" + NIL + "/" + KEY + "_raw-3.json";
    static final String OLD_RAW = "raw/" + NIL + "/" + KEY + ".json";
    static final String FINAL = NIL + "/" + KEY + "/conversation.json";

    static final Persona DAVID = new Persona(
            UUID.fromString("aa514346-cd61-42ac-adad-498934975402"),
            "david_chen",
            "David Chen",
            "The Pragmatic Optimist",
            "35-40",
            "High-school teacher",
            "$78,000",
            "Married, one child",
            "Grew up with debt",
            "Some savings",
            "Direct, asks for examples",
            "Hopeful but tired",
            List.of("curious", "frugal"),
            List.of("Is this enough?", "What if we wait, just a year?"),
            List.of("Running out of money"),
            List.of("Let me get this straight"),
            true);

    static final EmotionalArc ARC = new EmotionalArc(
            UUID.fromString("33d2ac3e-3f92-44a5-a53d-788fdece2545"),
            "couple_conflict_to_alignment",
            "Couple Conflict -> Alignment",
            "frustration",
            0.6,
            0.8,
            "recognition",
            "alignment",
            0.5,
            0.7,
            "Name both fears first",
            List.of("venting", "seeing", "deciding"),
            List.of("Both are right"),
            List.of("It sounds like"),
            List.of("Reframing"),
            List.of("Taking sides"),
            6,
            9,
            5,
            Tier.TEMPLATE,
            EmotionalArc.Category.CORE,
            List.of(),
            List.of(),
            true);

    static final TrainingTopic TOPIC = new TrainingTopic(
            UUID.fromString("aee7b6c2-42e2-4ef4-8184-be12abe38eb5"),
            "essential_estate_planning",
            "Essential Estate Planning",
            "planning",
            "Wills, guardians, beneficiaries",
            TrainingTopic.Complexity.INTERMEDIATE,
            List.of("Do we need a will?"),
            List.of("will", "guardian"),
            List.of(),
            List.of(),
            false,
            true);

    static final PromptTemplate TEMPLATE = template(
            "couple",
            Tier.TEMPLATE,
            "Be warm.\n---\n{{persona_name}} asks about {{topic_name}} in {{target_turns}} turns.");

    static final java.nio.file.Path NO_SPOOL = java.nio.file.Path.of("no-such-folder");

    static final Catalog CATALOG = catalog(TEMPLATE);

    private Samples() {}

    static Catalog catalog(PromptTemplate... templates) {
        return new Catalog(List.of(DAVID), List.of(ARC), List.of(TOPIC), List.of(templates));
    }

    static PromptTemplate template(String name, Tier tier, String text) {
        return template(name, tier, ARC.key(), text, 6, 3, List.of(), List.of(), true);
    }

    static PromptTemplate template(
            String name,
            Tier tier,
            @Nullable String arcKey,
            String text,
            double threshold,
            double rating,
            List<String> personas,
            List<String> topics,
            boolean active) {
        UUID id = UUID.nameUUIDFromBytes(name.getBytes(java.nio.charset.StandardCharsets.UTF_8));
        return new PromptTemplate(
                id, name, tier, arcKey, text, "Short", threshold, rating, personas, topics, 4, active);
    }

    static GenerationRequest request() {
        return request(NIL);
    }

    static GenerationRequest request(@Nullable UUID templateId) {
        return new GenerationRequest(
                KEY, 1, null, DAVID.id(), ARC.id(), TOPIC.id(), Tier.TEMPLATE, templateId, "model-x", null);
    }

    static Ingredients ingredients() {
        return Ingredients.of(DAVID, ARC, TOPIC, Tier.TEMPLATE, TEMPLATE, settings());
    }

    static GenerationSettings settings() {
        return new GenerationSettings(8192, 32768, 3, 4, 8, 3, java.time.Duration.ZERO);
    }

    /** A flawless document of so many turns; every turn is about 150 characters long. */
    static String document(int turns) {
        return "{\"conversation_metadata\": {\"client_persona\": \"Someone else\", \"session_context\": \"A first meeting\","
                + " \"conversation_phase\": \"discovery\"}, \"turns\": ["
                + IntStream.rangeClosed(1, turns).mapToObj(Samples::turn).collect(Collectors.joining(", ")) + "]}";
    }

    static String turn(int number) {
        return turn(
                number,
                number % 2 == 1 ? "user" : "assistant",
                "Turn " + number + ": " + "we talk it over ".repeat(9),
                "0.5");
    }

    static String turn(int number, String role, String content, String intensity) {
        return "{\"turn_number\": " + number + ", \"role\": \"" + role + "\", \"content\": \"" + content
                + "\", \"emotional_context\": {\"primary_emotion\": \"hope\", \"intensity\": " + intensity + "}}";
    }
}
