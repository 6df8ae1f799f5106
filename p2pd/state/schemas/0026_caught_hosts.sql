CREATE TABLE caught_hosts (
    host TEXT NOT NULL,
    port INTEGER NOT NULL,
    seen_at REAL NOT NULL,
    received INTEGER NOT NULL,
    sent INTEGER NOT NULL,
    seconds REAL NOT NULL,
    successes INTEGER NOT NULL,
    failures INTEGER NOT NULL,
    PRIMARY KEY (host, port)
) WITHOUT ROWID;
CREATE TABLE kept_out_hosts (
    host TEXT NOT NULL PRIMARY KEY,
    seen_at REAL NOT NULL
) WITHOUT ROWID;
