CREATE TABLE torrents (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    hash_v1 BLOB,
    hash_v2 BLOB,
    torrent BLOB,
    magnet TEXT,
    name TEXT NOT NULL,
    download_dir TEXT NOT NULL,
    paused INTEGER NOT NULL,
    added_at REAL NOT NULL,
    completed_at REAL NOT NULL,
    pieces BLOB,
    priorities BLOB,
    trackers TEXT NOT NULL,
    labels TEXT NOT NULL,
    sequential INTEGER NOT NULL,
    peer_limit INTEGER,
    file_states TEXT,
    clean INTEGER NOT NULL,
    uploaded INTEGER NOT NULL,
    downloaded INTEGER NOT NULL,
    corrupt INTEGER NOT NULL,
    seconds_downloading INTEGER NOT NULL,
    seconds_seeding INTEGER NOT NULL
);

CREATE TABLE settings (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
);

CREATE TABLE statistics (
    name TEXT PRIMARY KEY,
    value INTEGER NOT NULL
);
