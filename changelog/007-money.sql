--liquibase formatted sql

--changeset parley:unknown-cost
--comment: No cost is a cost that nobody knows: the provider may have billed a call whose usage never came back.
ALTER TABLE generation_logs ALTER COLUMN cost_usd DROP NOT NULL;

--changeset parley:job-spending
--comment: What a budget is kept with; counted, like actual_cost, in the transaction that enters the calls in the ledger.
ALTER TABLE batch_jobs ADD COLUMN IF NOT EXISTS dearest_call numeric(14, 8) DEFAULT 0 NOT NULL;
ALTER TABLE batch_jobs ADD COLUMN IF NOT EXISTS unknown_cost_calls integer DEFAULT 0 NOT NULL;

--changeset parley:unanswered-calls
--comment: How often an item's claim ended without a word, so that its call may have been paid for.
ALTER TABLE batch_items ADD COLUMN IF NOT EXISTS unanswered integer DEFAULT 0 NOT NULL;

--changeset parley:retries
--comment: attempts is never set back: how many of them were before the last retry, and whether that one may call anybody. A failure without a type is no model's fault.
ALTER TABLE batch_items ADD COLUMN IF NOT EXISTS earlier_attempts integer DEFAULT 0 NOT NULL;
ALTER TABLE batch_items ADD COLUMN IF NOT EXISTS parse_only boolean DEFAULT FALSE NOT NULL;
ALTER TABLE failed_generations ALTER COLUMN failure_type DROP NOT NULL;
