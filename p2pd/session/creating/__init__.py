"""Torrents that are made of what is here, as tasks that clients follow."""
