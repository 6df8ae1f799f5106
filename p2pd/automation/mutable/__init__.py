"""Torrents that their owners renew by the DHT (BEP 46): followed, and published."""
