-- Answers of `ask`. One with a cache key may be given again; a verified one is an example for later questions.
CREATE TABLE answers (
    id           TEXT PRIMARY KEY,
    user_id      INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    question     TEXT NOT NULL,
    answer       TEXT NOT NULL,
    sql          TEXT NOT NULL,
    -- What else is told again with it, as JSON.
    caveats      TEXT NOT NULL,
    cache_key    TEXT,
    -- Of the rows that the SQL gave.
    digest       TEXT NOT NULL,
    verified_at  INTEGER,
    created_at   INTEGER NOT NULL
) STRICT;
CREATE INDEX answers_user ON answers (user_id, created_at);
CREATE UNIQUE INDEX answers_cache ON answers (user_id, cache_key) WHERE cache_key IS NOT NULL;

-- Rows of queries that were read to their end, by the SQL and the versions it read.
CREATE TABLE kept_rows (
    user_id     INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    key         TEXT NOT NULL,
    body        TEXT NOT NULL,
    created_at  INTEGER NOT NULL,
    PRIMARY KEY (user_id, key)
) STRICT, WITHOUT ROWID;

-- What users say of their sheets.
CREATE TABLE notes (
    id           INTEGER PRIMARY KEY,
    sheet_id     INTEGER NOT NULL REFERENCES sheets (id) ON DELETE CASCADE,
    -- Empty for a note on the sheet.
    column_name  TEXT NOT NULL,
    meaning      TEXT NOT NULL,
    unit         TEXT NOT NULL,
    synonyms     TEXT NOT NULL,
    updated_at   INTEGER NOT NULL,
    UNIQUE (sheet_id, column_name)
) STRICT;

-- Tokens of language models, by the day in UTC.
CREATE TABLE tokens_spent (
    user_id   INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    day       TEXT NOT NULL,
    n_tokens  INTEGER NOT NULL,
    PRIMARY KEY (user_id, day)
) STRICT, WITHOUT ROWID;
