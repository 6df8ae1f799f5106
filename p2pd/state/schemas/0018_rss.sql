CREATE TABLE rss_feeds (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    feed TEXT NOT NULL,
    note TEXT NOT NULL,
    row_sum INTEGER
);
CREATE TABLE rss_rules (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    rule TEXT NOT NULL,
    note TEXT NOT NULL,
    row_sum INTEGER
);
CREATE TABLE rss_items (
    feed INTEGER NOT NULL,
    key TEXT NOT NULL,
    item TEXT NOT NULL,
    PRIMARY KEY (feed, key)
) WITHOUT ROWID;
CREATE TABLE rss_episodes (
    rule INTEGER NOT NULL,
    episode TEXT NOT NULL,
    at REAL NOT NULL,
    PRIMARY KEY (rule, episode)
) WITHOUT ROWID;
