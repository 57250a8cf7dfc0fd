--liquibase formatted sql

--changeset parley:conversation-sessions
CREATE TABLE conversation_sessions (
    id               uuid DEFAULT gen_random_uuid() PRIMARY KEY,
    session_id       uuid NOT NULL,
    user_id          uuid NOT NULL,
    started_at       timestamp with time zone DEFAULT CURRENT_TIMESTAMP NOT NULL,
    ended_at         timestamp with time zone,
    duration_seconds double precision,
    metadata         ${json} DEFAULT '{}',
    created_at       timestamp with time zone DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT conversation_sessions_session_id_key UNIQUE (session_id)
);
CREATE INDEX conversation_sessions_started_at_idx ON conversation_sessions (started_at);

--changeset parley:conversation-messages
--comment: Opposite of batch_items: this foreign key targets the business key session_id.
CREATE TABLE conversation_messages (
    id         uuid PRIMARY KEY,
    session_id uuid NOT NULL,
    user_id    uuid,
    role       ${text} NOT NULL,
    content    ${text} NOT NULL,
    audio_url  ${text},
    metadata   ${json},
    seq        bigint,
    created_at timestamp with time zone DEFAULT CURRENT_TIMESTAMP NOT NULL,
    CONSTRAINT conversation_messages_session_id_fkey FOREIGN KEY (session_id) REFERENCES conversation_sessions (session_id),
    CONSTRAINT conversation_messages_role_check CHECK (role = ANY (ARRAY['user', 'assistant', 'system']))
);
CREATE INDEX conversation_messages_session_id_idx ON conversation_messages (session_id, seq);

--changeset parley:tracking-dead-letters
CREATE TABLE tracking_dead_letters (
    id            uuid DEFAULT gen_random_uuid() PRIMARY KEY,
    payload       ${text} NOT NULL,
    error_code    ${text} NOT NULL,
    error_message ${text} NOT NULL,
    attempts      integer NOT NULL,
    created_at    timestamp with time zone DEFAULT CURRENT_TIMESTAMP NOT NULL
);
