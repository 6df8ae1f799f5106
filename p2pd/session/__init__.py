"""Session, torrents and peer sessions: where formats, protocols, policies, disk and network meet."""
