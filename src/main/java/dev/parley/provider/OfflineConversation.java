package dev.parley.provider;

import java.util.List;
import java.util.SplittableRandom;
import tools.jackson.core.JsonGenerator;

/**
 * Makes up one conversation: a client moves along the arc from the starting to the ending emotion, and an adviser listens,
 * explains and proposes a step. Sentences come from banks of prime size, walked with a stride of their own, so that none
 * comes again before its bank is through. Used by one thread.
 */
final class OfflineConversation {
    private static final Bank OPENINGS = new Bank(
            "I have been putting off {topic} for months, and I honestly don't know where to begin.",
            "Hello, I'm {name}. I keep coming back to {topic}, and each time I close the page again.",
            "My partner and I tried to talk about {topic} last night, and it did not go well at all.",
            "I thought I had {topic} under control, until a letter came that I don't understand.",
            "A friend told me to ask somebody about {topic} before it gets any worse, so here I am.",
            "I've read three articles about {topic} this week, and I know less than when I started.",
            "Everybody my age seems to have settled {topic} long ago. I have not even opened the folder.");

    private static final Bank EARLY = new Bank(
            "If I had to put a word on it, it would be {emotion}, and it follows me right into the night.",
            "What I feel most is {emotion}. I notice it as soon as somebody mentions {concept}.",
            "I'm a little ashamed to say so, but {concept} is the part that I avoid thinking about.",
            "There is this {emotion} that comes up, and then I do something else for the rest of the day.",
            "I worry that whatever I do about {concept} now, I will regret it in ten years.",
            "It's mostly {emotion}, to be honest, and {concept} is where it starts each time.",
            "Nobody at home wants to hear about {concept} any more, so I carry it around with me.");

    private static final Bank MIDDLE = new Bank(
            "That makes sense. I had not seen {concept} from that side, and it takes off some of the weight.",
            "I can feel something shift, more like {emotion} now than what I came in with.",
            "So I don't have to settle everything at once. I keep forgetting that about {concept}.",
            "I wrote that down. Said like this, {concept} sounds like something a person could do.",
            "There is still some doubt, but it's closer to {emotion}, and I can work with that.",
            "I talked about {concept} at home yesterday, for ten minutes, and nobody raised their voice.",
            "All right. I think I was treating {concept} as a test that I had already failed.");

    private static final Bank LATE = new Bank(
            "I did the first part this morning, and what I feel now is {emotion}. I did not expect that.",
            "It's odd to say it about {topic}, but there is some {emotion} in it for me now.",
            "I can explain {concept} to my sister now, which I could not have done when we started.",
            "Looking back, I was afraid of {concept} because I had never looked at it for long enough.",
            "I think we're nearly there. There's a real {emotion} when I look at the list we made.",
            "I slept well for the first time in weeks, and {topic} was the last thing on my mind.",
            "We have agreed on {concept} at home, both of us, and we've put the date on the calendar.");

    private static final Bank QUESTIONS = new Bank(
            "How much do I need to know about {concept} before I can decide anything?",
            "Is there a mistake with {concept} that people like me keep making?",
            "What would you look at first, if {concept} were your own problem?",
            "And what happens if I leave {concept} the way it is for another year?",
            "Do I have to bring the others in when it comes to {concept}, or can I start by myself?",
            "Where would I even find the papers that have to do with {concept}?",
            "How do other people manage {concept} without it taking over their whole week?",
            "Could I change my mind about {concept} later, or is it settled once it's signed?",
            "What does {concept} cost, roughly, so that I don't get a shock afterwards?",
            "Is it normal that {concept} feels bigger than all the rest of it together?",
            "Who should I ask about {concept} when the two of us are done here?");

    private static final Bank EMPATHY = new Bank(
            "Thank you for telling me that, {name}; it can't be easy to say out loud.",
            "What you describe is very common, and it says nothing bad about you.",
            "I can hear how much thought you have already given this, even if it feels like standing still.",
            "It makes sense that this weighs on you, because the people you love are part of it.",
            "That sounds tiring, and it's good that you are not sorting it out alone any more.",
            "You are asking exactly the question that I would ask in your place.",
            "Feeling {emotion} here is a sign that this matters to you, not that you are doing it wrong.",
            "I'm glad you said so, because now we can look at the real difficulty together.",
            "Many careful people arrive at this point, {name}, and most of them find it smaller than it looked.",
            "Let's slow down for a moment, because you have come further than you give yourself credit for.",
            "There is no rush here; we can take {topic} one piece at a time.");

    private static final Bank STEPS = new Bank(
            "For {concept}, take one sheet of paper and write down what you have, what you owe and who depends on it.",
            "A good first step with {concept} is a single phone call, ten minutes long, with three questions ready.",
            "With {concept}, the order matters more than the speed: first what is urgent, then what is dear.",
            "You could put half an hour on Saturday aside for {concept}, and stop when the half hour is over.",
            "Think of {concept} as a draft: you may sign it, live with it for a year and change it again.",
            "Most of {concept} comes down to two decisions, and you have already made one of them.",
            "Ask for {concept} in writing, and ask them to name every fee, even the ones that seem small.",
            "It helps to tell one person you trust what you plan to do about {concept}, and by which day.",
            "Start with the part of {concept} that can be undone, so that nothing rides on the first try.",
            "Put a number on {concept}, even a rough one; a rough number is kinder than a vague fear.",
            "If {concept} is where you get stuck, skip it for now and come back to it with fresh eyes.",
            "Compare two ways of doing {concept} side by side, and strike out what does not touch your family.",
            "Keep everything about {concept} in one folder, so that next year's you has it easier.");

    private static final Bank INVITATIONS = new Bank(
            "What feels like the smallest part of it that you could do this week?",
            "Would that fit into the life you have at the moment?",
            "How does that sound to you when you picture the next few days?",
            "Which part of this would you like to look at first?",
            "What would have to be true for you to feel at ease with it?",
            "Is there somebody who could sit next to you while you do it?",
            "Tell me what comes up for you when you imagine having it done.");

    private static final Bank CLOSINGS = new Bank(
            "You came with {start} and you leave with a plan for {topic}, and that is your own work, {name}.",
            "Hold on to this {end}; it comes from having looked at {topic} with open eyes.",
            "What you have done about {topic} today will still be of use when the next decision comes.",
            "I'd keep the list where you see it, {name}, and take {topic} up again in three months.",
            "From {start} to {end} is a long way, and you walked it one honest question at a time.");

    private static final Bank THANKS = new Bank(
            "Thank you. I came here with {start}, and I'm leaving with something much closer to {end}.",
            "I'll make that call on Monday. It feels good to be able to say that about {topic}.",
            "That was what I needed to hear about {topic}. I know now what I'm going to do next.");

    private static final String[] LISTENING = {"empathy", "calm", "warmth", "patience", "encouragement"};
    private static final String[] UNDERTONES = {"curiosity", "doubt", "tiredness", "trust", "impatience", "hope"};

    private final PromptFacts facts;
    private final SplittableRandom random;
    private final int turns;
    private final List<String> concepts;
    private final int firstConcept;
    private final Walk openings;
    private final Walk early;
    private final Walk middle;
    private final Walk late;
    private final Walk questions;
    private final Walk empathy;
    private final Walk steps;
    private final Walk invitations;
    private final Walk closings;
    private final Walk thanks;

    OfflineConversation(PromptFacts facts, SplittableRandom random) {
        this.facts = facts;
        this.random = random;
        this.turns = facts.targetTurns() == PromptFacts.ANY ? 8 + 2 * random.nextInt(4) : facts.targetTurns();
        this.concepts = facts.concepts();
        this.firstConcept = random.nextInt(concepts.size());
        this.openings = new Walk(OPENINGS, random);
        this.early = new Walk(EARLY, random);
        this.middle = new Walk(MIDDLE, random);
        this.late = new Walk(LATE, random);
        this.questions = new Walk(QUESTIONS, random);
        this.empathy = new Walk(EMPATHY, random);
        this.steps = new Walk(STEPS, random);
        this.invitations = new Walk(INVITATIONS, random);
        this.closings = new Walk(CLOSINGS, random);
        this.thanks = new Walk(THANKS, random);
    }

    void writeTo(JsonGenerator out) {
        out.writeStartObject();
        out.writeObjectPropertyStart("conversation_metadata");
        out.writeStringProperty("client_persona", facts.personaName() + " - " + facts.personaArchetype());
        out.writeStringProperty(
                "session_context", "A first talk about " + facts.topicName() + ", and above all about " + concept(0));
        out.writeStringProperty("conversation_phase", facts.arcName());
        out.writeStringProperty(
                "expected_outcome",
                "From " + facts.startingEmotion() + " to " + facts.endingEmotion() + ", with a next step");
        out.writeEndObject();
        out.writeArrayPropertyStart("turns");
        StringBuilder content = new StringBuilder(512);
        for (int turn = 0; turn < turns; turn++) {
            writeTurn(out, turn, content);
        }
        out.writeEndArray();
        out.writeEndObject();
    }

    private void writeTurn(JsonGenerator out, int turn, StringBuilder content) {
        boolean client = turn % 2 == 0;
        double way = (double) turn / Math.max(1, turns - 1);
        content.setLength(0);
        if (client) {
            client(content, turn, way);
        } else {
            adviser(content, turn, way);
        }
        out.writeStartObject();
        out.writeNumberProperty("turn_number", turn + 1);
        out.writeStringProperty("role", client ? "user" : "assistant");
        out.writeStringProperty("content", content.toString());
        out.writeObjectPropertyStart("emotional_context");
        out.writeStringProperty("primary_emotion", client ? emotion(way) : any(LISTENING));
        if (random.nextInt(3) == 0) {
            out.writeStringProperty("secondary_emotion", any(UNDERTONES));
        }
        out.writeNumberProperty("intensity", client ? intensity(way) : 0.5 + random.nextInt(16) / 100.0);
        out.writeEndObject();
        out.writeEndObject();
    }

    private void client(StringBuilder content, int turn, double way) {
        if (turn == 0) {
            openings.next(content, this, turn, way);
            early.next(content, this, turn, way);
        } else if (turn == turns - 1) {
            late.next(content, this, turn, way);
            thanks.next(content, this, turn, way);
            return;
        } else {
            (way < 0.4 ? early : way < 0.75 ? middle : late).next(content, this, turn, way);
        }
        questions.next(content, this, turn, way);
    }

    private void adviser(StringBuilder content, int turn, double way) {
        empathy.next(content, this, turn, way);
        steps.next(content, this, turn, way);
        (turn == turns - 1 ? closings : invitations).next(content, this, turn, way);
    }

    private String emotion(double way) {
        return way < 0.4 ? facts.startingEmotion() : way < 0.75 ? facts.midpointEmotion() : facts.endingEmotion();
    }

    /** High at first and calmer along the way, in hundredths. */
    private double intensity(double way) {
        return Math.round(82 - 34 * way + random.nextInt(-6, 7)) / 100.0;
    }

    /** The same for a question and the answer to it. */
    private String concept(int turn) {
        return concepts.get((firstConcept + turn / 2) % concepts.size());
    }

    private String any(String[] words) {
        return words[random.nextInt(words.length)];
    }

    private String fact(String slot, int turn, double way) {
        return switch (slot) {
            case "name" -> facts.personaName();
            case "topic" -> facts.topicName();
            case "concept" -> concept(turn);
            case "emotion" -> emotion(way);
            case "start" -> facts.startingEmotion();
            case "end" -> facts.endingEmotion();
            default -> throw new IllegalStateException("no fact is called " + slot);
        };
    }

    /** Sentences, each cut once into text and slots by turns. */
    private static final class Bank {
        final String[][] sentences;

        Bank(String... sentences) {
            this.sentences = new String[sentences.length][];
            for (int i = 0; i < sentences.length; i++) {
                this.sentences[i] = sentences[i].split("[{}]", -1);
            }
        }
    }

    /** One conversation's way through a bank. */
    private static final class Walk {
        private final String[][] sentences;
        private final int stride;
        private int at;

        Walk(Bank bank, SplittableRandom random) {
            this.sentences = bank.sentences;
            this.at = random.nextInt(sentences.length);
            this.stride = 1 + random.nextInt(sentences.length - 1);
        }

        void next(StringBuilder content, OfflineConversation conversation, int turn, double way) {
            if (!content.isEmpty()) {
                content.append(' ');
            }
            String[] parts = sentences[at];
            for (int i = 0; i < parts.length; i++) {
                content.append(i % 2 == 0 ? parts[i] : conversation.fact(parts[i], turn, way));
            }
            at = (at + stride) % sentences.length;
        }
    }
}
