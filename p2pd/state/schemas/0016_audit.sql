CREATE TABLE audit (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at REAL NOT NULL,
    user TEXT NOT NULL,
    key TEXT NOT NULL,
    address TEXT NOT NULL,
    method TEXT NOT NULL,
    ids TEXT NOT NULL,
    params TEXT NOT NULL,
    result TEXT NOT NULL
);
