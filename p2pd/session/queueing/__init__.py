"""Which torrents run now, and which wait their turn."""
