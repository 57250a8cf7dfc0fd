package dev.parley.catalog;

import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Clock;
import java.time.OffsetDateTime;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.stereotype.Repository;

/** The table {@code prompt_templates}. */
@Repository
class PromptTemplates implements CatalogTable<PromptTemplate> {
    private static final String ALL = """
              SELECT id, template_name, tier, emotional_arc_type, template_text, style_notes, quality_threshold, rating,
                     suitable_personas, suitable_topics, version, is_active
                FROM prompt_templates
            ORDER BY template_name
            """;

    private static final String INSERT = """
            INSERT INTO prompt_templates (id, template_name, tier, emotional_arc_type, template_text, style_notes,
                                          quality_threshold, rating, suitable_personas, suitable_topics, version,
                                          is_active, created_at, updated_at)
                 VALUES (:id, :name, :tier, :arcKey, :text, :styleNotes,
                         :qualityThreshold, :rating, :suitablePersonas, :suitableTopics, :version,
                         :active, :now, :now)
            """;

    private static final String UPDATE = """
            UPDATE prompt_templates
               SET tier = :tier, emotional_arc_type = :arcKey, template_text = :text, style_notes = :styleNotes,
                   quality_threshold = :qualityThreshold, rating = :rating, suitable_personas = :suitablePersonas,
                   suitable_topics = :suitableTopics, version = :version, is_active = :active, updated_at = :now
             WHERE id = :id
            """;

    private final JdbcClient jdbc;
    private final Clock clock;

    PromptTemplates(JdbcClient jdbc, Clock clock) {
        this.jdbc = jdbc;
        this.clock = clock;
    }

    @Override
    public List<PromptTemplate> all() {
        return jdbc.sql(ALL).query((row, number) -> template(row)).list();
    }

    @Override
    public void insert(PromptTemplate template) {
        jdbc.sql(INSERT).params(params(template)).update();
    }

    @Override
    public void update(PromptTemplate template) {
        jdbc.sql(UPDATE).params(params(template)).update();
    }

    @Override
    public UUID idOf(PromptTemplate template) {
        return template.id();
    }

    @Override
    public String keyOf(PromptTemplate template) {
        return template.name();
    }

    private Map<String, @Nullable Object> params(PromptTemplate template) {
        Map<String, @Nullable Object> params = new HashMap<>();
        params.put("id", template.id());
        params.put("name", template.name());
        params.put("tier", template.tier().key());
        params.put("arcKey", template.arcKey());
        params.put("text", template.text());
        params.put("styleNotes", template.styleNotes());
        params.put("qualityThreshold", template.qualityThreshold());
        params.put("rating", template.rating());
        params.put("suitablePersonas", JsonColumn.write(template.suitablePersonas()));
        params.put("suitableTopics", JsonColumn.write(template.suitableTopics()));
        params.put("version", template.version());
        params.put("active", template.active());
        params.put("now", OffsetDateTime.now(clock));
        return params;
    }

    private static PromptTemplate template(ResultSet row) throws SQLException {
        return new PromptTemplate(
                row.getObject("id", UUID.class),
                row.getString("template_name"),
                Tier.of(row.getString("tier")),
                row.getString("emotional_arc_type"),
                row.getString("template_text"),
                row.getString("style_notes"),
                row.getDouble("quality_threshold"),
                row.getDouble("rating"),
                JsonColumn.read(row.getString("suitable_personas")),
                JsonColumn.read(row.getString("suitable_topics")),
                row.getInt("version"),
                row.getBoolean("is_active"));
    }
}
