-- Run with the search path at the schema of the store. Whatever text a user chose (definition, key, labels) is kept
-- with `\` as `\\` and NUL, which PostgreSQL's text cannot hold, as `\000`: `decode(.., 'escape')` gives its bytes.

CREATE TABLE settings (
    version       bigint NOT NULL,
    position_base bigint NOT NULL,
    is_only       boolean PRIMARY KEY DEFAULT TRUE CHECK (is_only)
);
COMMENT ON TABLE settings IS 'The one row says what this schema is';
COMMENT ON COLUMN settings.version IS 'The last migration that was run';
COMMENT ON COLUMN settings.position_base IS
    'Added to positions. Raised by the first opening after a dump was restored where transaction numbers are lower';

CREATE TABLE sagas (
    id          uuid        PRIMARY KEY,
    definition  text        NOT NULL,
    version     bigint      NOT NULL,
    fingerprint text        NOT NULL,
    state       text        NOT NULL,
    key         text,
    labels      jsonb       NOT NULL,
    owner       uuid,
    wake_at     timestamptz,
    due_at      timestamptz,
    created_at  timestamptz NOT NULL,
    updated_at  timestamptz NOT NULL,
    ended_at    timestamptz
);
COMMENT ON TABLE sagas IS 'One row a saga: how it stands. It changes when its state or its owner does, and not with each step';
COMMENT ON COLUMN sagas.key IS 'The key of an idempotent start';
COMMENT ON COLUMN sagas.labels IS 'Names and values that its starter gave it';
COMMENT ON COLUMN sagas.owner IS 'The worker that drives it, for as long as its lease runs';
COMMENT ON COLUMN sagas.wake_at IS 'When it is to be taken up, if it waits';
COMMENT ON COLUMN sagas.due_at IS 'Since when it is somebody''s work; NULL: it rests until it is asked, or has ended';
-- By hash, for a key may be longer than an entry of an index.
CREATE UNIQUE INDEX sagas_key ON sagas (definition, sha256(decode(key, 'escape'))) WHERE key IS NOT NULL;
-- For claims: only sagas that somebody is to drive, so those that have ended cost nothing.
CREATE INDEX sagas_due ON sagas (owner, due_at, id) WHERE due_at IS NOT NULL;
-- For lists, counts and purges, a state at a time.
CREATE INDEX sagas_listed ON sagas (state, created_at, id);
CREATE INDEX sagas_labelled ON sagas USING gin (labels jsonb_path_ops) WHERE labels <> '{}';

CREATE TABLE journal (
    saga     uuid        NOT NULL,
    sequence bigint      NOT NULL,
    position bigint      NOT NULL,
    at       timestamptz NOT NULL,
    event    text        NOT NULL,
    payload  bytea,
    PRIMARY KEY (saga, sequence)
);
COMMENT ON TABLE journal IS 'The append-only logs of all sagas. The primary key is the fence: a number is taken once';
COMMENT ON COLUMN journal.sequence IS 'Its place in the saga''s own log, from 0, without gaps';
COMMENT ON COLUMN journal.position IS
    'Its place among all: the number of its transaction times 2^20, plus its place in that, plus settings.position_base';
COMMENT ON COLUMN journal.event IS 'What happened, as JSON';
COMMENT ON COLUMN journal.payload IS 'The input of the saga, or the output of a step';
CREATE UNIQUE INDEX journal_position ON journal (position);

CREATE TABLE requests (
    saga    uuid        NOT NULL,
    number  bigint      NOT NULL GENERATED ALWAYS AS IDENTITY,
    at      timestamptz NOT NULL,
    request text        NOT NULL,
    PRIMARY KEY (saga, number)
);
COMMENT ON TABLE requests IS 'What somebody asked of a saga, as JSON, until it is answered';

CREATE TABLE workers (
    id           uuid        PRIMARY KEY,
    leased_until timestamptz NOT NULL
);
COMMENT ON TABLE workers IS 'Who is alive, and until when at least, by the clock of this database';

-- Functions and not statements, for the plans: one that was made for an empty table would scan a large one. A scan that
-- is off is costed so high that each plan with one would be compiled, for a second, and made anew for each call, for a
-- millisecond: that is off too.
-- A function that is in use by a released version is not changed; the next version brings its own.

-- Writes appends to different sagas. Who is left out of the answer is refused, and nothing of it is written.
--
-- The order of locks is the same for all who write: rows of `sagas`, then keys of new sagas, then places in journals,
-- each sorted. What is appended is checked against one snapshot, and the number of the transaction is taken after
-- that, so an entry that follows another has the higher transaction number, and so the higher position.
CREATE FUNCTION append_1(
    -- The first entry of each append.
    first_saga uuid[], first_sequence bigint[], first_place bigint[], first_event text[], first_payload bytea[],
    -- The entries behind it.
    rest_saga uuid[], rest_sequence bigint[], rest_place bigint[], rest_event text[], rest_payload bytea[],
    -- Sagas that are created.
    new_saga uuid[], new_definition text[], new_version bigint[], new_fingerprint text[], new_key text[],
    new_labels text[],
    -- How the sagas stand afterwards, where that changes; of those that are created, always.
    head_saga uuid[], head_is_new boolean[], head_state text[], head_owner uuid[], head_wake_at timestamptz[],
    head_is_due boolean[], head_is_ended boolean[],
    -- Requests that are answered.
    answered_saga uuid[], answered_number bigint[]
) RETURNS TABLE (saga uuid, at timestamptz)
LANGUAGE plpgsql SET search_path FROM CURRENT SET enable_seqscan = off SET jit = off
    SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH head AS MATERIALIZED (
        SELECT * FROM unnest(head_saga, head_is_new, head_state, head_owner, head_wake_at, head_is_due, head_is_ended)
            AS h (id, is_new, state, owner, wake_at, is_due, is_ended)
    ), locked AS MATERIALIZED (
        SELECT s.id FROM head h, LATERAL (SELECT s.id FROM sagas s WHERE s.id = h.id FOR NO KEY UPDATE) s
        WHERE NOT h.is_new
    ), tx AS MATERIALIZED (
        -- The locks first: else the clock could be read before an append that this one follows.
        SELECT (SELECT count(*) FROM locked) AS locks, clock_timestamp() AS now, own.first AS position
        FROM settings, LATERAL (
            SELECT position_base + (pg_current_xact_id()::text::bigint << 20) AS first
        ) base, LATERAL (
            -- A transaction of the user's may have started others.
            SELECT coalesce(
                (SELECT max(j.position) + 1 FROM journal j
                    WHERE j.position >= base.first AND j.position < base.first + (1 << 20)),
                base.first) AS first
        ) own
    ), created AS (
        INSERT INTO sagas (id, definition, version, fingerprint, key, labels, state, owner, wake_at, due_at,
            created_at, updated_at, ended_at)
        SELECT n.id, n.definition, n.version, n.fingerprint, n.key, n.labels::jsonb, h.state, h.owner, h.wake_at,
            CASE WHEN h.is_due THEN coalesce(h.wake_at, tx.now) END,
            tx.now, tx.now, CASE WHEN h.is_ended THEN tx.now END
        FROM tx, unnest(new_saga, new_definition, new_version, new_fingerprint, new_key, new_labels)
            WITH ORDINALITY AS n (id, definition, version, fingerprint, key, labels, number)
        JOIN head h ON h.id = n.id
        ORDER BY n.number
        ON CONFLICT DO NOTHING
        RETURNING id
    ), taken AS (
        INSERT INTO journal (saga, sequence, position, at, event, payload)
        SELECT f.saga, f.sequence, tx.position + f.place, greatest(tx.now, last.at), f.event, f.payload
        FROM tx, unnest(first_saga, first_sequence, first_place, first_event, first_payload)
            AS f (saga, sequence, place, event, payload)
        LEFT JOIN LATERAL (
            SELECT j.sequence, j.at FROM journal j WHERE j.saga = f.saga ORDER BY j.sequence DESC LIMIT 1
        ) last ON TRUE
        WHERE CASE
            WHEN f.sequence = 0 THEN last.sequence IS NULL AND f.saga IN (SELECT created.id FROM created)
            ELSE f.sequence = last.sequence + 1
        END
        ON CONFLICT (saga, sequence) DO NOTHING
        RETURNING saga, at
    ), followed AS (
        -- Whoever has the first place has those behind it: nobody else's snapshot shows the first yet.
        INSERT INTO journal (saga, sequence, position, at, event, payload)
        SELECT r.saga, r.sequence, tx.position + r.place, t.at, r.event, r.payload
        FROM tx, unnest(rest_saga, rest_sequence, rest_place, rest_event, rest_payload)
            AS r (saga, sequence, place, event, payload)
        JOIN taken t ON t.saga = r.saga
    ), changed AS (
        UPDATE sagas s SET state = h.state, owner = h.owner, wake_at = h.wake_at,
            due_at = CASE WHEN h.is_due THEN coalesce(h.wake_at, t.at) END,
            updated_at = t.at, ended_at = CASE WHEN h.is_ended THEN t.at END
        FROM head h JOIN taken t ON t.saga = h.id
        WHERE s.id = h.id AND NOT h.is_new
    ), answered AS (
        DELETE FROM requests r
        USING unnest(answered_saga, answered_number) AS a (saga, number) JOIN taken t ON t.saga = a.saga
        WHERE r.saga = a.saga AND r.number <= a.number
    )
    SELECT t.saga, t.at FROM taken t;
END $$;

-- Makes the worker the owner of free sagas. Those that others look at in this moment are passed over.
--
-- Who is dead is said by one snapshot, and a saga is taken from those alone: one that was claimed since by somebody
-- whom the snapshot doesn't know is not free.
CREATE FUNCTION claim_1(
    worker uuid, event text, count_max bigint,
    -- NULL: all.
    known_definition text[], known_version bigint[], known_fingerprint text[]
) RETURNS TABLE (saga uuid)
LANGUAGE plpgsql SET search_path FROM CURRENT SET enable_seqscan = off SET jit = off
    SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH RECURSIVE tx AS MATERIALIZED (
        SELECT clock_timestamp() AS now
    ), owners (owner) AS (
        -- From one to the next by the index: there are few, however many sagas each has.
        (SELECT s.owner FROM sagas s WHERE s.due_at IS NOT NULL AND s.owner IS NOT NULL ORDER BY s.owner LIMIT 1)
        UNION ALL
        SELECT (SELECT s.owner FROM sagas s WHERE s.due_at IS NOT NULL AND s.owner > o.owner ORDER BY s.owner LIMIT 1)
        FROM owners o WHERE o.owner IS NOT NULL
    ), dead AS MATERIALIZED (
        SELECT o.owner FROM owners o, tx
        WHERE o.owner IS NOT NULL
            AND NOT EXISTS (SELECT 1 FROM workers w WHERE w.id = o.owner AND w.leased_until > tx.now)
    ), asked AS MATERIALIZED (
        SELECT DISTINCT s.id, s.owner FROM requests r JOIN sagas s ON s.id = r.saga, tx
        WHERE s.ended_at IS NULL
            AND NOT EXISTS (SELECT 1 FROM workers w WHERE w.id = s.owner AND w.leased_until > tx.now)
    ), free AS MATERIALIZED (
        SELECT due.id, due.since FROM tx, LATERAL (
            SELECT s.id, s.due_at AS since FROM sagas s
            WHERE s.owner IS NULL AND s.due_at <= tx.now
                AND (known_definition IS NULL OR (s.definition, s.version, s.fingerprint)
                    IN (SELECT * FROM unnest(known_definition, known_version, known_fingerprint)))
            ORDER BY s.due_at, s.id LIMIT count_max FOR NO KEY UPDATE SKIP LOCKED
        ) due
        UNION ALL
        SELECT due.id, due.since FROM tx, dead, LATERAL (
            SELECT s.id, s.due_at AS since FROM sagas s
            WHERE s.owner = dead.owner AND s.due_at <= tx.now
                AND (known_definition IS NULL OR (s.definition, s.version, s.fingerprint)
                    IN (SELECT * FROM unnest(known_definition, known_version, known_fingerprint)))
            ORDER BY s.due_at, s.id LIMIT count_max FOR NO KEY UPDATE SKIP LOCKED
        ) due
        UNION ALL
        SELECT due.id, due.since FROM asked, LATERAL (
            SELECT s.id, coalesce(s.wake_at, s.updated_at) AS since FROM sagas s
            WHERE s.id = asked.id AND s.owner IS NOT DISTINCT FROM asked.owner AND s.ended_at IS NULL
                AND (known_definition IS NULL OR (s.definition, s.version, s.fingerprint)
                    IN (SELECT * FROM unnest(known_definition, known_version, known_fingerprint)))
            FOR NO KEY UPDATE SKIP LOCKED
        ) due
        WHERE count_max > 0
    ), chosen AS MATERIALIZED (
        SELECT f.id, min(f.since) AS since FROM free f GROUP BY f.id ORDER BY 2, 1 LIMIT count_max
    ), base AS MATERIALIZED (
        -- Read only where something was found, else the search would take a transaction number.
        SELECT (SELECT position_base + (pg_current_xact_id()::text::bigint << 20) FROM settings) AS position
        WHERE EXISTS (SELECT 1 FROM chosen)
    ), taken AS (
        INSERT INTO journal (saga, sequence, position, at, event)
        SELECT c.id, last.sequence + 1, base.position + row_number() OVER (ORDER BY c.id), greatest(tx.now, last.at), event
        FROM tx, base, chosen c, LATERAL (
            SELECT j.sequence, j.at FROM journal j WHERE j.saga = c.id ORDER BY j.sequence DESC LIMIT 1
        ) last
        ORDER BY c.id
        ON CONFLICT (saga, sequence) DO NOTHING
        RETURNING saga, at
    ), owned AS (
        UPDATE sagas s SET owner = worker, updated_at = t.at,
            due_at = CASE WHEN s.due_at IS NOT NULL THEN coalesce(s.wake_at, t.at) END
        FROM taken t WHERE s.id = t.saga
        RETURNING s.id
    )
    SELECT c.id FROM chosen c JOIN owned o ON o.id = c.id ORDER BY c.since, c.id;
END $$;

-- Views for people. A NUL in an event is shown as U+FFFD.
CREATE VIEW events AS
SELECT
    position,
    saga,
    sequence,
    at,
    replace(event, '\u0000', '\ufffd')::jsonb ->> 'type' AS type,
    replace(event, '\u0000', '\ufffd')::jsonb AS event,
    length(payload) AS payload_bytes
FROM journal;
COMMENT ON VIEW events IS 'For people: every event, readable';

CREATE VIEW overview AS
SELECT
    s.id,
    s.definition,
    s.version,
    s.state,
    (SELECT count(DISTINCT e.event ->> 'step') FROM events e
        WHERE e.saga = s.id AND e.type = 'step_completed') AS steps_done,
    (SELECT count(DISTINCT e.event ->> 'step') FROM events e
        WHERE e.saga = s.id AND e.type = 'step_compensated') AS steps_undone,
    (SELECT coalesce(
            (e.event #>> '{failure,step}') || ': ' || (e.event #>> '{failure,message}'),
            (e.event #>> '{reason,failure,step}') || ': ' || (e.event #>> '{reason,failure,message}'),
            e.event ->> 'reason')
        FROM events e
        WHERE e.saga = s.id AND e.type IN
            ('step_failed', 'verify_failed', 'compensation_failed', 'cancel_requested', 'stuck')
        ORDER BY e.sequence DESC LIMIT 1) AS last_error,
    (SELECT count(*) FROM requests r WHERE r.saga = s.id) AS open_requests,
    s.key,
    s.labels,
    s.created_at,
    s.updated_at,
    s.ended_at,
    s.wake_at,
    s.owner,
    (SELECT w.leased_until FROM workers w WHERE w.id = s.owner) AS owner_leased_until
FROM sagas s;
COMMENT ON VIEW overview IS 'For people: one readable row a saga';

INSERT INTO settings (version, position_base) VALUES (1, 0);
