"""What other BitTorrent programs keep of their torrents, read into one model."""
