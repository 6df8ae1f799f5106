"""Torrents whose peers are reached by TLS alone: their certificates, and who is let in."""
