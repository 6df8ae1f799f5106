"""Local service discovery (BEP 14): when torrents are announced, and who is believed."""
