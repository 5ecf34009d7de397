-- What tools read journals by: the shapes of definitions, kept as coordinators are built.
CREATE TABLE definitions (
    name        TEXT    NOT NULL,
    version     INTEGER NOT NULL,
    fingerprint TEXT    NOT NULL,
    shape       TEXT    NOT NULL, -- JSON
    PRIMARY KEY (name, version, fingerprint)
) STRICT, WITHOUT ROWID;

-- Publishers: the journal is their outbox, each reads it behind a cursor of its own.

CREATE TABLE cursors (
    name         TEXT    NOT NULL PRIMARY KEY,
    -- The last entry of the journal that was dealt with.
    position     INTEGER NOT NULL,
    -- The worker that publishes, and until when nobody else does.
    holder       BLOB,
    leased_until INTEGER
) STRICT, WITHOUT ROWID;

-- What brokers refused for good, until somebody has it sent again or dismisses it.
CREATE TABLE dead_letters (
    publisher    TEXT    NOT NULL,
    position     INTEGER NOT NULL,
    saga         BLOB    NOT NULL,
    event        TEXT    NOT NULL,
    reason       TEXT    NOT NULL,
    refused_at   INTEGER NOT NULL,
    is_to_resend INTEGER NOT NULL,
    PRIMARY KEY (publisher, position)
) STRICT, WITHOUT ROWID;

-- For people.
CREATE VIEW publishers AS
SELECT
    name,
    position,
    (SELECT count(*) FROM journal WHERE journal.position > cursors.position) AS behind,
    lower(hex(holder)) AS holder,
    (SELECT count(*) FROM dead_letters WHERE publisher = name) AS dead_letters
FROM cursors;
