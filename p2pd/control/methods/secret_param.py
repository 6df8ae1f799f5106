"""The param `secret` of torrent_add and torrent_set: that of a swarm, or a passphrase for one."""

from __future__ import annotations

MAX_SECRET = 4096
"""Characters, as somebody may write it."""
