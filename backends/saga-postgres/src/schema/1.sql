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

CREATE TABLE tallies (
    state  text   NOT NULL,
    change bigint NOT NULL
);
COMMENT ON TABLE tallies IS
    'How many sagas are in which state: the sum over all rows of a state. Whoever changes a state adds a row, so that '
    'nobody waits for a counter, and counting costs the same however many sagas have ended';

-- Functions and not statements, for the plans: one that was made for an empty table would scan a large one. A scan that
-- is off is costed so high that each plan with one would be compiled, for a second, and made anew for each call, for a
-- millisecond: that is off too.
-- Joins of tables are off too where a loop over an index is what is wanted: they would read all of a table that was
-- small when the plan was made.
-- A function that is in use by a released version is not changed; the next version brings its own.

-- Both that write appends take one of each saga, sorted by saga, and answer with those that are written: who is left out
-- is refused, and nothing of it is written.
--
-- The fence has two parts. An entry is written where the snapshot shows the one before it as the last. Two who see the
-- same meet at the primary key: the later one fails as a whole, and tries again with a snapshot that shows the other.
--
-- The position of an entry is higher than that of the one before: either the number of the transaction is taken after
-- the snapshot, or an entry before that came since is taken for one that nobody has seen.

-- Writes one entry to each saga, and changes nothing else of it, as most appends do.
CREATE FUNCTION append_steps_1(step_saga uuid[], step_sequence bigint[], step_event text[], step_payload bytea[])
RETURNS TABLE (saga uuid, at timestamptz)
LANGUAGE plpgsql SET search_path FROM CURRENT SET enable_seqscan = off SET jit = off
    SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    INSERT INTO journal (saga, sequence, position, at, event, payload)
    SELECT s.saga, s.sequence,
        (SELECT position_base + (pg_current_xact_id()::text::bigint << 20) FROM settings WHERE is_only) + s.place,
        greatest(clock_timestamp(), last.at), s.event, s.payload
    FROM unnest(step_saga, step_sequence, step_event, step_payload)
        WITH ORDINALITY AS s (saga, sequence, event, payload, place),
    LATERAL (
        SELECT j.sequence, j.at FROM journal j WHERE j.saga = s.saga ORDER BY j.sequence DESC LIMIT 1
    ) last
    WHERE s.sequence = last.sequence + 1
    RETURNING saga, at;
END $$;

-- Writes appends of all kinds. Each part costs only where there is something to do.
--
-- The order of locks is the same for all who write: rows of `sagas`, then keys of new sagas, then places in journals,
-- each sorted.
--
-- An append of several entries may be answered several times, each time with the same.
CREATE FUNCTION append_1(
    -- Sagas that are created, and their entries.
    new_saga uuid[], new_definition text[], new_version bigint[], new_fingerprint text[], new_key text[],
    new_labels text[], new_state text[], new_owner uuid[], new_wake_at timestamptz[], new_is_due boolean[],
    new_is_ended boolean[],
    begun_saga uuid[], begun_sequence bigint[], begun_event text[], begun_payload bytea[],
    -- The entries of others, each with the number of the first of its append.
    entry_saga uuid[], entry_first bigint[], entry_sequence bigint[], entry_event text[], entry_payload bytea[],
    -- How others stand afterwards, where that changes, each with the number of the first entry of its append.
    head_saga uuid[], head_first bigint[], head_state text[], head_owner uuid[], head_wake_at timestamptz[],
    head_is_due boolean[], head_is_ended boolean[],
    -- Requests that are answered.
    answered_saga uuid[], answered_number bigint[],
    -- Whether this transaction, one of the user's, may have written entries before.
    is_among_others boolean
) RETURNS TABLE (saga uuid, at timestamptz)
LANGUAGE plpgsql SET search_path FROM CURRENT SET enable_seqscan = off SET jit = off
    SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
DECLARE
    old_saga uuid[];
    old_state text[];
    old_place tid[];
    taken_saga uuid[];
    taken_sequence bigint[];
    taken_at timestamptz[];
    own_now timestamptz;
    own_first bigint;
BEGIN
    IF cardinality(head_saga) > 0 THEN
        SELECT array_agg(s.id), array_agg(s.state), array_agg(s.ctid) INTO old_saga, old_state, old_place
        FROM unnest(head_saga) AS h (id),
            LATERAL (SELECT s.id, s.state, s.ctid FROM sagas s WHERE s.id = h.id FOR NO KEY UPDATE) s;
    END IF;
    -- The locks first: else the clock could be read before an append that this one follows.
    SELECT clock_timestamp(), position_base + (pg_current_xact_id()::text::bigint << 20) INTO own_now, own_first
        FROM settings WHERE is_only;
    IF is_among_others THEN
        own_first := coalesce(
            (SELECT max(j.position) + 1 FROM journal j
                WHERE j.position >= own_first AND j.position < own_first + (1 << 20)),
            own_first);
    END IF;
    IF cardinality(new_saga) > 0 THEN
        RETURN QUERY
        WITH created AS (
            INSERT INTO sagas (id, definition, version, fingerprint, key, labels, state, owner, wake_at, due_at,
                created_at, updated_at, ended_at)
            SELECT n.id, n.definition, n.version, n.fingerprint, n.key, n.labels::jsonb, n.state, n.owner, n.wake_at,
                CASE WHEN n.is_due THEN coalesce(n.wake_at, own_now) END,
                own_now, own_now, CASE WHEN n.is_ended THEN own_now END
            FROM unnest(new_saga, new_definition, new_version, new_fingerprint, new_key, new_labels, new_state,
                new_owner, new_wake_at, new_is_due, new_is_ended)
                AS n (id, definition, version, fingerprint, key, labels, state, owner, wake_at, is_due, is_ended)
            ON CONFLICT DO NOTHING
            RETURNING id, state
        ), counted AS (
            INSERT INTO tallies (state, change) SELECT c.state, count(*) FROM created c GROUP BY c.state
        )
        INSERT INTO journal (saga, sequence, position, at, event, payload)
        SELECT b.saga, b.sequence, own_first + b.place - 1, own_now, b.event, b.payload
        FROM unnest(begun_saga, begun_sequence, begun_event, begun_payload)
            WITH ORDINALITY AS b (saga, sequence, event, payload, place)
        WHERE b.saga IN (SELECT c.id FROM created c)
        RETURNING saga, at;
        own_first := own_first + cardinality(begun_saga);
    END IF;
    IF cardinality(entry_saga) > 0 THEN
        WITH taken AS (
            INSERT INTO journal (saga, sequence, position, at, event, payload)
            SELECT e.saga, e.sequence, own_first + e.place - 1, greatest(own_now, last.at), e.event, e.payload
            FROM unnest(entry_saga, entry_first, entry_sequence, entry_event, entry_payload)
                WITH ORDINALITY AS e (saga, first, sequence, event, payload, place),
            LATERAL (
                SELECT j.sequence, j.at, j.position FROM journal j
                WHERE j.saga = e.saga ORDER BY j.sequence DESC LIMIT 1
            ) last
            WHERE e.first = last.sequence + 1 AND last.position < own_first
            RETURNING saga, sequence, at
        )
        SELECT array_agg(t.saga), array_agg(t.sequence), array_agg(t.at) INTO taken_saga, taken_sequence, taken_at
        FROM taken t;
    END IF;
    IF old_saga IS NOT NULL THEN
        WITH moved AS (
            UPDATE sagas s SET state = h.state, owner = h.owner, wake_at = h.wake_at,
                due_at = CASE WHEN h.is_due THEN coalesce(h.wake_at, t.at) END,
                updated_at = t.at, ended_at = CASE WHEN h.is_ended THEN t.at END
            FROM unnest(head_saga, head_first, head_state, head_owner, head_wake_at, head_is_due, head_is_ended)
                AS h (id, first, state, owner, wake_at, is_due, is_ended)
            JOIN unnest(taken_saga, taken_sequence, taken_at) AS t (saga, sequence, at)
                ON t.saga = h.id AND t.sequence = h.first
            JOIN unnest(old_saga, old_state, old_place) AS o (saga, state, place) ON o.saga = h.id
            -- Where they were locked. By their ids, a plan that was made for a small table could read all of it.
            WHERE s.ctid = o.place
            RETURNING s.state, o.state AS old_state
        )
        INSERT INTO tallies (state, change)
        SELECT c.state, sum(c.change)
        FROM (SELECT m.state, 1 FROM moved m UNION ALL SELECT m.old_state, -1 FROM moved m) AS c (state, change)
        GROUP BY c.state HAVING sum(c.change) <> 0;
    END IF;
    IF cardinality(answered_saga) > 0 AND EXISTS (SELECT 1 FROM requests) THEN
        DELETE FROM requests r WHERE r.ctid = ANY (ARRAY(
            SELECT found.ctid
            FROM unnest(answered_saga, answered_number) AS a (saga, number)
            JOIN (SELECT DISTINCT t.saga FROM unnest(taken_saga) AS t (saga)) t ON t.saga = a.saga,
            LATERAL (SELECT q.ctid FROM requests q WHERE q.saga = a.saga AND q.number <= a.number OFFSET 0) found
        ));
    END IF;
    RETURN QUERY SELECT t.saga, t.at FROM unnest(taken_saga, taken_at) AS t (saga, at);
END $$;

-- A worker's sagas with requests that are not answered.
CREATE FUNCTION requested_1(worker uuid) RETURNS uuid[]
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT SET enable_seqscan = off SET enable_hashjoin = off
    SET enable_mergejoin = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
BEGIN
    RETURN ARRAY(
        SELECT r.saga FROM (SELECT DISTINCT q.saga FROM requests q) r,
            LATERAL (SELECT s.owner FROM sagas s WHERE s.id = r.saga AND s.ended_at IS NULL OFFSET 0) s
        WHERE s.owner = worker
    );
END $$;

-- Makes one row a state of the many that appends leave, where they are many. What others gather in this moment, and what
-- is not committed, stays.
CREATE FUNCTION gather_tallies_1() RETURNS void
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF (SELECT count(*) FROM (SELECT 1 FROM tallies LIMIT 100) AS t) = 100 THEN
        WITH many AS MATERIALIZED (
            SELECT t.ctid AS place FROM tallies t LIMIT 50000 FOR UPDATE SKIP LOCKED
        ), gathered AS (
            DELETE FROM tallies t WHERE t.ctid = ANY (ARRAY(SELECT m.place FROM many m)) RETURNING t.state, t.change
        )
        INSERT INTO tallies (state, change)
        SELECT g.state, sum(g.change) FROM gathered g GROUP BY g.state HAVING sum(g.change) <> 0;
    END IF;
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
LANGUAGE plpgsql SET search_path FROM CURRENT SET enable_seqscan = off SET enable_hashjoin = off
    SET enable_mergejoin = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
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
        -- From the requests to their sagas, by `OFFSET 0`, and never the other way: requests are few.
        SELECT r.saga AS id, s.owner FROM tx, (SELECT DISTINCT q.saga FROM requests q) r,
            LATERAL (SELECT s.owner FROM sagas s WHERE s.id = r.saga AND s.ended_at IS NULL OFFSET 0) s
        WHERE NOT EXISTS (SELECT 1 FROM workers w WHERE w.id = s.owner AND w.leased_until > tx.now)
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
        SELECT (SELECT position_base + (pg_current_xact_id()::text::bigint << 20) FROM settings WHERE is_only) AS position
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
