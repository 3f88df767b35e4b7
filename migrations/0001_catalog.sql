-- Times are Unix milliseconds. `n_` columns are counts.

CREATE TABLE users (
    id          INTEGER PRIMARY KEY,
    -- Names the user's folder on disk.
    key         TEXT NOT NULL UNIQUE,
    email       TEXT UNIQUE,
    -- The one implicit user of the local modes.
    is_local    INTEGER NOT NULL DEFAULT 0,
    -- Grows whenever the set of live sheets or one's current version changes.
    generation  INTEGER NOT NULL DEFAULT 0,
    created_at  INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX users_local ON users (is_local) WHERE is_local = 1;

CREATE TABLE sources (
    id           INTEGER PRIMARY KEY,
    user_id      INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    -- `sheet`: what a transform saved as a sheet of its own; the identity is the sheet that it was made from.
    kind         TEXT NOT NULL CHECK (kind IN ('path', 'name', 'sheet')),
    identity     TEXT NOT NULL,
    sha256       TEXT NOT NULL,
    n_bytes      INTEGER NOT NULL,
    modified_ns  INTEGER,
    format       TEXT NOT NULL,
    options      TEXT NOT NULL,
    issues       TEXT NOT NULL,
    linked       INTEGER NOT NULL,
    created_at   INTEGER NOT NULL,
    updated_at   INTEGER NOT NULL,
    UNIQUE (user_id, kind, identity)
) STRICT;
CREATE INDEX sources_sha256 ON sources (user_id, sha256);

CREATE TABLE sheets (
    id          INTEGER PRIMARY KEY,
    user_id     INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    source_id   INTEGER NOT NULL REFERENCES sources (id),
    name        TEXT NOT NULL,
    title       TEXT NOT NULL,
    hidden      INTEGER NOT NULL,
    position    INTEGER NOT NULL,
    -- The current one; null only while the sheet is being created.
    version_id  INTEGER REFERENCES versions (id) DEFERRABLE INITIALLY DEFERRED,
    -- Why the newest reading of its file is not the current version: a step that failed on it.
    held        TEXT,
    created_at  INTEGER NOT NULL,
    deleted_at  INTEGER
) STRICT;
CREATE UNIQUE INDEX sheets_name ON sheets (user_id, name) WHERE deleted_at IS NULL;
CREATE INDEX sheets_source ON sheets (source_id);
CREATE INDEX sheets_version ON sheets (version_id);

CREATE TABLE versions (
    id          INTEGER PRIMARY KEY,
    sheet_id    INTEGER NOT NULL REFERENCES sheets (id) ON DELETE CASCADE,
    number      INTEGER NOT NULL,
    based_on    INTEGER,
    n_rows      INTEGER NOT NULL,
    columns     TEXT NOT NULL,
    issues      TEXT NOT NULL,
    layout      TEXT,
    -- The SHA-256 of the Parquet file, which is its name.
    file        TEXT NOT NULL,
    n_bytes     INTEGER NOT NULL,
    made_by     TEXT NOT NULL,
    -- The number of the version that holds the rows as they were read, and all the steps from there to here.
    reading     INTEGER NOT NULL,
    steps       TEXT NOT NULL,
    -- Who made it: an address, or `local`.
    author      TEXT NOT NULL,
    pinned      INTEGER NOT NULL DEFAULT 0,
    created_at  INTEGER NOT NULL,
    UNIQUE (sheet_id, number)
) STRICT;

CREATE TABLE results (
    id          TEXT PRIMARY KEY,
    user_id     INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    sql         TEXT NOT NULL,
    columns     TEXT NOT NULL,
    n_rows      INTEGER NOT NULL,
    complete    INTEGER NOT NULL,
    n_bytes     INTEGER NOT NULL,
    created_at  INTEGER NOT NULL,
    expires_at  INTEGER NOT NULL
) STRICT;
CREATE INDEX results_user ON results (user_id, created_at);

-- Audit and history.
CREATE TABLE queries (
    id            INTEGER PRIMARY KEY,
    user_id       INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    at            INTEGER NOT NULL,
    tool          TEXT NOT NULL,
    sql           TEXT,
    -- `ok` or a fault's code.
    outcome       TEXT NOT NULL,
    n_rows        INTEGER,
    milliseconds  INTEGER NOT NULL
) STRICT;
CREATE INDEX queries_user ON queries (user_id, id);

CREATE TABLE profiles (
    version_id  INTEGER NOT NULL REFERENCES versions (id) ON DELETE CASCADE,
    kind        TEXT NOT NULL,
    body        TEXT NOT NULL,
    created_at  INTEGER NOT NULL,
    PRIMARY KEY (version_id, kind)
) STRICT, WITHOUT ROWID;
