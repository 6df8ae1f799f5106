"""Who may call, and what: users, roles, keys, whose torrents are whose, and who did what."""
