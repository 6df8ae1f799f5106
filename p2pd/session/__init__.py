"""Session, torrents and peer sessions: where everything below them meets."""
