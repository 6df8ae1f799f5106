"""Commands and webhooks on what happens to torrents."""
