CREATE TABLE good_peers (
    torrent INTEGER NOT NULL,
    host TEXT NOT NULL,
    port INTEGER NOT NULL,
    seen_at REAL NOT NULL,
    received INTEGER NOT NULL,
    sent INTEGER NOT NULL,
    seconds REAL NOT NULL,
    PRIMARY KEY (torrent, host, port)
) WITHOUT ROWID;

CREATE TRIGGER good_peers_go_with_their_torrent AFTER DELETE ON torrents
BEGIN
    DELETE FROM good_peers WHERE torrent = OLD.id;
END;
