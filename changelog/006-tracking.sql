--liquibase formatted sql

--changeset parley:conversation-sessions
CREATE TABLE IF NOT EXISTS conversation_sessions (
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

--changeset parley:conversation-messages
--comment: Opposite of batch_items: this foreign key targets the business key session_id.
CREATE TABLE IF NOT EXISTS conversation_messages (
    id         uuid DEFAULT gen_random_uuid() PRIMARY KEY,
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

--changeset parley:tracking-dead-letters
--comment: What the database refused three times; payload is the line as the journal had it.
CREATE TABLE IF NOT EXISTS tracking_dead_letters (
    id            uuid DEFAULT gen_random_uuid() PRIMARY KEY,
    payload       ${text} NOT NULL,
    error_code    ${text} NOT NULL,
    error_message ${text} NOT NULL,
    attempts      integer NOT NULL,
    created_at    timestamp with time zone DEFAULT CURRENT_TIMESTAMP NOT NULL
);

--changeset parley:adopt-conversation-sessions dbms:postgresql splitStatements:false
--comment: Brings an older table to this shape without losing a value; changes nothing on one that has it. Times without a zone are taken for UTC.
DO $adopt$
DECLARE
    sessions constant regclass := to_regclass('conversation_sessions');
    has      text[];
    found    record;
    forced   boolean;
    missing  bigint;
BEGIN
    forced := (SELECT relforcerowsecurity FROM pg_class WHERE oid = sessions);
    EXECUTE 'ALTER TABLE conversation_sessions NO FORCE ROW LEVEL SECURITY'; -- or the statements below would not see all rows
    has := ARRAY(SELECT attname::text FROM pg_attribute WHERE attrelid = sessions AND attnum > 0 AND NOT attisdropped);

    CREATE TEMPORARY TABLE parley_triggers ON COMMIT DROP AS -- they would touch every row that is filled in below
        SELECT tgname FROM pg_trigger WHERE tgrelid = sessions AND NOT tgisinternal AND tgenabled = 'O';
    FOR found IN SELECT tgname FROM parley_triggers LOOP
        EXECUTE format('ALTER TABLE conversation_sessions DISABLE TRIGGER %I', found.tgname);
    END LOOP;

    FOR found IN SELECT attname FROM pg_attribute
                  WHERE attrelid = sessions AND attnum > 0 AND NOT attisdropped
                    AND attname IN ('session_start', 'session_end', 'started_at', 'ended_at', 'created_at')
                    AND atttypid = 'timestamp'::regtype LOOP
        EXECUTE format('ALTER TABLE conversation_sessions ALTER COLUMN %I TYPE timestamptz USING %I AT TIME ZONE ''UTC''', found.attname, found.attname);
    END LOOP;
    FOR found IN SELECT attname FROM pg_attribute
                  WHERE attrelid = sessions AND attnum > 0 AND NOT attisdropped
                    AND attname IN ('session_id', 'user_id') AND atttypid IN ('text'::regtype, 'varchar'::regtype) LOOP
        EXECUTE format('ALTER TABLE conversation_sessions ALTER COLUMN %I TYPE uuid USING %I::uuid', found.attname, found.attname);
    END LOOP;

    IF NOT 'session_id' = ANY (has) THEN
        ALTER TABLE conversation_sessions ADD COLUMN session_id uuid;
    END IF;
    UPDATE conversation_sessions SET session_id = id WHERE session_id IS NULL;
    IF NOT 'user_id' = ANY (has) THEN
        ALTER TABLE conversation_sessions ADD COLUMN user_id uuid;
    END IF;
    UPDATE conversation_sessions SET user_id = '00000000-0000-0000-0000-000000000000' WHERE user_id IS NULL;

    ALTER TABLE conversation_sessions ADD COLUMN IF NOT EXISTS created_at timestamptz;
    ALTER TABLE conversation_sessions ADD COLUMN IF NOT EXISTS started_at timestamptz;
    IF 'session_start' = ANY (has) THEN
        ALTER TABLE conversation_sessions ALTER COLUMN session_start DROP NOT NULL;
        UPDATE conversation_sessions SET started_at = session_start WHERE started_at IS NULL;
    END IF;
    UPDATE conversation_sessions SET started_at = coalesce(created_at, CURRENT_TIMESTAMP) WHERE started_at IS NULL;
    UPDATE conversation_sessions SET created_at = started_at WHERE created_at IS NULL;
    ALTER TABLE conversation_sessions ADD COLUMN IF NOT EXISTS ended_at timestamptz;
    IF 'session_end' = ANY (has) THEN
        ALTER TABLE conversation_sessions ALTER COLUMN session_end DROP NOT NULL;
        UPDATE conversation_sessions SET ended_at = session_end WHERE ended_at IS NULL AND session_end IS NOT NULL;
    END IF;
    ALTER TABLE conversation_sessions ADD COLUMN IF NOT EXISTS duration_seconds double precision;
    IF (SELECT atttypid <> 'float8'::regtype FROM pg_attribute WHERE attrelid = sessions AND attname = 'duration_seconds') THEN
        ALTER TABLE conversation_sessions ALTER COLUMN duration_seconds TYPE double precision;
    END IF;
    UPDATE conversation_sessions SET duration_seconds = greatest(0, extract(epoch FROM ended_at - started_at))
     WHERE duration_seconds IS NULL AND ended_at IS NOT NULL;
    IF NOT 'metadata' = ANY (has) THEN
        ALTER TABLE conversation_sessions ADD COLUMN metadata jsonb DEFAULT '{}';
    ELSIF (SELECT atttypid <> 'jsonb'::regtype FROM pg_attribute WHERE attrelid = sessions AND attname = 'metadata') THEN
        ALTER TABLE conversation_sessions ALTER COLUMN metadata DROP DEFAULT;
        ALTER TABLE conversation_sessions ALTER COLUMN metadata TYPE jsonb USING metadata::jsonb;
    END IF;

    IF (SELECT atttypid = 'uuid'::regtype AND NOT atthasdef FROM pg_attribute WHERE attrelid = sessions AND attname = 'id') THEN
        ALTER TABLE conversation_sessions ALTER COLUMN id SET DEFAULT gen_random_uuid();
    END IF;
    ALTER TABLE conversation_sessions
        ALTER COLUMN session_id SET NOT NULL,
        ALTER COLUMN user_id SET NOT NULL,
        ALTER COLUMN started_at SET NOT NULL,
        ALTER COLUMN started_at SET DEFAULT CURRENT_TIMESTAMP,
        ALTER COLUMN ended_at DROP NOT NULL,
        ALTER COLUMN duration_seconds DROP NOT NULL,
        ALTER COLUMN metadata SET DEFAULT '{}',
        ALTER COLUMN created_at SET DEFAULT CURRENT_TIMESTAMP;
    -- columns that Parley does not know must not stand in the way of its inserts
    FOR found IN SELECT attname FROM pg_attribute a
                  WHERE attrelid = sessions AND attnum > 0 AND NOT attisdropped AND attnotnull AND NOT atthasdef AND attidentity = ''
                    AND attname NOT IN ('id', 'session_id', 'user_id', 'started_at')
                    AND NOT EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = sessions AND i.indisprimary AND a.attnum = ANY (i.indkey)) LOOP
        EXECUTE format('ALTER TABLE conversation_sessions ALTER COLUMN %I DROP NOT NULL', found.attname);
    END LOOP;

    IF NOT EXISTS (SELECT 1 FROM pg_index i JOIN pg_attribute a ON a.attrelid = sessions AND a.attname = 'session_id'
                    WHERE i.indrelid = sessions AND i.indisunique AND i.indpred IS NULL
                      AND i.indnkeyatts = 1 AND i.indkey[0] = a.attnum) THEN
        SELECT count(*) INTO missing FROM (SELECT 1 FROM conversation_sessions GROUP BY session_id HAVING count(*) > 1) twice;
        IF missing > 0 THEN
            RAISE EXCEPTION 'conversation_sessions.session_id has % values that are there more than once, and must be unique: delete or merge these sessions first', missing;
        END IF;
        ALTER TABLE conversation_sessions ADD CONSTRAINT conversation_sessions_session_id_key UNIQUE (session_id);
    END IF;

    FOR found IN SELECT tgname FROM parley_triggers LOOP
        EXECUTE format('ALTER TABLE conversation_sessions ENABLE TRIGGER %I', found.tgname);
    END LOOP;
    IF forced THEN
        ALTER TABLE conversation_sessions FORCE ROW LEVEL SECURITY;
    END IF;
    DROP TABLE parley_triggers;
END
$adopt$;

--changeset parley:adopt-conversation-messages dbms:postgresql splitStatements:false
--comment: The same for messages; those that hold conversation_sessions.id are given the session's business key.
DO $adopt$
DECLARE
    messages constant regclass := to_regclass('conversation_messages');
    sessions constant regclass := to_regclass('conversation_sessions');
    has      text[];
    found    record;
    forced   boolean;
    by_id    boolean;
    others   text;
    orphans  bigint;
BEGIN
    forced := (SELECT relforcerowsecurity FROM pg_class WHERE oid = messages);
    EXECUTE 'ALTER TABLE conversation_messages NO FORCE ROW LEVEL SECURITY';
    has := ARRAY(SELECT attname::text FROM pg_attribute WHERE attrelid = messages AND attnum > 0 AND NOT attisdropped);
    IF (SELECT atttypid <> 'uuid'::regtype FROM pg_attribute WHERE attrelid = messages AND attname = 'id') THEN
        RAISE EXCEPTION 'conversation_messages.id is not a uuid, and Parley makes the ids of messages itself: rename the column and add one named id uuid PRIMARY KEY DEFAULT gen_random_uuid()';
    END IF;

    CREATE TEMPORARY TABLE parley_triggers ON COMMIT DROP AS
        SELECT tgname FROM pg_trigger WHERE tgrelid = messages AND NOT tgisinternal AND tgenabled = 'O';
    FOR found IN SELECT tgname FROM parley_triggers LOOP
        EXECUTE format('ALTER TABLE conversation_messages DISABLE TRIGGER %I', found.tgname);
    END LOOP;

    by_id := EXISTS (SELECT 1 FROM pg_constraint c JOIN pg_attribute a ON a.attrelid = sessions AND a.attnum = c.confkey[1]
                      WHERE c.conrelid = messages AND c.contype = 'f' AND c.confrelid = sessions AND a.attname = 'id');
    IF by_id OR NOT EXISTS (SELECT 1 FROM pg_constraint
                             WHERE conrelid = messages AND contype = 'f' AND confrelid = sessions
                               AND conname = 'conversation_messages_session_id_fkey' AND confdeltype = 'a') THEN
        FOR found IN SELECT conname FROM pg_constraint WHERE conrelid = messages AND contype = 'f' AND confrelid = sessions LOOP
            EXECUTE format('ALTER TABLE conversation_messages DROP CONSTRAINT %I', found.conname);
        END LOOP;
    END IF;

    FOR found IN SELECT attname FROM pg_attribute
                  WHERE attrelid = messages AND attnum > 0 AND NOT attisdropped
                    AND attname IN ('session_id', 'user_id') AND atttypid IN ('text'::regtype, 'varchar'::regtype) LOOP
        EXECUTE format('ALTER TABLE conversation_messages ALTER COLUMN %I TYPE uuid USING %I::uuid', found.attname, found.attname);
    END LOOP;
    FOR found IN SELECT attname FROM pg_attribute
                  WHERE attrelid = messages AND attnum > 0 AND NOT attisdropped
                    AND attname IN ('role', 'content', 'audio_url') AND atttypid <> 'text'::regtype LOOP
        EXECUTE format('ALTER TABLE conversation_messages ALTER COLUMN %I TYPE text', found.attname);
    END LOOP;
    IF (SELECT atttypid = 'timestamp'::regtype FROM pg_attribute WHERE attrelid = messages AND attname = 'created_at') THEN
        ALTER TABLE conversation_messages ALTER COLUMN created_at TYPE timestamptz USING created_at AT TIME ZONE 'UTC';
    END IF;
    ALTER TABLE conversation_messages ADD COLUMN IF NOT EXISTS user_id uuid;
    ALTER TABLE conversation_messages ADD COLUMN IF NOT EXISTS audio_url text;
    ALTER TABLE conversation_messages ADD COLUMN IF NOT EXISTS metadata jsonb;
    ALTER TABLE conversation_messages ADD COLUMN IF NOT EXISTS seq bigint;
    ALTER TABLE conversation_messages ADD COLUMN IF NOT EXISTS created_at timestamptz DEFAULT CURRENT_TIMESTAMP;
    IF (SELECT atttypid <> 'jsonb'::regtype FROM pg_attribute WHERE attrelid = messages AND attname = 'metadata') THEN
        ALTER TABLE conversation_messages ALTER COLUMN metadata DROP DEFAULT;
        ALTER TABLE conversation_messages ALTER COLUMN metadata TYPE jsonb USING metadata::jsonb;
    END IF;
    UPDATE conversation_messages SET created_at = CURRENT_TIMESTAMP WHERE created_at IS NULL;

    -- an id that is some other session's business key stays what it is, unless the foreign key said that it was an id
    IF (SELECT atttypid = 'uuid'::regtype FROM pg_attribute WHERE attrelid = sessions AND attname = 'id') THEN
        UPDATE conversation_messages m SET session_id = s.session_id FROM conversation_sessions s
         WHERE m.session_id = s.id AND s.session_id <> s.id
           AND (by_id OR NOT EXISTS (SELECT 1 FROM conversation_sessions o WHERE o.session_id = m.session_id));
    END IF;

    FOR found IN SELECT conname FROM pg_constraint
                  WHERE conrelid = messages AND contype = 'c' AND conname <> 'conversation_messages_role_check'
                    AND conkey = ARRAY[(SELECT attnum FROM pg_attribute WHERE attrelid = messages AND attname = 'role')] LOOP
        EXECUTE format('ALTER TABLE conversation_messages DROP CONSTRAINT %I', found.conname);
    END LOOP;
    IF (SELECT pg_get_constraintdef(oid) LIKE '%''agent''%' FROM pg_constraint
         WHERE conrelid = messages AND conname = 'conversation_messages_role_check') THEN
        ALTER TABLE conversation_messages DROP CONSTRAINT conversation_messages_role_check;
    END IF;
    UPDATE conversation_messages SET role = 'assistant' WHERE role = 'agent';
    SELECT string_agg(DISTINCT role, ', ') INTO others FROM conversation_messages WHERE role NOT IN ('user', 'assistant', 'system');
    IF others IS NOT NULL THEN
        RAISE EXCEPTION 'conversation_messages.role has values that Parley does not know: %; make them user, assistant or system first', others;
    END IF;
    IF NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conrelid = messages AND conname = 'conversation_messages_role_check') THEN
        ALTER TABLE conversation_messages ADD CONSTRAINT conversation_messages_role_check CHECK (role = ANY (ARRAY['user', 'assistant', 'system']));
    END IF;

    ALTER TABLE conversation_messages
        ALTER COLUMN id SET DEFAULT gen_random_uuid(),
        ALTER COLUMN user_id DROP NOT NULL,
        ALTER COLUMN audio_url DROP NOT NULL,
        ALTER COLUMN metadata DROP NOT NULL,
        ALTER COLUMN seq DROP NOT NULL,
        ALTER COLUMN created_at SET NOT NULL,
        ALTER COLUMN created_at SET DEFAULT CURRENT_TIMESTAMP;
    IF NOT EXISTS (SELECT 1 FROM conversation_messages WHERE content IS NULL) THEN
        ALTER TABLE conversation_messages ALTER COLUMN content SET NOT NULL;
    END IF;
    FOR found IN SELECT attname FROM pg_attribute a
                  WHERE attrelid = messages AND attnum > 0 AND NOT attisdropped AND attnotnull AND NOT atthasdef AND attidentity = ''
                    AND attname NOT IN ('id', 'session_id', 'role', 'content', 'created_at')
                    AND NOT EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = messages AND i.indisprimary AND a.attnum = ANY (i.indkey)) LOOP
        EXECUTE format('ALTER TABLE conversation_messages ALTER COLUMN %I DROP NOT NULL', found.attname);
    END LOOP;
    IF NOT EXISTS (SELECT 1 FROM pg_index WHERE indrelid = messages AND indisunique AND indpred IS NULL AND indnkeyatts = 1
                      AND indkey[0] = (SELECT attnum FROM pg_attribute WHERE attrelid = messages AND attname = 'id')) THEN
        ALTER TABLE conversation_messages ADD CONSTRAINT conversation_messages_id_key UNIQUE (id); -- a replay relies on it
    END IF;

    IF NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conrelid = messages AND contype = 'f' AND confrelid = sessions) THEN
        SELECT count(*) INTO orphans FROM conversation_messages m
         WHERE NOT EXISTS (SELECT 1 FROM conversation_sessions s WHERE s.session_id = m.session_id);
        IF orphans = 0 THEN
            ALTER TABLE conversation_messages ADD CONSTRAINT conversation_messages_session_id_fkey
                FOREIGN KEY (session_id) REFERENCES conversation_sessions (session_id);
        ELSE -- kept, and no new ones
            RAISE WARNING '% rows of conversation_messages belong to no session; they stay, and new ones are refused', orphans;
            ALTER TABLE conversation_messages ADD CONSTRAINT conversation_messages_session_id_fkey
                FOREIGN KEY (session_id) REFERENCES conversation_sessions (session_id) NOT VALID;
        END IF;
    END IF;

    FOR found IN SELECT tgname FROM parley_triggers LOOP
        EXECUTE format('ALTER TABLE conversation_messages ENABLE TRIGGER %I', found.tgname);
    END LOOP;
    IF forced THEN
        ALTER TABLE conversation_messages FORCE ROW LEVEL SECURITY;
    END IF;
    DROP TABLE parley_triggers;
END
$adopt$;

--changeset parley:tracking-indexes
CREATE INDEX IF NOT EXISTS conversation_sessions_started_at_idx ON conversation_sessions (started_at);
CREATE INDEX IF NOT EXISTS conversation_messages_session_id_idx ON conversation_messages (session_id, created_at, seq);
CREATE INDEX IF NOT EXISTS conversation_sessions_user_id_idx ON conversation_sessions (user_id, started_at);
CREATE INDEX IF NOT EXISTS conversation_messages_created_at_idx ON conversation_messages (created_at);

--changeset parley:tracking-row-level-security dbms:postgresql splitStatements:false
--comment: A role sees the sessions of the user in app.user_id, and the messages of these sessions; who writes is named. After a COMMIT the setting is an empty string, not NULL.
DO $policies$
DECLARE
    name      text;
    tab       text;
    condition text;
BEGIN
    FOREACH name IN ARRAY ARRAY['parley_writer', 'parley_reader'] LOOP
        BEGIN
            IF to_regrole(name) IS NULL THEN
                EXECUTE format('CREATE ROLE %I NOLOGIN', name);
            END IF;
        EXCEPTION
            WHEN duplicate_object OR unique_violation THEN NULL; -- roles are of the whole server; another database was first
            WHEN insufficient_privilege THEN RAISE NOTICE 'no right to create the role %; only the owner of the tables will write', name;
        END;
    END LOOP;

    FOREACH tab IN ARRAY ARRAY['conversation_sessions', 'conversation_messages'] LOOP
        condition := CASE tab
            WHEN 'conversation_sessions' THEN 'user_id = nullif(current_setting(''app.user_id'', true), '''')::uuid'
            ELSE 'EXISTS (SELECT 1 FROM conversation_sessions s WHERE s.session_id = conversation_messages.session_id'
                 ' AND s.user_id = nullif(current_setting(''app.user_id'', true), '''')::uuid)'
        END;
        FOREACH name IN ARRAY ARRAY['parley_own', 'parley_owner', 'parley_writer_select', 'parley_writer_insert', 'parley_writer_update'] LOOP
            EXECUTE format('DROP POLICY IF EXISTS %I ON %I', name, tab);
        END LOOP;
        EXECUTE format('CREATE POLICY parley_own ON %I FOR SELECT USING (%s)', tab, condition);
        EXECUTE format('CREATE POLICY parley_owner ON %I TO CURRENT_USER USING (true) WITH CHECK (true)', tab);
        IF to_regrole('parley_writer') IS NOT NULL THEN
            EXECUTE format('CREATE POLICY parley_writer_select ON %I FOR SELECT TO parley_writer USING (true)', tab);
            EXECUTE format('CREATE POLICY parley_writer_insert ON %I FOR INSERT TO parley_writer WITH CHECK (true)', tab);
            EXECUTE format('CREATE POLICY parley_writer_update ON %I FOR UPDATE TO parley_writer USING (true) WITH CHECK (true)', tab);
            EXECUTE format('GRANT SELECT, INSERT, UPDATE ON %I TO parley_writer', tab);
        END IF;
        IF to_regrole('parley_reader') IS NOT NULL THEN
            EXECUTE format('GRANT SELECT ON %I TO parley_reader', tab);
        END IF;
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', tab);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', tab);
    END LOOP;
    IF to_regrole('parley_writer') IS NOT NULL THEN
        GRANT SELECT, INSERT, UPDATE, DELETE ON tracking_dead_letters TO parley_writer;
    END IF;
END
$policies$;

--changeset parley:tracking-insert-function dbms:postgresql splitStatements:false
--comment: For writers that are not Parley: one message, its user taken from its session; never a raw foreign key error. Runs with the caller's rights.
DO $create$
BEGIN
    EXECUTE format($function$
        CREATE OR REPLACE FUNCTION insert_conversation_message(
            in_session_id uuid, in_role text, in_content text, in_audio_url text DEFAULT NULL, in_metadata jsonb DEFAULT NULL,
            in_message_id uuid DEFAULT gen_random_uuid(), OUT outcome text, OUT message_id uuid)
        LANGUAGE plpgsql SECURITY INVOKER SET search_path = %I, pg_temp AS $body$
        DECLARE
            session_user_id uuid;
        BEGIN
            message_id := in_message_id;
            SELECT s.user_id INTO session_user_id FROM conversation_sessions s WHERE s.session_id = in_session_id;
            IF NOT FOUND THEN
                outcome := 'no_session';
                RETURN;
            END IF;
            INSERT INTO conversation_messages (id, session_id, user_id, role, content, audio_url, metadata, created_at)
            VALUES (in_message_id, in_session_id, session_user_id, CASE in_role WHEN 'agent' THEN 'assistant' ELSE in_role END,
                    in_content, in_audio_url, in_metadata, clock_timestamp())
                ON CONFLICT DO NOTHING;
            outcome := CASE WHEN FOUND THEN 'inserted' ELSE 'duplicate' END;
        EXCEPTION
            WHEN foreign_key_violation THEN outcome := 'no_session'; -- deleted in between
        END
        $body$
        $function$, current_schema());
    REVOKE ALL ON FUNCTION insert_conversation_message(uuid, text, text, text, jsonb, uuid) FROM PUBLIC;
    IF to_regrole('parley_writer') IS NOT NULL THEN
        GRANT EXECUTE ON FUNCTION insert_conversation_message(uuid, text, text, text, jsonb, uuid) TO parley_writer;
    END IF;
END
$create$;
