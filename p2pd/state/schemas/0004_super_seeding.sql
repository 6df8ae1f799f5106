ALTER TABLE torrents ADD COLUMN super_seeding TEXT NOT NULL DEFAULT 'auto';
