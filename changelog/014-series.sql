--liquibase formatted sql

--changeset parley:job-series
--comment: How a job went, a row an interval, counted in the transaction that counts the job: whoever draws a job of a million reads some hundred rows. latencies has the calls by class of their duration.
CREATE TABLE IF NOT EXISTS job_series (
    job_id     uuid NOT NULL,
    begins_at  timestamp with time zone NOT NULL,
    ends_at    timestamp with time zone NOT NULL,
    successful integer DEFAULT 0 NOT NULL,
    failed     integer DEFAULT 0 NOT NULL,
    cost_usd   numeric(14, 8) DEFAULT 0 NOT NULL,
    latencies  ${text} DEFAULT '' NOT NULL,
    CONSTRAINT job_series_pkey PRIMARY KEY (job_id, begins_at),
    CONSTRAINT job_series_job_id_fkey FOREIGN KEY (job_id) REFERENCES batch_jobs (id) ON DELETE CASCADE
);

--changeset parley:job-report
--comment: When the report of a job was last written; none is no report.
ALTER TABLE batch_jobs ADD COLUMN IF NOT EXISTS reported_at timestamp with time zone;

--changeset parley:job-failures
--comment: A job's failed items by cause, counted where the job is: nobody has to count a million of them to show three lines.
CREATE TABLE IF NOT EXISTS job_failures (
    job_id     uuid NOT NULL,
    error_code ${text} NOT NULL,
    retryable  boolean NOT NULL,
    items      bigint NOT NULL,
    example    ${text} NOT NULL,
    CONSTRAINT job_failures_pkey PRIMARY KEY (job_id, error_code, retryable),
    CONSTRAINT job_failures_job_id_fkey FOREIGN KEY (job_id) REFERENCES batch_jobs (id) ON DELETE CASCADE
);
INSERT INTO job_failures (job_id, error_code, retryable, items, example)
SELECT batch_job_id, error_code, COALESCE(retryable, FALSE), count(*), max(error_message)
  FROM batch_items
 WHERE status = 'failed'
 GROUP BY batch_job_id, error_code, COALESCE(retryable, FALSE);

--changeset parley:filters-postgresql dbms:postgresql runInTransaction:false
--comment: A page of the items that wait, or that failed for one cause, of a job of a million. Neither has a row for an item that succeeded.
CREATE INDEX CONCURRENTLY IF NOT EXISTS batch_items_queued_idx ON batch_items (batch_job_id, position) WHERE status = 'queued';
CREATE INDEX CONCURRENTLY IF NOT EXISTS batch_items_error_code_idx ON batch_items (batch_job_id, error_code, position) WHERE error_code IS NOT NULL;

--changeset parley:storage-postgresql dbms:postgresql
--comment: An item is rewritten twice, by its claim and by its outcome: with room on its page neither takes a lock record or a new page, and the table ends as large as it does without. A conversation's snapshot makes its row a little too long for PostgreSQL's taste, which would try to compress it in vain and then put it into a table of its own.
ALTER TABLE batch_items SET (fillfactor = 50);
ALTER TABLE conversations SET (toast_tuple_target = 4096);
