package dev.parley.export;

import static org.apache.parquet.schema.LogicalTypeAnnotation.decimalType;
import static org.apache.parquet.schema.LogicalTypeAnnotation.stringType;
import static org.apache.parquet.schema.LogicalTypeAnnotation.timestampType;
import static org.apache.parquet.schema.PrimitiveType.PrimitiveTypeName.BINARY;
import static org.apache.parquet.schema.PrimitiveType.PrimitiveTypeName.BOOLEAN;
import static org.apache.parquet.schema.PrimitiveType.PrimitiveTypeName.INT32;
import static org.apache.parquet.schema.PrimitiveType.PrimitiveTypeName.INT64;

import dev.parley.conversation.ConversationDocument.Turn;
import java.math.BigDecimal;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.function.Function;
import org.apache.parquet.example.data.Group;
import org.apache.parquet.example.data.simple.SimpleGroup;
import org.apache.parquet.schema.LogicalTypeAnnotation;
import org.apache.parquet.schema.LogicalTypeAnnotation.TimeUnit;
import org.apache.parquet.schema.MessageType;
import org.apache.parquet.schema.PrimitiveType.PrimitiveTypeName;
import org.apache.parquet.schema.Types;
import org.jspecify.annotations.Nullable;

/** The columns of CSV and Parquet. */
final class Columns {
    private static final int COST_DIGITS = 8; // as in the table

    /** @param value null, or one of String, Integer, Long, Boolean, Instant, BigDecimal by the column's type */
    private record Column(
            String name,
            PrimitiveTypeName type,
            @Nullable LogicalTypeAnnotation meaning,
            Function<ConversationRow, @Nullable Object> value) {}

    private static final List<Column> ALL = List.of(
            text("conversation_id", ConversationRow::key),
            text("id", ConversationRow::id),
            text("job_id", ConversationRow::jobId),
            text("item_id", ConversationRow::itemId),
            new Column("position", INT32, null, ConversationRow::position),
            new Column("attempts", INT32, null, ConversationRow::attempts),
            text("persona_id", row -> row.persona().id()),
            text("persona", row -> row.persona().key()),
            text("emotional_arc_id", row -> row.arc().id()),
            text("emotional_arc", row -> row.arc().key()),
            text("training_topic_id", row -> row.topic().id()),
            text("training_topic", row -> row.topic().key()),
            text("template_id", ConversationRow::templateId),
            text("template", ConversationRow::templateName),
            new Column("template_version", INT32, null, ConversationRow::templateVersion),
            text("tier", ConversationRow::tier),
            text("status", ConversationRow::status),
            new Column("turn_count", INT32, null, ConversationRow::turnCount),
            new Column("quality_score", INT32, decimalType(2, 4), ConversationRow::score),
            new Column("requires_manual_review", BOOLEAN, null, ConversationRow::requiresManualReview),
            text("model", ConversationRow::model),
            new Column("input_tokens", INT64, null, ConversationRow::inputTokens),
            new Column("output_tokens", INT64, null, ConversationRow::outputTokens),
            new Column("cache_read_tokens", INT64, null, ConversationRow::cacheReadTokens),
            new Column("cache_write_tokens", INT64, null, ConversationRow::cacheWriteTokens),
            new Column("cost_usd", INT64, decimalType(COST_DIGITS, 14), ConversationRow::costUsd),
            new Column("created_at", INT64, timestampType(true, TimeUnit.MICROS), ConversationRow::createdAt));

    static final MessageType SCHEMA = schema();

    private Columns() {}

    private static Column text(String name, Function<ConversationRow, @Nullable Object> value) {
        return new Column(name, BINARY, stringType(), row -> {
            Object of = value.apply(row);
            return of == null ? null : of.toString();
        });
    }

    private static MessageType schema() {
        Types.MessageTypeBuilder schema = Types.buildMessage();
        for (Column column : ALL) {
            schema.optional(column.type()).as(column.meaning()).named(column.name());
        }
        return schema.requiredList()
                .requiredGroupElement()
                .required(BINARY)
                .as(stringType())
                .named("role")
                .required(BINARY)
                .as(stringType())
                .named("content")
                .named("messages")
                .named("conversation");
    }

    static List<String> names() {
        return ALL.stream().map(Column::name).toList();
    }

    /** In the order of the names; times in ISO 8601, UTC. */
    static List<@Nullable Object> values(ConversationRow row) {
        List<@Nullable Object> values = new java.util.ArrayList<>(ALL.size());
        for (Column column : ALL) {
            Object value = column.value().apply(row);
            values.add(value instanceof BigDecimal number ? number.toPlainString() : value);
        }
        return values;
    }

    static Group group(ConversationRow row, List<Turn> turns) {
        SimpleGroup group = new SimpleGroup(SCHEMA);
        for (Column column : ALL) {
            Object value = column.value().apply(row);
            if (value != null) {
                add(group, column, value);
            }
        }
        Group messages = group.addGroup("messages");
        for (Turn turn : turns) {
            Group message = messages.addGroup("list").addGroup("element");
            message.add("role", turn.role());
            message.add("content", turn.content());
        }
        return group;
    }

    private static void add(Group group, Column column, Object value) {
        if (value instanceof String text) {
            group.add(column.name(), text);
        } else if (value instanceof Boolean flag) {
            group.add(column.name(), flag);
        } else if (value instanceof Instant time) {
            group.add(column.name(), ChronoUnit.MICROS.between(Instant.EPOCH, time));
        } else if (value instanceof BigDecimal number && column.type() == INT32) {
            group.add(column.name(), number.setScale(2).unscaledValue().intValueExact());
        } else if (value instanceof BigDecimal number) {
            group.add(
                    column.name(), number.setScale(COST_DIGITS).unscaledValue().longValueExact());
        } else if (value instanceof Integer number) {
            group.add(column.name(), number);
        } else {
            group.add(column.name(), (long) (Long) value);
        }
    }
}
