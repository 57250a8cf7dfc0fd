-- A database as an older installation left it, on PostgreSQL: everything that SCHEMA's last section says of such databases.
CREATE TYPE older_tier AS ENUM ('template', 'scenario', 'edge_case');

CREATE FUNCTION touch_updated_at() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.updated_at = now();
    RETURN NEW;
END $$;

CREATE TABLE personas (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    persona_key text NOT NULL,
    name text NOT NULL,
    short_name text NOT NULL,
    archetype text,
    demographics jsonb,
    typical_questions text[] DEFAULT '{}' NOT NULL,
    common_concerns text[],
    is_active boolean DEFAULT true,
    created_at timestamptz DEFAULT now(),
    updated_at timestamptz DEFAULT now(),
    UNIQUE (persona_key)
);
CREATE TABLE emotional_arcs (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    arc_key text NOT NULL UNIQUE,
    name text NOT NULL,
    starting_emotion text NOT NULL,
    ending_emotion text NOT NULL,
    arc_type text NOT NULL,
    tier older_tier NOT NULL DEFAULT 'template',
    is_active boolean DEFAULT true,
    created_at timestamptz DEFAULT now(),
    updated_at timestamptz DEFAULT now()
);
CREATE TABLE training_topics (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name text NOT NULL,
    description text,
    complexity_level text CHECK (complexity_level IN ('beginner', 'intermediate', 'advanced')),
    is_active boolean DEFAULT true,
    created_at timestamp DEFAULT now(),
    updated_at timestamptz DEFAULT now()
);
CREATE TABLE prompt_templates (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    template_name text NOT NULL UNIQUE,
    template_type text NOT NULL,
    tier text,
    emotional_arc_type text,
    template_text text NOT NULL,
    is_active boolean DEFAULT true,
    created_at timestamptz DEFAULT now(),
    updated_at timestamptz DEFAULT now()
);
CREATE TABLE conversations (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    conversation_id uuid NOT NULL UNIQUE,
    title text,
    persona_id uuid REFERENCES personas (id),
    emotional_arc_id uuid REFERENCES emotional_arcs (id),
    training_topic_id uuid REFERENCES training_topics (id),
    tier text,
    status text DEFAULT 'draft' CHECK (status IN ('draft', 'generated', 'pending_review', 'approved')),
    processing_status text DEFAULT 'queued',
    category text NOT NULL DEFAULT 'any',
    topic_cluster text NOT NULL,
    raw_response_path text,
    file_path text,
    created_by uuid NOT NULL,
    created_at timestamptz DEFAULT now(),
    updated_at timestamptz DEFAULT now()
);
CREATE TABLE batch_jobs (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name text NOT NULL,
    job_type text NOT NULL,
    status text DEFAULT 'queued' CHECK (status IN ('queued', 'processing', 'paused', 'completed', 'failed', 'cancelled')),
    priority integer NOT NULL DEFAULT 5 CHECK (priority BETWEEN 1 AND 10),
    total_items integer DEFAULT 0,
    completed_items integer DEFAULT 0,
    successful_items integer DEFAULT 0,
    failed_items integer DEFAULT 0,
    created_by uuid,
    created_at timestamptz DEFAULT now(),
    updated_at timestamptz DEFAULT now()
);
CREATE TABLE batch_items (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    batch_job_id uuid NOT NULL,
    position integer NOT NULL,
    topic text NOT NULL,
    tier text DEFAULT 'template',
    parameters json DEFAULT '{}',
    status text DEFAULT 'queued' CONSTRAINT item_status CHECK (status IN ('queued', 'processing', 'completed', 'failed', 'skipped')),
    conversation_id uuid,
    error text,
    error_message text,
    created_at timestamptz DEFAULT now(),
    updated_at timestamptz DEFAULT now(),
    CONSTRAINT fk_items_job FOREIGN KEY (batch_job_id) REFERENCES batch_jobs (id),
    CONSTRAINT fk_items_conversation FOREIGN KEY (conversation_id) REFERENCES conversations (id) ON DELETE SET NULL
);
CREATE TABLE generation_logs (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    conversation_id uuid REFERENCES conversations (conversation_id),
    run_id uuid REFERENCES batch_jobs (id),
    request_payload jsonb NOT NULL,
    response_payload jsonb NOT NULL DEFAULT '{}',
    status text NOT NULL,
    input_tokens integer,
    output_tokens integer,
    cost_usd numeric(10, 4),
    created_at timestamptz DEFAULT now()
);
CREATE TABLE failed_generations (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    conversation_id uuid,
    run_id uuid REFERENCES batch_jobs (id),
    prompt text NOT NULL,
    prompt_length integer NOT NULL,
    failure_type text NOT NULL,
    created_at timestamptz DEFAULT now()
);

CREATE TRIGGER touch BEFORE UPDATE ON batch_items FOR EACH ROW EXECUTE FUNCTION touch_updated_at();
CREATE TRIGGER touch BEFORE UPDATE ON batch_jobs FOR EACH ROW EXECUTE FUNCTION touch_updated_at();
CREATE TRIGGER touch BEFORE UPDATE ON conversations FOR EACH ROW EXECUTE FUNCTION touch_updated_at();

-- what others keep on our tables
CREATE VIEW urgent_jobs AS SELECT id, name, priority, total_items FROM batch_jobs WHERE priority >= 8;
CREATE TABLE reviews (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    conversation uuid NOT NULL REFERENCES conversations (conversation_id),
    item uuid REFERENCES batch_items (id)
);
