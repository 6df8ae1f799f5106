"""One torrent, its parts, and how it rests."""
