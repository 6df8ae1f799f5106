"""Torrents that come from other programs."""
