ALTER TABLE torrents ADD COLUMN seed_choking TEXT NOT NULL DEFAULT 'session';
