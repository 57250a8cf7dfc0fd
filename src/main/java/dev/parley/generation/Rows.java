package dev.parley.generation;

import dev.parley.catalog.PromptTemplate;
import dev.parley.conversation.ConversationDocument;
import dev.parley.conversation.ConversationRecord;
import dev.parley.conversation.ConversationRecord.ProcessingStatus;
import dev.parley.conversation.ConversationRecord.Status;
import dev.parley.provider.Completion;
import dev.parley.provider.TokenUsage;
import java.math.BigDecimal;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.json.JsonMapper;

/** Makes the row of {@code conversations}. Thread-safe. */
final class Rows {
    private static final double DEFAULT_THRESHOLD = 6; // the table's; for an answer whose template is gone

    private final String bucket;
    private final JsonMapper json;
    private final Map<UUID, String> named = new ConcurrentHashMap<>();

    Rows(String bucket, JsonMapper json) {
        this.bucket = bucket;
        this.json = json;
    }

    /**
     * How the document was read.
     *
     * @param attempts 1 when this attempt read it, else 0; the table adds them up
     * @param review whether a person has to look at it
     */
    record Parse(
            int attempts,
            @Nullable Instant at,
            DocumentReader.@Nullable Method method,
            @Nullable String error,
            boolean review,
            List<Findings.Finding> findings) {
        static final Parse NONE = new Parse(0, null, null, null, false, List.of());

        static Parse read(DocumentReader.Method method, Findings findings, Instant at) {
            return new Parse(1, at, method, null, false, findings.all());
        }

        static Parse failed(String error, Instant at) {
            return new Parse(1, at, null, error, false, List.of());
        }

        Parse forReview() {
            return new Parse(attempts, at, method, error, true, findings);
        }
    }

    /** The final document where it was written. */
    record Written(ConversationDocument document, String path, long size, BigDecimal score) {}

    /**
     * @param answers all stored answers, the one that counts last; tokens and cost are of all of them
     * @param written null unless the conversation is complete
     */
    ConversationRecord row(
            GenerationRequest request,
            Ingredients from,
            List<Answer> answers,
            ProcessingStatus processing,
            Parse parse,
            @Nullable Written written) {
        Answer answer = answers.get(answers.size() - 1);
        Completion completion = answer.completion();
        PromptTemplate template = from.template();
        Snapshot snapshot = Snapshot.of(from, answer.readAt());
        TokenUsage usage = answers.stream().map(Answer::usage).reduce(TokenUsage.NONE, Rows::sum);
        return new ConversationRecord(
                request.key(),
                from.persona().name() + ": " + from.topic().name() + " ("
                        + from.arc().name() + ")",
                from.topic().name(),
                written == null ? null : written.document().metadata().sessionContext(),
                from.persona().id(),
                from.arc().id(),
                from.topic().id(),
                template == null ? null : template.id(),
                named(from.persona().id(), from.persona().key(), from.persona().name()),
                named(from.arc().id(), from.arc().key(), from.arc().name()),
                named(from.topic().id(), from.topic().key(), from.topic().name()),
                json.writeValueAsString(snapshot),
                from.tier().key(),
                written == null ? 0 : written.document().turns().size(),
                written == null ? Status.DRAFT : status(written.score(), template),
                processing,
                bucket,
                answer.raw().path(),
                answer.raw().body().length,
                answer.readAt(),
                written == null ? null : written.path(),
                written == null ? null : written.size(),
                parse.attempts(),
                parse.at(),
                parse.method() == null ? null : parse.method().key,
                parse.error(),
                parse.review(),
                parse.findings().isEmpty() ? null : json.writeValueAsString(parse.findings()),
                written == null ? null : written.score(),
                completion == null || completion.model().isEmpty() ? request.model() : completion.model(),
                usage.input(),
                usage.output(),
                usage.cacheRead(),
                usage.cacheWrite(),
                answers.stream().map(Answer::cost).reduce(BigDecimal.ZERO, BigDecimal::add),
                request.userId());
    }

    /** Only what a reader of the row wants to see; the snapshot has the rest. */
    private String named(UUID id, String key, String name) {
        return named.computeIfAbsent(id, unknown -> json.writeValueAsString(new Named(id, key, name)));
    }

    private record Named(UUID id, String key, String name) {}

    private static Status status(BigDecimal score, @Nullable PromptTemplate template) {
        double threshold = template == null ? DEFAULT_THRESHOLD : template.qualityThreshold();
        return score.doubleValue() >= threshold ? Status.PENDING_REVIEW : Status.NEEDS_REVISION;
    }

    private static TokenUsage sum(TokenUsage a, TokenUsage b) {
        return new TokenUsage(
                a.input() + b.input(),
                a.output() + b.output(),
                a.cacheRead() + b.cacheRead(),
                a.cacheWrite5m() + b.cacheWrite5m(),
                a.cacheWrite1h() + b.cacheWrite1h());
    }
}
