CREATE TABLE hooks (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    hook TEXT NOT NULL,
    row_sum INTEGER
);
CREATE TABLE hook_letters (
    id INTEGER PRIMARY KEY,
    hook INTEGER NOT NULL,
    event TEXT NOT NULL,
    body TEXT NOT NULL,
    at REAL NOT NULL,
    tries INTEGER NOT NULL,
    next_at REAL NOT NULL,
    problem TEXT NOT NULL,
    dead INTEGER NOT NULL
);
