CREATE TABLE metainfos (
    torrent INTEGER PRIMARY KEY,
    data BLOB NOT NULL
);

INSERT INTO metainfos SELECT id, torrent FROM torrents WHERE torrent IS NOT NULL;

ALTER TABLE torrents DROP COLUMN torrent;
ALTER TABLE torrents ADD COLUMN summary TEXT;
ALTER TABLE torrents ADD COLUMN summary_sum INTEGER;
