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

/** The table {@code personas}. */
@Repository
class Personas implements CatalogTable<Persona> {
    private static final String ALL = """
              SELECT id, persona_key, name, archetype, age_range, occupation, income_range, demographics,
                     financial_background, financial_situation, communication_style, emotional_baseline,
                     personality_traits, typical_questions, common_concerns, language_patterns, is_active
                FROM personas
            ORDER BY persona_key
            """;

    private static final String INSERT = """
            INSERT INTO personas (id, persona_key, name, archetype, age_range, occupation, income_range, demographics,
                                  financial_background, financial_situation, communication_style, emotional_baseline,
                                  personality_traits, typical_questions, common_concerns, language_patterns, is_active,
                                  created_at, updated_at)
                 VALUES (:id, :key, :name, :archetype, :ageRange, :occupation, :incomeRange, :demographics,
                         :financialBackground, :financialSituation, :communicationStyle, :emotionalBaseline,
                         :personalityTraits, :typicalQuestions, :commonConcerns, :languagePatterns, :active,
                         :now, :now)
            """;

    private static final String UPDATE = """
            UPDATE personas
               SET name = :name, archetype = :archetype, age_range = :ageRange, occupation = :occupation,
                   income_range = :incomeRange, demographics = :demographics,
                   financial_background = :financialBackground, financial_situation = :financialSituation,
                   communication_style = :communicationStyle, emotional_baseline = :emotionalBaseline,
                   personality_traits = :personalityTraits, typical_questions = :typicalQuestions,
                   common_concerns = :commonConcerns, language_patterns = :languagePatterns, is_active = :active,
                   updated_at = :now
             WHERE id = :id
            """;

    private final JdbcClient jdbc;
    private final Clock clock;

    Personas(JdbcClient jdbc, Clock clock) {
        this.jdbc = jdbc;
        this.clock = clock;
    }

    @Override
    public List<Persona> all() {
        return jdbc.sql(ALL).query((row, number) -> persona(row)).list();
    }

    @Override
    public void insert(Persona persona) {
        jdbc.sql(INSERT).params(params(persona)).update();
    }

    @Override
    public void update(Persona persona) {
        jdbc.sql(UPDATE).params(params(persona)).update();
    }

    @Override
    public UUID idOf(Persona persona) {
        return persona.id();
    }

    @Override
    public String keyOf(Persona persona) {
        return persona.key();
    }

    private Map<String, @Nullable Object> params(Persona persona) {
        Map<String, @Nullable Object> params = new HashMap<>();
        params.put("id", persona.id());
        params.put("key", persona.key());
        params.put("name", persona.name());
        params.put("archetype", persona.archetype());
        params.put("ageRange", persona.ageRange());
        params.put("occupation", persona.occupation());
        params.put("incomeRange", persona.incomeRange());
        params.put("demographics", persona.demographics());
        params.put("financialBackground", persona.financialBackground());
        params.put("financialSituation", persona.financialSituation());
        params.put("communicationStyle", persona.communicationStyle());
        params.put("emotionalBaseline", persona.emotionalBaseline());
        params.put("personalityTraits", JsonColumn.write(persona.personalityTraits()));
        params.put("typicalQuestions", JsonColumn.write(persona.typicalQuestions()));
        params.put("commonConcerns", JsonColumn.write(persona.commonConcerns()));
        params.put("languagePatterns", JsonColumn.write(persona.languagePatterns()));
        params.put("active", persona.active());
        params.put("now", OffsetDateTime.now(clock));
        return params;
    }

    private static Persona persona(ResultSet row) throws SQLException {
        return new Persona(
                row.getObject("id", UUID.class),
                row.getString("persona_key"),
                row.getString("name"),
                row.getString("archetype"),
                row.getString("age_range"),
                row.getString("occupation"),
                row.getString("income_range"),
                row.getString("demographics"),
                row.getString("financial_background"),
                row.getString("financial_situation"),
                row.getString("communication_style"),
                row.getString("emotional_baseline"),
                JsonColumn.read(row.getString("personality_traits")),
                JsonColumn.read(row.getString("typical_questions")),
                JsonColumn.read(row.getString("common_concerns")),
                JsonColumn.read(row.getString("language_patterns")),
                row.getBoolean("is_active"));
    }
}
