--liquibase formatted sql

--changeset parley:delivery
--comment: By which of the provider's doors a job's items go.
ALTER TABLE batch_jobs ADD COLUMN IF NOT EXISTS delivery ${text} DEFAULT 'live' NOT NULL;
ALTER TABLE batch_jobs ADD CONSTRAINT batch_jobs_delivery_check CHECK (delivery = ANY (ARRAY['live', 'batch', 'batch-then-live']));

--changeset parley:provider-batches
--comment: One row a batch at a provider, written before anything is sent. Its items are those whose claim_token is its id: they belong to it, and to no process.
CREATE TABLE IF NOT EXISTS provider_batches (
    id                uuid PRIMARY KEY,
    batch_job_id      uuid NOT NULL,
    status            ${text} DEFAULT 'preparing' NOT NULL,
    attempt           integer DEFAULT 0 NOT NULL,
    provider          ${text} NOT NULL,
    model             ${text},
    item_count        integer DEFAULT 0 NOT NULL,
    body_bytes        bigint DEFAULT 0 NOT NULL,
    body_sha256       ${text},
    provider_batch_id ${text},
    processing        integer DEFAULT 0 NOT NULL,
    succeeded         integer DEFAULT 0 NOT NULL,
    errored           integer DEFAULT 0 NOT NULL,
    canceled          integer DEFAULT 0 NOT NULL,
    expired           integer DEFAULT 0 NOT NULL,
    last_error        ${text},
    posted_at         timestamp with time zone,
    lost_at           timestamp with time zone,
    expires_at        timestamp with time zone,
    ended_at          timestamp with time zone,
    poll_at           timestamp with time zone DEFAULT CURRENT_TIMESTAMP NOT NULL,
    claim_token       uuid,
    claimed_by        integer,
    lease_until       timestamp with time zone,
    created_at        timestamp with time zone DEFAULT CURRENT_TIMESTAMP NOT NULL,
    updated_at        timestamp with time zone DEFAULT CURRENT_TIMESTAMP NOT NULL,
    CONSTRAINT provider_batches_batch_job_id_fkey FOREIGN KEY (batch_job_id) REFERENCES batch_jobs (id) ON DELETE CASCADE,
    CONSTRAINT provider_batches_provider_batch_id_key UNIQUE (provider_batch_id),
    CONSTRAINT provider_batches_status_check CHECK (status = ANY (ARRAY['preparing', 'submitting', 'in_progress', 'canceling', 'ended', 'done'])),
    CONSTRAINT provider_batches_intent_check CHECK ((posted_at IS NOT NULL AND body_sha256 IS NOT NULL) OR status = ANY (ARRAY['preparing', 'done'])),
    CONSTRAINT provider_batches_known_check CHECK (provider_batch_id IS NOT NULL OR status = ANY (ARRAY['preparing', 'submitting', 'done']))
);
CREATE INDEX IF NOT EXISTS provider_batches_batch_job_id_idx ON provider_batches (batch_job_id);

--changeset parley:items-of-a-batch-postgresql dbms:postgresql runInTransaction:false
CREATE INDEX CONCURRENTLY IF NOT EXISTS batch_items_in_batch_idx ON batch_items (claim_token, position) WHERE status = 'processing' AND claimed_by IS NULL;

--changeset parley:items-of-a-batch-h2 dbms:h2
CREATE INDEX IF NOT EXISTS batch_items_in_batch_idx ON batch_items (claim_token, position);
