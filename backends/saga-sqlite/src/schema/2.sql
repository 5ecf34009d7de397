-- What tools read journals by: the shapes of definitions, kept as coordinators are built.
CREATE TABLE definitions (
    name        TEXT    NOT NULL,
    version     INTEGER NOT NULL,
    fingerprint TEXT    NOT NULL,
    shape       TEXT    NOT NULL, -- JSON
    PRIMARY KEY (name, version, fingerprint)
) STRICT, WITHOUT ROWID;
