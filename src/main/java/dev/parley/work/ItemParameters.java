package dev.parley.work;

import dev.parley.catalog.Tier;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * What one item asks for. Its JSON, in {@code batch_items.parameters}, in job files and on the command line, is
 * {@code {"persona_id","emotional_arc_id","training_topic_id","tier","templateId"}}; {@code template_id} is read as well.
 *
 * @param templateId null (in JSON also the NIL UUID) selects a template by arc and tier
 */
public record ItemParameters(
        UUID personaId,
        UUID emotionalArcId,
        UUID trainingTopicId,
        Tier tier,
        @Nullable UUID templateId) {}
