package dev.parley.generation;

import dev.parley.archive.ObjectName;
import dev.parley.archive.ObjectStore;
import dev.parley.archive.StoreException;
import dev.parley.catalog.Catalog;
import dev.parley.catalog.EmotionalArc;
import dev.parley.catalog.Persona;
import dev.parley.catalog.PromptTemplate;
import dev.parley.catalog.TrainingTopic;
import dev.parley.conversation.ConversationDocument;
import dev.parley.conversation.ConversationRecord;
import dev.parley.conversation.ConversationRecord.ProcessingStatus;
import dev.parley.generation.DocumentReader.Unreadable;
import dev.parley.generation.GenerationResult.FailureType;
import dev.parley.generation.GenerationResult.Generated;
import dev.parley.generation.GenerationResult.NotGenerated;
import dev.parley.generation.PromptText.TemplateInvalid;
import dev.parley.generation.RawAnswers.AnswerLostException;
import dev.parley.generation.RawAnswers.RawAnswer;
import dev.parley.generation.Rows.Parse;
import dev.parley.generation.Rows.Written;
import dev.parley.provider.Completion;
import dev.parley.provider.Completion.StopReason;
import dev.parley.provider.FailureCode;
import dev.parley.provider.MessageBatches;
import dev.parley.provider.ModelException;
import dev.parley.provider.ModelFailure;
import dev.parley.provider.ModelFailure.Next;
import dev.parley.provider.ModelProvider;
import dev.parley.provider.ModelRequest;
import dev.parley.provider.RawReply;
import dev.parley.provider.TokenUsage;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Clock;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.module.SimpleModule;

/**
 * Makes conversations: prompt, call, raw file, stop reason, parse, check, final file, score, in this order, and nothing
 * skips a stage. Thread-safe; keeps nothing between conversations but prepared templates.
 *
 * <p>Where a conversation's answer is stored already, no call is made and the stages after the raw file are gone through
 * again. The only exception is an answer that was cut off: it is asked for again with a changed request (a larger limit,
 * then fewer turns), whose answer is stored beside it.
 */
public class ConversationGenerator {
    private static final UUID NIL = new UUID(0, 0);

    private final Catalog catalog;
    private final Templates templates;
    private final String bucket;
    private final RawAnswers raws;
    private final GenerationSettings settings;
    private final Ledger ledger;
    private final Clock clock;
    private final JsonMapper json = JsonMapper.builder()
            .addModule(new SimpleModule().addSerializer(String.class, new TextSerializer()))
            .build();
    private final DocumentReader documents = new DocumentReader(json);
    private final Rows rows;
    private final String rules = resource("rules.txt");
    private final String schema = resource("conversation.schema.json");
    private final Map<UUID, PromptText> prompts = new ConcurrentHashMap<>();

    /**
     * @param catalog as it stands for this run
     * @param bucket where raw and final files go; it exists
     * @param spool local folder, made when needed, for paid answers that the object store would not take; looked into
     *     before any call. It only helps if the next process finds it again: it belongs on a disk that outlives this one
     */
    public ConversationGenerator(
            Catalog catalog,
            ObjectStore store,
            String bucket,
            Path spool,
            GenerationSettings settings,
            Pricing pricing,
            Clock clock) {
        this.catalog = catalog;
        this.templates = new Templates(catalog);
        this.bucket = bucket;
        this.raws = new RawAnswers(store, bucket, spool, settings);
        this.settings = settings;
        this.ledger = new Ledger(pricing, clock);
        this.rows = new Rows(bucket, json);
        this.clock = clock;
    }

    /**
     * Makes one conversation, with one call at most.
     *
     * <p>What is left to throw is a bug, or the provider's signal that this thread is to stop; either way whatever was
     * paid for is stored, and the next attempt goes on from there.
     */
    public GenerationResult generate(GenerationRequest request, ModelProvider provider) {
        List<String> unknown = new ArrayList<>(0);
        Ingredients from = ingredients(request, unknown);
        return from == null ? invalid(unknown) : new Making(request, provider, from, false).run();
    }

    /**
     * A request that was asked elsewhere.
     *
     * @param number of the request for its conversation, from 1
     */
    public record Question(int number, ModelRequest request) {}

    /**
     * What is to be asked next for a conversation, for a caller who has it answered and hands the answer to {@link #take}.
     *
     * @param provider reads stored answers
     * @param mayBeStored whether an answer may be stored already; if not, nobody looks
     * @return empty when no answer is needed to say what becomes of it: {@link #generate} makes no call then
     * @throws StoreException when it cannot be seen what is stored
     */
    public Optional<Question> question(GenerationRequest request, ModelProvider provider, boolean mayBeStored) {
        Ingredients from = ingredients(request, new ArrayList<>(0));
        return from == null
                ? Optional.empty()
                : Optional.ofNullable(new Making(request, provider, from, true).next(mayBeStored));
    }

    /**
     * Goes on with an answer that was asked for by {@link #question}, exactly as if it had come from a call. Taking it again
     * changes nothing, also when an earlier process stored it and got no further.
     *
     * @param number the question's
     * @param provider reads answers; never called
     */
    public GenerationResult take(
            GenerationRequest request, ModelProvider provider, int number, MessageBatches.Result result) {
        List<String> unknown = new ArrayList<>(0);
        Ingredients from = ingredients(request, unknown);
        return from == null ? invalid(unknown) : new Making(request, provider, from, true).take(number, result);
    }

    private static NotGenerated invalid(List<String> unknown) {
        return new NotGenerated(
                FailureCode.INVALID_PARAMETERS.because("not in the catalog: " + String.join(", ", unknown)),
                null,
                null,
                null,
                List.of());
    }

    /** @param unknown takes what is not in the catalog; then there are none */
    private @Nullable Ingredients ingredients(GenerationRequest request, List<String> unknown) {
        Persona persona = catalog.persona(request.personaId()).orElse(null);
        if (persona == null) {
            unknown.add("persona_id " + request.personaId());
        }
        EmotionalArc arc = catalog.arc(request.emotionalArcId()).orElse(null);
        if (arc == null) {
            unknown.add("emotional_arc_id " + request.emotionalArcId());
        }
        TrainingTopic topic = catalog.topic(request.trainingTopicId()).orElse(null);
        if (topic == null) {
            unknown.add("training_topic_id " + request.trainingTopicId());
        }
        UUID templateId = NIL.equals(request.templateId()) ? null : request.templateId();
        PromptTemplate template =
                templateId == null ? null : catalog.template(templateId).orElse(null);
        if (templateId != null && template == null) {
            unknown.add("templateId " + templateId);
        }
        if (persona == null || arc == null || topic == null || !unknown.isEmpty()) {
            return null;
        }
        if (template == null) {
            template = templates.select(persona, arc, topic, request.tier()).orElse(null);
        }
        return Ingredients.of(persona, arc, topic, request.tier(), template, settings);
    }

    /**
     * What would be asked first for a conversation, for an estimate. Whether its answer is stored already is not looked up.
     *
     * @return empty where no call would be made, because of its parameters or its template
     */
    public Optional<Preview> preview(GenerationRequest request) {
        UUID templateId = NIL.equals(request.templateId()) ? null : request.templateId();
        Persona persona = catalog.persona(request.personaId()).orElse(null);
        EmotionalArc arc = catalog.arc(request.emotionalArcId()).orElse(null);
        TrainingTopic topic = catalog.topic(request.trainingTopicId()).orElse(null);
        if (persona == null || arc == null || topic == null) {
            return Optional.empty();
        }
        PromptTemplate template = (templateId == null
                        ? templates.select(persona, arc, topic, request.tier())
                        : catalog.template(templateId))
                .orElse(null);
        if (template == null) {
            return Optional.empty();
        }
        Ingredients from = Ingredients.of(persona, arc, topic, request.tier(), template, settings);
        try {
            ModelRequest question = question(request, from, Plan.first(request, from, settings), template);
            return Optional.of(new Preview(template.id(), from.targetTurns(), question));
        } catch (TemplateInvalid e) {
            return Optional.empty();
        }
    }

    /** The first request for a conversation, and what its size depends on. */
    public record Preview(UUID templateId, int targetTurns, ModelRequest question) {}

    private ModelRequest question(GenerationRequest request, Ingredients from, Plan plan, PromptTemplate template) {
        PromptText.Filled filled = prompts.computeIfAbsent(template.id(), id -> PromptText.of(rules, template))
                .fill(from.withTargetTurns(plan.targetTurns()));
        String key = request.key().toString();
        return new ModelRequest(
                plan.number() == 1 ? key : key + "-" + plan.number(),
                request.model(),
                plan.maxOutputTokens(),
                filled.stable(),
                plan.shortened()
                        ? filled.variable() + "\n\nKeep it short: exactly " + plan.targetTurns() + " turns in all."
                        : filled.variable(),
                schema,
                Map.of());
    }

    /** One attempt at one conversation. */
    private final class Making {
        private final GenerationRequest request;
        private final ModelProvider provider;
        private final Ingredients from;
        private final boolean batched;
        private final List<Answer> answers = new ArrayList<>(1); // stored ones, oldest first
        private final List<ProviderCall> calls = new ArrayList<>(1);
        private @Nullable ModelRequest asked;

        Making(GenerationRequest request, ModelProvider provider, Ingredients from, boolean batched) {
            this.request = request;
            this.provider = provider;
            this.from = from;
            this.batched = batched;
        }

        @Nullable
        Question next(boolean mayBeStored) {
            if (mayBeStored) {
                readStored();
            }
            Plan plan = answers.isEmpty() || last().isCutOff() ? nextPlan() : null;
            PromptTemplate template = from.template();
            if (plan == null || template == null) {
                return null;
            }
            try {
                return new Question(plan.number(), question(request, from, plan, template));
            } catch (TemplateInvalid e) {
                return null;
            }
        }

        GenerationResult take(int number, MessageBatches.Result result) {
            RawReply answer = result.answer();
            ModelFailure failure = result.failure();
            try {
                readStored();
            } catch (StoreException e) {
                if (Thread.currentThread().isInterrupted()) {
                    throw e; // told to stop; the result can be had again
                }
                if (answer == null) {
                    return withoutAnswer(storageFailed(e), null);
                }
                answers.clear(); // what is paid for goes at least to the spool folder
            }
            if (answers.size() < number && failure != null) {
                calls.add(
                        ledger.failed(request, provider, failure, failure.code().equals("answer_cut")));
                return withoutAnswer(failure, FailureType.API_ERROR);
            }
            if (answers.size() < number && answer != null) {
                NotGenerated notKept = keep(answer, number);
                if (notKept != null) {
                    return notKept;
                }
            }
            return judge(last());
        }

        private void readStored() {
            raws.find(request.userId(), request.key()).forEach(raw -> answers.add(read(raw, null)));
        }

        GenerationResult run() {
            try {
                readStored();
            } catch (StoreException e) {
                if (Thread.currentThread().isInterrupted()) {
                    throw e; // told to stop before anything was paid
                }
                return withoutAnswer(storageFailed(e), null);
            }
            if (answers.isEmpty() || last().isCutOff()) {
                NotGenerated failure = ask();
                if (failure != null) {
                    return failure;
                }
            }
            return judge(last());
        }

        /** Calls the provider and stores what it answers; null when that went well. */
        private @Nullable NotGenerated ask() {
            Plan plan = nextPlan();
            if (plan == null) {
                return truncated(last());
            }
            PromptTemplate template = from.template();
            if (template == null) {
                return withoutAnswer(templateNotFound(), null);
            }
            ModelRequest question;
            try {
                question = question(request, from, plan, template);
            } catch (TemplateInvalid e) {
                return withoutAnswer(FailureCode.TEMPLATE_INVALID.because(text(e)), null);
            }
            asked = question;
            RawReply reply;
            try {
                reply = provider.call(question);
            } catch (ModelException e) {
                if (e.called()) {
                    calls.add(ledger.failed(request, provider, e.failure(), Ledger.mayBeBilled(e.failure())));
                } else if (e.failure().next() == Next.FAIL_FOR_NOW && !answers.isEmpty()) {
                    return truncated(last(), Next.FAIL_FOR_NOW);
                }
                return withoutAnswer(e.failure(), FailureType.API_ERROR);
            }
            return keep(reply, plan.number());
        }

        private @Nullable NotGenerated keep(RawReply reply, int number) {
            try {
                RawAnswer kept = raws.keep(request.userId(), request.key(), number, reply.body());
                boolean ours = kept.body() == reply.body();
                if (!ours) {
                    enter(reply); // another process was first; both were paid for
                }
                answers.add(read(kept, ours ? reply : null));
                return null;
            } catch (StoreException e) {
                enter(reply);
                return withoutAnswer(storageFailed(e), null);
            }
        }

        /** Enters an answer in the ledger that is not among the stored ones. */
        private void enter(RawReply reply) {
            read(new RawAnswer(0, "", reply.body()), reply);
        }

        /** Reads an answer's envelope and enters its call in the ledger. */
        private Answer read(RawAnswer raw, @Nullable RawReply reply) {
            Completion completion = null;
            String unreadable = "";
            try {
                completion = provider.read(raw.body());
            } catch (ModelException e) {
                unreadable = e.failure().detail();
            }
            boolean bare = (completion == null || completion.text().isBlank()) && documents.isDocument(raw.body());
            if (bare) {
                completion = bareDocument(raw.body());
                if (reply == null) { // older data: not a word about what it cost, or that it was ever paid for
                    return new Answer(raw, completion, null, BigDecimal.ZERO, clock.instant());
                }
            }
            ProviderCall call = completion == null
                    ? ledger.unreadable(request, provider, raw.body(), reply, unreadable)
                    : ledger.answered(request, provider, raw.body(), reply, completion, batched && reply != null);
            calls.add(call);
            BigDecimal cost = call.costUsd() == null ? BigDecimal.ZERO : call.costUsd();
            return new Answer(raw, completion, unreadable, cost, clock.instant());
        }

        /** What to ask for next; null when the answers so far leave nothing to change. */
        private @Nullable Plan nextPlan() {
            Plan plan = Plan.first(request, from, settings);
            for (Answer answer : answers) {
                plan = plan == null ? null : plan.after(answer.stopReason(), from, settings);
            }
            return plan;
        }

        /** Stop reason, parse, check: the first stage that the answer does not pass decides. */
        private GenerationResult judge(Answer answer) {
            Completion completion = answer.completion();
            if (completion == null) {
                return kept(FailureCode.MALFORMED_ENVELOPE, String.valueOf(answer.unreadable()), answer);
            }
            return switch (completion.stopReason()) {
                case MAX_TOKENS, CONTEXT_WINDOW -> truncated(answer);
                case REFUSAL ->
                    stopped(FailureCode.REFUSED, "the model declined", answer, FailureType.REFUSAL, Parse.NONE);
                case OTHER ->
                    stopped(
                            FailureCode.UNKNOWN_STOP_REASON,
                            "the model stopped for a reason that this version does not know; needs a look",
                            answer,
                            FailureType.API_ERROR,
                            Parse.NONE.forReview());
                case END_TURN ->
                    completion.text().isBlank()
                            ? stopped(
                                    FailureCode.EMPTY_ANSWER,
                                    "the answer has no text",
                                    answer,
                                    FailureType.PARSE_ERROR,
                                    Parse.NONE)
                            : parse(answer, completion.text());
            };
        }

        private NotGenerated truncated(Answer answer) {
            return truncated(answer, nextPlan() == null ? Next.FAIL : Next.RETRY_CHANGED);
        }

        private NotGenerated truncated(Answer answer, Next next) {
            Plan plan = nextPlan();
            String detail = "the answer was cut off (stop reason " + answer.stopDetail() + "); "
                    + (plan == null
                            ? "nothing is left to change after request " + answers.size()
                            : "to be asked again " + plan.change());
            return withAnswer(
                    new ModelFailure(FailureCode.TRUNCATED.key(), detail, next, null, null),
                    FailureType.TRUNCATION,
                    plan == null ? ProcessingStatus.FAILED : ProcessingStatus.RAW_STORED,
                    Parse.NONE);
        }

        private NotGenerated stopped(FailureCode code, String what, Answer answer, FailureType type, Parse parse) {
            String detail = what + " (stop reason " + answer.stopDetail() + ")";
            return withAnswer(code.because(detail), type, ProcessingStatus.FAILED, parse);
        }

        /** Nothing can be made of what was paid for, until a person has looked at it. */
        private NotGenerated kept(FailureCode code, String why, Answer answer) {
            String detail = why + "; raw response kept for a later parse: "
                    + answer.raw().path();
            return withAnswer(
                    code.because(detail),
                    FailureType.PARSE_ERROR,
                    ProcessingStatus.PARSE_FAILED,
                    Parse.failed(why, answer.readAt()).forReview());
        }

        private GenerationResult parse(Answer answer, String text) {
            DocumentReader.Parsed parsed;
            try {
                parsed = documents.read(text);
            } catch (Unreadable e) {
                return e.wrongShape()
                        ? invalid(e.why(), Parse.failed(e.why(), answer.readAt()))
                        : kept(FailureCode.PARSE_FAILED, e.why(), answer);
            }
            Findings findings = Findings.of(parsed);
            Parse parse = Parse.read(parsed.method(), findings, answer.readAt());
            return findings.blocked() ? invalid(findings.blockers(), parse) : finish(parsed.draft(), parse);
        }

        private NotGenerated invalid(String findings, Parse parse) {
            return withAnswer(
                    FailureCode.INVALID_DOCUMENT.because(findings),
                    FailureType.VALIDATION_ERROR,
                    ProcessingStatus.FAILED,
                    parse);
        }

        private GenerationResult finish(Draft draft, Parse parse) {
            ConversationDocument document = draft.finished(from);
            byte[] bytes = json.writeValueAsBytes(document);
            String path = RawAnswers.folder(request.userId()) + "/" + request.key() + "/conversation.json";
            try {
                raws.write(new ObjectName(bucket, path), bytes);
            } catch (StoreException e) {
                return withAnswer(storageFailed(e), null, ProcessingStatus.RAW_STORED, parse);
            }
            Written written = new Written(document, path, bytes.length, QualityScore.of(document.turns()));
            return new Generated(row(ProcessingStatus.COMPLETED, parse, written), List.copyOf(calls), document, asked);
        }

        /** A failure before there was an answer to judge; an earlier one that was cut off may be stored all the same. */
        private NotGenerated withoutAnswer(ModelFailure failure, @Nullable FailureType type) {
            ConversationRecord row = answers.isEmpty() ? null : row(ProcessingStatus.RAW_STORED, Parse.NONE, null);
            return new NotGenerated(failure, type, null, row, List.copyOf(calls));
        }

        private NotGenerated withAnswer(
                ModelFailure failure, @Nullable FailureType type, ProcessingStatus processing, Parse parse) {
            return new NotGenerated(
                    failure, type, last().stopDetail(), row(processing, parse, null), List.copyOf(calls));
        }

        private ConversationRecord row(ProcessingStatus processing, Parse parse, @Nullable Written written) {
            return rows.row(request, from, answers, processing, parse, written);
        }

        private ModelFailure templateNotFound() {
            String detail = "no active template for arc " + from.arc().key() + " ("
                    + from.arc().name() + "), neither at tier " + from.tier().key() + " nor at any other";
            return FailureCode.TEMPLATE_NOT_FOUND.because(detail);
        }

        private ModelFailure storageFailed(StoreException e) {
            FailureCode code = e instanceof AnswerLostException ? FailureCode.ANSWER_LOST : FailureCode.STORAGE_FAILED;
            return code.because(text(e));
        }

        private Answer last() {
            return answers.get(answers.size() - 1);
        }
    }

    private static Completion bareDocument(byte[] body) {
        return new Completion(
                null, "", new String(body, StandardCharsets.UTF_8), StopReason.END_TURN, "end_turn", TokenUsage.NONE);
    }

    private static String text(Throwable e) {
        return Objects.requireNonNullElse(e.getMessage(), e.getClass().getName());
    }

    private static String resource(String name) {
        try (InputStream in = Objects.requireNonNull(ConversationGenerator.class.getResourceAsStream(name), name)) {
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
