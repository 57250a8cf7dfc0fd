--liquibase formatted sql

--changeset parley:adopt-catalog
--comment: What an older catalog does not say is taken from the name.
UPDATE personas SET archetype = name WHERE archetype IS NULL;
UPDATE personas
   SET persona_key = replace(lower(name), ' ', '_')
                     || CASE WHEN EXISTS (SELECT 1 FROM personas o WHERE lower(o.name) = lower(personas.name) AND o.id < personas.id)
                             THEN '_' || substring(CAST(id AS varchar(36)) FROM 1 FOR 8) ELSE '' END
 WHERE persona_key IS NULL;
UPDATE emotional_arcs
   SET arc_key = replace(lower(name), ' ', '_')
                 || CASE WHEN EXISTS (SELECT 1 FROM emotional_arcs o WHERE lower(o.name) = lower(emotional_arcs.name) AND o.id < emotional_arcs.id)
                         THEN '_' || substring(CAST(id AS varchar(36)) FROM 1 FOR 8) ELSE '' END
 WHERE arc_key IS NULL;
UPDATE emotional_arcs SET starting_emotion = name WHERE starting_emotion IS NULL;
UPDATE emotional_arcs SET ending_emotion = name WHERE ending_emotion IS NULL;
UPDATE training_topics
   SET topic_key = replace(lower(name), ' ', '_')
                   || CASE WHEN EXISTS (SELECT 1 FROM training_topics o WHERE lower(o.name) = lower(training_topics.name) AND o.id < training_topics.id)
                           THEN '_' || substring(CAST(id AS varchar(36)) FROM 1 FOR 8) ELSE '' END
 WHERE topic_key IS NULL;
UPDATE conversations SET conversation_id = gen_random_uuid() WHERE conversation_id IS NULL;

--changeset parley:adopt-items-key-index dbms:postgresql runInTransaction:false
--comment: Before the keys are filled, so that filling them finds what is taken.
CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS batch_items_conversation_key_key ON batch_items (conversation_key);

--changeset parley:adopt-items-postgresql dbms:postgresql runInTransaction:false splitStatements:false
--comment: In pages of their own transactions, each row once: when an item ended is kept before a trigger of theirs touches updated_at. An item takes the business key of the conversation it is linked to; one that failed though it is linked keeps that key for a backfill.
DO $$
DECLARE
    last uuid;
    page uuid[];
BEGIN
    LOOP
        page := ARRAY(SELECT id FROM batch_items WHERE last IS NULL OR id > last ORDER BY id LIMIT 10000);
        EXIT WHEN cardinality(page) = 0;
        last := page[cardinality(page)];

        CREATE TEMPORARY TABLE parley_items ON COMMIT DROP AS
        SELECT i.id, s.status, COALESCE(p.id, b.id) AS conversation,
               CASE WHEN k.key IS NULL
                         OR EXISTS (SELECT 1 FROM batch_items o WHERE o.conversation_key = k.key)
                         OR EXISTS (SELECT 1 FROM batch_items o WHERE o.conversation_id = i.conversation_id AND o.id < i.id)
                    THEN gen_random_uuid() ELSE k.key END AS key,
               COALESCE(i.processed_at, CAST(to_jsonb(i) ->> 'completed_at' AS timestamptz), i.updated_at, i.created_at) AS ended,
               COALESCE(NULLIF(i.error_message, ''), NULLIF(to_jsonb(i) ->> 'error', '')) AS error
          FROM batch_items i
          LEFT JOIN conversations p ON p.id = i.conversation_id
          LEFT JOIN conversations b ON b.conversation_id = i.conversation_id
         CROSS JOIN LATERAL (SELECT COALESCE(p.conversation_id, b.conversation_id, i.conversation_id) AS key) k
         CROSS JOIN LATERAL (SELECT COALESCE(to_jsonb(i) ->> 'status_before_parley', i.status) AS status) s
         WHERE i.id = ANY (page)
           AND (i.conversation_key IS NULL
                OR s.status = 'processing' AND i.claim_token IS NULL
                OR s.status IN ('completed', 'failed') AND i.processed_at IS NULL
                OR s.status = 'completed' AND i.error_message IS NOT NULL
                OR s.status = 'failed' AND (i.error_code IS NULL OR i.error_message IS NULL OR i.conversation_id IS NOT NULL));

        INSERT INTO failed_generations (id, item_id, run_id, conversation_key, failure_type, error_message, created_at)
        SELECT gen_random_uuid(), i.id, i.batch_job_id, COALESCE(i.conversation_key, n.key), 'api_error', n.error, n.ended
          FROM parley_items n
          JOIN batch_items i ON i.id = n.id
         WHERE n.status = 'completed' AND n.error IS NOT NULL;

        UPDATE batch_items i
           SET conversation_key = COALESCE(i.conversation_key, n.key),
               conversation_id = CASE WHEN n.status = 'failed' THEN NULL ELSE n.conversation END,
               processed_at = CASE WHEN n.status IN ('completed', 'failed') THEN n.ended END,
               error_message = CASE WHEN n.status = 'completed' THEN NULL
                                    WHEN n.status = 'failed' THEN COALESCE(n.error, 'no cause was recorded')
                                    ELSE n.error END,
               error_code = CASE WHEN n.status = 'failed' THEN COALESCE(i.error_code, 'not_recorded')
                                 WHEN n.status = 'completed' THEN NULL ELSE i.error_code END,
               retryable = CASE WHEN n.status = 'failed' THEN COALESCE(i.retryable, true) ELSE i.retryable END,
               claim_token = CASE WHEN n.status = 'processing' THEN COALESCE(i.claim_token, gen_random_uuid()) ELSE i.claim_token END,
               attempts = CASE WHEN n.status = 'queued' THEN i.attempts ELSE GREATEST(i.attempts, 1) END
          FROM parley_items n
         WHERE i.id = n.id;
        COMMIT;
    END LOOP;
END $$;

--changeset parley:adopt-positions-postgresql dbms:postgresql runInTransaction:false splitStatements:false
--comment: Positions count from 1 and are unique within a job; out of the way first, for a unique constraint of theirs looks at every row.
DO $$
BEGIN
    CREATE TEMPORARY TABLE parley_positions ON COMMIT DROP AS
    SELECT id, row_number() OVER (PARTITION BY batch_job_id ORDER BY position, created_at, id) AS position
      FROM batch_items
     WHERE batch_job_id IN (SELECT batch_job_id
                              FROM batch_items
                             GROUP BY batch_job_id
                            HAVING count(DISTINCT position) < count(*) OR min(position) < 1);
    UPDATE batch_items i SET position = i.position + 1000000000 FROM parley_positions n WHERE i.id = n.id AND i.position IS NOT NULL;
    UPDATE batch_items i SET position = n.position FROM parley_positions n WHERE i.id = n.id;
END $$;

--changeset parley:adopt-items-h2 dbms:h2
UPDATE batch_items
   SET conversation_key = COALESCE((SELECT c.conversation_id FROM conversations c WHERE c.id = batch_items.conversation_id), gen_random_uuid())
 WHERE conversation_key IS NULL;
UPDATE batch_items
   SET processed_at = COALESCE(processed_at, updated_at)
 WHERE status = ANY (ARRAY['completed', 'failed']);
UPDATE batch_items
   SET error_code = COALESCE(error_code, 'not_recorded'), error_message = COALESCE(error_message, 'no cause was recorded'),
       retryable = COALESCE(retryable, true), conversation_id = NULL
 WHERE status = 'failed' AND (error_code IS NULL OR error_message IS NULL);
UPDATE batch_items SET claim_token = gen_random_uuid() WHERE status = 'processing' AND claim_token IS NULL;

--changeset parley:adopt-jobs-postgresql dbms:postgresql runInTransaction:false
--comment: Counters follow the rows. When a job ended is kept before a trigger of theirs touches updated_at.
UPDATE batch_jobs j
   SET completed_at = COALESCE(j.completed_at, j.updated_at, j.created_at)
 WHERE j.completed_at IS NULL AND COALESCE(to_jsonb(j) ->> 'status_before_parley', j.status) IN ('completed', 'failed', 'cancelled');
UPDATE batch_jobs j
   SET total_items = n.total, completed_items = n.successful + n.failed, successful_items = n.successful, failed_items = n.failed
  FROM (SELECT o.id, count(i.id) AS total, count(i.id) FILTER (WHERE i.status = 'completed') AS successful,
               count(i.id) FILTER (WHERE i.status = 'failed') AS failed
          FROM batch_jobs o
          LEFT JOIN (SELECT id, batch_job_id, COALESCE(to_jsonb(b) ->> 'status_before_parley', status) AS status FROM batch_items b) i
            ON i.batch_job_id = o.id
         GROUP BY o.id) n
 WHERE j.id = n.id
   AND j.completed_items IS DISTINCT FROM j.successful_items + j.failed_items;
