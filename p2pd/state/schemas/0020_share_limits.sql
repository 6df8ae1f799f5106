ALTER TABLE torrents ADD COLUMN share_limits TEXT;
ALTER TABLE torrents ADD COLUMN limits_reached TEXT NOT NULL DEFAULT '[]';
