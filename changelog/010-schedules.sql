--liquibase formatted sql

--changeset parley:schedules
--comment: One row a scheduled job file, by its name. Whoever moves last_tick on has that tick, and nobody else in the cluster does.
CREATE TABLE IF NOT EXISTS schedules (
    name       ${text} PRIMARY KEY,
    cron       ${text} NOT NULL,
    zone       ${text} NOT NULL,
    each_run   ${text} NOT NULL,
    missed     ${text} NOT NULL,
    last_tick  timestamp with time zone NOT NULL,
    outcome    ${text},
    detail     ${text},
    job_id     uuid REFERENCES batch_jobs (id) ON DELETE SET NULL,
    created_at timestamp with time zone DEFAULT CURRENT_TIMESTAMP NOT NULL,
    updated_at timestamp with time zone DEFAULT CURRENT_TIMESTAMP NOT NULL,
    CONSTRAINT schedules_each_run_check CHECK (each_run = ANY (ARRAY['new-job', 'pending-only'])),
    CONSTRAINT schedules_missed_check CHECK (missed = ANY (ARRAY['skip', 'run-once'])),
    CONSTRAINT schedules_outcome_check CHECK (outcome = ANY (ARRAY['enqueued', 'pending', 'nothing-pending', 'overlapped', 'missed', 'failed']))
);
