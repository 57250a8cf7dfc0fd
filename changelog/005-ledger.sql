--liquibase formatted sql

--changeset parley:generation-logs
--comment: The spend ledger: one row a call to a provider. It refers to nothing by foreign key, so that money spent is on record whatever becomes of the rest.
CREATE TABLE IF NOT EXISTS generation_logs (
    id                 uuid PRIMARY KEY,
    conversation_id    uuid NOT NULL,
    item_id            uuid,
    run_id             uuid,
    attempt            integer NOT NULL,
    provider           ${text} NOT NULL,
    model              ${text},
    request_id         ${text},
    status             ${text} NOT NULL,
    stop_reason        ${text},
    error_code         ${text},
    error_message      ${text},
    input_tokens       bigint DEFAULT 0 NOT NULL,
    output_tokens      bigint DEFAULT 0 NOT NULL,
    cache_read_tokens  bigint DEFAULT 0 NOT NULL,
    cache_write_tokens bigint DEFAULT 0 NOT NULL,
    cost_usd           numeric(14, 8) DEFAULT 0 NOT NULL,
    price_version      ${text},
    duration_ms        bigint,
    created_at         timestamp with time zone DEFAULT CURRENT_TIMESTAMP NOT NULL,
    CONSTRAINT generation_logs_status_check CHECK (status = ANY (ARRAY['success', 'failed', 'rate_limited', 'timeout']))
);

--changeset parley:failed-generations
CREATE TABLE IF NOT EXISTS failed_generations (
    id               uuid PRIMARY KEY,
    item_id          uuid,
    run_id           uuid,
    conversation_key uuid NOT NULL,
    failure_type     ${text} NOT NULL,
    stop_reason      ${text},
    error_code       ${text},
    error_message    ${text},
    raw_file_path    ${text},
    input_tokens     bigint DEFAULT 0 NOT NULL,
    output_tokens    bigint DEFAULT 0 NOT NULL,
    created_at       timestamp with time zone DEFAULT CURRENT_TIMESTAMP NOT NULL,
    CONSTRAINT failed_generations_type_check CHECK (failure_type = ANY (ARRAY['truncation', 'parse_error', 'api_error', 'validation_error', 'refusal']))
);

--changeset parley:ledger-indexes-postgresql dbms:postgresql runInTransaction:false
CREATE INDEX CONCURRENTLY IF NOT EXISTS generation_logs_run_id_idx ON generation_logs (run_id, created_at);
CREATE INDEX CONCURRENTLY IF NOT EXISTS failed_generations_item_id_idx ON failed_generations (item_id);

--changeset parley:ledger-indexes-h2 dbms:h2
CREATE INDEX IF NOT EXISTS generation_logs_run_id_idx ON generation_logs (run_id, created_at);
CREATE INDEX IF NOT EXISTS failed_generations_item_id_idx ON failed_generations (item_id);
