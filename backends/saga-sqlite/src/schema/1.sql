-- Times are microseconds since 1970-01-01T00:00:00Z. Ids are the 16 bytes of a UUID.

-- One row a saga: how it stands. It changes when its state or its owner does, and not with each step.
CREATE TABLE sagas (
    number      INTEGER PRIMARY KEY,
    id          BLOB    NOT NULL,
    definition  TEXT    NOT NULL,
    version     INTEGER NOT NULL,
    fingerprint TEXT    NOT NULL,
    state       TEXT    NOT NULL,
    key         TEXT,
    labels      TEXT    NOT NULL, -- a JSON object
    owner       BLOB,             -- a worker's id
    wake_at     INTEGER,
    due_at      INTEGER,          -- since when it waits to be taken up; NULL: it rests or has ended
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL,
    ended_at    INTEGER
) STRICT;
CREATE UNIQUE INDEX sagas_id ON sagas (id);
CREATE UNIQUE INDEX sagas_key ON sagas (definition, key) WHERE key IS NOT NULL;
-- For claims: only sagas that somebody is to drive.
CREATE INDEX sagas_due ON sagas (owner, due_at, id) WHERE due_at IS NOT NULL;
-- For lists, a state at a time, and for purges.
CREATE INDEX sagas_listed ON sagas (state, created_at, id, definition);

-- The append-only log of all sagas, in the order of their commits.
CREATE TABLE journal (
    position INTEGER PRIMARY KEY,
    saga     INTEGER NOT NULL,    -- sagas.number
    sequence INTEGER NOT NULL,    -- its place in the saga's own journal, from 0
    at       INTEGER NOT NULL,
    event    TEXT    NOT NULL,    -- JSON
    payload  BLOB                 -- the saga's input, a step's output
) STRICT;
-- The fence: a number is taken once.
CREATE UNIQUE INDEX journal_fence ON journal (saga, sequence);

-- What somebody asked of a saga, until it is answered.
CREATE TABLE requests (
    number  INTEGER PRIMARY KEY AUTOINCREMENT,
    saga    INTEGER NOT NULL,     -- sagas.number
    at      INTEGER NOT NULL,
    request TEXT    NOT NULL      -- JSON
) STRICT;
CREATE INDEX requests_saga ON requests (saga);

-- Labels to find sagas by, each in the order of lists.
CREATE TABLE labels (
    name       TEXT    NOT NULL,
    value      TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    id         BLOB    NOT NULL,
    saga       INTEGER NOT NULL,  -- sagas.number
    PRIMARY KEY (name, value, created_at, id)
) STRICT, WITHOUT ROWID;

-- Who is alive, and until when at least.
CREATE TABLE workers (
    id           BLOB    NOT NULL PRIMARY KEY,
    leased_until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- How many sagas are in which state, kept by the triggers below.
CREATE TABLE counts (
    state TEXT    NOT NULL PRIMARY KEY,
    sagas INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TRIGGER count_created AFTER INSERT ON sagas BEGIN
    INSERT INTO counts VALUES (NEW.state, 1) ON CONFLICT DO UPDATE SET sagas = sagas + 1;
END;
CREATE TRIGGER count_changed AFTER UPDATE OF state ON sagas WHEN NEW.state IS NOT OLD.state BEGIN
    UPDATE counts SET sagas = sagas - 1 WHERE state = OLD.state;
    INSERT INTO counts VALUES (NEW.state, 1) ON CONFLICT DO UPDATE SET sagas = sagas + 1;
END;
CREATE TRIGGER count_deleted AFTER DELETE ON sagas BEGIN
    UPDATE counts SET sagas = sagas - 1 WHERE state = OLD.state;
END;

-- Numbers that outlive the rows that they were read from.
CREATE TABLE marks (
    name  TEXT    NOT NULL PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- For people: one readable row a saga.
CREATE VIEW saga_overview AS
SELECT
    lower(substr(hex(id), 1, 8) || '-' || substr(hex(id), 9, 4) || '-' || substr(hex(id), 13, 4) || '-'
        || substr(hex(id), 17, 4) || '-' || substr(hex(id), 21)) AS id,
    definition,
    version,
    state,
    (SELECT count(DISTINCT event ->> 'step') FROM journal
        WHERE saga = number AND event ->> 'type' = 'step_completed') AS steps_done,
    (SELECT count(DISTINCT event ->> 'step') FROM journal
        WHERE saga = number AND event ->> 'type' = 'step_compensated') AS steps_undone,
    (SELECT coalesce(
            event ->> '$.failure.step' || ': ' || (event ->> '$.failure.message'),
            event ->> '$.reason.failure.step' || ': ' || (event ->> '$.reason.failure.message'),
            event ->> '$.reason')
        FROM journal
        WHERE saga = number AND event ->> 'type' IN
            ('step_failed', 'verify_failed', 'compensation_failed', 'cancel_requested', 'stuck')
        ORDER BY sequence DESC LIMIT 1) AS last_error,
    (SELECT count(*) FROM requests WHERE saga = number) AS open_requests,
    key,
    labels,
    datetime(created_at / 1000000, 'unixepoch') || printf('.%06dZ', created_at % 1000000) AS created,
    datetime(updated_at / 1000000, 'unixepoch') || printf('.%06dZ', updated_at % 1000000) AS updated,
    datetime(ended_at / 1000000, 'unixepoch') || printf('.%06dZ', ended_at % 1000000) AS ended,
    datetime(wake_at / 1000000, 'unixepoch') || printf('.%06dZ', wake_at % 1000000) AS wakes,
    lower(hex(owner)) AS owner
FROM sagas
ORDER BY sagas.created_at, sagas.id;

-- For people: every event, readable.
CREATE VIEW saga_events AS
SELECT
    position,
    lower(substr(hex(id), 1, 8) || '-' || substr(hex(id), 9, 4) || '-' || substr(hex(id), 13, 4) || '-'
        || substr(hex(id), 17, 4) || '-' || substr(hex(id), 21)) AS saga,
    sequence,
    datetime(at / 1000000, 'unixepoch') || printf('.%06dZ', at % 1000000) AS at,
    event ->> 'type' AS type,
    event,
    length(payload) AS payload_bytes
FROM journal JOIN sagas ON sagas.number = journal.saga
ORDER BY position;
