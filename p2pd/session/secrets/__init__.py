"""Torrents whose peers have to know a secret: kept, opened at the start, changed and forgotten."""
