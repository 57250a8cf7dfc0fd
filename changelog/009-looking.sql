--liquibase formatted sql

--changeset parley:looking-postgresql dbms:postgresql runInTransaction:false
--comment: For those who look: failed items of a job of a million, its last error, where else a persona, arc or topic succeeded. A topic's are found by conversations_made_from_idx; H2 makes the indexes of foreign keys by itself.
CREATE INDEX CONCURRENTLY IF NOT EXISTS batch_items_failed_idx ON batch_items (batch_job_id, position) WHERE status = 'failed';
CREATE INDEX CONCURRENTLY IF NOT EXISTS batch_items_last_failed_idx ON batch_items (batch_job_id, processed_at, position) WHERE status = 'failed';
CREATE INDEX CONCURRENTLY IF NOT EXISTS conversations_persona_id_idx ON conversations (persona_id);
CREATE INDEX CONCURRENTLY IF NOT EXISTS conversations_emotional_arc_id_idx ON conversations (emotional_arc_id);
CREATE INDEX CONCURRENTLY IF NOT EXISTS generation_logs_unknown_outcome_idx ON generation_logs (run_id) WHERE error_code = 'unknown_outcome';
CREATE INDEX CONCURRENTLY IF NOT EXISTS generation_logs_item_id_idx ON generation_logs (item_id);

--changeset parley:looking-h2 dbms:h2
CREATE INDEX IF NOT EXISTS generation_logs_unknown_outcome_idx ON generation_logs (run_id, error_code);
CREATE INDEX IF NOT EXISTS generation_logs_item_id_idx ON generation_logs (item_id);
