package dev.parley.catalog;

import dev.parley.catalog.TrainingTopic.Complexity;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Clock;
import java.time.OffsetDateTime;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.stereotype.Repository;

/** The table {@code training_topics}. */
@Repository
class TrainingTopics implements CatalogTable<TrainingTopic> {
    private static final String ALL = """
              SELECT id, topic_key, name, category, description, complexity_level, typical_question_examples,
                     key_concepts, suitable_personas, suitable_emotional_arcs, requires_specialist, is_active
                FROM training_topics
            ORDER BY topic_key
            """;

    private static final String INSERT = """
            INSERT INTO training_topics (id, topic_key, name, category, description, complexity_level,
                                         typical_question_examples, key_concepts, suitable_personas,
                                         suitable_emotional_arcs, requires_specialist, is_active,
                                         created_at, updated_at)
                 VALUES (:id, :key, :name, :category, :description, :complexity,
                         :typicalQuestionExamples, :keyConcepts, :suitablePersonas,
                         :suitableEmotionalArcs, :requiresSpecialist, :active,
                         :now, :now)
            """;

    private static final String UPDATE = """
            UPDATE training_topics
               SET name = :name, category = :category, description = :description, complexity_level = :complexity,
                   typical_question_examples = :typicalQuestionExamples, key_concepts = :keyConcepts,
                   suitable_personas = :suitablePersonas, suitable_emotional_arcs = :suitableEmotionalArcs,
                   requires_specialist = :requiresSpecialist, is_active = :active, updated_at = :now
             WHERE id = :id
            """;

    private final JdbcClient jdbc;
    private final Clock clock;

    TrainingTopics(JdbcClient jdbc, Clock clock) {
        this.jdbc = jdbc;
        this.clock = clock;
    }

    @Override
    public List<TrainingTopic> all() {
        return jdbc.sql(ALL).query((row, number) -> topic(row)).list();
    }

    @Override
    public void insert(TrainingTopic topic) {
        jdbc.sql(INSERT).params(params(topic)).update();
    }

    @Override
    public void update(TrainingTopic topic) {
        jdbc.sql(UPDATE).params(params(topic)).update();
    }

    @Override
    public UUID idOf(TrainingTopic topic) {
        return topic.id();
    }

    @Override
    public String keyOf(TrainingTopic topic) {
        return topic.key();
    }

    private Map<String, @Nullable Object> params(TrainingTopic topic) {
        Map<String, @Nullable Object> params = new HashMap<>();
        params.put("id", topic.id());
        params.put("key", topic.key());
        params.put("name", topic.name());
        params.put("category", topic.category());
        params.put("description", topic.description());
        params.put("complexity", topic.complexity().name().toLowerCase(Locale.ROOT));
        params.put("typicalQuestionExamples", JsonColumn.write(topic.typicalQuestionExamples()));
        params.put("keyConcepts", JsonColumn.write(topic.keyConcepts()));
        params.put("suitablePersonas", JsonColumn.write(topic.suitablePersonas()));
        params.put("suitableEmotionalArcs", JsonColumn.write(topic.suitableEmotionalArcs()));
        params.put("requiresSpecialist", topic.requiresSpecialist());
        params.put("active", topic.active());
        params.put("now", OffsetDateTime.now(clock));
        return params;
    }

    private static TrainingTopic topic(ResultSet row) throws SQLException {
        return new TrainingTopic(
                row.getObject("id", UUID.class),
                row.getString("topic_key"),
                row.getString("name"),
                row.getString("category"),
                row.getString("description"),
                Complexity.valueOf(row.getString("complexity_level").toUpperCase(Locale.ROOT)),
                JsonColumn.read(row.getString("typical_question_examples")),
                JsonColumn.read(row.getString("key_concepts")),
                JsonColumn.read(row.getString("suitable_personas")),
                JsonColumn.read(row.getString("suitable_emotional_arcs")),
                row.getBoolean("requires_specialist"),
                row.getBoolean("is_active"));
    }
}
