CREATE TABLE bans (
    host TEXT NOT NULL,
    port INTEGER NOT NULL,
    peer_id BLOB NOT NULL,
    reason TEXT NOT NULL,
    since REAL NOT NULL,
    until REAL,
    PRIMARY KEY (host, port, peer_id)
) WITHOUT ROWID;
