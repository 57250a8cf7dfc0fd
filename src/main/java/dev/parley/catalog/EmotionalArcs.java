package dev.parley.catalog;

import dev.parley.catalog.EmotionalArc.Category;
import java.math.BigDecimal;
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

/** The table {@code emotional_arcs}. */
@Repository
class EmotionalArcs implements CatalogTable<EmotionalArc> {
    private static final String ALL = """
              SELECT id, arc_key, name, starting_emotion, starting_intensity_min, starting_intensity_max,
                     midpoint_emotion, ending_emotion, ending_intensity_min, ending_intensity_max, arc_strategy,
                     arc_phases, key_principles, characteristic_phrases, response_techniques, avoid_tactics,
                     typical_turn_count_min, typical_turn_count_max, complexity_baseline, tier,
                     conversation_category, suitable_personas, suitable_topics, is_active
                FROM emotional_arcs
            ORDER BY arc_key
            """;

    private static final String INSERT = """
            INSERT INTO emotional_arcs (id, arc_key, name, starting_emotion, starting_intensity_min,
                                        starting_intensity_max, midpoint_emotion, ending_emotion, ending_intensity_min,
                                        ending_intensity_max, arc_strategy, arc_phases, key_principles,
                                        characteristic_phrases, response_techniques, avoid_tactics,
                                        typical_turn_count_min, typical_turn_count_max, complexity_baseline, tier,
                                        conversation_category, suitable_personas, suitable_topics, is_active,
                                        created_at, updated_at)
                 VALUES (:id, :key, :name, :startingEmotion, :startingIntensityMin,
                         :startingIntensityMax, :midpointEmotion, :endingEmotion, :endingIntensityMin,
                         :endingIntensityMax, :strategy, :phases, :keyPrinciples,
                         :characteristicPhrases, :responseTechniques, :avoidTactics,
                         :typicalTurnCountMin, :typicalTurnCountMax, :complexityBaseline, :tier,
                         :category, :suitablePersonas, :suitableTopics, :active,
                         :now, :now)
            """;

    private static final String UPDATE = """
            UPDATE emotional_arcs
               SET name = :name, starting_emotion = :startingEmotion, starting_intensity_min = :startingIntensityMin,
                   starting_intensity_max = :startingIntensityMax, midpoint_emotion = :midpointEmotion,
                   ending_emotion = :endingEmotion, ending_intensity_min = :endingIntensityMin,
                   ending_intensity_max = :endingIntensityMax, arc_strategy = :strategy, arc_phases = :phases,
                   key_principles = :keyPrinciples, characteristic_phrases = :characteristicPhrases,
                   response_techniques = :responseTechniques, avoid_tactics = :avoidTactics,
                   typical_turn_count_min = :typicalTurnCountMin, typical_turn_count_max = :typicalTurnCountMax,
                   complexity_baseline = :complexityBaseline, tier = :tier, conversation_category = :category,
                   suitable_personas = :suitablePersonas, suitable_topics = :suitableTopics, is_active = :active,
                   updated_at = :now
             WHERE id = :id
            """;

    private final JdbcClient jdbc;
    private final Clock clock;

    EmotionalArcs(JdbcClient jdbc, Clock clock) {
        this.jdbc = jdbc;
        this.clock = clock;
    }

    @Override
    public List<EmotionalArc> all() {
        return jdbc.sql(ALL).query((row, number) -> arc(row)).list();
    }

    @Override
    public void insert(EmotionalArc arc) {
        jdbc.sql(INSERT).params(params(arc)).update();
    }

    @Override
    public void update(EmotionalArc arc) {
        jdbc.sql(UPDATE).params(params(arc)).update();
    }

    @Override
    public UUID idOf(EmotionalArc arc) {
        return arc.id();
    }

    @Override
    public String keyOf(EmotionalArc arc) {
        return arc.key();
    }

    private Map<String, @Nullable Object> params(EmotionalArc arc) {
        Map<String, @Nullable Object> params = new HashMap<>();
        params.put("id", arc.id());
        params.put("key", arc.key());
        params.put("name", arc.name());
        params.put("startingEmotion", arc.startingEmotion());
        params.put("startingIntensityMin", arc.startingIntensityMin());
        params.put("startingIntensityMax", arc.startingIntensityMax());
        params.put("midpointEmotion", arc.midpointEmotion());
        params.put("endingEmotion", arc.endingEmotion());
        params.put("endingIntensityMin", arc.endingIntensityMin());
        params.put("endingIntensityMax", arc.endingIntensityMax());
        params.put("strategy", arc.strategy());
        params.put("phases", JsonColumn.write(arc.phases()));
        params.put("keyPrinciples", JsonColumn.write(arc.keyPrinciples()));
        params.put("characteristicPhrases", JsonColumn.write(arc.characteristicPhrases()));
        params.put("responseTechniques", JsonColumn.write(arc.responseTechniques()));
        params.put("avoidTactics", JsonColumn.write(arc.avoidTactics()));
        params.put("typicalTurnCountMin", arc.typicalTurnCountMin());
        params.put("typicalTurnCountMax", arc.typicalTurnCountMax());
        params.put("complexityBaseline", arc.complexityBaseline());
        params.put("tier", arc.tier().key());
        params.put("category", arc.category().name().toLowerCase(Locale.ROOT));
        params.put("suitablePersonas", JsonColumn.write(arc.suitablePersonas()));
        params.put("suitableTopics", JsonColumn.write(arc.suitableTopics()));
        params.put("active", arc.active());
        params.put("now", OffsetDateTime.now(clock));
        return params;
    }

    private static EmotionalArc arc(ResultSet row) throws SQLException {
        return new EmotionalArc(
                row.getObject("id", UUID.class),
                row.getString("arc_key"),
                row.getString("name"),
                row.getString("starting_emotion"),
                number(row.getBigDecimal("starting_intensity_min")),
                number(row.getBigDecimal("starting_intensity_max")),
                row.getString("midpoint_emotion"),
                row.getString("ending_emotion"),
                number(row.getBigDecimal("ending_intensity_min")),
                number(row.getBigDecimal("ending_intensity_max")),
                row.getString("arc_strategy"),
                JsonColumn.read(row.getString("arc_phases")),
                JsonColumn.read(row.getString("key_principles")),
                JsonColumn.read(row.getString("characteristic_phrases")),
                JsonColumn.read(row.getString("response_techniques")),
                JsonColumn.read(row.getString("avoid_tactics")),
                row.getObject("typical_turn_count_min", Integer.class),
                row.getObject("typical_turn_count_max", Integer.class),
                row.getObject("complexity_baseline", Integer.class),
                Tier.of(row.getString("tier")),
                Category.valueOf(row.getString("conversation_category").toUpperCase(Locale.ROOT)),
                JsonColumn.read(row.getString("suitable_personas")),
                JsonColumn.read(row.getString("suitable_topics")),
                row.getBoolean("is_active"));
    }

    private static @Nullable Double number(@Nullable BigDecimal value) {
        return value == null ? null : value.doubleValue();
    }
}
