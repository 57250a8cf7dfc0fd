--liquibase formatted sql

--changeset parley:conversations-made-from-postgresql dbms:postgresql runInTransaction:false
--comment: A backfill finds by it the conversation that was made while an item of older data was worked on.
CREATE INDEX CONCURRENTLY IF NOT EXISTS conversations_made_from_idx ON conversations (training_topic_id, persona_id, emotional_arc_id, created_at);
