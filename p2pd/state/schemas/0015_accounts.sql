CREATE TABLE users (
    name TEXT PRIMARY KEY,
    role TEXT NOT NULL,
    password TEXT NOT NULL,
    folder TEXT NOT NULL,
    labels TEXT NOT NULL,
    own_only INTEGER NOT NULL,
    most_torrents INTEGER,
    most_bytes INTEGER,
    created_at REAL NOT NULL,
    row_sum INTEGER
) WITHOUT ROWID;

CREATE TABLE api_keys (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user TEXT NOT NULL,
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    labels TEXT NOT NULL,
    digest BLOB NOT NULL,
    created_at REAL NOT NULL,
    expires_at REAL NOT NULL,
    row_sum INTEGER
);

ALTER TABLE torrents ADD COLUMN owner TEXT NOT NULL DEFAULT '';
