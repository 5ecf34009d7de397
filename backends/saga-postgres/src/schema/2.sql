-- What tools read journals by: the shapes of definitions, kept as coordinators are built.
CREATE TABLE definitions (
    name        text   NOT NULL,
    version     bigint NOT NULL,
    fingerprint text   NOT NULL,
    shape       text   NOT NULL, -- JSON
    PRIMARY KEY (name, version, fingerprint)
);

-- Publishers: the journal is their outbox, each reads it behind a cursor of its own.

CREATE TABLE cursors (
    name         text        PRIMARY KEY,
    position     bigint      NOT NULL,
    holder       uuid,
    leased_until timestamptz
);
COMMENT ON TABLE cursors IS 'How far each publisher is. What none has passed yet is not purged';
COMMENT ON COLUMN cursors.position IS 'The last entry of the journal that was dealt with';
COMMENT ON COLUMN cursors.holder IS 'The worker that publishes, for as long as its lease runs';

CREATE TABLE dead_letters (
    publisher    text        NOT NULL,
    position     bigint      NOT NULL,
    saga         uuid        NOT NULL,
    event        text        NOT NULL,
    reason       text        NOT NULL,
    refused_at   timestamptz NOT NULL,
    is_to_resend boolean     NOT NULL,
    PRIMARY KEY (publisher, position)
);
COMMENT ON TABLE dead_letters IS
    'What brokers refused for good, until somebody has it sent again or dismisses it. Texts are escaped as all of ours';
