CREATE TABLE moves (
    torrent INTEGER PRIMARY KEY,
    source TEXT NOT NULL,
    target TEXT NOT NULL,
    stage TEXT NOT NULL,
    row_sum INTEGER
);
