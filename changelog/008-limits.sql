--liquibase formatted sql

--changeset parley:rate-limits
--comment: Token buckets that processes share on PostgreSQL; the state is the library's own format. Losing a row loses nothing.
CREATE TABLE IF NOT EXISTS rate_limits (
    id    ${text} PRIMARY KEY,
    state bytea
);
