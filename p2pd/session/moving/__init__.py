"""Torrents on their way to other folders."""
