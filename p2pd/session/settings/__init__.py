"""What users may set of a session and of its torrents, and to what."""
