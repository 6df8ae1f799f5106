-- What lists show of a torrent says from now on whether its peers are reached by TLS alone: of those
-- that may be such torrents it is made anew.
UPDATE torrents SET summary = NULL, summary_sum = NULL
    WHERE id IN (SELECT torrent FROM metainfos WHERE instr(data, CAST('8:ssl-cert' AS BLOB)));
