"""Announcing a torrent to its trackers, tier by tier, and asking them for peers."""
