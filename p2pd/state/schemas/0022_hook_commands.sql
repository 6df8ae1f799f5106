CREATE TABLE hook_commands (
    id INTEGER PRIMARY KEY,
    hook INTEGER NOT NULL,
    name TEXT NOT NULL,
    environment TEXT NOT NULL,
    tries INTEGER NOT NULL,
    row_sum INTEGER
);
