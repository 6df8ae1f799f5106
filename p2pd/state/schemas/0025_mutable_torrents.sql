CREATE TABLE followed_torrents (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    chosen TEXT NOT NULL,
    note TEXT NOT NULL,
    row_sum INTEGER
);
CREATE TABLE published_items (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    chosen TEXT NOT NULL,
    note TEXT NOT NULL,
    row_sum INTEGER
);
