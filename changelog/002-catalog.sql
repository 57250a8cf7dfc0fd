--liquibase formatted sql

--changeset parley:personas
CREATE TABLE IF NOT EXISTS personas (
    id                   uuid PRIMARY KEY,
    persona_key          ${text} NOT NULL,
    name                 ${text} NOT NULL,
    archetype            ${text} NOT NULL,
    age_range            ${text},
    occupation           ${text},
    income_range         ${text},
    demographics         ${text},
    financial_background ${text},
    financial_situation  ${text},
    communication_style  ${text},
    emotional_baseline   ${text},
    personality_traits   ${json} DEFAULT '[]' NOT NULL,
    typical_questions    ${json} DEFAULT '[]' NOT NULL,
    common_concerns      ${json} DEFAULT '[]' NOT NULL,
    language_patterns    ${json} DEFAULT '[]' NOT NULL,
    is_active            boolean DEFAULT true NOT NULL,
    usage_count          bigint DEFAULT 0 NOT NULL,
    last_used_at         timestamp with time zone,
    created_at           timestamp with time zone DEFAULT CURRENT_TIMESTAMP NOT NULL,
    updated_at           timestamp with time zone DEFAULT CURRENT_TIMESTAMP NOT NULL,
    CONSTRAINT personas_persona_key_key UNIQUE (persona_key)
);

--changeset parley:emotional-arcs
CREATE TABLE IF NOT EXISTS emotional_arcs (
    id                       uuid PRIMARY KEY,
    arc_key                  ${text} NOT NULL,
    name                     ${text} NOT NULL,
    starting_emotion         ${text} NOT NULL,
    starting_intensity_min   numeric(3, 2),
    starting_intensity_max   numeric(3, 2),
    midpoint_emotion         ${text},
    ending_emotion           ${text} NOT NULL,
    ending_intensity_min     numeric(3, 2),
    ending_intensity_max     numeric(3, 2),
    arc_strategy             ${text},
    arc_phases               ${json} DEFAULT '[]' NOT NULL,
    key_principles           ${json} DEFAULT '[]' NOT NULL,
    characteristic_phrases   ${json} DEFAULT '[]' NOT NULL,
    response_techniques      ${json} DEFAULT '[]' NOT NULL,
    avoid_tactics            ${json} DEFAULT '[]' NOT NULL,
    typical_turn_count_min   integer,
    typical_turn_count_max   integer,
    complexity_baseline      integer,
    tier                     ${text} DEFAULT 'template' NOT NULL,
    conversation_category    ${text} DEFAULT 'core' NOT NULL,
    suitable_personas        ${json} DEFAULT '[]' NOT NULL,
    suitable_topics          ${json} DEFAULT '[]' NOT NULL,
    is_active                boolean DEFAULT true NOT NULL,
    usage_count              bigint DEFAULT 0 NOT NULL,
    last_used_at             timestamp with time zone,
    created_at               timestamp with time zone DEFAULT CURRENT_TIMESTAMP NOT NULL,
    updated_at               timestamp with time zone DEFAULT CURRENT_TIMESTAMP NOT NULL,
    CONSTRAINT emotional_arcs_arc_key_key UNIQUE (arc_key),
    CONSTRAINT emotional_arcs_tier_check CHECK (tier = ANY (ARRAY['template', 'scenario', 'edge_case'])),
    CONSTRAINT emotional_arcs_category_check CHECK (conversation_category = ANY (ARRAY['core', 'edge'])),
    CONSTRAINT emotional_arcs_turns_check CHECK (typical_turn_count_min >= 1 AND typical_turn_count_max >= typical_turn_count_min)
);

--changeset parley:training-topics
CREATE TABLE IF NOT EXISTS training_topics (
    id                        uuid PRIMARY KEY,
    topic_key                 ${text} NOT NULL,
    name                      ${text} NOT NULL,
    category                  ${text},
    description               ${text},
    complexity_level          ${text} DEFAULT 'intermediate' NOT NULL,
    typical_question_examples ${json} DEFAULT '[]' NOT NULL,
    key_concepts              ${json} DEFAULT '[]' NOT NULL,
    suitable_personas         ${json} DEFAULT '[]' NOT NULL,
    suitable_emotional_arcs   ${json} DEFAULT '[]' NOT NULL,
    requires_specialist       boolean DEFAULT false NOT NULL,
    is_active                 boolean DEFAULT true NOT NULL,
    usage_count               bigint DEFAULT 0 NOT NULL,
    last_used_at              timestamp with time zone,
    created_at                timestamp with time zone DEFAULT CURRENT_TIMESTAMP NOT NULL,
    updated_at                timestamp with time zone DEFAULT CURRENT_TIMESTAMP NOT NULL,
    CONSTRAINT training_topics_topic_key_key UNIQUE (topic_key),
    CONSTRAINT training_topics_complexity_check CHECK (complexity_level = ANY (ARRAY['beginner', 'intermediate', 'advanced']))
);

--changeset parley:prompt-templates
CREATE TABLE IF NOT EXISTS prompt_templates (
    id                 uuid PRIMARY KEY,
    template_name      ${text} NOT NULL,
    tier               ${text} DEFAULT 'template' NOT NULL,
    emotional_arc_type ${text},
    template_text      ${text} NOT NULL,
    style_notes        ${text},
    quality_threshold  numeric(4, 2) DEFAULT 6 NOT NULL,
    rating             numeric(3, 2) DEFAULT 0 NOT NULL,
    suitable_personas  ${json} DEFAULT '[]' NOT NULL,
    suitable_topics    ${json} DEFAULT '[]' NOT NULL,
    version            integer DEFAULT 1 NOT NULL,
    is_active          boolean DEFAULT true NOT NULL,
    usage_count        bigint DEFAULT 0 NOT NULL,
    last_used_at       timestamp with time zone,
    created_at         timestamp with time zone DEFAULT CURRENT_TIMESTAMP NOT NULL,
    updated_at         timestamp with time zone DEFAULT CURRENT_TIMESTAMP NOT NULL,
    CONSTRAINT prompt_templates_template_name_key UNIQUE (template_name),
    CONSTRAINT prompt_templates_tier_check CHECK (tier = ANY (ARRAY['template', 'scenario', 'edge_case'])),
    CONSTRAINT prompt_templates_threshold_check CHECK (quality_threshold BETWEEN 0 AND 10)
);
