ALTER TABLE torrents ADD COLUMN web_seeds TEXT;
ALTER TABLE torrents ADD COLUMN http_seeds TEXT;
