CREATE TABLE removals (
    id INTEGER PRIMARY KEY,
    folder TEXT NOT NULL,
    files TEXT NOT NULL,
    row_sum INTEGER
);
