-- What tools read journals by: the shapes of definitions, kept as coordinators are built.
CREATE TABLE definitions (
    name        text   NOT NULL,
    version     bigint NOT NULL,
    fingerprint text   NOT NULL,
    shape       text   NOT NULL, -- JSON
    PRIMARY KEY (name, version, fingerprint)
);
