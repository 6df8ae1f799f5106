ALTER TABLE torrents ADD COLUMN choices_sum INTEGER;
ALTER TABLE torrents ADD COLUMN progress_sum INTEGER;

CREATE TABLE kept_due (
    name TEXT PRIMARY KEY,
    torrent INTEGER NOT NULL,
    metainfo INTEGER NOT NULL
) WITHOUT ROWID;

INSERT OR REPLACE INTO kept_due
SELECT lower(hex(coalesce(hash_v1, substr(hash_v2, 1, 20)))), id, 1 FROM torrents;
