package dev.parley.export;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonProperty;
import dev.parley.conversation.ConversationDocument;
import dev.parley.conversation.ConversationDocument.EmotionalContext;
import dev.parley.conversation.ConversationDocument.Turn;
import java.io.IOException;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Collectors;
import org.apache.commons.csv.CSVFormat;
import org.apache.commons.csv.CSVPrinter;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.StreamWriteFeature;
import tools.jackson.databind.MapperFeature;
import tools.jackson.databind.json.JsonMapper;

/** What conversations look like in files of text: UTF-8, each record a line. Thread-safe. */
final class TextLines {
    /** Properties in the order of declaration, numbers without exponents. */
    static final JsonMapper JSON = JsonMapper.builder()
            .disable(MapperFeature.SORT_PROPERTIES_ALPHABETICALLY)
            .enable(StreamWriteFeature.WRITE_BIGDECIMAL_AS_PLAIN)
            .build();

    private static final CSVFormat CSV =
            CSVFormat.RFC4180.builder().setRecordSeparator('\n').get();
    private static final String SYSTEM = "system";

    /** For training pairs, which have a place for it, where the request brings none. */
    private static final String SYSTEM_PROMPT =
            "You are an attentive adviser. Meet what the person feels first, then answer what was asked, plainly and truthfully.";

    private static final String VERSION = "1"; // of the shape of training pairs

    private final ExportRequest request;

    TextLines(ExportRequest request) {
        this.request = request;
    }

    /** The lines of a conversation, each of them ended. */
    List<String> of(ConversationRow row, ConversationDocument document) {
        return switch (request.format()) {
            case CHAT_JSONL ->
                List.of(json(new Chat(
                        said(document, turn -> new Message(turn.role(), turn.content()), Message::new),
                        Facts.of(row))));
            case SHAREGPT_JSONL ->
                List.of(json(new ShareGpt(
                        row.key().toString(),
                        said(
                                document,
                                turn -> new From(turn.role().equals("user") ? "human" : "gpt", turn.content()),
                                From::new))));
            case TRAINING_JSONL -> pairs(row, document);
            case CSV -> List.of(csv(Columns.values(row)));
            case PARQUET -> List.of(json(row(row, document))); // only ever shown to a person
        };
    }

    /** What a file begins with: nothing, or a line that is no record. */
    String header(String file, long records) {
        return switch (request.format()) {
            case TRAINING_JSONL -> json(new First(new Meta(file, records, VERSION)));
            case CSV -> csv(Columns.names());
            default -> "";
        };
    }

    static byte[] utf8(List<String> lines) {
        return String.join("", lines).getBytes(StandardCharsets.UTF_8);
    }

    private <T> List<T> said(
            ConversationDocument document,
            java.util.function.Function<Turn, T> message,
            java.util.function.BiFunction<String, String, T> system) {
        List<T> messages = new ArrayList<>(document.turns().size() + 1);
        if (request.systemPrompt() != null) {
            messages.add(system.apply(SYSTEM, request.systemPrompt()));
        }
        document.turns().forEach(turn -> messages.add(message.apply(turn)));
        return messages;
    }

    private List<String> pairs(ConversationRow row, ConversationDocument document) {
        List<String> lines = new ArrayList<>();
        List<Turn> turns = document.turns();
        for (int i = 0; i < turns.size(); i++) {
            if (turns.get(i).role().equals("assistant")) {
                boolean answers = i > 0 && turns.get(i - 1).role().equals("user");
                lines.add(json(new Pair(
                        row.key() + "_turn" + (i + 1),
                        row.key().toString(),
                        i + 1,
                        document.metadata(),
                        Objects.requireNonNullElse(request.systemPrompt(), SYSTEM_PROMPT),
                        turns.subList(0, answers ? i - 1 : i),
                        answers ? turns.get(i - 1).content() : "",
                        answers ? turns.get(i - 1).emotionalContext() : null,
                        turns.get(i).content(),
                        Facts.of(row))));
            }
        }
        return lines;
    }

    private static Map<String, @Nullable Object> row(ConversationRow row, ConversationDocument document) {
        Map<String, @Nullable Object> columns = new java.util.LinkedHashMap<>();
        List<@Nullable Object> values = Columns.values(row);
        for (int i = 0; i < values.size(); i++) {
            columns.put(Columns.names().get(i), values.get(i));
        }
        columns.put(
                "messages",
                document.turns().stream()
                        .map(turn -> new Message(turn.role(), turn.content()))
                        .collect(Collectors.toList()));
        return columns;
    }

    private static String json(Object value) {
        return JSON.writeValueAsString(value) + "\n";
    }

    private static String csv(List<?> values) {
        StringWriter line = new StringWriter();
        try (CSVPrinter printer = new CSVPrinter(line, CSV)) {
            printer.printRecord(values);
        } catch (IOException e) {
            throw new UncheckedIOException(e); // to a string
        }
        return line.toString();
    }

    private record Message(
            @JsonProperty("role") String role,
            @JsonProperty("content") String content) {}

    private record Chat(
            @JsonProperty("messages") List<Message> messages,
            @JsonProperty("metadata") Facts metadata) {}

    private record From(
            @JsonProperty("from") String from,
            @JsonProperty("value") String value) {}

    private record ShareGpt(
            @JsonProperty("id") String id,
            @JsonProperty("conversations") List<From> conversations) {}

    private record First(@JsonProperty("_meta") Meta meta) {}

    private record Meta(
            @JsonProperty("file_name") String fileName,
            @JsonProperty("total_pairs") long totalPairs,
            @JsonProperty("version") String version) {}

    private record Pair(
            @JsonProperty("id") String id,
            @JsonProperty("conversation_id") String conversationId,
            @JsonProperty("turn_number") int turnNumber,
            @JsonProperty("conversation_metadata") ConversationDocument.Metadata conversationMetadata,
            @JsonProperty("system_prompt") String systemPrompt,
            @JsonProperty("conversation_history") List<Turn> conversationHistory,
            @JsonProperty("current_user_input") String currentUserInput,
            @JsonProperty("emotional_context") @Nullable EmotionalContext emotionalContext,
            @JsonProperty("target_response") String targetResponse,
            @JsonProperty("training_metadata") Facts trainingMetadata) {}

    /** What a line says of its conversation. */
    @JsonInclude(JsonInclude.Include.NON_NULL)
    private record Facts(
            @JsonProperty("conversation_id") String conversationId,
            @JsonProperty("job_id") @Nullable String jobId,
            @JsonProperty("persona") @Nullable String persona,
            @JsonProperty("emotional_arc") @Nullable String arc,
            @JsonProperty("training_topic") @Nullable String topic,
            @JsonProperty("tier") @Nullable String tier,
            @JsonProperty("status") String status,
            @JsonProperty("quality_score") @Nullable BigDecimal score,
            @JsonProperty("template") @Nullable String template,
            @JsonProperty("template_version") @Nullable Integer templateVersion,
            @JsonProperty("model") @Nullable String model) {
        static Facts of(ConversationRow row) {
            return new Facts(
                    row.key().toString(),
                    row.jobId() == null ? null : row.jobId().toString(),
                    row.persona().key(),
                    row.arc().key(),
                    row.topic().key(),
                    row.tier(),
                    row.status(),
                    row.score(),
                    row.templateName(),
                    row.templateVersion(),
                    row.model());
        }
    }
}
