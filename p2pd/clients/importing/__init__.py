"""Finding and reading, on this machine, what other programs keep of their torrents."""
