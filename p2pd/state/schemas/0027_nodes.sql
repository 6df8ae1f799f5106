CREATE TABLE node_bans (
    node_key BLOB PRIMARY KEY,
    reason TEXT NOT NULL,
    since REAL NOT NULL,
    until REAL
) WITHOUT ROWID;
CREATE TABLE trusted_nodes (
    node_key BLOB PRIMARY KEY,
    name TEXT NOT NULL,
    since REAL NOT NULL,
    host TEXT NOT NULL,
    row_sum INTEGER
) WITHOUT ROWID;
