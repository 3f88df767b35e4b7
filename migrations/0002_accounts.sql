-- Accounts: users with an address. Times are Unix milliseconds. Secrets are here as hashes alone: passwords as PHC strings
-- of argon2id, the others, which are random, as SHA-256.

ALTER TABLE users ADD COLUMN password TEXT;
ALTER TABLE users ADD COLUMN disabled_at INTEGER;

-- What one log-in began; access tokens name it, and are good for as long as it is here.
CREATE TABLE sessions (
    id          TEXT PRIMARY KEY,
    user_id     INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at  INTEGER NOT NULL,
    -- Moves on with each refresh.
    expires_at  INTEGER NOT NULL
) STRICT;
CREATE INDEX sessions_user ON sessions (user_id, created_at);

-- All refresh tokens that a session has had; one of them is unused.
CREATE TABLE refresh_tokens (
    hash        BLOB PRIMARY KEY,
    session_id  TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    used_at     INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX refresh_tokens_session ON refresh_tokens (session_id);

-- Personal access tokens.
CREATE TABLE tokens (
    id          TEXT PRIMARY KEY,
    user_id     INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name        TEXT NOT NULL,
    hash        BLOB NOT NULL UNIQUE,
    scope       TEXT NOT NULL CHECK (scope IN ('read', 'read_write')),
    created_at  INTEGER NOT NULL,
    -- Null: never.
    expires_at  INTEGER,
    used_at     INTEGER,
    UNIQUE (user_id, name)
) STRICT;

-- Goes when it is used.
CREATE TABLE invitations (
    hash        BLOB PRIMARY KEY,
    -- Whom it is for; null: anyone who has it.
    email       TEXT,
    created_at  INTEGER NOT NULL,
    expires_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
