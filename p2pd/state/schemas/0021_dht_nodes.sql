CREATE TABLE dht_nodes (
    host TEXT NOT NULL,
    port INTEGER NOT NULL,
    node_id BLOB NOT NULL,
    PRIMARY KEY (host, port)
) WITHOUT ROWID;
CREATE TABLE dht_own_ids (
    listen TEXT NOT NULL PRIMARY KEY,
    node_id BLOB NOT NULL
) WITHOUT ROWID;
